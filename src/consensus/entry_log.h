// The entries themselves, in memory: a ring from first() to last(). libraft knows only their terms.
//
// Loop thread only.
#pragma once

#include <cstddef>
#include <vector>

#include "base/ids.h"
#include "consensus/message.h"

namespace ram::consensus {

class EntryLog {
 public:
  // Index before the first entry; what is at or below it was forgotten.
  LogIndex offset() const { return offset_; }
  LogIndex first() const { return offset_ + 1; }
  LogIndex last() const { return offset_ + size_; }
  size_t size() const { return size_; }
  // Bytes of the payloads.
  size_t bytes() const { return bytes_; }
  bool has(LogIndex index) const { return index > offset_ && index <= last(); }
  // Requires: has(index). The reference holds until the log changes.
  const LogEntry& at(LogIndex index) const;

  void push(LogEntry entry);
  // Drops `index` and what follows. Beyond the end: nothing happens.
  void truncate_from(LogIndex index);
  // Drops what is at or below `index`. Requires: index <= last().
  void forget_up_to(LogIndex index);
  // Empties it; the next entry has offset + 1.
  void restart_after(LogIndex offset);

 private:
  size_t slot(LogIndex index) const { return (head_ + (index - offset_) - 1) & (ring_.size() - 1); }
  void drop(size_t slot);
  void move_to_ring_of(size_t slots);

  std::vector<LogEntry> ring_;  // empty, or a power of two
  size_t head_ = 0;             // slot of first()
  size_t size_ = 0;
  size_t bytes_ = 0;
  LogIndex offset_;
};

}  // namespace ram::consensus
