// Tables by name: open addressing, probed in line. Tables are only ever added.
//
// Readers walk from the table's slot to the first empty one. A full directory is replaced by one of
// twice the size; the old one waits in limbo for its readers.
//
// Loop thread only, but for find, which is for any thread within an epoch.
#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

#include "store/blocks.h"
#include "store/limbo.h"
#include "store/table.h"

namespace ram::store {

class TableDirectory {
 public:
  TableDirectory(Blocks& blocks, Limbo& limbo);
  TableDirectory(const TableDirectory&) = delete;
  ~TableDirectory();

  // Null: there is none. `hash` is that of `name`.
  Table* find(std::string_view name, uint64_t hash) const {
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
  // Requires: there is none of its name.
  void add(Table& table);

 private:
  struct Slot {
    std::atomic<uint64_t> hash;
    std::atomic<Table*> table;
  };
  struct Slots {
    uint64_t mask;
    uint64_t unused;  // keeps the slots within cache lines
    const Slot& slot(uint64_t i) const { return reinterpret_cast<const Slot*>(this + 1)[i & mask]; }
    Slot& slot(uint64_t i) { return reinterpret_cast<Slot*>(this + 1)[i & mask]; }
  };
  static_assert(sizeof(Slots) == sizeof(Slot));
  static constexpr uint64_t kFirstSlots = 16;

  static size_t bytes_for(uint64_t slots) {
    return Blocks::array_bytes(sizeof(Slots) + slots * sizeof(Slot));
  }
  Slots* make(uint64_t slots);
  static void place(Slots& slots, uint64_t hash, Table* table);

  Blocks& blocks_;
  Limbo& limbo_;
  uint64_t size_ = 0;
  std::atomic<Slots*> slots_;
};

}  // namespace ram::store
