// How a node goes, how leadership moves, and how a node learns that it is a member no more
// (MEMBERSHIP.md sections 4 and 5).

#include <algorithm>
#include <utility>

#include "node/core_inside.h"

namespace ram::node {

using consensus::Role;
using consensus::Server;

// ---- handing over ----

bool NodeCore::Inside::may_lead(Instant now, const Server& server) const {
  // Nor someone who would have to hand it on, unless we go anyway.
  const bool trusts_its_clock =
      leaving_ || leases_->clock_trusted() || leases_->leader().wants_lease(server.id);
  return server.role == Role::kVoter && server.id != options_.id && trusts_its_clock &&
         !admission_.silent(now, server.id) && !admission_.leaving(server.id);
}

// To `to`, or to whoever is ready first. Records are held from now on, so that its log can be equal
// to ours: not for longer than half an election timeout, or writes would wait for nothing.
void NodeCore::Inside::begin_hand_over(Instant now, NodeId to) {
  if (hand_over_ || now < next_hand_over_) return;
  if (!replica_->barrier_committed() || replica_->changing()) return;
  const auto& servers = replica_->latest().servers;
  if (std::none_of(servers.begin(), servers.end(), [&](const Server& server) {
        return (!to || server.id == to) && may_lead(now, server);
      })) {
    return;
  }
  hand_over_ = {to, now, false};
  again_ = true;
}

void NodeCore::Inside::turn_hand_over(Instant now) {
  if (!hand_over_ || replica_->handing_to()) return;
  // Once begun, the engine gives up by itself.
  if (!hand_over_->begun && now - hand_over_->since < failover_after_ / 2) {
    const consensus::Configuration members = replica_->latest();
    const bool in_a_hurry = now - hand_over_->since >= failover_after_ / 4;
    for (const Server& server : members.servers) {
      if (hand_over_->to && server.id != hand_over_->to) continue;
      // What the engine says to it goes straight.
      if (!in_a_hurry && !heard_directly(now, server.id)) continue;
      if (!may_lead(now, server) || !replica_->transfer(now, server.id)) continue;
      log_.info("handing leadership over to the node at " + address_of(server.id));
      hand_over_->begun = true;
      return;
    }
    return;
  }
  log_.info("leadership could not be handed over; this node goes on leading");
  hand_over_.reset();
  next_hand_over_ = now + failover_after_;
  for (SharedBytes& record : std::exchange(held_, {})) submit_record(now, std::move(record));
  held_bytes_ = 0;
  again_ = true;
}

// What was held was not submitted: its origins send it to the next leader.
void NodeCore::Inside::end_hand_over() {
  hand_over_.reset();
  held_.clear();
  held_bytes_ = 0;
}

// ---- leaving ----

void NodeCore::Inside::leave() {
  if (leaving_) return;
  leaving_ = true;
  if (replica_) log_.info("leaving the cluster");
  again_ = true;
}

// True if anybody is there to go on when this node, which leads, has gone.
bool NodeCore::Inside::someone_stays(Instant now) const {
  const auto& servers = replica_->latest().servers;
  return std::any_of(servers.begin(), servers.end(), [&](const Server& server) {
    return server.id != options_.id && !admission_.silent(now, server.id) &&
           !admission_.leaving(server.id);
  });
}

void NodeCore::Inside::turn_leaving(Instant now) {
  if (!leaving_ || left_) return;
  if (!is_member()) {
    withdraw(now);
    return;
  }
  if (leads()) {
    if (someone_stays(now)) {
      begin_hand_over(now, NodeId());
    } else {
      left_ = nobody_else_is_there(now);
    }
  } else {
    // From here on no write is taken in; those under way end first.
    departing_ = true;
  }
  if (now < next_farewell_) return;
  next_farewell_ = now + heartbeat_of(failover_after_);
  say_farewell(now, how_far_gone());
}

// Nobody counts on this node yet. But it may have asked to be added, and would be when it has gone:
// so it says that it wants in no more, until that is confirmed, or for two election timeouts at
// most.
void NodeCore::Inside::withdraw(Instant now) {
  if (withdrawn_until_ == kNever) {
    withdrawn_until_ = now + std::min<Duration>(2 * failover_after_, std::chrono::seconds(1));
  }
  left_ = left_ || !replica_ || now >= withdrawn_until_;
  if (left_ || now < next_farewell_) return;
  next_farewell_ = now + heartbeat_of(failover_after_);
  for (const std::string& address : where_members_may_be()) {
    post(address, NodeId(), MembershipQuery{LogIndex(), Leaving::kNow});
  }
}

Leaving NodeCore::Inside::how_far_gone() const {
  if (!leaving_) return Leaving::kNo;
  const bool idle = own_.waiting() + own_.in_flight() == 0;
  return departing_ && !leads() && idle ? Leaving::kNow : Leaving::kSoon;
}

// Tells all members, so that nobody hands anything over to this node; the leader takes it out.
void NodeCore::Inside::say_farewell(Instant now, Leaving when) {
  admission_.leave(now, options_.id, when);
  if (when == Leaving::kNow) {
    source_.drop_all("this node leaves", to_receivers());
    leases_->release(now);
    if (leader()) {  // who hears of the release first need not wait for our lease to end
      post_to(leader(), Pong{replica_->term(), leases_->member_news(now, *replica_)});
    }
  }
  const consensus::Configuration members = replica_->latest();
  for (const Server& server : members.servers) {
    if (server.id == options_.id) continue;
    post_to(server.id, MembershipQuery{replica_->committed_configuration_index(), when});
  }
}

// The last voter just goes, when those who leave as well have been let go, and told.
bool NodeCore::Inside::nobody_else_is_there(Instant now) const {
  if (now - last_farewell_heard_ < 3 * heartbeat_of(failover_after_)) return false;
  const auto& servers = replica_->latest().servers;
  return replica_->latest().voters() == 1 &&
         std::all_of(servers.begin(), servers.end(), [&](const Server& server) {
           return server.id == options_.id || admission_.silent(now, server.id);
         });
}

// ---- am I still a member? ----

bool NodeCore::Inside::is_member() const {
  return replica_ && replica_->committed().find(options_.id) != nullptr;
}

// A member that hears no leader asks around: the cluster may have gone on without it.
void NodeCore::Inside::seek_word(Instant now) {
  if (!is_member() || leads() || now - last_contact_ < 2 * failover_after_) return;
  if (++words_sought_ % 4 != 0) return;
  const std::vector<std::string> ask = where_members_may_be();
  if (ask.empty()) return;
  post(ask[words_sought_ / 4 % ask.size()], NodeId(),
       MembershipQuery{replica_->committed_configuration_index(), how_far_gone()});
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const MembershipQuery& query) {
  if (!replica_ || from.id == options_.id) return;
  if (heading.cluster != cluster_) {
    if (machine_->parameters().goes_on_from(heading.cluster)) {
      tell_refounded(now, from, heading.cluster);
    }
    return;
  }
  if (query.leaving != Leaving::kNo) last_farewell_heard_ = now;
  const bool member = replica_->latest().find(from.id) != nullptr;
  if (member && query.leaving != Leaving::kNo) {
    admission_.leave(now, from.id, query.leaving);
    manage_ = true;
    return;
  }
  if (!leads()) {
    if (leader() && !no_quorum(now)) {
      post(from.address, from.id, JoinAnswer{JoinAnswer::Kind::kAsk, address_of(leader()), ""});
      carry_to_leader(from.id, query);
    }
    return;
  }
  if (member) return;
  if (query.leaving != Leaving::kNo) {
    admission_.withdraw(from.id);
    claims_.end(from.id);
  }
  if (replica_->committed().find(from.id) != nullptr) return;
  // Said only with a majority behind us, and an entry of our term committed (turn_fences).
  if (replica_->committed_configuration_index() > query.known) rounds_.add_notice(from.id);
}

void NodeCore::Inside::tell_removed(NodeId who) {
  if (replica_->latest().find(who) != nullptr || replica_->committed().find(who) != nullptr) return;
  post_to(who, Removed{replica_->committed_configuration_index()});
}

void NodeCore::Inside::on_message(Instant, const Peer& from, const Heading& heading,
                                  const Removed& removed) {
  if (!among_members(from, heading)) return;
  left_ = left_ || (leaving_ && !is_member());  // nor will it become one
  if (!is_member()) return;
  if (removed.index <= replica_->committed_configuration_index()) return;
  join_leader_ = from.address;
  be_removed();
}

// Never to be added again under this id.
void NodeCore::Inside::be_removed() {
  if (leaving_) {
    left_ = true;
    return;
  }
  log_.warning("this incarnation was removed from the cluster; joining as a new one");
  expelled_ = true;
}

}  // namespace ram::node
