#include "store/store_slot.h"

#include <utility>

namespace ram::store {

StoreSlot::StoreSlot(std::unique_ptr<Store> store) : current_(store.release()) {}

StoreSlot::~StoreSlot() {
  delete &current();
}

void StoreSlot::replace(std::unique_ptr<Store> store) {
  std::unique_ptr<Store> old(&current());
  current_.store(store.release(), std::memory_order_release);  // publishes all of it
  given_up_.push_back({std::move(old), epochs.advance()});
}

void StoreSlot::discard(std::unique_ptr<Store> store) {
  given_up_.push_back({std::move(store), 0});
}

bool StoreSlot::tick(size_t budget) {
  bool more = current().tick(budget);
  std::erase_if(given_up_, [&](GivenUp& given_up) {
    if (!given_up.store->views_.empty() || epochs.passed() < given_up.epoch) return false;
    size_t rest = budget;
    const bool left = given_up.store->dismantle(rest);
    more |= left;
    return !left;
  });
  return more;
}

size_t StoreSlot::memory_bytes() const {
  size_t bytes = current().memory_bytes();
  for (const GivenUp& given_up : given_up_) bytes += given_up.store->memory_bytes();
  return bytes;
}

}  // namespace ram::store
