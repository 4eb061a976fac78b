// The leader's side of membership: who is let in, replaced, promoted, let go, given up; one change
// at a time (MEMBERSHIP.md sections 2 to 5).
//
// A node that wants in, or out, asks again and again. From the names in the configuration, what was
// heard of whom, and what each has of the log, Admission says what to answer and which change to
// make next. It keeps nothing that a new leader could not learn anew.
//
// One thread.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "consensus/configuration.h"
#include "consensus/replica.h"
#include "node/peer_message.h"

namespace ram::node {

class Admission {
 public:
  struct Rules {
    size_t voters_max = 5;
    Duration silence{};  // who is not heard for so long may be replaced: an election timeout
    Duration evict_after = std::chrono::minutes(5);  // and who is not for so long, is removed
    bool early = false;  // a mistake, for tests: changes before the barrier is committed (R7)
  };

  explicit Admission(Rules rules) : rules_(rules) {}

  // We lead, since `now`: everyone counts as heard then.
  void restart(Instant now);
  // Something came from `member`.
  void heard(Instant now, NodeId member) { heard_[member] = now; }
  Instant last_heard(NodeId member) const;
  bool silent(Instant now, NodeId member) const {
    return now - last_heard(member) >= rules_.silence;
  }

  // `member` wants to go, and says so again until it has gone. Of use to whoever leads next, too.
  void leave(Instant now, NodeId member, Leaving when);
  bool leaving(NodeId member) const { return leaving_.contains(member); }
  // An operator gives `member` up. Why it will not go, one line; empty: it will. Requires:
  // `replica` leads.
  std::string evict(Instant now, NodeId member, const consensus::Replica& replica);

  // What to answer a node that wants in. Requires: `replica` leads.
  JoinAnswer on_request(Instant now, NodeId joiner, const JoinRequest& request,
                        const consensus::Replica& replica);

  // `joiner` wants in no more.
  void withdraw(NodeId joiner) { joiners_.erase(joiner); }

  // Who has asked to be let in, and is no member yet.
  struct Candidate {
    NodeId id;
    std::string description;
    Instant since;            // it asks
    std::string waiting_for;  // one line
  };
  std::vector<Candidate> candidates(const consensus::Replica& replica) const;

  // Call once per heartbeat. Requires: `replica` leads.
  void beat(Instant now, const consensus::Replica& replica);
  // The change to make now, if any. Requires: `replica` leads.
  std::optional<consensus::Configuration> next_change(Instant now,
                                                      const consensus::Replica& replica) const;

 private:
  struct Joiner {
    std::string description;
    LogIndex have;
    Instant first;
    Instant asked;
    uint64_t times = 0;  // that it was told where to fetch the state
  };

  struct Leaver {
    Instant first;
    Instant asked;
    Leaving when = Leaving::kSoon;
  };

  std::optional<consensus::Configuration> remove_replaced(Instant now,
                                                          const consensus::Replica& replica) const;
  std::optional<consensus::Configuration> let_go(Instant now,
                                                 const consensus::Replica& replica) const;
  std::optional<consensus::Configuration> give_up(Instant now,
                                                  const consensus::Replica& replica) const;
  bool is_given_up(Instant now, const consensus::Server& server,
                   const consensus::Replica& replica) const;
  // `replica`'s configuration without `member`, if a majority of what remains is there.
  std::optional<consensus::Configuration> without(Instant now, NodeId member,
                                                  const consensus::Replica& replica) const;
  // Standbys that follow at the speed of writing and stay.
  std::vector<NodeId> current_standbys(Instant now, const consensus::Replica& replica) const;
  std::optional<consensus::Configuration> add_joiner(const consensus::Replica& replica) const;
  std::optional<consensus::Configuration> promote(Instant now,
                                                  const consensus::Replica& replica) const;
  std::string source_for(Instant now, NodeId id, Joiner& joiner,
                         const consensus::Replica& replica) const;

  Rules rules_;
  Instant since_{};
  std::map<NodeId, Instant> heard_;
  std::map<NodeId, Joiner> joiners_;
  std::map<NodeId, Leaver> leaving_;
  std::set<NodeId> newcomers_;  // members that joined under this leader, and were never current
  std::map<NodeId, Instant> evicted_;  // by operators; when that was last asked for
  // Our last index at the previous two heartbeats: a standby that has reached the older one follows
  // at the speed of writing.
  LogIndex last_before_;
  LogIndex last_now_;
};

}  // namespace ram::node
