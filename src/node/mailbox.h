// Calls of any thread on their way to the loop thread.
//
// A bounded queue with many producers and one consumer: a mutex held for a few moves of pointers,
// so that order is plain and a full mailbox is an answer. The consumer takes everything at once.
// Only a push into an empty mailbox wakes the consumer: under load it is awake anyway, and a
// wake-up costs more than a call.
//
// push() is thread-safe; take() and close() belong to the consumer.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <mutex>
#include <span>
#include <utility>
#include <vector>

#include "base/check.h"

namespace ram::node {

enum class Pushed : uint8_t {
  kYes,
  kFull,    // nothing was taken
  kClosed,  // nothing was taken, nor will be
};

template <class Item>
class Mailbox {
 public:
  // `wake` is called from any thread, without the lock, after a push into an empty mailbox.
  Mailbox(size_t items_max, size_t bytes_max, std::function<void()> wake)
      : items_max_(items_max), bytes_max_(bytes_max), wake_(std::move(wake)) {}

  // Takes all of `items`, in their order and with nothing between them, or none. `bytes` is what
  // they hold together; a single push may exceed the bytes' bound if the mailbox is empty.
  Pushed push(std::span<Item> items, size_t bytes) {
    if (items.empty()) return Pushed::kYes;
    bool was_empty = false;
    {
      const std::lock_guard lock(mutex_);
      if (closed_) return Pushed::kClosed;
      was_empty = waiting_.empty();
      if (items.size() > items_max_ - waiting_.size()) return Pushed::kFull;
      if (!was_empty && (bytes_ >= bytes_max_ || bytes > bytes_max_ - bytes_)) {
        return Pushed::kFull;
      }
      bytes_ += bytes;
      for (Item& item : items) waiting_.push_back(std::move(item));
    }
    if (was_empty) wake_();
    return Pushed::kYes;
  }
  Pushed push(Item& item, size_t bytes) { return push(std::span<Item>(&item, 1), bytes); }

  // Moves everything that waits to `out`, whose memory is used for what comes next: the consumer
  // hands in the same vector each time, and neither allocates.
  //
  // Requires: `out` is empty.
  void take(std::vector<Item>& out) {
    RAM_CHECK(out.empty());
    const std::lock_guard lock(mutex_);
    waiting_.swap(out);
    bytes_ = 0;
  }

  // The last take(): pushes are refused from now on.
  void close(std::vector<Item>& out) {
    RAM_CHECK(out.empty());
    const std::lock_guard lock(mutex_);
    closed_ = true;
    waiting_.swap(out);
    bytes_ = 0;
  }

 private:
  const size_t items_max_;
  const size_t bytes_max_;
  const std::function<void()> wake_;

  std::mutex mutex_;
  // Under mutex_.
  std::vector<Item> waiting_;
  size_t bytes_ = 0;
  bool closed_ = false;
};

}  // namespace ram::node
