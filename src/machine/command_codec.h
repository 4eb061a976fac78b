// The bytes of transactions, of records (what one log entry holds) and of answers.
//
// Grammar (base/codec.h has u8, u64, varint, bytes; docs/formats/record.md has worked bytes):
//
//   record      = version:u8 (1)  kind:u8  origin:u64  first:u64  floor:u64  time:i64  count:u32
//                 count * transaction:bytes
//                 kind 1, transactions: of `origin`, numbered first, first+1, ...; `floor`: all
//                   replies at or below this number are no longer needed. count >= 1.
//                 kind 2, close session: that of `origin`. first, floor and count are 0.
//                 `time`: the leader's, which it patches in place (kRecordTimeAt).
//   transaction = conditions:varint  operations:varint  condition*  operation*
//   condition   = head:u8  [table:bytes]  key:bytes  [revision:varint, kind kRevisionIs]
//   operation   = head:u8  [table:bytes]  rest
//     rest      = key:bytes  value:bytes      kPut, kExchange, kAppend
//               | key:bytes                   kErase, kTake, kGet
//               | key:bytes  delta:zigzag     kAdd (varint of (d << 1) ^ (d >> 63))
//               | nothing                     kClear, kClearAll (whose table is empty)
//   head        = kind in bits 0-4; bit 5 (kSameTable): no table follows, it is that of the first
//                 condition, or of the first operation; bits 6 and 7 are 0
//   answers     = answer*, where answer = 0:u8 (nothing) | 1:u8 number:zigzag | 2:u8 value:bytes
//                 trailing "nothing" is not written
//
// A part names the table of the *first* part, not of the one before, so that each is encoded
// knowing only the bytes written so far: ram::Batch is two strings and two counts.
//
// Decoders are total and allocate nothing: what they hand out are views into the input. They
// enforce the limits of base/limits.h. Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/codec.h"
#include "base/ids.h"
#include "base/limits.h"
#include "machine/command.h"
#include "ram/status.h"

namespace ram::machine {

// ---- transactions ----

// Append one part to a section. `section` holds nothing but earlier parts of the same sort. The
// table, key and value are within their limits.
void encode(std::string& section, const Condition& condition);
void encode(std::string& section, const Operation& operation);

// Puts a transaction together from its two sections and the number of parts in each.
std::string encode_transaction(size_t conditions, std::string_view condition_section,
                               size_t operations, std::string_view operation_section);
// What encode_transaction will return has at most this many bytes more than its two sections.
inline constexpr size_t kTransactionHeadBytesMax = 20;

// Reads a transaction: all conditions, then all operations.
//
//   TransactionReader reader(bytes);
//   for (Condition condition; reader.next(condition);) ...
//   for (Operation operation; reader.next(operation);) ...
//   if (!reader.finished()) the bytes are no transaction
class TransactionReader {
 public:
  explicit TransactionReader(std::string_view bytes);

  // As announced by the bytes, whatever follows.
  uint32_t conditions() const { return conditions_; }
  uint32_t operations() const { return operations_; }

  // False: there is no further one, or the bytes are bad.
  bool next(Condition& condition);
  // Skips the conditions that were not read.
  bool next(Operation& operation);

  // No error so far.
  bool ok() const { return reader_.ok(); }
  // All was read, and without an error.
  bool finished() const {
    return conditions_left_ == 0 && operations_left_ == 0 && reader_.finished();
  }

 private:
  // The kind of the next part; its table and key.
  uint8_t next_head(std::string_view& first_table, bool first, uint8_t keyed_below,
                    std::string_view& table, std::string_view& key);

  Reader reader_;
  uint32_t conditions_ = 0;
  uint32_t operations_ = 0;
  uint32_t conditions_left_ = 0;
  uint32_t operations_left_ = 0;
  std::string_view condition_table_;
  std::string_view operation_table_;
};

// kInvalid, saying why, unless `bytes` are one whole transaction.
Status check_transaction(std::string_view bytes);

// ---- records ----

enum class RecordKind : uint8_t { kTransactions = 1, kCloseSession = 2 };

struct RecordHeader {
  RecordKind kind = RecordKind::kTransactions;
  NodeId origin;
  Sequence first;
  Sequence floor;
  WallMs time{0};
  uint32_t count = 0;

