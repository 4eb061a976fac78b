// What a leader has on its way to one member: how many bytes may be, and when they count as lost.
//
// The engine asks for entries without regard to their size, and in its probing mode for all of them
// again with each heartbeat. Here they are let go a window of bytes at a time (one entry always
// fits), each once; the rest follows as the member acknowledges. While little is under way the
// engine has its way. When much is (`heavy`), nothing is repeated before a slow link would have
// carried it, and heartbeats go out beside the entries: naming what the member is known to have,
// they are answered however long the entries take. (A refusal of entries is believed: something
// before them is missing there.)
//
// One thread.
#pragma once

#include <cstddef>
#include <optional>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"

namespace ram::consensus {

class EntryLog;

struct FlowLimits {
  size_t bytes_max;      // on their way at once
  size_t entries_max;    // of one message
  size_t message_bytes;  // of one message, if it has more than one entry
  Duration patience;     // before the first byte on its way counts as lost
  Duration beat_every;   // while heavy
};

class Flow {
 public:
  struct Slice {
    LogIndex previous;
    size_t count = 0;
  };

  // The engine asks for `count` entries after `previous` to be sent to a member that is known to
  // have `match` (0: nothing is known).
  void want(Instant now, const EntryLog& log, const FlowLimits& limits, LogIndex previous,
            size_t count, LogIndex match);
  // The member is known to have `match`.
  void acknowledge(Instant now, const EntryLog& log, LogIndex match);
  // What is on its way never arrives.
  void lose(Instant now);
  // True if the engine asked, since this was last called, for what was sent already, and did not
  // get it.
  bool was_asked_again() { return std::exchange(asked_again_, false); }

  // Index before the next entry to send.
  LogIndex sent() const { return sent_; }
  // The next entries to send, now; nothing if there are none, or enough are on their way.
  std::optional<Slice> take(const EntryLog& log, const FlowLimits& limits);

  // A heartbeat has to go out beside the entries, or in their place; asked when the engine wants
  // something sent.
  bool beat_due(Instant now, const FlowLimits& limits) const {
    return now - beat_ >= limits.beat_every;
  }
  void on_beat(Instant now) { beat_ = now; }
  // True if a heartbeat that names `previous` may overtake what it names: the member would refuse
  // it, and the engine take for lost what is only slow.
  bool outruns(const EntryLog& log, LogIndex previous) const;

  // More is on its way, or waits for that, than a heartbeat may wait behind.
  bool heavy() const;

 private:
  bool complete(const EntryLog& log) const;
  void recount(const EntryLog& log);

  LogIndex base_;     // the member has all up to here, or is asked whether it has
  LogIndex sent_;     // up to here on its way
  LogIndex wanted_;   // up to here asked for by the engine
  size_t bytes_ = 0;  // of (base_, sent_]
  bool asked_again_ = false;
  Instant moved_{};  // when base_ last moved, or sending began anew
  Instant beat_{};   // when the last heartbeat went
};

}  // namespace ram::consensus
