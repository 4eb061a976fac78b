#include "machine/command_codec.h"

#include <cstring>
#include <utility>

#include "base/check.h"

namespace ram::machine {
namespace {

constexpr uint8_t kKindMask = 0x1f;
constexpr uint8_t kSameTable = 0x20;

// The head and, unless the section began with the same one, the table.
void put_head(std::string& section, uint8_t kind, std::string_view table) {
  RAM_CHECK(table.size() <= kTableNameBytesMax);
  if (!section.empty()) {
    Reader first(section);
    first.u8();
    if (first.bytes() == table) {
      section.push_back(static_cast<char>(kind | kSameTable));
      return;
    }
  }
  Writer writer(section);
  writer.u8(kind);
  writer.bytes(table);
}

void put_key(std::string& section, std::string_view key) {
  RAM_CHECK(key.size() <= kKeyBytesMax);
  Writer(section).bytes(key);
}

Status bad(const char* what) {
  return Status::invalid(what);
}

}  // namespace

// ---- transactions ----

void encode(std::string& section, const Condition& condition) {
  put_head(section, static_cast<uint8_t>(condition.kind), condition.table);
  put_key(section, condition.key);
  if (condition.kind == ConditionKind::kRevisionIs) {
    Writer(section).varint(condition.revision.value);
  }
}

void encode(std::string& section, const Operation& operation) {
  put_head(section, static_cast<uint8_t>(operation.kind), operation.table);
  if (names_key(operation.kind)) put_key(section, operation.key);
  Writer writer(section);
  switch (operation.kind) {
    case OperationKind::kPut:
    case OperationKind::kExchange:
    case OperationKind::kAppend:
      RAM_CHECK(operation.value.size() <= kValueBytesMax);
      writer.bytes(operation.value);
      break;
    case OperationKind::kAdd:
      writer.varint(zigzag(operation.delta));
      break;
    case OperationKind::kClearAll:
      RAM_CHECK(operation.table.empty());
      break;
    case OperationKind::kErase:
    case OperationKind::kTake:
    case OperationKind::kGet:
    case OperationKind::kClear:
      break;
  }
}

std::string encode_transaction(size_t conditions, std::string_view condition_section,
                               size_t operations, std::string_view operation_section) {
  std::string bytes;
  bytes.reserve(kTransactionHeadBytesMax + condition_section.size() + operation_section.size());
  Writer writer(bytes);
  writer.varint(conditions);
  writer.varint(operations);
  writer.raw(condition_section);
  writer.raw(operation_section);
  return bytes;
}

TransactionReader::TransactionReader(std::string_view bytes) : reader_(bytes) {
  const uint64_t conditions = reader_.varint();
  const uint64_t operations = reader_.varint();
  // Each is checked alone first: the sum must not wrap.
  if (bytes.size() > kTransactionBytesMax || conditions > kTransactionParts ||
      operations > kTransactionParts || conditions + operations > kTransactionParts) {
    reader_.fail();
  }
  if (!reader_.ok()) return;
  conditions_ = conditions_left_ = static_cast<uint32_t>(conditions);
  operations_ = operations_left_ = static_cast<uint32_t>(operations);
}

uint8_t TransactionReader::next_head(std::string_view& first_table, bool first, uint8_t keyed_below,
                                     std::string_view& table, std::string_view& key) {
  const uint8_t head = reader_.u8();
  if ((head & kSameTable) != 0) {
    if (first) reader_.fail();
    table = first_table;
  } else {
    table = reader_.bytes();
    if (table.size() > kTableNameBytesMax) reader_.fail();
    if (first) first_table = table;
  }
  if ((head & ~(kKindMask | kSameTable)) != 0) reader_.fail();
  const uint8_t kind = head & kKindMask;
  if (kind < keyed_below) {
    key = reader_.bytes();
    if (key.size() > kKeyBytesMax) reader_.fail();
  } else {
    key = {};
  }
  return kind;
}

bool TransactionReader::next(Condition& condition) {
  if (conditions_left_ == 0 || !reader_.ok()) return false;
  const uint8_t kind = next_head(condition_table_, conditions_left_ == conditions_, 0xff,
                                 condition.table, condition.key);
  condition.kind = static_cast<ConditionKind>(kind);
  condition.revision = Revision();
  switch (condition.kind) {
    case ConditionKind::kAbsent:
    case ConditionKind::kPresent:
      break;
    case ConditionKind::kRevisionIs:
      condition.revision = Revision(reader_.varint());
      break;
    default:
      reader_.fail();
  }
  --conditions_left_;
  return reader_.ok();
}

bool TransactionReader::next(Operation& operation) {
  for (Condition skipped; next(skipped);) {
  }
  if (operations_left_ == 0 || !reader_.ok()) return false;
  const uint8_t kind =
      next_head(operation_table_, operations_left_ == operations_,
                static_cast<uint8_t>(OperationKind::kClear), operation.table, operation.key);
  operation.kind = static_cast<OperationKind>(kind);
  operation.value = {};
  operation.delta = 0;
  switch (operation.kind) {
    case OperationKind::kPut:
    case OperationKind::kExchange:
    case OperationKind::kAppend:
      operation.value = reader_.bytes();
      if (operation.value.size() > kValueBytesMax) reader_.fail();
      break;
    case OperationKind::kAdd:
      operation.delta = unzigzag(reader_.varint());
      break;
    case OperationKind::kErase:
    case OperationKind::kTake:
    case OperationKind::kGet:
    case OperationKind::kClear:
      break;
    case OperationKind::kClearAll:
      if (!operation.table.empty()) reader_.fail();
      break;
    default:
      reader_.fail();
  }
  --operations_left_;
  return reader_.ok();
}

Status check_transaction(std::string_view bytes) {
  if (bytes.size() > kTransactionBytesMax) return bad("transaction: larger than its limit");
  TransactionReader reader(bytes);
  if (!reader.ok()) return bad("transaction: bad number of parts");
  for (Condition condition; reader.next(condition);) {
  }
  if (!reader.ok()) return bad("transaction: bad condition");
  for (Operation operation; reader.next(operation);) {
  }
  if (!reader.ok()) return bad("transaction: bad operation");
  if (!reader.finished()) return bad("transaction: bytes after its end");
  return {};
}

// ---- records ----

RecordWriter::RecordWriter(NodeId origin, Sequence first, Sequence floor) {
  RAM_CHECK(origin);
  RAM_CHECK(first);
  Writer writer(bytes_);
  writer.u8(kRecordVersion);
  writer.u8(static_cast<uint8_t>(RecordKind::kTransactions));
  writer.u64(origin.value);
  writer.u64(first.value);
  writer.u64(floor.value);
  RAM_CHECK(bytes_.size() == kRecordTimeAt);
  writer.i64(0);
  writer.u32(0);
  RAM_CHECK(bytes_.size() == kRecordHeaderBytes);
}

void RecordWriter::add(std::string_view transaction) {
  Writer(bytes_).bytes(transaction);
  ++count_;
  RAM_CHECK(bytes_.size() <= kRecordBytesMax);
}

std::string RecordWriter::finish() {
  RAM_CHECK(count_ > 0);
  std::memcpy(bytes_.data() + kRecordTimeAt + sizeof(int64_t), &count_, sizeof count_);
  return std::move(bytes_);
}

std::string encode_close_session(NodeId origin) {
  RAM_CHECK(origin);
  std::string bytes;
  Writer writer(bytes);
  writer.u8(kRecordVersion);
  writer.u8(static_cast<uint8_t>(RecordKind::kCloseSession));
  writer.u64(origin.value);
  writer.u64(0);
  writer.u64(0);
  writer.i64(0);
  writer.u32(0);
  return bytes;
}

void stamp_record(std::string& record, WallMs time) {
  RAM_CHECK(record.size() >= kRecordHeaderBytes);
  const auto stamp = static_cast<int64_t>(time);
  std::memcpy(record.data() + kRecordTimeAt, &stamp, sizeof stamp);
}

RecordReader::RecordReader(std::string_view record) : reader_(record) {
  const uint8_t version = reader_.u8();
  RecordHeader header;
  header.kind = static_cast<RecordKind>(reader_.u8());
  header.origin = NodeId(reader_.u64());
  header.first = Sequence(reader_.u64());
  header.floor = Sequence(reader_.u64());
  header.time = static_cast<WallMs>(reader_.i64());
  header.count = reader_.u32();
  bool good = version == kRecordVersion && header.origin && record.size() <= kRecordBytesMax;
  switch (header.kind) {
    case RecordKind::kTransactions:
      // A transaction takes at least three bytes here, which bounds the count; and no number of the
      // record may wrap, nor be the last there is.
      good = good && header.first && header.count > 0 && header.count <= record.size() &&
             header.first.value < UINT64_MAX - header.count;
      break;
    case RecordKind::kCloseSession:
      good = good && !header.first && !header.floor && header.count == 0;
      break;
    default:
      good = false;
  }
  if (!good) reader_.fail();
  if (!reader_.ok()) return;
  header_ = header;
  left_ = header.count;
}

bool RecordReader::next(std::string_view& transaction) {
  if (left_ == 0 || !reader_.ok()) return false;
  transaction = reader_.bytes();
  --left_;
  return reader_.ok();
}

Status check_record(std::string_view record) {
  RecordReader reader(record);
  if (!reader.ok()) return bad("record: bad header");
  for (std::string_view transaction; reader.next(transaction);) {
    Status status = check_transaction(transaction);
    if (!status.ok()) return status;
  }
  if (!reader.finished()) return bad("record: wrong length");
  return {};
}

// ---- answers ----

void AnswerWriter::write_nothings() {
  out_.append(nothings_, '\0');
  nothings_ = 0;
}

void AnswerWriter::number(int64_t number) {
  write_nothings();
  Writer writer(out_);
  writer.u8(1);
  writer.varint(zigzag(number));
}

void AnswerWriter::value(std::string_view value) {
  write_nothings();
  Writer writer(out_);
  writer.u8(2);
  writer.bytes(value);
}

bool AnswerReader::next(Answer& answer) {
  answer = Answer();
  if (left_ == 0 || !reader_.ok()) return false;
  --left_;
  if (reader_.rest().empty()) return true;
  switch (reader_.u8()) {
    case 0:
      break;
    case 1:
      answer.number = unzigzag(reader_.varint());
      break;
    case 2:
      answer.value = reader_.bytes();
      break;
    default:
      reader_.fail();
  }
  return reader_.ok();
}

}  // namespace ram::machine
