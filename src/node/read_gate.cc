#include "node/read_gate.h"

#include "lease/follower_lease.h"

namespace ram::node {

ReadGate::ReadGate()
    : lease_end_(lease::kNoLease.time_since_epoch().count()),
      table_(std::make_unique<std::array<std::atomic<uint64_t>, kCells>>()),
      cells_(*table_) {}

size_t ReadGate::stripe() {
  static std::atomic<size_t> threads{0};
  // relaxed: only to be different.
  thread_local const size_t mine = threads.fetch_add(1, std::memory_order_relaxed) % kStripes;
  return mine;
}

uint64_t ReadGate::counted_local() const {
  uint64_t sum = 0;
  for (const Stripe& stripe : counts_) sum += stripe.count.load(std::memory_order_relaxed);
  return sum;
}

void ReadGate::lower_to(LogIndex last) {
  // relaxed loads: the loop wrote them.
  const auto lower = [last](std::atomic<uint64_t>& index) {
    if (index.load(std::memory_order_relaxed) > last.value) {
      index.store(last.value, std::memory_order_release);
    }
  };
  for (std::atomic<uint64_t>& cell : cells_) lower(cell);
  lower(all_);
  lower(newest_);
}

}  // namespace ram::node
