// All tables of a store as of one revision, handed out in pieces while writes go on.
//
// A view is its revision, how many tables there were, a place (a table and a position in its
// index), and a list. When the writer replaces or erases a version that the view still needs,
// beyond its place, the version goes to the view's list; versions born after the view cost nothing.
// A table that is cleared leaves its root to the view, until that is past it.
//
// Loop thread only. Must be destroyed before its store; that takes O(1): what was kept is let go by
// later writes and ticks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>

#include "base/function_ref.h"
#include "base/ids.h"
#include "store/entry.h"
#include "store/table.h"

namespace ram::store {

class Store;

class FrozenView {
 public:
  FrozenView(const FrozenView&) = delete;
  ~FrozenView();

  Revision revision() const { return revision_; }

  // Tables of the state, by number.
  size_t table_count() const { return kept_.tables; }
  const Table& table(size_t number) const;

  // Hands about `count` entries to `each`, in no order that means anything; false at the end. Each
  // entry of the state is handed out exactly once. `each` must not touch the store.
  bool next(size_t count, FunctionRef<void(const Table&, const Entry&)> each);

  // What the store keeps only because of this view (and others): replaced versions, cleared tables.
  size_t kept_bytes() const { return kept_.bytes; }

 private:
  friend class Store;

  struct Saved {
    Entry* entry;
    const Table* table;
  };
  // What keeps memory, and how much. Outlives the view, until it is let go of.
  struct Kept {
    std::deque<Saved> saved;
    std::map<size_t, Root*> roots;  // of tables that were cleared, by number
    size_t tables = 0;
    size_t past = 0;  // tables that are not needed any more
    size_t bytes = 0;
  };

  explicit FrozenView(Store& store);

  // The writer displaced `entry`, whose key has `hash`, from `table`.
  void keep(const Table& table, Entry* entry, uint64_t hash);
  // The writer cleared `root`.
  void keep(const Table& table, Root& root);

  Store& store_;
  const Revision revision_;
  Kept kept_;
  uint64_t position_ = 0;  // in the table of number kept_.past; all below was handed out
};

}  // namespace ram::store
