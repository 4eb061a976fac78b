#include "store/store.h"

#include <algorithm>
#include <limits>

#include "base/check.h"
#include "base/limits.h"

namespace ram::store {

Store::Store(uint64_t hash_seed)
    : seed_(hash_seed), directory_(std::make_unique<TableDirectory>(hash_seed, blocks_, limbo_)) {}

Store::~Store() {
  size_t budget = std::numeric_limits<size_t>::max();
  RAM_CHECK(!dismantle(budget));
}

// ---- tables ----

Table* Store::make_table(std::string_view name) {
  if (Table* found = find_table(name)) return found;
  RAM_CHECK(name.size() <= kTableNameBytesMax);
  if (tables_.size() >= kTablesMax) return nullptr;
  Root* root = make_root(Revision(), nullptr);
  tables_.push_back(std::unique_ptr<Table>(new Table(name, tables_.size(), root)));
  blocks_.count(kTableBytes);
  blocks_.count_live(kTableBytes);
  Table* table = tables_.back().get();
  new_tables_.push_back(table);
  directory_->add(*table);
  return table;
}

void Store::for_each_table(FunctionRef<void(const Table&)> each) const {
  for (const auto& table : tables_) each(*table);
}

Root* Store::make_root(Revision since, const Root* older) {
  blocks_.count(kRootBytes);
  blocks_.count_live(kRootBytes);
  return new Root(seed_, blocks_, limbo_, since, older);
}

// ---- writes ----

const Entry* Store::find(const Table& table, Key key) const {
  return table.root().index.find(key, Revision(std::numeric_limits<uint64_t>::max()));
}

void Store::put(Table& table, Key key, std::string_view value, Revision revision, uint8_t type) {
  RAM_CHECK(key.bytes.size() <= kKeyBytesMax);
  RAM_CHECK(value.size() <= std::numeric_limits<uint32_t>::max());
  RAM_CHECK(type <= Entry::kTypeMax);
  check_write(revision);
  HashIndex& index = table.root().index;
  entries_ -= index.size();
  Entry* old = index.put(key, value, revision, type);
  entries_ += index.size();
  if (old != nullptr) displaced(table, old, key.hash);
  wrote(revision);
}

bool Store::erase(Table& table, Key key, Revision revision) {
  check_write(revision);
  Entry* old = table.root().index.erase(key, revision);
  if (old == nullptr) return false;
  --entries_;
  displaced(table, old, key.hash);
  wrote(revision);
  return true;
}

void Store::clear(Table& table, Revision revision) {
  check_write(revision);
  Root& old = table.root();
  if (old.index.size() == 0) return;
  entries_ -= old.index.size();
  old.cleared_bytes = old.index.bytes() + kRootBytes;
  old.index.abandon();
  blocks_.uncount_live(kRootBytes);
  // release: publishes the root.
  table.root_.store(make_root(revision, &old), std::memory_order_release);
  for (FrozenView* view : views_) view->keep(table, old);
  if (old.pins == 0) retire(&old);
  wrote(revision);
}

void Store::check_write(Revision revision) const {
  RAM_CHECK(revision.value > published_.load(std::memory_order_relaxed));  // relaxed: we wrote it
}

void Store::wrote(Revision revision) {
  newest_ = std::max(newest_, revision);
  writing_ = true;
  size_t budget = kWriteBudget;
  let_go_of_views(budget);
  bool ready = limbo_.ready(/*poll=*/++writes_ % kPollEach == 0);
  for (; budget > 0 && ready; --budget, ready = limbo_.ready(/*poll=*/false)) {
    reclaim(limbo_.next());
  }
}

void Store::publish(Revision revision, LogIndex applied) {
  RAM_CHECK(revision >= newest_);
  RAM_CHECK(revision.value >= published_.load(std::memory_order_relaxed));  // relaxed: we wrote it
  // relaxed, here: before the revision is published.
  for (Table* table : new_tables_) table->since_.store(revision.value, std::memory_order_relaxed);
  new_tables_.clear();
  newest_ = revision;
  // release: with the revision, all that was written up to it.
  published_.store(revision.value, std::memory_order_release);
  // release, and after the revision: who sees the index reads at a revision that holds it.
  applied_.store(applied.value, std::memory_order_release);
  writing_ = false;
  idle_ = false;
  if (limbo_.wants_seal()) limbo_.seal();
}

// ---- what is not needed any more ----

void Store::displaced(const Table& table, Entry* old, uint64_t hash) {
  for (FrozenView* view : views_) view->keep(table, old, hash);
  if (old->pins() == 0) retire(old);
}

void Store::retire(Entry* entry) {
  limbo_.retire(Retired(Retired::Kind::kEntry, entry), Blocks::cost(entry->bytes()));
}

void Store::retire(Root* root) {
  limbo_.retire(Retired(Retired::Kind::kRoot, root), root->cleared_bytes);
}

void Store::let_go(Entry* entry) {
  blocks_.uncount(kSavedBytes);
  entry->unpin();
  if (entry->pins() == 0) retire(entry);
}

void Store::let_go(Root* root) {
  --root->pins;
  if (root->pins == 0 && root->cleared_bytes > 0) retire(root);
}

void Store::reclaim(Retired retired) {
  switch (retired.kind()) {
    case Retired::Kind::kEntry: {
      auto* entry = retired.as<Entry>();
      const size_t bytes = entry->bytes();
      entry->mark_freed();
      blocks_.release(entry, bytes);
      return;
    }
    case Retired::Kind::kTombstone:
      reinterpret_cast<HashIndex*>(retired.more())->forget(retired.as<Entry>());
      return;
    case Retired::Kind::kOverflow:
      blocks_.release_line(retired.as<void>());
      return;
    case Retired::Kind::kArray:
      blocks_.release_array(retired.as<void>(), retired.more());
      return;
    case Retired::Kind::kRoot:
      finished_.push_back(retired.as<Root>());
      return;
    case Retired::Kind::kNone:
      break;
  }
  RAM_CHECK(false);
}

bool Store::let_go_of_views(size_t& budget) {
  for (; budget > 0 && !leaving_.empty(); --budget) {
    FrozenView::Kept& kept = leaving_.front();
    if (!kept.saved.empty()) {
      let_go(kept.saved.back().entry);
      kept.saved.pop_back();
    } else if (!kept.roots.empty()) {
      let_go(kept.roots.begin()->second);
      kept.roots.erase(kept.roots.begin());
    } else {
      leaving_.pop_front();
    }
  }
  return !leaving_.empty();
}

bool Store::finish_roots(size_t& budget) {
  while (budget > 0 && !finished_.empty()) {
    Root* root = finished_.front();
    if (root->index.dismantle(budget)) break;
    finished_.pop_front();
    delete root;
    blocks_.uncount(kRootBytes);
  }
  return !finished_.empty();
}

bool Store::tick(size_t budget) {
  // A batch that is not full is sealed only when nothing comes that would fill it; and one at a
  // time, so that an idle loop does not ask for barriers in vain.
  if (idle_ && !writing_ && !limbo_.anything_sealed()) limbo_.seal();
  idle_ = true;
  const bool views = let_go_of_views(budget);
  bool ready = limbo_.ready(/*poll=*/true);
  for (; budget > 0 && ready; --budget, ready = limbo_.ready(/*poll=*/false)) {
    reclaim(limbo_.next());
  }
  const bool roots = finish_roots(budget);
  const bool arrays = blocks_.give_back(budget);
  const bool sealable = limbo_.anything_unsealed() && !limbo_.anything_sealed() && !writing_;
  return views || ready || roots || arrays || sealable;
}

bool Store::dismantle(size_t& budget) {
  RAM_CHECK(views_.empty());
  if (let_go_of_views(budget)) return true;
  for (; limbo_.size() > 0; --budget) {
    if (budget == 0) return true;
    reclaim(limbo_.next_at_last());
  }
  if (finish_roots(budget)) return true;
  for (; !tables_.empty(); tables_.pop_back()) {
    Root& root = tables_.back()->root();
    if (budget == 0 || root.index.dismantle(budget)) return true;
    delete &root;
    blocks_.uncount(kTableBytes + kRootBytes);
  }
  directory_.reset();
  return blocks_.give_back(budget);
}

// ---- views ----

std::unique_ptr<FrozenView> Store::freeze() {
  RAM_CHECK(!writing_);
  if (views_.size() + leaving_.size() >= kViewsMax) return nullptr;
  std::unique_ptr<FrozenView> view(new FrozenView(*this));
  views_.push_back(view.get());
  return view;
}

void Store::close(FrozenView& view) {
  std::erase(views_, &view);
  leaving_.push_back(std::move(view.kept_));
}

void Store::check_invariants() const {
  size_t entries = 0;
  for (size_t number = 0; number < tables_.size(); ++number) {
    const Table& table = *tables_[number];
    RAM_CHECK(table.number_ == number);
    RAM_CHECK(find_table(table.name()) == &table);
    RAM_CHECK(table.root().cleared_bytes == 0);
    table.root().index.check_invariants();
    entries += table.root().index.size();
  }
  RAM_CHECK(entries == entries_);
  RAM_CHECK(blocks_.live() <= blocks_.bytes());
  RAM_CHECK(newest_ >= revision());
  for (const FrozenView* view : views_) RAM_CHECK(view->revision() <= revision());
  const bool nothing_waits =
      limbo_.size() == 0 && views_.empty() && leaving_.empty() && finished_.empty();
  RAM_CHECK(!nothing_waits || limbo_bytes() == blocks_.leaving_bytes());
}

}  // namespace ram::store
