// What a connection received and its owner has not consumed, in one piece.
//
// Grows as needed and gives its memory back when it becomes empty, so that an idle connection has
// none. Not thread-safe.
#pragma once

#include <memory>
#include <span>
#include <string_view>

namespace ram::net {

class UnreadBuffer {
 public:
  bool empty() const { return begin_ == end_; }
  size_t size() const { return end_ - begin_; }
  std::string_view view() const { return {bytes_.get() + begin_, size()}; }

  // Memory behind the content, of at least `bytes` bytes; what is put there counts after added().
  std::span<char> room(size_t bytes);
  void added(size_t bytes);
  void append(std::string_view bytes);
  // Drops `bytes` from the front.
  void consume(size_t bytes);
  // room() will be asked for until `bytes` are held: allocates once. No more than a hint.
  void expect(size_t bytes);
  void clear();

 private:
  void move_to(size_t capacity);

  std::unique_ptr<char[]> bytes_;
  size_t capacity_ = 0;
  size_t begin_ = 0;
  size_t end_ = 0;
};

}  // namespace ram::net
