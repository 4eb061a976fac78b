// The memory of one store, and the count of it.
//
// Entries and overflow buckets come from malloc, large arrays of buckets from the kernel, as zeroes
// that cost nothing until they are touched. Large arrays are given back a piece at a time.
//
// Counted are the bytes that a block takes in malloc, not those asked for; the count depends on
// nothing but what was asked for.
//
// Loop thread only, but for bytes().
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace ram::store {

class Blocks {
 public:
  Blocks() = default;
  Blocks(const Blocks&) = delete;
  ~Blocks();

  static constexpr size_t kLineBytes = 64;

  // What a block of `bytes` takes: glibc's header, and its steps of 16.
  static constexpr size_t cost(size_t bytes) {
    return bytes <= 24 ? 32 : (bytes + 8 + 15) & ~size_t{15};
  }
  // A block of at least 16-byte alignment whose address has 48 bits.
  void* allocate(size_t bytes);
  void release(void* block, size_t bytes);

  // A cache line, aligned.
  static constexpr size_t kLineCost = kLineBytes + 16;
  void* allocate_line();
  void release_line(void* line);

  // Zeroed, aligned to a cache line. Requires: bytes == array_bytes(bytes).
  void* allocate_array(size_t bytes);
  void release_array(void* array, size_t bytes);
  // Unmaps pieces of large arrays that were released, one for each kUnmapCost of `budget`, at least
  // one if any budget is there. True: more to do.
  bool give_back(size_t& budget);
  // `bytes`, in whole cache lines or pages.
  static constexpr size_t array_bytes(size_t bytes) {
    const size_t step = bytes < kMapFrom ? kLineBytes : kPageBytes;
    return (bytes + step - 1) / step * step;
  }
  size_t leaving_bytes() const;  // what it would give back

  // For what is allocated elsewhere and belongs to the store.
  void count(size_t bytes) { set(this->bytes() + bytes); }
  void uncount(size_t bytes) { set(this->bytes() - bytes); }

  // Any thread.
  size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }  // relaxed: a statistic

  // How much of it the newest state needs; the rest waits to be freed.
  size_t live() const { return live_; }
  void count_live(size_t bytes) { live_ += bytes; }
  void uncount_live(size_t bytes) { live_ -= bytes; }

 private:
  struct Mapping {
    char* at;
    size_t bytes;
  };
  static constexpr size_t kPageBytes = 4096;
  static constexpr size_t kMapFrom = 64 << 10;    // arrays from here on are mappings
  static constexpr size_t kUnmapPiece = 1 << 20;  // some tens of microseconds
  static constexpr size_t kUnmapCost = 256;

  void set(size_t bytes) { bytes_.store(bytes, std::memory_order_relaxed); }  // one writer

  std::atomic<size_t> bytes_{0};
  size_t live_ = 0;
  std::vector<Mapping> leaving_;
};

}  // namespace ram::store
