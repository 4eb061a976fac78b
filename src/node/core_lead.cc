// What a NodeCore looks after with each heartbeat, and what it does for the others while it leads.

#include <algorithm>
#include <utility>

#include "base/slowest_link.h"
#include "machine/command_codec.h"
#include "node/core_inside.h"

namespace ram::node {

void NodeCore::Inside::heartbeat(Instant now) {
  seek_membership(now);
  say_what_is_waited_for(now);
  seek_word(now);
  keep_fetching(now);
  if (!replica_) return;
  look_at_members(now);
  source_.on_time(now, state_bytes(), to_receivers());
  report_transfers(now);
  tell_pace();
  const Duration patience = 4 * heartbeat_of(failover_after_);
  asker_.ask_again(now - patience);
  // Long ones take their time; what is sent again takes as much again.
  const Duration carried = carried_in(own_.in_flight_bytes()) + failover_after_;
  if (const Instant sent = own_.oldest_sent(); sent != kNever && now - sent >= carried) {
    resend_ = true;
  }
  if (!copies_.empty() && !leads() && leader()) {
    // An answer is good for all before it.
    post_to(leader(), CopiesRequest{copies_.front().index});
    post_to(leader(), CopiesRequest{copies_.back().index});
  }
  if (recovery_) ask_survivors();
  call_those_left_behind(now);
  ask_operations(now);
  choose_relays(now);
  // Before the turn took note of an election, nothing is known of leases granted before it.
  if (!leads() || !led_ || replica_->term() != seen_term_) return;
  if (!leases_->clock_trusted()) begin_hand_over(now, NodeId());
  admission_.beat(now, *replica_);
  rounds_.keep(replica_->latest());
  std::erase_if(told_,
                [&](const auto& told) { return replica_->latest().find(told.first) == nullptr; });
  manage(now);
  close_sessions(now);
}

// Makes the next change of the members, if one is due and may be made. Requires: we lead, and the
// turn took note of it.
void NodeCore::Inside::manage(Instant now) {
  if (!leads() || !led_ || replica_->term() != seen_term_ || hand_over_) {
    removal_.reset();
    return;
  }
  auto next = admission_.next_change(now, *replica_);
  NodeId removed;
  for (const consensus::Server& server : replica_->latest().servers) {
    if (next && next->find(server.id) == nullptr) removed = server.id;
  }
  // Who is to go may still read under a lease of ours (READ-LEASES R7).
  if (!leases_->may_remove(now, removed)) next.reset();
  if (!next || !removed) removal_.reset();
  if (!next || (removed && !rest_is_there(now, removed, *next))) return;
  log_.info("changing the members: " + what_changes(now, *next) + "; " +
            std::to_string(next->servers.size()) + " of them then, " +
            std::to_string(next->voters()) + " with a vote");
  if (!replica_->change(now, *next)) log_.debug("the change has to wait");
}

// For people. The next configuration differs from ours in one member.
std::string NodeCore::Inside::what_changes(Instant now,
                                           const consensus::Configuration& next) const {
  const auto who = [](const consensus::Server& server) {
    const auto description = decode_description(server.description);
    return description ? description->name + " at " + description->address : std::string("one");
  };
  for (const consensus::Server& server : replica_->latest().servers) {
    const consensus::Server* then = next.find(server.id);
    if (then != nullptr && then->role != server.role) return who(server) + " gets a vote";
    if (then != nullptr) continue;
    if (admission_.leaving(server.id)) return who(server) + " leaves";
    return who(server) + " is taken out, silent for " +
           std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(
                              now - admission_.last_heard(server.id))
                              .count()) +
           " ms";
  }
  for (const consensus::Server& server : next.servers) {
    if (replica_->latest().find(server.id) == nullptr) return who(server) + " joins";
  }
  return "none";
}

// The change that takes `removed` out is committed by those that remain. One of them may have died
// a moment ago: the cluster would be lost then, with a member that only wanted to go. So a majority
// of them answers something that was sent after the decision, first; who is slower than four
// election timeouts is asked anew.
bool NodeCore::Inside::rest_is_there(Instant now, NodeId removed,
                                     const consensus::Configuration& rest) {
  if (!removal_ || removal_->member != removed || now - removal_->since >= 4 * failover_after_) {
    removal_ = {removed, rounds_.announce(), now};
  }
  if (!rounds_.confirmed(removal_->round, rest, options_.id)) return false;
  removal_.reset();
  return true;
}

void NodeCore::Inside::close_sessions(Instant now) {
  // What is held back while leadership moves may be dropped.
  if (!replica_->barrier_committed() || replica_->changing() || hand_over_) return;
  std::erase_if(closing_,
                [&](NodeId origin) { return machine_->sessions().find(origin) == nullptr; });
  for (const auto& [origin, session] : machine_->sessions().all()) {
    if (replica_->committed().find(origin) != nullptr || closing_.contains(origin)) continue;
    closing_.insert(origin);
    submit_record(now, SharedBytes(machine::encode_close_session(origin)));
  }
}

}  // namespace ram::node
