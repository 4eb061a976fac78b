// A keyspace by name: a chain of roots, the newest first.
//
// A root is an index and the revision from which on it holds. Clearing a table puts an empty root
// before the old one; readers at older revisions follow the chain, for as long as epochs let them.
//
// Loop thread only, but for name(), number() and what Reading does. Lives as long as its store.
#pragma once

#include <atomic>
#include <cstdint>
#include <limits>
#include <string>
#include <string_view>

#include "base/ids.h"
#include "store/hash_index.h"

namespace ram::store {

// What a table holds from `since` on.
struct Root {
  Root(uint64_t seed, Blocks& blocks, Limbo& limbo, Revision from, const Root* before)
      : since(from), older(before), index(seed, blocks, limbo) {}

  const Revision since;
  const Root* const older;   // valid only for a reader whose revision is below `since`
  uint32_t pins = 0;         // views that need it; the loop's alone
  size_t cleared_bytes = 0;  // what it held when it was cleared; 0: it is the newest
  HashIndex index;
};

class Table {
 public:
  std::string_view name() const { return name_; }
  // In order of creation, from 0.
  size_t number() const { return number_; }

 private:
  friend class FrozenView;
  friend class Reading;
  friend class Store;
  friend struct StorePeer;  // of tests
  friend class TableDirectory;

  static constexpr uint64_t kUnpublished = std::numeric_limits<uint64_t>::max();

  Table(std::string_view name, size_t number, Root* root)
      : name_(name), number_(number), root_(root) {}

  // relaxed: the loop wrote it.
  Root& root() const { return *root_.load(std::memory_order_relaxed); }
  // What it holds at revision `at`. Requires: a reader at `at`.
  const HashIndex& index_at(Revision at) const {
    // acquire: pairs with the release of a new root.
    const Root* root = root_.load(std::memory_order_acquire);
    while (root->since > at) root = root->older;
    return root->index;
  }
  // relaxed: set before the revision that it names is published, unchanged afterwards; who sees an
  // older value works at an older revision.
  bool exists_at(Revision at) const { return since_.load(std::memory_order_relaxed) <= at.value; }

  const std::string name_;
  const size_t number_;
  std::atomic<Root*> root_;
  std::atomic<uint64_t> since_{kUnpublished};
};

}  // namespace ram::store
