// Batch: conditions on keys, then edits of keys, in any tables: all of it takes effect, at one
// point, or nothing does.
//
//   ram::Batch move;
//   move.if_revision("accounts", "alice", revision)
//       .put("accounts", "alice", "90")
//       .put("accounts", "bob", "110");
//   ram::Result<ram::BatchResult> done = node.commit(std::move(move));
//
// Edits run in the order they were added, each sees the ones before it. Every edit has an answer,
// in the same order.
//
// Not thread-safe. Arguments beyond a limit (docs/limits.md) are found when the batch is committed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ram {

class Batch {
 public:
  // Conditions. If one does not hold, the batch has no effect.
  Batch& if_absent(std::string_view table, std::string_view key);
  Batch& if_present(std::string_view table, std::string_view key);
  // The key exists, and `revision` last changed it.
  Batch& if_revision(std::string_view table, std::string_view key, uint64_t revision);

  // Sets `key`. Answer: nothing.
  Batch& put(std::string_view table, std::string_view key, std::string_view value);
  // Sets `key`. Answer: the value before, if there was one.
  Batch& exchange(std::string_view table, std::string_view key, std::string_view value);
  // Answer: number, 1 if `key` existed.
  Batch& erase(std::string_view table, std::string_view key);
  // Erases. Answer: the value before, if there was one.
  Batch& take(std::string_view table, std::string_view key);
  // Appends to the value, an absent one is empty. Answer: number, its new length.
  Batch& append(std::string_view table, std::string_view key, std::string_view suffix);
  // Adds to the value, a decimal number of 64 bits; an absent one is 0. Answer: number, the sum.
  // If the value is no such number, or the sum is none, the whole batch has no effect.
  Batch& add(std::string_view table, std::string_view key, int64_t delta);
  // Reads `key` in the same moment. Answer: its value, if there is one.
  Batch& get(std::string_view table, std::string_view key);
  // Erases every key of `table`, at a cost that does not depend on how many there are.
  // Answer: nothing.
  Batch& clear(std::string_view table);
  // The same for all tables. Answer: nothing.
  Batch& clear_all();

  bool empty() const { return conditions_ == 0 && edits_ == 0; }
  size_t edits() const { return edits_; }

 private:
  friend class BatchAccess;
  // Encoded as they are added (src/machine/command_codec.h): a batch is bytes from the start.
  std::string condition_bytes_;
  std::string edit_bytes_;
  size_t conditions_ = 0;
  size_t edits_ = 0;
  bool too_large_ = false;  // a key, value or table name was beyond its limit
};

enum class Outcome : uint8_t {
  kApplied,
  kConditionFailed,  // a condition did not hold; no effect
  kNotANumber,       // add() met a value that is no decimal number of 64 bits; no effect
  kOverflow,         // add() or append() would leave the range of their results; no effect
};

struct Answer {
  std::optional<std::string> value;
  int64_t number = 0;
};

struct BatchResult {
  Outcome outcome = Outcome::kApplied;
  // Of this batch; 0 if it changed nothing.
  uint64_t revision = 0;
  // One per edit; empty unless kApplied.
  std::vector<Answer> answers;
};

}  // namespace ram
