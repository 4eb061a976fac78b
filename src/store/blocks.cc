#include "store/blocks.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "base/check.h"
#include "store/upkeep.h"

namespace ram::store {
namespace {

void* checked(void* block) {
  RAM_CHECK(block != nullptr);                               // out of memory ends the process
  RAM_CHECK(reinterpret_cast<uintptr_t>(block) >> 48 == 0);  // buckets have room for no more
  return block;
}

}  // namespace

Blocks::~Blocks() {
  size_t budget = SIZE_MAX;
  give_back(budget);
  RAM_CHECK(bytes() == 0);
}

void* Blocks::allocate(size_t bytes) {
  count(cost(bytes));
  return checked(std::malloc(bytes));
}

void Blocks::release(void* block, size_t bytes) {
  uncount(cost(bytes));
  std::free(block);
}

void* Blocks::allocate_line() {
  count(kLineCost);
  return checked(std::aligned_alloc(kLineBytes, kLineBytes));
}

void Blocks::release_line(void* line) {
  uncount(kLineCost);
  std::free(line);
}

void* Blocks::allocate_array(size_t bytes) {
  RAM_CHECK(bytes == array_bytes(bytes));
  count(bytes);
  if (bytes >= kMapFrom) return checked(upkeep::map(bytes));
  void* array = checked(std::aligned_alloc(kLineBytes, bytes));
  std::memset(array, 0, bytes);
  return array;
}

void Blocks::release_array(void* array, size_t bytes) {
  if (bytes >= kMapFrom) {
    leaving_.push_back({static_cast<char*>(array), bytes});  // counted until it is gone
    return;
  }
  uncount(bytes);
  std::free(array);
}

bool Blocks::give_back(size_t& budget) {
  while (budget > 0 && !leaving_.empty()) {
    Mapping& last = leaving_.back();
    const size_t piece = std::min(last.bytes, kUnmapPiece);
    last.bytes -= piece;
    upkeep::unmap(last.at + last.bytes, piece);
    uncount(piece);
    if (last.bytes == 0) leaving_.pop_back();
    budget -= std::min(budget, kUnmapCost);
  }
  return !leaving_.empty();
}

size_t Blocks::leaving_bytes() const {
  size_t bytes = 0;
  for (const Mapping& mapping : leaving_) bytes += mapping.bytes;
  return bytes;
}

}  // namespace ram::store
