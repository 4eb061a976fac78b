// What was unlinked and may still be seen by readers: a queue in order of unlinking.
//
// Blocks are sealed in batches: a batch gets an epoch, and leaves once no reader is left that
// entered before it (epoch.h). The order that matters: *publish, seal, barrier, scan, free*. A
// reader that begins after the seal must have a revision that needs none of the batch, through no
// link. So a batch may be sealed only while everything written is published; sealed between a write
// and its publish, a version is freed while readers that begin now still go to it.
//
// Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "store/blocks.h"

namespace ram::store {

class HashIndex;

struct Retired {
  enum class Kind : uint8_t { kNone, kEntry, kTombstone, kOverflow, kArray, kRoot };

  Retired() = default;
  Retired(Kind kind, void* what, uint64_t more = 0)
      : tagged_(reinterpret_cast<uintptr_t>(what) | static_cast<uintptr_t>(kind)), more_(more) {}

  Kind kind() const { return static_cast<Kind>(tagged_ & 7); }
  template <class T>
  T* as() const {
    return reinterpret_cast<T*>(tagged_ & ~uintptr_t{7});
  }
  uint64_t more() const { return more_; }  // size of an array, index of a tombstone

 private:
  uintptr_t tagged_ = 0;
  uint64_t more_ = 0;
};

class Limbo {
 public:
  // `blocks` counts the queue.
  explicit Limbo(Blocks& blocks) : blocks_(blocks) {}

  // `bytes`: what waits for it; a batch is also full by its bytes.
  void retire(Retired retired, size_t bytes);

  bool wants_seal() const;
  bool anything_unsealed() const { return unsealed_ > 0; }
  bool anything_sealed() const { return !batches_.empty(); }
  // Requires: all that was written is published. A barrier of all cores.
  void seal();

  // Whether next() has something. Asks the readers, if `poll`.
  bool ready(bool poll);
  // The next that no reader can hold. Requires: ready().
  Retired next();
  // The next whatever readers hold; kNone at the end. Requires: no readers.
  Retired next_at_last();

  size_t size() const { return queue_.size(); }

 private:
  struct Batch {
    uint64_t epoch;
    size_t count;  // of the queue's first
  };
  Retired take_first();

  Blocks& blocks_;
  std::deque<Retired> queue_;
  std::deque<Batch> batches_;
  size_t unsealed_ = 0;
  size_t unsealed_bytes_ = 0;
  uint64_t passed_ = 0;  // the last that is known of epochs.passed()
};

}  // namespace ram::store
