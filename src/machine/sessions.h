// One session per incarnation that writes: a transaction that arrives twice applies once.
//
// Each origin numbers its transactions from 1 without gaps. Its session keeps the number of the
// last one applied, and the replies that the origin may still need: a call whose record arrives
// inside a received state is answered from there. The origin says with each record up to where it
// has its replies (the floor).
//
// Invariants: floor <= last; the replies are those of floor + 1 to last. Which replies are kept is
// part of the state, the same on every node; the digest covers (origin, last). How they lie in
// chunks (reply_chunk.h) is not.
//
// Deterministic; loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>

#include "base/codec.h"
#include "base/ids.h"
#include "base/limits.h"
#include "machine/command.h"
#include "machine/reply_chunk.h"

namespace ram::machine {

class Session {
 public:
  enum class Verdict {
    kApply,   // it is the next
    kRepeat,  // it was applied before: no effect
    kGap,     // one before it is missing: no effect
  };

  // With the replies up to `floor` dropped and none of the others added yet. `limbo` outlives it.
  explicit Session(ReplyLimbo& limbo, Sequence floor = Sequence())
      : limbo_(limbo), last_(floor), floor_(floor) {}
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  Sequence last() const { return last_; }
  Sequence floor() const { return floor_; }

  Verdict judge(Sequence sequence) const {
    if (sequence <= last_) return Verdict::kRepeat;
    return sequence == last_.next() ? Verdict::kApply : Verdict::kGap;
  }

  // The next transaction was applied, with this reply.
  void add(Reply reply);
  // The origin needs no reply at or below `floor`.
  void acknowledge(Sequence floor);
  // Brings the replies back within their bounds, which add() does not look at.
  void trim(size_t replies_max = kTransactionsInFlightMax,
            size_t answer_bytes_max = kSessionAnswerBytesMax);

  // The reply to `sequence`; null: not applied yet, or no longer kept.
  const Reply* reply(Sequence sequence) const;

  size_t replies() const { return last_ - floor_; }
  // Of all replies.
  size_t answer_bytes() const { return added_bytes_ - dropped_bytes_; }
  // The chunk that has the oldest reply; those after it follow. Null: there is none. O(1).
  boost::intrusive_ptr<ReplyChunk> oldest() const { return replies() == 0 ? nullptr : first_; }

  // For tests that break a rule: goes on as if all below `next` had been applied.
  void skip_to(Sequence next);

  void check_invariants() const;

 private:
  // Of each chunk that has a reply, and of an older one that has room.
  struct Place {
    Sequence first;
    uint64_t bytes_before;  // answers of all replies that were ever added before it
    ReplyChunk* chunk;
  };

  bool newest_is_full() const;
  void begin_chunk();
  // Requires: floor() <= to <= last().
  void drop_up_to(Sequence to);

  ReplyLimbo& limbo_;
  Sequence last_;
  Sequence floor_;
  std::deque<Place> places_;
  boost::intrusive_ptr<ReplyChunk> first_;  // of the first place
  uint64_t added_bytes_ = 0;                // answers of all replies that were ever added,
  uint64_t dropped_bytes_ = 0;              // and of those of them that were dropped
};

// By origin. Ordered, so that a walk over them is the same everywhere.
class Sessions {
 public:
  // The session of `origin`; null: none.
  Session* find(NodeId origin);
  const Session* find(NodeId origin) const;
  // The session of `origin`, which begins if there is none.
  Session& open(NodeId origin) { return sessions_.try_emplace(origin, limbo_).first->second; }
  // Begins a session with what came up to `floor` forgotten. Null: `origin` has one.
  Session* restore(NodeId origin, Sequence floor);
  // False: there was none.
  bool close(NodeId origin) { return sessions_.erase(origin) != 0; }

  size_t size() const { return sessions_.size(); }
  const std::map<NodeId, Session>& all() const { return sessions_; }

  // Answers in memory that no session has any more: frozen states do, or they are not freed yet.
  size_t kept_bytes() const;
  // Frees so many chunks of replies that nobody needs. True: there are more.
  bool give_back(size_t chunks) { return limbo_.give_back(chunks); }

  // Frees everything, so many blocks at a time; true: more to do. Afterwards only this and the
  // destructor are to be called.
  bool dismantle(size_t& budget);

  // Cost: grows with the number of sessions.
  uint64_t digest() const;

  void check_invariants() const;

 private:
  ReplyLimbo limbo_;
  std::map<NodeId, Session> sessions_;
};

}  // namespace ram::machine
