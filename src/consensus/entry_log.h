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
  LogIndex last() const { return offset_ + size_; }
  size_t size() const { return size_; }
  // Bytes of the payloads.
  size_t bytes() const { return bytes_; }
  bool has(LogIndex index) const { return index > offset_ && index <= last(); }
  // Requires: has(index).
  const LogEntry& at(LogIndex index) const;

  void push(LogEntry entry);
  void truncate_from(LogIndex index);
  void forget_up_to(LogIndex index);
  // Empties it; the next entry has offset + 1.
  void restart_after(LogIndex offset);

 private:
  std::vector<LogEntry> ring_;  // a power of two
  size_t head_ = 0;
  size_t size_ = 0;
  size_t bytes_ = 0;
  LogIndex offset_;
};

}  // namespace ram::consensus
