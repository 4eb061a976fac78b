// A blocking call's end: made on the caller's stack, set by the node's thread, waited for here.
//
// set() is called exactly once (callbacks always come: the core enforces deadlines), so waiting
// needs no limit of its own.
#pragma once

#include <condition_variable>
#include <mutex>
#include <optional>
#include <utility>

namespace ram {

template <class T>
class Waiter {
 public:
  void set(T value) {
    const std::lock_guard lock(mutex_);
    value_.emplace(std::move(value));
    // Under the lock: once it is free the waiting thread may destroy us.
    is_set_.notify_one();
  }

  T wait() {
    std::unique_lock lock(mutex_);
    is_set_.wait(lock, [this] { return value_.has_value(); });
    return std::move(*value_);
  }

 private:
  std::mutex mutex_;
  std::condition_variable is_set_;
  std::optional<T> value_;  // under mutex_
};

}  // namespace ram
