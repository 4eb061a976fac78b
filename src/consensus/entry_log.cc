#include "consensus/entry_log.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace ram::consensus {
namespace {

// Freed with each push: more than one, so that none is left before as many again are forgotten.
constexpr size_t kGivenBackPerPush = 2;

}  // namespace

const LogEntry& EntryLog::at(LogIndex index) const {
  RAM_CHECK(has(index));
  return slot(number_of(index)).entry;
}

size_t EntryLog::bytes_after(LogIndex index) const {
  RAM_CHECK(index >= offset_ && index <= last());
  return end_of(last()) - end_of(index);
}

LogIndex EntryLog::start_of_newest(size_t entries, size_t bytes) const {
  // The fewer are left out, the more bytes remain.
  LogIndex low = last() - std::min(entries, size());
  LogIndex high = last();
  while (low < high) {
    const LogIndex middle = low + (high - low) / 2;
    if (bytes_after(middle) <= bytes) {
      high = middle;
    } else {
      low = middle.next();
    }
  }
  return low;
}

void EntryLog::push(LogEntry entry) {
  give_back(kGivenBackPerPush);
  const uint64_t end = end_of(last()) + entry.payload.size();
  if (end_ == chunks_.size() * kChunkSlots) chunks_.push_back(std::make_unique<Chunk>());
  slot(end_++) = {std::move(entry), end};
}

void EntryLog::truncate_from(LogIndex index) {
  while (size() > 0 && last() >= index) slot(--end_).entry = LogEntry{};
}

void EntryLog::forget_up_to(LogIndex index) {
  RAM_CHECK(index <= last());
  if (index <= offset_) return;
  start_ = end_of(index);
  begin_ += index - offset_;
  offset_ = index;
}

void EntryLog::restart_after(LogIndex offset) {
  start_ = end_of(last());
  begin_ = end_;
  offset_ = offset;
}

bool EntryLog::give_back(size_t entries) {
  for (; entries > 0 && freed_ < begin_; --entries) {
    slot(freed_++).entry = LogEntry{};
    if (freed_ < kChunkSlots) continue;
    chunks_.pop_front();
    freed_ -= kChunkSlots;
    begin_ -= kChunkSlots;
    end_ -= kChunkSlots;
  }
  return freed_ < begin_;
}

}  // namespace ram::consensus
