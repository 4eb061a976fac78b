// What a NodeCore looks after with each heartbeat, and what it does for the others while it leads.

#include <algorithm>
#include <utility>

#include "machine/command_codec.h"
#include "node/core_inside.h"

namespace ram::node {

void NodeCore::Inside::heartbeat(Instant now) {
  seek_membership(now);
  keep_fetching(now);
  source_.on_time(now);
  if (!replica_) return;
  const Duration patience = 4 * heartbeat_of(failover_after_);
  asker_.ask_again(now - patience);
  // Long ones take their time; what is sent again takes as much again.
  const Duration carried =
      std::chrono::seconds(own_.in_flight_bytes() / kLinkBytesPerSecondMin) + failover_after_;
  if (const Instant sent = own_.oldest_sent(); sent != kNever && now - sent >= carried) {
    resend_ = true;
  }
  if (!copies_.empty() && !leads() && leader()) {
    for (const Copies& copies : copies_) post_to(leader(), CopiesRequest{copies.index});
  }
  // Before the turn took note of an election, nothing is known of leases granted before it.
  if (!leads() || !led_ || replica_->term() != seen_term_) return;
  if (!leases_->clock_trusted()) hand_over(now);
  auto next = admission_.next_change(now, *replica_);
  NodeId removed;
  for (const consensus::Server& server : replica_->latest().servers) {
    if (next && next->find(server.id) == nullptr) removed = server.id;
  }
  // Who is to go may still read under a lease of ours (READ-LEASES R7).
  if (!leases_->may_remove(now, removed)) next.reset();
  if (next) {
    log_.info("changing the members: " + std::to_string(next->servers.size()) + " of them, " +
              std::to_string(next->voters()) + " with a vote");
    if (!replica_->change(now, *next)) log_.debug("the change has to wait");
  }
  close_sessions(now);
}

// To whoever is ready for it; not yet, if nobody is.
void NodeCore::Inside::hand_over(Instant now) {
  if (replica_->handing_to()) return;
  for (const consensus::Server& server : replica_->latest().servers) {
    if (server.role != consensus::Role::kVoter || admission_.silent(now, server.id)) continue;
    // Nor to someone who would have to hand it on.
    if (!leases_->clock_trusted() && !leases_->leader().wants_lease(server.id)) continue;
    if (server.id != options_.id && replica_->transfer(now, server.id)) return;
  }
}

void NodeCore::Inside::close_sessions(Instant now) {
  if (!replica_->barrier_committed() || replica_->changing()) return;
  for (const auto& [origin, session] : machine_->sessions().all()) {
    if (replica_->committed().find(origin) != nullptr || closing_.contains(origin)) continue;
    closing_[origin] = {replica_->term(), session.last()};
    submit_record(now, machine::encode_close_session(origin));
  }
}

}  // namespace ram::node
