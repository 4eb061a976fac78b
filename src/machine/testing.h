// For tests of the machine: transactions in a line each, and a machine that writes down its
// replies.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/check.h"
#include "machine/command_codec.h"
#include "machine/digest.h"
#include "machine/machine.h"
#include "machine/snapshot_codec.h"
#include "store/store.h"

namespace ram::machine::testing {

inline std::string from_hex(std::string_view hex) {
  std::string bytes;
  int nibbles = 0;
  uint8_t byte = 0;
  for (const char c : hex) {
    if (c == ' ') continue;
    const int digit = c <= '9' ? c - '0' : c - 'a' + 10;
    byte = static_cast<uint8_t>(byte << 4 | digit);
    if (++nibbles % 2 == 0) bytes.push_back(static_cast<char>(byte));
  }
  return bytes;
}

inline std::string to_hex(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string hex;
  for (const char c : bytes) {
    hex += kDigits[static_cast<uint8_t>(c) >> 4];
    hex += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return hex;
}

// Builds a transaction. Table "t" unless told otherwise by in().
class Transaction {
 public:
  Transaction& in(std::string table) {
    table_ = std::move(table);
    return *this;
  }
  Transaction& if_absent(std::string_view key) {
    return condition({.kind = ConditionKind::kAbsent, .table = table_, .key = key});
  }
  Transaction& if_present(std::string_view key) {
    return condition({.kind = ConditionKind::kPresent, .table = table_, .key = key});
  }
  Transaction& if_revision(std::string_view key, uint64_t revision) {
    return condition({.kind = ConditionKind::kRevisionIs,
                      .table = table_,
                      .key = key,
                      .revision = Revision(revision)});
  }
  Transaction& condition(const Condition& part) {
    encode(condition_section_, part);
    ++conditions_;
    return *this;
  }
  Transaction& put(std::string_view key, std::string_view value) {
    return with_value(OperationKind::kPut, key, value);
  }
  Transaction& exchange(std::string_view key, std::string_view value) {
    return with_value(OperationKind::kExchange, key, value);
  }
  Transaction& append(std::string_view key, std::string_view value) {
    return with_value(OperationKind::kAppend, key, value);
  }
  Transaction& erase(std::string_view key) { return with_value(OperationKind::kErase, key, {}); }
  Transaction& take(std::string_view key) { return with_value(OperationKind::kTake, key, {}); }
  Transaction& get(std::string_view key) { return with_value(OperationKind::kGet, key, {}); }
  Transaction& clear() { return with_value(OperationKind::kClear, {}, {}); }
  Transaction& clear_all() { return operation({.kind = OperationKind::kClearAll}); }
  Transaction& add(std::string_view key, int64_t delta) {
    return operation({.kind = OperationKind::kAdd, .table = table_, .key = key, .delta = delta});
  }
  Transaction& operation(const Operation& part) {
    encode(operation_section_, part);
    ++operations_;
    return *this;
  }

  std::string bytes() const {
    return encode_transaction(conditions_, condition_section_, operations_, operation_section_);
  }

 private:
  Transaction& with_value(OperationKind kind, std::string_view key, std::string_view value) {
    return operation({.kind = kind, .table = table_, .key = key, .value = value});
  }

  std::string table_ = "t";
  std::string condition_section_;
  std::string operation_section_;
  size_t conditions_ = 0;
  size_t operations_ = 0;
};

inline std::string record_of(NodeId origin, uint64_t first, uint64_t floor,
                             const std::vector<std::string>& transactions, int64_t time = 0) {
  RecordWriter writer(origin, Sequence(first), Sequence(floor));
  for (const std::string& transaction : transactions) writer.add(transaction);
  std::string record = writer.finish();
  stamp_record(record, static_cast<WallMs>(time));
  return record;
}

// An answer as text: "-" nothing, "#5" a number, "=v" a value.
inline std::string text_of(const Reply& reply) {
  switch (reply.outcome) {
    case Outcome::kApplied:
      break;
    case Outcome::kConditionFailed:
      return "condition failed";
    case Outcome::kNotANumber:
      return "not a number";
    case Outcome::kOverflow:
      return "overflow";
    case Outcome::kTooManyTables:
      return "too many tables";
    case Outcome::kTooLarge:
      return "too large";
    case Outcome::kOverloaded:
      return "overloaded";
  }
  std::string text = "r" + std::to_string(reply.revision.value);
  AnswerReader answers(reply);
  // A number 0 and nothing look alike to callers who do not ask for their kind.
  Reader kinds(reply.answer_bytes);
  for (Answer answer; answers.next(answer);) {
    const uint8_t kind = kinds.rest().empty() ? 0 : kinds.u8();
    if (kind == 1) kinds.varint();
    if (kind == 2) kinds.bytes();
    text += kind == 2   ? " =" + std::string(*answer.value)
            : kind == 1 ? " #" + std::to_string(answer.number)
                        : " -";
  }
  RAM_CHECK(answers.finished());
  return text;
}

// A machine with its store, which hears its own replies.
class Node : public ReplySink {
 public:
  explicit Node(uint64_t hash_seed = 1, NodeId id = NodeId(7), Faults faults = {})
      : id_(id),
        store_(std::make_unique<store::Store>(hash_seed)),
        machine_(std::make_unique<Machine>(*store_, parameters(), faults)) {}
  Node(std::unique_ptr<store::Store> store, std::unique_ptr<Machine> machine, NodeId id = NodeId(7))
      : id_(id), store_(std::move(store)), machine_(std::move(machine)) {}

  static Parameters parameters() {
    Parameters parameters;
    parameters.cluster = {0x1111, 0x2222};
    return parameters;
  }

  // Applies the next record.
  bool apply(std::string_view record) {
    const bool good = machine_->apply(machine_->applied().next(), record, this, id_);
    machine_->check_invariants();
    return good;
  }
  // Applies one transaction of ours, and returns its reply.
  std::string run(const Transaction& transaction) {
    log_.clear();
    const Session* session = machine_->sessions().find(id_);
    const uint64_t last = session == nullptr ? 0 : session->last().value;
    RAM_CHECK(apply(record_of(id_, last + 1, last, {transaction.bytes()})));
    RAM_CHECK(log_.size() == 1);
    const size_t colon = log_[0].find(": ");
    return log_[0].substr(colon + 2);
  }

  std::optional<std::string> value(std::string_view table, std::string_view key) const {
    const store::Table* found = store_->find_table(table);
    if (found == nullptr) return std::nullopt;
    const store::Entry* entry = store_->find(*found, store_->key(key));
    if (entry == nullptr) return std::nullopt;
    return std::string(entry->value());
  }
  std::optional<std::string> value(std::string_view key) const { return value("t", key); }

  // The digest as it follows from what is in the store.
  uint64_t recomputed_digest() {
    uint64_t sum = 0;
    store_->for_each_table(
        [&](const store::Table& table) { sum += digest_of(table.name(), kTableSeed); });
    std::unique_ptr<store::FrozenView> view = store_->freeze();
    RAM_CHECK(view != nullptr);
    const auto add = [&](const store::Table& table, const store::Entry& entry) {
      sum += entry_digest(digest_of(table.name(), kTableSeed), entry.key(), entry.revision(),
                          entry.type(), entry.value());
    };
    while (view->next(100, add)) {
    }
    return sum + machine_->digest() - machine_->tables().digest();
  }

  void on_reply(Sequence sequence, const Reply& reply) override {
    // It is visible by now.
    RAM_CHECK(store_->applied() == machine_->applied());
    RAM_CHECK(reply.revision <= store_->revision());
    log_.push_back(std::to_string(sequence.value) + ": " + text_of(reply));
  }
  void on_gap(Sequence first, Sequence last) override {
    log_.push_back("gap " + std::to_string(first.value) + "-" + std::to_string(last.value));
  }
  void on_repeat(Sequence first, Sequence last) override {
    log_.push_back("repeat " + std::to_string(first.value) + "-" + std::to_string(last.value));
  }

  Machine& machine() { return *machine_; }
  const Machine& machine() const { return *machine_; }
  store::Store& store() { return *store_; }
  // What was heard, in order.
  std::vector<std::string>& log() { return log_; }
  NodeId id() const { return id_; }

 private:
  NodeId id_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<Machine> machine_;
  std::vector<std::string> log_;
};

// All pieces of a state.
inline std::vector<std::string> pieces_of(FrozenState& state) {
  std::vector<std::string> pieces;
  for (std::string piece; state.next_piece(piece);) pieces.push_back(piece);
  return pieces;
}

}  // namespace ram::machine::testing
