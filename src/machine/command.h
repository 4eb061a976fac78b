// What is in the log, as values: a transaction is conditions, then operations; a reply answers it.
//
// Everything in the log is a transaction; the smallest has one operation. It is atomic: if a
// condition does not hold, or an operation fails, none of it has an effect. Operations run in
// order, each sees the ones before it. Conditions see the state before the transaction.
//
// Condition and Operation are views into the bytes they were decoded from (command_codec.h).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "base/limits.h"

namespace ram::machine {

// The numbers below are in the log and in the state: never reused.
enum class ConditionKind : uint8_t {
  kAbsent = 1,
  kPresent = 2,
  kRevisionIs = 3,  // the key exists, and this revision last changed it
};

struct Condition {
  ConditionKind kind = ConditionKind::kAbsent;
  std::string_view table;
  std::string_view key;
  Revision revision;  // kRevisionIs
};

enum class OperationKind : uint8_t {
  kPut = 1,       // sets; answers nothing
  kExchange = 2,  // sets; answers the value before, or nothing
  kErase = 3,     // answers the number 1 if the key existed, else 0
  kTake = 4,      // erases; answers the value before, or nothing
  kAppend = 5,    // to the value, or to ""; answers the new length
  kAdd = 6,       // to the value, a decimal number (decimal.h), or to 0; answers the sum
  kGet = 7,       // answers the value, or nothing
  kClear = 8,     // erases every key of the table; answers nothing
  kClearAll = 9,  // the same for all tables
};

struct Operation {
  OperationKind kind = OperationKind::kGet;
  std::string_view table;  // empty for kClearAll
  std::string_view key;    // empty for kClear and kClearAll
  std::string_view value;  // kPut, kExchange, kAppend
  int64_t delta = 0;       // kAdd
};

// True if an operation of this kind can change something: readers of what it names must wait for
// it.
constexpr bool may_change(OperationKind kind) {
  return kind != OperationKind::kGet;
}
// True if it names one key (else: a whole table, or all).
constexpr bool names_key(OperationKind kind) {
  return kind < OperationKind::kClear;
}

// How a transaction ended. All but kApplied: no effect.
enum class Outcome : uint8_t {
  kApplied = 0,
  kConditionFailed = 1,
  kNotANumber = 2,     // kAdd met a value that is no decimal number of 64 bits
  kOverflow = 3,       // a sum beyond 64 bits, or a value beyond kValueBytesMax
  kTooManyTables = 4,  // it would make more than kTablesMax
  kTooLarge = 5,       // its answers and appended values exceed kTransactionBytesMax
  kOverloaded = 6,     // those of its record exceed kRecordWorkBytesMax; the same call may succeed
};
inline constexpr uint8_t kOutcomes = 7;

// The answer to one operation: a value, a number, or nothing.
struct Answer {
  std::optional<std::string_view> value;
  int64_t number = 0;
};

// The reply to one transaction. Kept in the replicated state until its origin has seen it, on every
// node: hence compact. Most are "applied, at revision r", and short answers fit into the string's
// own space, so that few replies own memory.
struct Reply {
  Revision revision;  // of the transaction; none if it changed nothing
  Outcome outcome = Outcome::kApplied;
  uint32_t answers = 0;      // how many: one per operation if kApplied, else none
  std::string answer_bytes;  // for AnswerReader; what is missing at the end is "nothing"

  bool operator==(const Reply&) const = default;
};

}  // namespace ram::machine
