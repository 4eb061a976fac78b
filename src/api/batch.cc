#include "ram/batch.h"

#include <string>
#include <utility>

#include "api/batch_access.h"
#include "base/limits.h"
#include "machine/command_codec.h"

namespace ram {
namespace {

using machine::Condition;
using machine::ConditionKind;
using machine::Operation;
using machine::OperationKind;

template <class Part>
bool within_limits(const Part& part) {
  return part.table.size() <= kTableNameBytesMax && part.key.size() <= kKeyBytesMax;
}

// Checked before a part is added: a batch never grows much beyond what a transaction may be.
bool has_room(const std::string& section) {
  return section.size() <= kTransactionBytesMax;
}

// False: it is beyond a limit, and nothing was added.
bool add_part(std::string& section, size_t& count, const Condition& condition) {
  if (!within_limits(condition) || !has_room(section)) return false;
  machine::encode(section, condition);
  ++count;
  return true;
}

bool add_part(std::string& section, size_t& count, const Operation& operation) {
  if (!within_limits(operation) || operation.value.size() > kValueBytesMax || !has_room(section)) {
    return false;
  }
  machine::encode(section, operation);
  ++count;
  return true;
}

}  // namespace

Batch& Batch::if_absent(std::string_view table, std::string_view key) {
  const Condition condition{.kind = ConditionKind::kAbsent, .table = table, .key = key};
  too_large_ |= !add_part(condition_bytes_, conditions_, condition);
  return *this;
}

Batch& Batch::if_present(std::string_view table, std::string_view key) {
  const Condition condition{.kind = ConditionKind::kPresent, .table = table, .key = key};
  too_large_ |= !add_part(condition_bytes_, conditions_, condition);
  return *this;
}

Batch& Batch::if_revision(std::string_view table, std::string_view key, uint64_t revision) {
  const Condition condition{.kind = ConditionKind::kRevisionIs,
                            .table = table,
                            .key = key,
                            .revision = Revision(revision)};
  too_large_ |= !add_part(condition_bytes_, conditions_, condition);
  return *this;
}

Batch& Batch::put(std::string_view table, std::string_view key, std::string_view value) {
  const Operation operation{
      .kind = OperationKind::kPut, .table = table, .key = key, .value = value};
  too_large_ |= !add_part(edit_bytes_, edits_, operation);
  return *this;
}

Batch& Batch::exchange(std::string_view table, std::string_view key, std::string_view value) {
  const Operation operation{
      .kind = OperationKind::kExchange, .table = table, .key = key, .value = value};
  too_large_ |= !add_part(edit_bytes_, edits_, operation);
  return *this;
}

Batch& Batch::erase(std::string_view table, std::string_view key) {
  const Operation operation{.kind = OperationKind::kErase, .table = table, .key = key};
  too_large_ |= !add_part(edit_bytes_, edits_, operation);
  return *this;
}

Batch& Batch::take(std::string_view table, std::string_view key) {
  const Operation operation{.kind = OperationKind::kTake, .table = table, .key = key};
  too_large_ |= !add_part(edit_bytes_, edits_, operation);
  return *this;
}

Batch& Batch::append(std::string_view table, std::string_view key, std::string_view suffix) {
  const Operation operation{
      .kind = OperationKind::kAppend, .table = table, .key = key, .value = suffix};
  too_large_ |= !add_part(edit_bytes_, edits_, operation);
  return *this;
}

Batch& Batch::add(std::string_view table, std::string_view key, int64_t delta) {
  const Operation operation{
      .kind = OperationKind::kAdd, .table = table, .key = key, .delta = delta};
  too_large_ |= !add_part(edit_bytes_, edits_, operation);
  return *this;
}

Batch& Batch::get(std::string_view table, std::string_view key) {
  const Operation operation{.kind = OperationKind::kGet, .table = table, .key = key};
  too_large_ |= !add_part(edit_bytes_, edits_, operation);
  return *this;
}

Batch& Batch::clear(std::string_view table) {
  const Operation operation{.kind = OperationKind::kClear, .table = table};
  too_large_ |= !add_part(edit_bytes_, edits_, operation);
  return *this;
}

Batch& Batch::clear_all() {
  const Operation operation{.kind = OperationKind::kClearAll};
  too_large_ |= !add_part(edit_bytes_, edits_, operation);
  return *this;
}

Result<std::string> BatchAccess::take(Batch batch) {
  if (batch.too_large_) {
    return Status::invalid("the batch exceeds a limit: a table's name has at most " +
                           std::to_string(kTableNameBytesMax) + " bytes, a key " +
                           std::to_string(kKeyBytesMax) + ", a value " +
                           std::to_string(kValueBytesMax) + ", all of it " +
                           std::to_string(kTransactionBytesMax));
  }
  if (batch.conditions_ + batch.edits_ > kTransactionParts) {
    return Status::invalid("the batch has more than " + std::to_string(kTransactionParts) +
                           " conditions and edits");
  }
  std::string bytes = machine::encode_transaction(batch.conditions_, batch.condition_bytes_,
                                                  batch.edits_, batch.edit_bytes_);
  if (bytes.size() > kTransactionBytesMax) {
    return Status::invalid("the batch takes more than " + std::to_string(kTransactionBytesMax) +
                           " bytes; make it several, each a transaction of its own");
  }
  return bytes;
}

}  // namespace ram