  // The number of the last transaction. Requires: count > 0.
  Sequence last() const { return first + (count - 1); }
};

inline constexpr uint8_t kRecordVersion = 1;
inline constexpr size_t kRecordHeaderBytes = 38;
// Where the leader's time stands: i64.
inline constexpr size_t kRecordTimeAt = 26;
// What a transaction takes in a record beyond its own bytes, at most.
inline constexpr size_t kRecordPerTransactionBytesMax = 5;
static_assert(kRecordHeaderBytes + kRecordPerTransactionBytesMax + kTransactionBytesMax <=
              kRecordBytesMax);

// Puts a record together from transactions that are encoded already.
class RecordWriter {
 public:
  RecordWriter(NodeId origin, Sequence first, Sequence floor);

  // Requires: the record stays within kRecordBytesMax (bytes()).
  void add(std::string_view transaction);

  size_t bytes() const { return bytes_.size(); }
  uint32_t count() const { return count_; }

  // The record; its time is 0. Requires: count() > 0. The writer is spent.
  std::string finish();

 private:
  std::string bytes_;
  uint32_t count_ = 0;
};

std::string encode_close_session(NodeId origin);

// Patches the leader's time into a record. Requires: a record, at least kRecordHeaderBytes long.
void stamp_record(std::string& record, WallMs time);

// Reads a record: its header at once, then its transactions one by one, not looked into.
class RecordReader {
 public:
  explicit RecordReader(std::string_view record);

  // All zero if the header is bad.
  const RecordHeader& header() const { return header_; }
  // False: there is no further one, or the bytes are bad.
  bool next(std::string_view& transaction);

  bool ok() const { return reader_.ok(); }
  bool finished() const { return left_ == 0 && reader_.finished(); }

 private:
  Reader reader_;
  RecordHeader header_;
  uint32_t left_ = 0;
};

// kInvalid, saying why, unless `record` is one whole record and its transactions are whole, too.
// Whether the origin may send it is the caller's question.
Status check_record(std::string_view record);

// Calls `touched(const Operation&)` for each operation of the record that may change something, in
// order: what readers of these keys must wait for. False: the record is bad, from there on.
template <class F>
bool for_each_change(std::string_view record, F&& touched) {
  RecordReader reader(record);
  std::string_view bytes;
  while (reader.next(bytes)) {
    TransactionReader transaction(bytes);
    for (Operation operation; transaction.next(operation);) {
      if (may_change(operation.kind)) touched(static_cast<const Operation&>(operation));
    }
    if (!transaction.finished()) return false;
  }
  return reader.finished();
}

// ---- answers ----

// Appends answers to Reply::answer_bytes.
class AnswerWriter {
 public:
  explicit AnswerWriter(std::string& out) : out_(out) {}

  void nothing() { ++nothings_; }
  void number(int64_t number);
  void value(std::string_view value);

 private:
  void write_nothings();

  std::string& out_;
  size_t nothings_ = 0;  // not written yet: perhaps all that follow are nothing, too
};

// Reads the answers of a reply, which it borrows.
class AnswerReader {
 public:
  explicit AnswerReader(const Reply& reply) : AnswerReader(reply.answers, reply.answer_bytes) {}
  AnswerReader(uint32_t count, std::string_view bytes) : reader_(bytes), left_(count) {}

  // False: there is no further one, or the bytes are bad.
  bool next(Answer& answer);
  bool finished() const { return left_ == 0 && reader_.finished(); }

 private:
  Reader reader_;
  uint32_t left_ = 0;
};

constexpr uint64_t zigzag(int64_t number) {
  return (static_cast<uint64_t>(number) << 1) ^ static_cast<uint64_t>(number >> 63);
}
constexpr int64_t unzigzag(uint64_t bits) {
  return static_cast<int64_t>((bits >> 1) ^ (~(bits & 1) + 1));
}

}  // namespace ram::machine
