// A node's part in read leases, whatever its role: what of READ-LEASES.md stands between the engine
// (consensus), the arithmetic (lease) and the readers (ReadGate).
//
// Order within a pass: follow() after each call of the engine, so that a lease ends with its term;
// turn() once, then what is stable is made visible, then messages leave, with the news from here.
//
// Loop thread only.
#pragma once

#include <optional>

#include "base/clock.h"
#include "base/clock_reading.h"
#include "base/ids.h"
#include "consensus/replica.h"
#include "lease/clock_watch.h"
#include "lease/election_wait.h"
#include "lease/follower_lease.h"
#include "lease/leader_lease.h"
#include "node/peer_message.h"
#include "node/read_gate.h"

namespace ram::node {

class Leases {
 public:
  Leases(NodeId self, const lease::Times& times, ReadGate& gate, lease::Faults faults,
         bool clock_trusted);
  ~Leases();  // closes the gate
  Leases(const Leases&) = delete;

  // ---- what happened ----

  // The engine was called: its term, its state and the log's installing may be others.
  void follow(Instant now, const consensus::Replica& replica);
  void on_vote(Instant now, NodeId from, const consensus::RequestVoteResult& result,
               Duration quiet);
  // From the leader of `term`, which is the engine's.
  void on_leader_news(Instant now, Term term, const LeaderNews& news);
  // Requires: the engine leads, and `from` says it of our term.
  void on_member_news(Instant now, const consensus::Replica& replica, NodeId from,
                      const lease::MemberNews& news);
  // About once a heartbeat (section 7). A clock that may have jumped costs the lease, once; one
  // that misbehaves, every lease from now on, and leadership is to be handed over.
  lease::ClockFinding look_at_clocks(const ClockReading& reading);
  bool clock_trusted() const { return trusted_; }
  // We are about to leave: gives our lease back, and takes none again (R5.4).
  void release(Instant now);

  // ---- a pass ----

  // Returns the stable index of a leader; of others what it was. What readers may know follows.
  LogIndex turn(Instant now, const consensus::Replica& replica, LogIndex stable);
  // True: the leader should write to `member` though nothing else is new.
  bool wants_word(Instant now, NodeId member) const;
  std::optional<lease::Grant> grant(NodeId member) { return leader_.grant(member); }
  // Requires: the engine follows in the term of the message that this rides on.
  MemberNews member_news(Instant now, const consensus::Replica& replica);
  Duration quiet(Instant now) const { return trusted_ ? quiet_.since(now) : Duration::zero(); }
  // The leader may take a fallback's question now.
  bool ready(Instant now) const { return led_ && leader_.ready(now); }
  // True once nothing is promised to `member`, which is to be removed; no more is (R7).
  bool may_remove(Instant now, NodeId member);
  Instant next_deadline() const { return led_ ? leader_.next_change() : kNever; }

  // ---- reports ----

  const lease::Times& times() const { return times_; }
  const lease::LeaderLease& leader() const { return leader_; }
  Instant lease_end() const { return published_; }
  // Until when this node has every acknowledged write in memory (R11); kNoLease: not known.
  Instant complete_until(Instant now) const;

 private:
  void doubt_clock(Instant sound_until, Instant now);
  void publish(Instant now);

  const NodeId self_;
  const lease::Times times_;
  const lease::Faults faults_;
  ReadGate& gate_;
  lease::ClockWatch watch_;
  lease::Quiet quiet_;
  lease::ElectionWait election_;
  lease::FollowerLease follower_;
  lease::LeaderLease leader_;
  lease::Membership membership_;
  Term term_;
  bool led_ = false;
  bool installing_ = false;
  bool trusted_;
  bool released_ = false;
  Instant echo_ = Instant::min();  // latest of the leader's times, of term_
  Round round_;                    // latest round, of term_
  Instant published_ = lease::kNoLease;
  Instant complete_ = lease::kNoLease;  // of leases before
  LogIndex kept_;                       // for keptv
};

}  // namespace ram::node
