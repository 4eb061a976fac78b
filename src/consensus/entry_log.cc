#include "consensus/entry_log.h"

#include <utility>

#include "base/check.h"

namespace ram::consensus {
namespace {

constexpr size_t kSlotsMin = 64;

}  // namespace

const LogEntry& EntryLog::at(LogIndex index) const {
  RAM_CHECK(has(index));
  return ring_[slot(index)];
}

void EntryLog::push(LogEntry entry) {
  if (size_ == ring_.size()) move_to_ring_of(ring_.empty() ? kSlotsMin : ring_.size() * 2);
  bytes_ += entry.payload.size();
  ++size_;
  ring_[slot(last())] = std::move(entry);
}

void EntryLog::truncate_from(LogIndex index) {
  while (size_ > 0 && last() >= index) {
    drop(slot(last()));
    --size_;
  }
}

void EntryLog::forget_up_to(LogIndex index) {
  RAM_CHECK(index <= last());
  while (offset_ < index) {
    drop(head_);
    head_ = (head_ + 1) & (ring_.size() - 1);
    --size_;
    ++offset_;
  }
  // After a burst the ring gives its memory back; a quarter full, so that it does not grow at once.
  size_t slots = ring_.size();
  while (slots > kSlotsMin && size_ < slots / 8) slots /= 2;
  if (slots < ring_.size()) move_to_ring_of(slots);
}

void EntryLog::restart_after(LogIndex offset) {
  ring_ = {};
  head_ = 0;
  size_ = 0;
  bytes_ = 0;
  offset_ = offset;
}

void EntryLog::drop(size_t slot) {
  bytes_ -= ring_[slot].payload.size();
  ring_[slot] = LogEntry{};  // lets go of the block
}

void EntryLog::move_to_ring_of(size_t slots) {
  std::vector<LogEntry> ring(slots);
  for (size_t i = 0; i < size_; ++i) ring[i] = std::move(ring_[(head_ + i) & (ring_.size() - 1)]);
  ring_ = std::move(ring);
  head_ = 0;
}

}  // namespace ram::consensus
