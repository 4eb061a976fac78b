// What a client sent and we still need: bytes in one block, named by their place in the whole
// stream.
//
// Commands that wait keep their words here, as offsets, so the block may move when it grows. The
// kernel reads straight into space().
//
// Not thread-safe.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>
#include <string_view>

#include "base/check.h"

namespace ram::resp {

class Input {
 public:
  // Offsets in the stream: of the first byte kept, and behind the last one.
  uint64_t begin() const { return begin_; }
  uint64_t end() const { return begin_ + size_; }
  size_t size() const { return size_; }

  // The kept bytes from `offset` on. Requires: begin() <= offset <= end().
  std::span<char> from(uint64_t offset) {
    RAM_CHECK(begin_ <= offset && offset <= end());
    const auto skipped = static_cast<size_t>(offset - begin_);
    return {block_.get() + first_ + skipped, size_ - skipped};
  }

  // Memory for what comes next; valid until the next call of anything here.
  std::span<char> space() {
    if (capacity_ - first_ - size_ < kSpaceMin) make_room();
    return {block_.get() + first_ + size_, capacity_ - first_ - size_};
  }
  // `bytes` of space() were filled.
  void filled(size_t bytes) {
    RAM_CHECK(bytes <= capacity_ - first_ - size_);
    size_ += bytes;
  }

  // Bytes before `offset` are not needed any more.
  void release_to(uint64_t offset) {
    RAM_CHECK(begin_ <= offset && offset <= end());
    const auto released = static_cast<size_t>(offset - begin_);
    begin_ = offset;
    size_ -= released;
    first_ = size_ == 0 ? 0 : first_ + released;
    if (size_ == 0 && capacity_ > kKeptMax) release();
  }

  // Gives the block back. Requires: nothing is kept.
  void release() {
    RAM_CHECK(size_ == 0);
    block_.reset();
    capacity_ = first_ = 0;
  }

 private:
  static constexpr size_t kSpaceMin = 4096;
  static constexpr size_t kFirst = 16'384;
  static constexpr size_t kKeptMax = 65'536;  // an empty block beyond this is given back

  void make_room() {
    // What is kept moves to the front if that frees half of the block; else the block doubles.
    if (first_ < capacity_ / 2 || capacity_ - size_ < kSpaceMin) {
      capacity_ = std::max(kFirst, 2 * capacity_);
      auto larger = std::make_unique_for_overwrite<char[]>(capacity_);
      if (size_ > 0) std::memcpy(larger.get(), block_.get() + first_, size_);
      block_ = std::move(larger);
    } else {
      std::memmove(block_.get(), block_.get() + first_, size_);
    }
    first_ = 0;
  }

  std::unique_ptr<char[]> block_;
  size_t capacity_ = 0;
  size_t first_ = 0;  // where in the block the kept bytes begin
  size_t size_ = 0;
  uint64_t begin_ = 0;
};

}  // namespace ram::resp
