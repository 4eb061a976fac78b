// Immutable bytes that many may hold: a log entry, a frame, a piece of a state.
//
// A SharedBytes is a view that keeps alive the block it looks into, so that a received frame is
// never copied: its entries, and what the log keeps of them, all point into it. shared_ptr, because
// a block lives until the last of log, links and machine lets go of it, in any order.
//
// Immutable; copies may be used from any thread.
#pragma once

#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace ram {

class SharedBytes {
 public:
  SharedBytes() = default;

  // Takes over `bytes`; one allocation.
  explicit SharedBytes(std::string bytes) {
    auto block = std::make_shared<const std::string>(std::move(bytes));
    view_ = *block;
    block_ = std::move(block);
  }

  // `view` lies within what `block` keeps alive.
  SharedBytes(std::shared_ptr<const void> block, std::string_view view)
      : block_(std::move(block)), view_(view) {}

  // A part of this, sharing its block. Requires: within size().
  SharedBytes part(size_t from, size_t size) const {
    return SharedBytes(block_, view_.substr(from, size));
  }

  std::string_view view() const { return view_; }
  size_t size() const { return view_.size(); }
  bool empty() const { return view_.empty(); }
  const std::shared_ptr<const void>& block() const { return block_; }

 private:
  std::shared_ptr<const void> block_;
  std::string_view view_;
};

}  // namespace ram
