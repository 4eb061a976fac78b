// What a reader on any thread must know to answer from this node's memory without asking anybody
// (READ-LEASES R8): until when the node is known to have every acknowledged write, which keys wait
// for an entry that is not visible yet, and what is visible.
//
// A reader takes these in this order, each a step of LocalRead (read_path.h):
//
//   1  lease_end()    then a fresh reading of its clock: the lease holds if that shows less
//   2  pending(key)   the last entry in the log that touches the key
//   3  applied()      at or above 2: what the key waits for is visible
//   4  the store      as of the revision that is published then (store/reading.h)
//
// Why that is enough: what was acknowledged before the read began was in our log, and its keys were
// noted here, before the message left that let it be acknowledged while our lease held (R2, R5.1).
// 2 comes after 1, so that it sees all that was noted when the lease was seen.
//
// Keys are noted by hash, in cells that are never cleared: a cell names the last entry that touches
// any of its keys, so keys that share a cell only wait longer, and what was noted stays right
// whatever becomes visible meanwhile.
//
// The loop writes, any thread reads.
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/ids.h"

namespace ram::node {

class ReadGate {
 public:
  ReadGate();
  ReadGate(const ReadGate&) = delete;
  ReadGate& operator=(const ReadGate&) = delete;

  // ---- any thread ----

  // The lease holds while a clock reading taken afterwards is less.
  Instant lease_end() const {
    // acquire: whatever is read next is read after it.
    return Instant(Duration(lease_end_.load(std::memory_order_acquire)));
  }
  LogIndex pending(uint64_t key_hash) const {
    // acquire: applied() is read after them.
    return LogIndex(std::max(cells_[cell_of(key_hash)].load(std::memory_order_acquire),
                             all_.load(std::memory_order_acquire)));
  }
  void prefetch(uint64_t key_hash) const { __builtin_prefetch(&cells_[cell_of(key_hash)]); }
  // The last entry that touches anything.
  LogIndex pending_of_all() const { return LogIndex(newest_.load(std::memory_order_acquire)); }
  LogIndex applied() const {
    // acquire: pairs with publish_applied(); the store is read after it, and has it.
    return LogIndex(applied_.load(std::memory_order_acquire));
  }

  // Counts reads that were answered here, for people. Each thread has a line of its own, as far as
  // they suffice.
  void count_local() const {
    std::atomic<uint64_t>& mine = counts_[stripe()].count;
    mine.store(mine.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
  }
  uint64_t counted_local() const;

  // ---- the loop ----

  // Messages that follow must leave after a barrier(): readers have seen it by then.
  void set_lease_end(Instant end) {
    lease_end_.store(end.time_since_epoch().count(), std::memory_order_release);
  }
  // The entry at `index`, newer than all noted so far, touches the key.
  void touch(uint64_t key_hash, LogIndex index) {
    cells_[cell_of(key_hash)].store(index.value, std::memory_order_release);
    newest_.store(index.value, std::memory_order_release);
  }
  void touch_all(LogIndex index) {
    all_.store(index.value, std::memory_order_release);
    newest_.store(index.value, std::memory_order_release);
  }
  // Entries above `last` are not in the log any more. Cost: 16 384 cells, 5 us.
  void lower_to(LogIndex last);
  // All up to `index` is in the store, and published there.
  void publish_applied(LogIndex index) {
    // release: pairs with applied().
    applied_.store(index.value, std::memory_order_release);
  }
  // Whose log the indexes are of. Outlives a core: the next one of this process must not show
  // readers less of the same cluster than the last one did.
  void set_cluster(ClusterId cluster) { cluster_ = cluster; }
  LogIndex applied_of(ClusterId cluster) const {
    return cluster == cluster_ ? applied() : LogIndex();
  }
  // What was noted and ended before is seen by every reader that begins after whoever receives a
  // message sent afterwards has told it to: no store waits in this core's buffer.
  static void barrier() { std::atomic_thread_fence(std::memory_order_seq_cst); }

 private:
  static constexpr size_t kCells = 16'384;
  static constexpr size_t kLine = 128;  // no false sharing, adjacent-line prefetch included

  // Bits that the hash index does not choose its buckets by.
  static size_t cell_of(uint64_t key_hash) { return (key_hash >> 40) % kCells; }

  static constexpr size_t kStripes = 32;
  struct alignas(kLine) Stripe {
    std::atomic<uint64_t> count{0};
  };
  static size_t stripe();

  alignas(kLine) std::atomic<int64_t> lease_end_;
  std::atomic<uint64_t> all_{0};
  alignas(kLine) std::atomic<uint64_t> applied_{0};
  alignas(kLine) std::atomic<uint64_t> newest_{0};
  ClusterId cluster_;
  std::unique_ptr<std::array<std::atomic<uint64_t>, kCells>> table_;
  std::array<std::atomic<uint64_t>, kCells>& cells_;
  mutable std::array<Stripe, kStripes> counts_;
};

}  // namespace ram::node
