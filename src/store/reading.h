// Everything as of one revision: lookups in any tables of a store see one state.
//
// Takes no lock, waits for nothing, registers nothing, allocates nothing (but for the first of a
// thread), and writes no memory that other readers need. While it lives, what writers displace is
// kept: keep it short.
//
// Any thread; to be used and destroyed in the thread that made it. Readings may nest and overlap: a
// later one has a later revision.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/function_ref.h"
#include "base/ids.h"
#include "store/entry.h"
#include "store/epoch.h"
#include "store/store.h"
#include "store/store_slot.h"
#include "store/table.h"

namespace ram::store {

class Reading {
 public:
  explicit Reading(const StoreSlot& slot)
      : epoch_(epochs.enter()),
        // acquire: pairs with the release of replace(). Within the epoch: it will not be given up.
        store_(*slot.current_.load(std::memory_order_acquire)),
        // acquire: pairs with publish(); every write up to it is visible. Within the epoch: what
        // was sealed before has nothing that this revision needs.
        revision_(store_.revision()) {}
  Reading(const Reading&) = delete;
  ~Reading() { epochs.exit(epoch_); }

  const Store& store() const { return store_; }
  Revision revision() const { return revision_; }

  // Null: there is none at this revision.
  const Table* table(std::string_view name) const {
    const Table* table = store_.find_table(name);
    return table != nullptr && table->exists_at(revision_) ? table : nullptr;
  }

  // Null: absent. Valid while this lives.
  const Entry* find(const Table& table, Key key) const {
    return table.index_at(revision_).find(key, revision_);
  }
  // Have the memory fetched that find() will look at.
  void prefetch(const Table& table, Key key) const { table.index_at(revision_).prefetch(key.hash); }

  // Hands out about `count` entries from `cursor` on (0: from the start), and returns the cursor to
  // go on from; 0: that was all. Bounded even if there are few entries among many that were erased.
  //
  // What exists throughout a sequence of scans, in whatever Readings, is handed out at least once,
  // whatever the writer does meanwhile. (A store that replaces another must have its hash seed.)
  uint64_t scan(const Table& table, uint64_t cursor, size_t count,
                FunctionRef<void(const Entry&)> each) const {
    return table.index_at(revision_).scan(cursor, count, revision_, each);
  }

 private:
  EpochDomain::Slot& epoch_;
  const Store& store_;
  const Revision revision_;
};

}  // namespace ram::store
