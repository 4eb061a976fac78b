#include "store/frozen_view.h"

#include <algorithm>

#include "store/store.h"

namespace ram::store {

FrozenView::FrozenView(Store& store) : store_(store), revision_(store.revision()) {
  kept_.roots.reserve(store.tables_.size());
  for (const auto& table : store.tables_) {
    kept_.roots.push_back(&table->root());
    ++table->root().pins;
  }
}

FrozenView::~FrozenView() {
  store_.close(*this);
}

bool FrozenView::next(size_t count,
                      FunctionRef<void(std::string_view table_name, const Entry&)> each) {
  // Entries, and buckets at a quarter: empty ones are not free either.
  size_t quarters = 4 * count;
  const auto spend = [&](size_t cost) { quarters -= std::min(quarters, cost); };
  for (; quarters > 0 && !kept_.saved.empty(); spend(4)) {
    const Saved saved = kept_.saved.back();
    kept_.saved.pop_back();
    kept_.bytes -= Blocks::cost(saved.entry->bytes());
    each(saved.table->name(), *saved.entry);
    store_.let_go(saved.entry);
  }
  while (quarters > 0 && kept_.past < kept_.roots.size()) {
    Root* root = kept_.roots[kept_.past];
    const std::string_view name = store_.tables_[kept_.past]->name();
    position_ = root->index.walk(position_, [&](const Entry& entry) {
      if (entry.revision() > revision_ || entry.is_tombstone()) return;
      each(name, entry);
      spend(4);
    });
    spend(1);
    if (position_ != 0) continue;
    kept_.bytes -= root->cleared_bytes;
    ++kept_.past;
    store_.let_go(root);
  }
  return kept_.past < kept_.roots.size() || !kept_.saved.empty();
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

void FrozenView::keep(const Table& table, const Root& root) {
  if (table.number_ < kept_.past || table.number_ >= kept_.roots.size()) return;
  if (kept_.roots[table.number_] == &root) kept_.bytes += root.cleared_bytes;
}

}  // namespace ram::store
