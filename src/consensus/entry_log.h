// The entries themselves, in memory, from first() to last(). libraft knows only their terms.
//
// To forget entries takes no time, however many they are: they are gone at once for everyone, and
// their memory goes a few entries with each push, the rest by give_back().
//
// Loop thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "base/ids.h"
#include "consensus/message.h"

namespace ram::consensus {

class EntryLog {
 public:
  // Index before the first entry; what is at or below it was forgotten.
  LogIndex offset() const { return offset_; }
  LogIndex first() const { return offset_ + 1; }
  LogIndex last() const { return offset_ + size(); }
  size_t size() const { return end_ - begin_; }
  bool has(LogIndex index) const { return index > offset_ && index <= last(); }
  // Requires: has(index). The reference holds until the log changes.
  const LogEntry& at(LogIndex index) const;

  // Bytes of the payloads.
  size_t bytes() const { return bytes_after(offset_); }
  // Of those after `index`. Requires: offset() <= index <= last().
  size_t bytes_after(LogIndex index) const;
  // The lowest index after which there are at most `entries`, of at most `bytes`.
  LogIndex start_of_newest(size_t entries, size_t bytes) const;

  void push(LogEntry entry);
  // Drops `index` and what follows. Beyond the end: nothing happens.
  void truncate_from(LogIndex index);
  // Drops what is at or below `index`. Requires: index <= last().
  void forget_up_to(LogIndex index);
  // Empties it; the next entry has offset + 1.
  void restart_after(LogIndex offset);

  // Frees so many of the entries that were forgotten. True: there are more.
  bool give_back(size_t entries);

 private:
  struct Slot {
    LogEntry entry;
    uint64_t end = 0;  // bytes of the payloads of all entries that were pushed, up to this one
  };

  // Slots are numbered from the first of the first chunk.
  static constexpr size_t kChunkSlots = 256;
  using Chunk = std::array<Slot, kChunkSlots>;

  size_t number_of(LogIndex index) const { return begin_ + (index - offset_) - 1; }
  const Slot& slot(size_t number) const {
    return (*chunks_[number / kChunkSlots])[number % kChunkSlots];
  }
  Slot& slot(size_t number) { return (*chunks_[number / kChunkSlots])[number % kChunkSlots]; }
  uint64_t end_of(LogIndex index) const {
    return index == offset_ ? start_ : slot(number_of(index)).end;
  }

  std::deque<std::unique_ptr<Chunk>> chunks_;
  size_t freed_ = 0;  // slots before this one are empty,
  size_t begin_ = 0;  // before this one forgotten,
  size_t end_ = 0;    // and from this one on not yet used
  LogIndex offset_;
  uint64_t start_ = 0;  // what `end` of the entry at offset_ was
};

}  // namespace ram::consensus
