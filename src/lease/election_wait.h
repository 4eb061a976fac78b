// How long a new leader must count members that it has not heard of (READ-LEASES R4): until the
// leases that its predecessors granted have ended on any clock.
//
// A predecessor's lease rests on a majority that answered it, and so does every lease it granted.
// Each of those who elect the new leader says for how long it has answered nobody (R4.3): then the
// wait counts from there.
//
// Loop thread only.
#pragma once

#include <map>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "lease/faults.h"
#include "lease/times.h"

namespace ram::lease {

// A voter's side: when it last answered a leader, or was one.
class Quiet {
 public:
  // Not before the receipt of what is answered. While leading: at each look at our own clock.
  void answered(Instant now) { last_ = now; }
  Duration since(Instant now) const;
  Instant last() const { return last_; }

 private:
  Instant last_ = Instant::min();
};

// The candidate's side.
class ElectionWait {
 public:
  explicit ElectionWait(const Times& times, Faults faults = {}) : times_(times), faults_(faults) {}

  // The result of a real vote of `term` came from `voter` at `now`: it is in that term.
  void on_vote(Instant now, Term term, NodeId voter, bool granted, Duration quiet);
  // Our clock may have jumped: what it showed before `now` says nothing.
  void doubt_clock(Instant now);

  // When the wait of a leader of `term` is over, who learnt of its election at `now`. `voters` are
  // those of its latest configuration, itself (`self`) perhaps among them.
  Instant end(Instant now, Term term, NodeId self, const Quiet& own,
              std::span<const NodeId> voters) const;
  // Who is known to have entered `term`.
  std::vector<NodeId> entered(Term term) const;

 private:
  struct Vote {
    bool granted = false;
    Instant end = Instant::min();  // of the wait, if it were the only vote
  };

  // From the moment at which the last lease may have begun.
  Duration full_wait() const;

  Times times_;
  Faults faults_;
  Term term_;
  std::map<NodeId, Vote> votes_;  // of term_
};

}  // namespace ram::lease
