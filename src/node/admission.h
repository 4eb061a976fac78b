// The leader's side of membership: who is let in, replaced, promoted; one change at a time
// (MEMBERSHIP.md sections 2 and 3).
//
// A node that wants in asks again and again, saying how far it is. From the names in the
// configuration, what was heard of whom, and what each has of the log, Admission says what to
// answer and which change to make next. It keeps nothing that a new leader could not learn anew.
//
// One thread.
#pragma once

#include <map>
#include <optional>
#include <string>

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

  // What to answer a node that wants in. Requires: `replica` leads.
  JoinAnswer on_request(Instant now, NodeId joiner, const JoinRequest& request,
                        const consensus::Replica& replica);

  // The change to make now, if any; call once per heartbeat. Requires: `replica` leads.
  std::optional<consensus::Configuration> next_change(Instant now,
                                                      const consensus::Replica& replica);

 private:
  struct Joiner {
    std::string description;
    LogIndex have;
    Instant asked;
    uint64_t times = 0;  // that it was told where to fetch the state
  };

  std::optional<consensus::Configuration> remove_replaced(Instant now,
                                                          const consensus::Replica& replica) const;
  std::optional<consensus::Configuration> add_joiner(const consensus::Replica& replica) const;
  std::optional<consensus::Configuration> promote(Instant now,
                                                  const consensus::Replica& replica) const;
  std::string source_for(Instant now, Joiner& joiner, const consensus::Replica& replica) const;

  Rules rules_;
  Instant since_{};
  std::map<NodeId, Instant> heard_;
  std::map<NodeId, Joiner> joiners_;
  // Our last index at the previous two heartbeats: a standby that has reached the older one follows
  // at the speed of writing.
  LogIndex last_before_;
  LogIndex last_now_;
};

}  // namespace ram::node
