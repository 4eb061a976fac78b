#include "store/frozen_view.h"

#include <algorithm>

#include "store/store.h"

namespace ram::store {

FrozenView::FrozenView(Store& store) : store_(store), revision_(store.revision()) {
  kept_.tables = store.tables_.size();
}

FrozenView::~FrozenView() {
  store_.close(*this);
}

const Table& FrozenView::table(size_t number) const {
  return *store_.tables_[number];
}

bool FrozenView::next(size_t count, FunctionRef<void(const Table&, const Entry&)> each) {
  // Entries, and buckets at a quarter: empty ones are not free either.
  size_t quarters = 4 * count;
  const auto spend = [&](size_t cost) { quarters -= std::min(quarters, cost); };
  for (; quarters > 0 && !kept_.saved.empty(); spend(4)) {
    const Saved saved = kept_.saved.back();
    kept_.saved.pop_back();
    kept_.bytes -= Blocks::cost(saved.entry->bytes());
    each(*saved.table, *saved.entry);
    store_.let_go(saved.entry);
  }
  while (quarters > 0 && kept_.past < kept_.tables) {
    const Table& current = table(kept_.past);
    const auto cleared = kept_.roots.find(kept_.past);
    const Root& root = cleared == kept_.roots.end() ? current.root() : *cleared->second;
    position_ = root.index.walk(position_, [&](const Entry& entry) {
      if (entry.revision() > revision_ || entry.is_tombstone()) return;
      each(current, entry);
      spend(4);
    });
    spend(1);
    if (position_ != 0) continue;
    ++kept_.past;
    if (cleared == kept_.roots.end()) continue;
    kept_.bytes -= root.cleared_bytes;
    store_.let_go(cleared->second);
    kept_.roots.erase(cleared);
  }
  return kept_.past < kept_.tables || !kept_.saved.empty();
}

void FrozenView::keep(const Table& table, Entry* entry, uint64_t hash) {
  // A version that old is in the root that we hold: no later one had it.
  if (entry->revision() > revision_ || table.number_ < kept_.past) return;
  if (table.number_ == kept_.past && reversed(hash) < position_) return;
  entry->pin();
  kept_.saved.push_back({entry, &table});
  kept_.bytes += Blocks::cost(entry->bytes());
  store_.blocks_.count(Store::kSavedBytes);
}

void FrozenView::keep(const Table& table, Root& root) {
  if (table.number_ < kept_.past || table.number_ >= kept_.tables) return;
  // Cleared again: what it held then is of later revisions.
  if (!kept_.roots.emplace(table.number_, &root).second) return;
  ++root.pins;
  kept_.bytes += root.cleared_bytes;
}

}  // namespace ram::store
