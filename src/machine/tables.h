// The store as the machine writes it: tables by name, each with its share of the digest.
//
// The digest is brought up to date before the store is told, while the entry that goes is there to
// be read. Tables are never dropped, and how many there are decides a reply (kTooManyTables): so an
// empty table is part of the state and of the digest.
//
// Nothing else may write to the store. Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

#include "base/ids.h"
#include "store/store.h"

namespace ram::machine {

class Tables {
 public:
  struct Table {
    store::Table* stored;
    std::string name;
    uint64_t name_hash;  // seeds the digests of its entries
    uint64_t sum;        // of them
    uint64_t bytes;      // of its keys and values
  };

  // `store` has no tables yet.
  explicit Tables(store::Store& store);

  // Null: there is none.
  Table* find(std::string_view name) {
    if (last_ != nullptr && last_->name == name) return last_;
    return find_other(name);
  }
  // Requires: there is none, and fewer than kTablesMax.
  Table& make(std::string_view name);

  store::Key key(std::string_view bytes) const { return store_.key(bytes); }
  // The newest version, published or not.
  const store::Entry* find(const Table& table, store::Key key) const {
    return store_.find(*table.stored, key);
  }
  // Has the memory fetched that find() will look at.
  void prefetch(const Table& table, store::Key key) const { store_.prefetch(*table.stored, key); }
  size_t size(const Table& table) const { return store_.size(*table.stored); }

  // `old`: what find() says of `key` now.
  void put(Table& table, store::Key key, const store::Entry* old, std::string_view value,
           Revision revision, uint8_t type = 0);
  void erase(Table& table, store::Key key, const store::Entry& old, Revision revision);
  void clear(Table& table, Revision revision);

  // In the order in which they were made.
  const std::vector<std::unique_ptr<Table>>& all() const { return tables_; }
  size_t count() const { return tables_.size(); }
  // Entries in all tables.
  uint64_t entries() const { return entries_; }
  // Of their keys and values.
  uint64_t bytes() const { return bytes_; }
  uint64_t digest() const { return names_sum_ + entries_sum_; }

  store::Store& store() { return store_; }

  // Frees everything but what the store has, as Sessions::dismantle(). Does not touch the store.
  bool dismantle(size_t& budget);

  void check_invariants() const;

 private:
  // Clients name tables: the hash is seeded.
  struct NameHash {
    using is_avalanching = void;
    const store::Store* store;
    size_t operator()(std::string_view name) const { return store->key(name).hash; }
  };

  Table* find_other(std::string_view name);

  store::Store& store_;
  std::vector<std::unique_ptr<Table>> tables_;
  boost::unordered_flat_map<std::string_view, Table*, NameHash> by_name_;
  Table* last_ = nullptr;  // found: most calls ask for the same again
  uint64_t entries_ = 0;
  uint64_t bytes_ = 0;
  uint64_t names_sum_ = 0;
  uint64_t entries_sum_ = 0;
};

}  // namespace ram::machine
