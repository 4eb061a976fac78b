// What a leader knows of leases: its own, which a majority's echoes carry (READ-LEASES R3), those
// that it granted (R5), and from both the stable index (R6): what every node that serves reads has.
//
// A pass: news of members go in as they arrive; then turn(), which looks at the clock once; then
// the questions, and grants as messages leave.
//
// Loop thread only.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "lease/faults.h"
#include "lease/follower_lease.h"
#include "lease/times.h"

namespace ram::lease {

// A configuration, as far as leases care.
struct Membership {
  std::vector<NodeId> voters;     // of the latest
  std::vector<NodeId> latest;     // all members of the latest, and
  std::vector<NodeId> committed;  // of the latest that is committed
};

// What a member says of itself with each message to its leader (section 3).
struct MemberNews {
  Instant echo;       // latest of the leader's own times that it received in this term
  Instant time;       // its own clock now
  LogIndex verified;  // v
  Epoch epoch;
  bool wants_lease = false;

  bool operator==(const MemberNews&) const = default;
};

class LeaderLease {
 public:
  LeaderLease(NodeId self, const Times& times, Faults faults = {});

  // We lead a new term; `entered` are in it already. Nothing is known of anybody else.
  void begin(Instant wait_end, std::span<const NodeId> entered);
  // Requires, before turn(): told of the configuration of now.
  void set_membership(Membership membership);
  // Removal of `member` is wanted, or of nobody: no more grants to it (R7).
  void retire(NodeId member) { retiring_ = member; }
  // Our clock may have jumped between `sound_until` and `now`, and is good from now on: leases that
  // ran then, of whatever leader, are counted as if they began now.
  void doubt_clock(Instant sound_until, Instant now);
  // Our clock misbehaves, in this term and all others: no more grants, no reads by our own lease,
  // and nothing that anyone was promised is known to end as time passes.
  void distrust_clock();

  // What `from` said in our term, as only a node in that term does (R4.2). `received` is our clock
  // at receipt, not earlier. `last` is our last index.
  void on_news(Instant received, NodeId from, const MemberNews& news, LogIndex last);

  // `commit` is the engine's commit index, `barrier` that of our term; `stable` the index that was
  // stable so far. Returns the stable index as of now.
  LogIndex turn(Instant now, LogIndex commit, LogIndex barrier, LogIndex stable);

  // E: until when this leader may read for itself; kNoLease while it is not ready.
  Instant ready_until() const { return ready_until_; }
  bool ready(Instant now) const { return now < ready_until_; }
  // A grant for `member`, to be sent now, in this pass; notes it.
  std::optional<Grant> grant(NodeId member);
  // There would be one, and the member's lease is half over or it has none.
  bool grant_due(Instant now, NodeId member) const;
  // True while `member` is in S: nothing is stable that it lacks.
  bool counts(Instant now, NodeId member) const;
  // After a turn: when the stable index may move with no message; kNever: never.
  Instant next_change() const;

  // For reports.
  bool leased(Instant now, NodeId member) const { return leased_for(now, member) > Duration(); }
  Duration leased_for(Instant now, NodeId member) const;
  bool lags(NodeId member) const;
  Duration readmitted_in(Instant now, NodeId member) const;
  // Who keeps what is committed from being stable, as of the latest turn; none: nobody.
  NodeId waiting_for() const { return waiting_for_; }
  // For how long `member` did so, in all the terms that we led, and for how long it does so now.
  Duration delayed_by(NodeId member) const;
  Duration delaying(Instant now, NodeId member) const;
  bool has_entered(NodeId member) const;
  LogIndex match(NodeId member) const;
  bool wants_lease(NodeId member) const;

 private:
  struct State {
    bool entered = false;
    LogIndex match;
    Instant echo = Instant::min();
    Instant time{};           // the member's clock in its latest message
    Instant received{};       // ours then
    bool unanswered = false;  // no grant since that message
    bool wants_lease = false;
    Epoch epoch;
    Instant lend = Instant::min();
    // Lag (R6.5).
    LogIndex owed;  // an entry that was committed at owed_since, and is not verified
    Instant owed_since{};
    bool lags = false;
    Instant readmit = Instant::min();
    Duration backoff{};
    Instant calm_since{};
  };

  const State* find(NodeId member) const;
  void note_delay(NodeId waited_for, Duration passed);
  Instant quorum_end(Instant now) const;
  void watch_lag(Instant now, State& state, LogIndex commit) const;
  bool may_grant(NodeId member, const State& state) const;
  bool may_lease(Instant now, NodeId member, const State& state) const;
  bool promised(Instant now, const State& state) const;
  LogIndex committed_before(Instant then) const;

  const NodeId self_;
  const Times times_;
  const Faults faults_;
  Membership membership_;
  std::map<NodeId, State> members_;
  Instant wait_end_ = Instant::min();
  Instant sound_since_ = Instant::min();  // what our clock showed before says nothing
  NodeId retiring_;
  bool clock_trusted_ = true;

  // As of the latest turn.
  Instant now_{};
  Instant quorum_end_ = kNoLease;
  Instant ready_until_ = kNoLease;
  LogIndex floor_;  // what a member must have to be granted a lease: max(sigma, b)
  bool blocked_ = false;
  NodeId waiting_for_;
  Instant waiting_since_{};
  std::map<NodeId, Duration> delays_;  // by members, up to the latest turn
  // Commit indexes of the recent past, one each half heartbeat, for Enlist (R5.1).
  struct Sample {
    Instant at;
    LogIndex commit;
  };
  std::vector<Sample> samples_;
};

}  // namespace ram::lease
