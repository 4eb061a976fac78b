#include "store/table_directory.h"

#include "store/hash.h"

namespace ram::store {

TableDirectory::TableDirectory(uint64_t seed, Blocks& blocks, Limbo& limbo)
    : seed_(seed), blocks_(blocks), limbo_(limbo), slots_(make(kFirstSlots)) {}

TableDirectory::~TableDirectory() {
  Slots* slots = slots_.load(std::memory_order_relaxed);  // relaxed: there are no readers
  const size_t bytes = bytes_for(slots->mask + 1);
  blocks_.uncount_live(bytes);
  blocks_.release_array(slots, bytes);
}

Table* TableDirectory::find_hashed(std::string_view name) const {
  const uint64_t hash = hash_of(name, seed_);
  // acquire: pairs with the release of a new array.
  const Slots* slots = slots_.load(std::memory_order_acquire);
  for (uint64_t i = hash;; ++i) {
    const Slot& slot = slots->slot(i);
    // acquire: pairs with the release that published the table.
    Table* table = slot.table.load(std::memory_order_acquire);
    if (table == nullptr) return nullptr;
    // relaxed: stored before the table was.
    if (slot.hash.load(std::memory_order_relaxed) == hash && table->name_ == name) return table;
  }
}

TableDirectory::Slots* TableDirectory::make(uint64_t slots) {
  const size_t bytes = bytes_for(slots);
  auto* made = static_cast<Slots*>(blocks_.allocate_array(bytes));
  blocks_.count_live(bytes);
  made->mask = slots - 1;
  return made;
}

void TableDirectory::place(Slots& slots, uint64_t hash, Table* table) {
  uint64_t i = hash;
  // relaxed: the loop wrote it.
  while (slots.slot(i).table.load(std::memory_order_relaxed) != nullptr) ++i;
  slots.slot(i).hash.store(hash, std::memory_order_relaxed);    // before the table, as find() wants
  slots.slot(i).table.store(table, std::memory_order_release);  // publishes table and hash
}

void TableDirectory::add(Table& table) {
  Slots* slots = slots_.load(std::memory_order_relaxed);
  if (2 * (size_ + 1) > slots->mask + 1) {
    Slots* wider = make(2 * (slots->mask + 1));
    for (uint64_t i = 0; i <= slots->mask; ++i) {
      const Slot& slot = slots->slot(i);
      Table* moved = slot.table.load(std::memory_order_relaxed);
      if (moved != nullptr) place(*wider, slot.hash.load(std::memory_order_relaxed), moved);
    }
    slots_.store(wider, std::memory_order_release);  // publishes the copy
    const size_t bytes = bytes_for(slots->mask + 1);
    blocks_.uncount_live(bytes);
    limbo_.retire(Retired(Retired::Kind::kArray, slots, bytes), bytes);
    slots = wider;
  }
  place(*slots, hash_of(table.name_, seed_), &table);
  // release: publishes the table.
  if (++size_ == 1) first_.store(&table, std::memory_order_release);
}

}  // namespace ram::store
