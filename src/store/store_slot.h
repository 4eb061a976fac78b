// The node's current store, which a snapshot may replace as a whole while readers read.
//
// The store that was replaced is kept until no reader and no view of it is left, then given up in
// pieces.
//
// Loop thread only, but for what Reading does.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "store/store.h"

namespace ram::store {

class StoreSlot {
 public:
  explicit StoreSlot(std::unique_ptr<Store> store);
  StoreSlot(const StoreSlot&) = delete;
  ~StoreSlot();  // requires: no reader and no view is left

  // relaxed: the loop wrote it.
  Store& current() { return *current_.load(std::memory_order_relaxed); }
  const Store& current() const { return *current_.load(std::memory_order_relaxed); }

  // From now on readers begin with `store`. It is published.
  void replace(std::unique_ptr<Store> store);
  // Gives `store` up in pieces, as what was replaced is. Requires: no reader ever saw it.
  void discard(std::unique_ptr<Store> store);

  // Upkeep of the current store and of those given up; as Store::tick().
  bool tick(size_t budget);

  // Of the current store and of those given up.
  size_t memory_bytes() const;

 private:
  friend class Reading;

  struct GivenUp {
    std::unique_ptr<Store> store;
    uint64_t epoch;
  };
  std::atomic<Store*> current_;  // owned
  std::vector<GivenUp> given_up_;
};

}  // namespace ram::store
