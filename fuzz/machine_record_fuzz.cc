// Hostile bytes as a record, and as a transaction: decoders say no, or agree with each other; what
// they accept is applied without complaint, and applied again to no effect.
#include <cstdint>
#include <string>
#include <string_view>

#include "base/check.h"
#include "machine/command_codec.h"
#include "machine/machine.h"
#include "store/store.h"

namespace {

using namespace ram;           // NOLINT(google-build-using-namespace)
using namespace ram::machine;  // NOLINT(google-build-using-namespace)

// Encodes again what was decoded. Not always the same bytes: a table may be named twice.
std::string encoded_again(std::string_view bytes) {
  TransactionReader reader(bytes);
  std::string conditions;
  std::string operations;
  for (Condition condition; reader.next(condition);) encode(conditions, condition);
  for (Operation operation; reader.next(operation);) encode(operations, operation);
  RAM_CHECK(reader.finished());
  return encode_transaction(reader.conditions(), conditions, reader.operations(), operations);
}

void try_transaction(std::string_view bytes) {
  if (!check_transaction(bytes).ok()) return;
  const std::string again = encoded_again(bytes);
  RAM_CHECK(again.size() <= bytes.size());
  RAM_CHECK(check_transaction(again).ok());
  RAM_CHECK(encoded_again(again) == again);
}

void try_record(std::string_view bytes) {
  const bool good = check_record(bytes).ok();
  RAM_CHECK(!good || for_each_change(bytes, [](const Operation&) {}));

  store::Store store(1);
  Machine machine(store, Parameters());
  RAM_CHECK(machine.apply(LogIndex(1), bytes, nullptr, NodeId()) == good);
  machine.check_invariants();
  if (!good) return;
  const uint64_t digest = machine.digest();
  RAM_CHECK(machine.apply(LogIndex(2), bytes, nullptr, NodeId()));
  RAM_CHECK(machine.digest() == digest);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(data), size);
  try_transaction(bytes);
  try_record(bytes);
  // As the inside of a good record, so that mutations need not find the header.
  if (size <= kTransactionBytesMax) {
    RecordWriter writer(NodeId(1), Sequence(1), Sequence());
    writer.add(bytes);
    try_record(writer.finish());
  }
  return 0;
}
