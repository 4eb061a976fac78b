// Tables by name: open addressing, probed in line. Tables are only ever added. The first of all,
// which on a node is the default one, is found without hashing.
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
  TableDirectory(uint64_t seed, Blocks& blocks, Limbo& limbo);
  TableDirectory(const TableDirectory&) = delete;
  ~TableDirectory();

  // Null: there is none.
  Table* find(std::string_view name) const {
    // acquire: pairs with the release that published the table.
    Table* first = first_.load(std::memory_order_acquire);
    if (first != nullptr && first->name_ == name) return first;
    return find_hashed(name);
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
  Table* find_hashed(std::string_view name) const;
  Slots* make(uint64_t slots);
  static void place(Slots& slots, uint64_t hash, Table* table);

  const uint64_t seed_;
  Blocks& blocks_;
  Limbo& limbo_;
  uint64_t size_ = 0;
  std::atomic<Slots*> slots_;
  std::atomic<Table*> first_{nullptr};
};

}  // namespace ram::store
