// A queue in one block of memory that it keeps: what std::deque does with an allocation for every
// few elements.
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <utility>
#include <vector>

namespace ram::resp {

template <class T>
class Fifo {
 public:
  bool empty() const { return head_ == items_.size(); }
  size_t size() const { return items_.size() - head_; }

  T& front() { return items_[head_]; }
  T& back() { return items_.back(); }
  // From the front. Requires: i < size().
  T& operator[](size_t i) { return items_[head_ + i]; }
  const T& operator[](size_t i) const { return items_[head_ + i]; }

  void push(T item) { items_.push_back(std::move(item)); }

  // Requires: count <= size().
  void pop(size_t count = 1) {
    head_ += count;
    if (empty()) {
      items_.clear();
      head_ = 0;
    } else if (head_ >= kCompactAt && head_ >= items_.size() / 2) {
      // As many were popped as are moved: constant on average.
      items_.erase(items_.begin(), items_.begin() + static_cast<std::ptrdiff_t>(head_));
      head_ = 0;
    }
  }

  // Gives memory back that a burst needed. Requires: empty().
  void release() { std::vector<T>().swap(items_); }

 private:
  static constexpr size_t kCompactAt = 64;

  std::vector<T> items_;
  size_t head_ = 0;
};

}  // namespace ram::resp
