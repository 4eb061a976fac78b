// One transaction, worked out against the state without touching it; then applied as a whole.
//
// What it has changed so far stands in an overlay over the store: per key the value it leaves, per
// table whether it was cleared. So a failing operation leaves nothing behind, each operation sees
// those before it, and the store is told at most once of a key. "Changed" is the difference between
// the state before and after: to put a key and erase it again changes nothing, to put the value
// that is there already does.
//
// Reused from transaction to transaction: a small one allocates nothing. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/ids.h"
#include "machine/command.h"
#include "machine/command_codec.h"
#include "machine/tables.h"

namespace ram::machine {

class Staging {
 public:
  explicit Staging(Tables& tables) : tables_(tables), use_of_name_(0, NameHash{&tables}) {}

  // Works out the transaction. Sets the outcome and the answers of `reply`, not its revision.
  // `work_left`: bytes of answers and appended values that its record may still make; is reduced.
  // The bytes behind `transaction` live until apply(). Requires: they are a whole transaction.
  void run(TransactionReader transaction, size_t& work_left, Reply& reply);

  // True if apply() has anything to do.
  bool changes() const { return changes_; }
  // Writes what run() worked out. Requires: changes(), once.
  void apply(Revision revision);

 private:
  // A table that the transaction names.
  struct TableUse {
    std::string_view name;
    Tables::Table* table;     // null: there is none
    uint32_t cleared_at = 0;  // the operation that last cleared it, from 1; 0: none
    bool wanted = false;      // there is none, and a put remains
  };
  enum class State : uint8_t { kUntouched, kPut, kErased };
  // A key that it names in an operation.
  struct Item {
    uint32_t use = 0;
    uint32_t at = 0;  // the operation that last looked here: what a later clear makes void
    State state = State::kUntouched;
    bool owns = false;  // the value is `own`, else `view`
    store::Key key;
    const store::Entry* base = nullptr;  // what it held before, and the clear if there was one
    std::string_view view;
    std::string own;

    std::string_view value() const { return owns ? std::string_view(own) : view; }
  };
  struct ItemName {
    uint32_t use;
    store::Key key;
    bool operator==(const ItemName& other) const {
      return use == other.use && key.bytes == other.key.bytes;
    }
  };
  struct ItemHash {
    using is_avalanching = void;
    size_t operator()(const ItemName& name) const {
      return name.key.hash ^ (name.use * uint64_t{0x9e3779b97f4a7c15});
    }
  };
  struct NameHash {
    using is_avalanching = void;
    const Tables* tables;
    size_t operator()(std::string_view name) const { return tables->key(name).hash; }
  };
  // What answers and appended values may still take.
  struct Budget {
    size_t transaction;
    size_t record;
  };

  void reset();
  bool holds(const Condition& condition);
  Outcome operate(const Operation& operation, AnswerWriter& answers, size_t& work);
  Outcome append(Item& item, const Operation& operation, AnswerWriter& answers, size_t& work);
  Outcome add(Item& item, const Operation& operation, AnswerWriter& answers);
  Outcome survey();  // sets changes_

  uint32_t use_of(std::string_view table);
  Item& item_of(const Operation& operation);
  uint32_t cleared_at(uint32_t use) const;
  bool is_void(const Item& item) const { return item.at < cleared_at(item.use); }
  static bool exists(const Item& item);
  static std::string_view current(const Item& item);
  static void set(Item& item, std::string_view value);
  static void set_absent(Item& item) { item.state = State::kErased; }
  static void answer(const Item& item, AnswerWriter& answers);

  Tables& tables_;

  std::vector<TableUse> uses_;
  std::vector<Item> items_;  // the first items_used_; the rest keep their strings' space
  size_t items_used_ = 0;
  // Filled once there are more than a few, which are quicker to look through.
  boost::unordered_flat_map<std::string_view, uint32_t, NameHash> use_of_name_;
  boost::unordered_flat_map<ItemName, uint32_t, ItemHash> item_of_name_;
  uint32_t operation_ = 0;  // number of the one at hand, from 1
  uint32_t all_cleared_at_ = 0;
  bool changes_ = false;
};

}  // namespace ram::machine
