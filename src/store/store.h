// All tables of a node, and the one revision that readers work at.
//
// One writer, the loop. A record is applied as puts, erases and clears above the last published
// revision, then published: readers see all of it or nothing. Readers work at the revision that was
// published when they began (Reading, store_slot.h), whatever the writer does meanwhile.
//
// What is displaced waits in limbo until no reader can need it, and is freed in pieces: a few with
// each write, the rest by tick().
//
// Loop thread only, but for key(), revision(), applied() and memory_bytes(), which are for any
// thread, and for what Reading does.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "base/ids.h"
#include "store/blocks.h"
#include "store/entry.h"
#include "store/frozen_view.h"
#include "store/hash.h"
#include "store/limbo.h"
#include "store/table.h"
#include "store/table_directory.h"

namespace ram::store {

class Store {
 public:
  // `hash_seed` is to be unknown to strangers, and the same for all stores of a node, one after
  // another: then hashes of keys and positions of scans outlive the replacement of the store.
  explicit Store(uint64_t hash_seed);
  Store(const Store&) = delete;
  // All at once; StoreSlot gives up stores in pieces. Requires: no view, and no reader, is left.
  ~Store();

  // Any thread. Borrows `bytes`.
  Key key(std::string_view bytes) const { return {bytes, hash_of(bytes, seed_)}; }

  // Null: there is none. A table is found here at once, by readers from the next publish on.
  Table* find_table(std::string_view name) const { return directory_->find(name); }
  // Finds or creates. Null: there are kTablesMax.
  Table* make_table(std::string_view name);

  // The newest version, published or not. Valid until a later publish or tick.
  const Entry* find(const Table& table, Key key) const;
  void prefetch(const Table& table, Key key) const { table.root().index.prefetch(key.hash); }

  // Writes. Each has a revision above the published one; several may share it. A new store is
  // filled with the revisions that the state says, in any order, before its first publish. `value`
  // may lie in an entry. `type` is at most Entry::kTypeMax.
  void put(Table& table, Key key, std::string_view value, Revision revision, uint8_t type = 0);
  bool erase(Table& table, Key key, Revision revision);  // false: no such key
  // O(1): readers at older revisions still see all, and tick() frees it. Nothing, if it is empty.
  void clear(Table& table, Revision revision);

  // Makes all that was written visible, at once; after each whole record. `revision` is not below
  // that of any write that had an effect; without one it may be the one published before.
  void publish(Revision revision, LogIndex applied);

  // As last published. Any thread. A reader that must see entry i asks applied() *before* it begins
  // to read.
  Revision revision() const { return Revision(published_.load(std::memory_order_acquire)); }
  LogIndex applied() const { return LogIndex(applied_.load(std::memory_order_acquire)); }

  // Keys that exist, unpublished writes included.
  size_t size(const Table& table) const { return table.root().index.size(); }
  size_t entries() const { return entries_; }
  size_t table_count() const { return tables_.size(); }
  // In order of creation.
  void for_each_table(FunctionRef<void(const Table&)> each) const;

  // All that the store takes. Any thread.
  size_t memory_bytes() const { return blocks_.bytes(); }
  // Of that, what the newest state does not need: it waits for readers, views or tick().
  size_t limbo_bytes() const { return blocks_.bytes() - blocks_.live(); }

  // A view as of the published revision, between records. O(1). Null: kViewsMax are open, or
  // closed and not yet let go.
  std::unique_ptr<FrozenView> freeze();

  // Bounded upkeep; call it between writes, also when idle. `budget` counts blocks freed and
  // buckets looked at, some 100 ns each. True: more to do at once. (While limbo_bytes() is not 0
  // there may be more to do once readers are gone.)
  bool tick(size_t budget);

  // O(entries).
  void check_invariants() const;

 private:
  friend class FrozenView;
  friend class Reading;
  friend class StoreSlot;
  friend struct StorePeer;  // of tests

  static constexpr size_t kTableBytes = Blocks::cost(sizeof(Table));
  static constexpr size_t kRootBytes = Blocks::cost(sizeof(Root));
  static constexpr size_t kSavedBytes = sizeof(FrozenView::Saved);
  static constexpr size_t kWriteBudget = 4;  // blocks freed with each write
  static constexpr size_t kPollEach = 16;    // writes between two looks at the readers

  void check_write(Revision revision) const;
  void wrote(Revision revision);
  Root* make_root(Revision since, const Root* older);
  void displaced(const Table& table, Entry* old, uint64_t hash);
  void retire(Entry* entry);
  void retire(Root* root);
  void let_go(Entry* entry);
  void let_go(Root* root);
  void close(FrozenView& view);
  void reclaim(Retired retired);
  bool let_go_of_views(size_t& budget);
  bool finish_roots(size_t& budget);
  // Frees everything in pieces; true: more to do. Requires: no reader is left. Afterwards only
  // dismantle() and the destructor are to be called.
  bool dismantle(size_t& budget);

  const uint64_t seed_;
  // Written once per record, read by everyone.
  alignas(kNoSharing) std::atomic<uint64_t> published_{0};
  std::atomic<uint64_t> applied_{0};

  // The loop's own.
  alignas(kNoSharing) Revision newest_;  // of any write
  bool writing_ = false;                 // there are writes that were not published
  bool idle_ = false;                    // nothing was published since the last tick
  uint64_t writes_ = 0;
  size_t entries_ = 0;
  Blocks blocks_;
  Limbo limbo_{blocks_};
  std::vector<std::unique_ptr<Table>> tables_;  // in order of creation
  std::vector<Table*> new_tables_;              // that were not published
  std::unique_ptr<TableDirectory> directory_;
  std::vector<FrozenView*> views_;
  std::deque<FrozenView::Kept> leaving_;  // of views that were closed
  std::deque<Root*> finished_;            // cleared, and no reader is left
};

}  // namespace ram::store
