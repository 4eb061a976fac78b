// What waits to be written to a connection: bytes in order, in few pieces.
//
// Small writes are gathered into one piece; large SharedBytes stay where they are. The pieces at
// the front may be lent to the kernel: they then keep their place and content until they were sent.
//
// Not thread-safe.
#pragma once

#include <deque>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace ram::net {

class OutQueue {
 public:
  void append(std::string_view bytes);
  void append(std::string&& bytes);
  void append(SharedBytes bytes);

  bool empty() const { return bytes_ == 0; }
  size_t bytes() const { return bytes_; }

  // Fills `views` from the front, as far as they go, with about `bytes_max` bytes or one piece if
  // it is larger; returns how many it filled. They are valid until the next call but bytes().
  size_t front(std::span<std::string_view> views, size_t bytes_max) const;
  // As front(); the views are valid until sent().
  size_t lend(std::span<std::string_view> views, size_t bytes_max);

  // The first `bytes` were written. What was lent is all back.
  void sent(size_t bytes);
  void clear();

 private:
  struct Piece {
    std::string own;
    SharedBytes shared;  // if `own` is empty
    std::string_view view() const { return own.empty() ? shared.view() : std::string_view(own); }
  };

  bool may_grow() const;

  std::deque<Piece> pieces_;  // none is empty
  size_t front_sent_ = 0;     // of the first piece
  size_t lent_ = 0;           // pieces
  size_t bytes_ = 0;
};

}  // namespace ram::net
