// Hostile pieces of a state: the loader says no and stays sound, or has a state that can be written
// and read again.
//
// The digest keeps all but faithful states out, which would hide what comes after it. So each input
// is tried as it is, and with its digest put right.
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>

#include "base/check.h"
#include "machine/machine.h"
#include "machine/snapshot_codec.h"
#include "store/store.h"

namespace {

using namespace ram;           // NOLINT(google-build-using-namespace)
using namespace ram::machine;  // NOLINT(google-build-using-namespace)

// Where the digest stands in the first piece.
constexpr size_t kDigestAt = 34;

void try_state(std::string_view bytes) {
  store::Store store(1);
  StateLoader loader(store);
  const bool good = loader.add(bytes).ok();
  if (!loader.complete()) return;
  RAM_CHECK(good);
  std::unique_ptr<Machine> machine = loader.take();
  machine->check_invariants();

  store::Store copy(2);
  StateLoader second(copy);
  std::unique_ptr<FrozenState> frozen = machine->freeze(64);
  for (std::string piece; frozen->next_piece(piece);) RAM_CHECK(second.add(piece).ok());
  RAM_CHECK(second.complete());
  RAM_CHECK(second.take()->digest() == machine->digest());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  try_state(bytes);
  if (size < kDigestAt + sizeof(uint64_t)) return 0;
  store::Store store(1);
  StateLoader loader(store);
  static_cast<void>(loader.add(bytes));
  const uint64_t digest = loader.digest();
  std::memcpy(bytes.data() + kDigestAt, &digest, sizeof digest);
  try_state(bytes);
  return 0;
}
