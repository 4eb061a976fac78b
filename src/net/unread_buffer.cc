#include "net/unread_buffer.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"

namespace ram::net {

void UnreadBuffer::move_to(size_t capacity) {
  std::unique_ptr<char[]> bytes = std::make_unique_for_overwrite<char[]>(capacity);
  if (!empty()) std::memcpy(bytes.get(), bytes_.get() + begin_, size());
  end_ -= begin_;
  begin_ = 0;
  bytes_ = std::move(bytes);
  capacity_ = capacity;
}

std::span<char> UnreadBuffer::room(size_t bytes) {
  if (capacity_ - end_ < bytes) {
    if (capacity_ - size() >= bytes && begin_ >= size()) {
      // Half or more is free in front: moving costs no more than what was consumed there.
      if (!empty()) std::memcpy(bytes_.get(), bytes_.get() + begin_, size());
      end_ -= begin_;
      begin_ = 0;
    } else {
      move_to(std::max(2 * size(), size() + bytes));
    }
  }
  return {bytes_.get() + end_, capacity_ - end_};
}

void UnreadBuffer::added(size_t bytes) {
  RAM_CHECK(bytes <= capacity_ - end_);
  end_ += bytes;
}

void UnreadBuffer::append(std::string_view bytes) {
  if (bytes.empty()) return;
  std::memcpy(room(bytes.size()).data(), bytes.data(), bytes.size());
  added(bytes.size());
}

void UnreadBuffer::consume(size_t bytes) {
  RAM_CHECK(bytes <= size());
  begin_ += bytes;
  if (empty()) clear();
}

void UnreadBuffer::expect(size_t bytes) {
  if (bytes > capacity_ - begin_) move_to(bytes);
}

void UnreadBuffer::clear() {
  bytes_.reset();
  capacity_ = begin_ = end_ = 0;
}

}  // namespace ram::net
