// What a NodeCore says of itself and of the others.

#include <algorithm>
#include <optional>
#include <utility>

#include "node/core_inside.h"
#include "node/text.h"
#include "ram/version.h"

namespace ram::node {
namespace {

uint64_t milliseconds(Duration duration) {
  return static_cast<uint64_t>(std::max<int64_t>(
      0, std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()));
}

// What it says of itself.
std::optional<Member> describe(NodeId id, const std::string& description) {
  auto decoded = decode_description(description);
  if (!decoded) return std::nullopt;
  Member member;
  member.name = std::move(decoded->name);
  member.id = id.value;
  member.address = std::move(decoded->address);
  member.client = std::move(decoded->client);
  member.version = std::move(decoded->version);
  return member;
}

}  // namespace

// By the wall clock, for people; 0: not known.
WallMs NodeCore::Inside::complete_until(Instant now) const {
  const Instant complete = leases_->complete_until(now);
  if (complete == lease::kNoLease) return WallMs(0);
  return WallMs(static_cast<int64_t>(clock_.wall()) -
                static_cast<int64_t>(milliseconds(now - complete)));
}

NodeStatus NodeCore::Inside::status(Instant now) const {
  NodeStatus status;
  status.name = options_.name;
  status.id = options_.id.value;
  status.version = kVersion;
  status.uptime_ms = milliseconds(now - started_);
  status.memory_bytes = slot_.memory_bytes();
  status.reads_local = gate_.counted_local();
  status.reads_waited = counts_.waited;
  status.reads_asked = counts_.asked;
  status.reads_refused = counts_.refused;
  status.writes = counts_.writes;
  status.lease_reason = why_no_lease(now);
  if (!replica_) {
    status.waiting_for = join_refusal_.empty() ? founding_.waiting_for(now) : join_refusal_;
    const std::vector<std::string> seen = founding_.members_seen(now);
    if (join_refusal_.empty() && !seen.empty() && founding_.two_clusters(now).empty()) {
      status.waiting_for = "the cluster of " + seen.front() +
                           " to let this node in; if that node is in state no-quorum, it cannot "
                           "(docs/guarantees.md, \"What a crash costs\")";
    }
    if (fetch_) status.waiting_for = what_is_received();
    return status;
  }
  status.cluster = text_of(cluster_);
  if (const auto& ancestors = machine_->parameters().ancestors; !ancestors.empty()) {
    status.ancestor = text_of(ancestors.front());
  }
  status.term = replica_->term().value;
  // The engine of a follower learns of a commit later than from the leader's stable index.
  status.commit = std::max({replica_->commit(), applied_, told_commit_}).value;
  status.stable = stable_.value;
  const Instant lease_end = leases_->lease_end();
  status.lease = now < lease_end;
  if (status.lease) status.lease_ms = milliseconds(lease_end - now);
  status.complete_until_ms = static_cast<int64_t>(complete_until(now));
  if (shown_until_ != lease::kNoLease) {
    status.age_ms = static_cast<int64_t>(milliseconds(now - shown_until_));
  }
  status.applied = applied_.value;
  status.revision = machine_->revision().value;
  const consensus::Configuration& members = replica_->latest();
  report_delays(status);
  status.members = members.servers.size();
  status.voters = members.voters();
  if (const consensus::Server* server = members.find(no_quorum(now) ? NodeId() : leader())) {
    if (const auto description = decode_description(server->description)) {
      status.leader = description->name;
    }
  }
  const consensus::Server* self = members.find(options_.id);
  const bool votes = self != nullptr && self->role == consensus::Role::kVoter;
  if (leads()) {
    status.role = NodeRole::kLeader;
  } else if (votes) {
    status.role = NodeRole::kFollower;
  } else {
    status.role = self != nullptr ? NodeRole::kStandby : NodeRole::kJoining;
  }
  if (leaving_) {
    status.state = NodeState::kLeaving;
    status.waiting_for = leads() ? "another member to take over" : "the leader to let this node go";
  } else if (no_quorum(now) && is_member()) {
    status.state = NodeState::kNoQuorum;
    status.waiting_for = "a leader: " + why_no_quorum(now);
  } else if (self == nullptr && no_quorum(now)) {
    status.waiting_for = "a leader that lets this node in: " + why_no_quorum(now);
  } else if (self != nullptr && !votes && standbys_will_vote() && !replica_->installing() &&
             told_commit_ > LogIndex(applied_.value + kRecordsInFlightMax)) {
    status.waiting_for =
        "what it missed, " + std::to_string(told_commit_ - applied_) + " entries of the log";
  } else if (self == nullptr || (!votes && standbys_will_vote())) {
    status.waiting_for =
        join_refusal_.empty() ? "promotion: the leader lets this node in" : join_refusal_;
  } else if (!leader() || (leads() && !replica_->barrier_committed())) {
    status.waiting_for = "a leader";
  } else if (replica_->installing()) {
    status.waiting_for = fetch_ ? what_is_received() : "the state, from another member";
  } else if (!leads() && applied_ < missed_up_to_) {
    status.waiting_for =
        "what it missed, " + std::to_string(missed_up_to_ - applied_) + " entries of the log";
  } else {
    status.state = NodeState::kOk;
    if (members.voters() == 2) {
      status.waiting_for = "a third voter: with two, the loss of either stops the cluster";
    }
  }
  return status;
}

// Requires: fetch_.
std::string NodeCore::Inside::what_is_received() const {
  return "the state, from the member at " + fetch_->address + ": " +
         std::to_string(fetch_->store->memory_bytes() >> 20) + " MiB of memory so far";
}

NoLease NodeCore::Inside::why_no_lease(Instant now) const {
  if (!replica_) return NoLease::kJoining;
  if (!leases_->times().on) return NoLease::kOff;
  if (now < leases_->lease_end()) return NoLease::kHolds;
  if (!leases_->clock_trusted()) return NoLease::kClock;
  if (replica_->installing()) return NoLease::kInstalling;
  if (replica_->latest().find(options_.id) == nullptr) return NoLease::kJoining;
  if (!leader() || no_quorum(now)) return NoLease::kNoLeader;
  if (!leads()) return NoLease::kNotGranted;
  return replica_->barrier_committed() ? NoLease::kNoMajority : NoLease::kNotReady;
}

// Requires: this node leads, and `member` is another.
NoLease NodeCore::Inside::why_no_lease(Instant now, NodeId member) const {
  const lease::LeaderLease& leader = leases_->leader();
  if (!leases_->times().on) return NoLease::kOff;
  if (leader.leased(now, member)) return NoLease::kHolds;
  if (!leader.has_entered(member) || admission_.silent(now, member)) return NoLease::kSilent;
  if (!leader.wants_lease(member)) return NoLease::kNotAsked;
  if (!leases_->ready(now)) return NoLease::kLeaderHasNone;
  if (leader.lags(member)) return NoLease::kLags;
  if (leader.readmitted_in(now, member) > Duration::zero()) return NoLease::kReadmission;
  return leader.match(member) < stable_ ? NoLease::kBehind : NoLease::kNotGranted;
}

void NodeCore::Inside::report_delays(NodeStatus& status) const {
  if (!leads()) return;
  const lease::LeaderLease& leader = leases_->leader();
  Duration delays{};
  for (const consensus::Server& server : replica_->latest().servers) {
    delays += leader.delayed_by(server.id);
    if (server.id != leader.waiting_for()) continue;
    if (const auto description = decode_description(server.description)) {
      status.delayed_by = description->name;
    }
  }
  status.delayed_ms = milliseconds(delays);
  // Of a joiner it is the address that tells most.
  if (slowed_ && status.delayed_by.empty()) status.delayed_by = address_of(claims_.slowest());
}

// A second voter would only be one more whose loss stops the cluster: two are promoted together.
bool NodeCore::Inside::standbys_will_vote() const {
  const consensus::Configuration& members = replica_->latest();
  return members.voters() < machine_->parameters().voters_max &&
         (members.voters() > 1 || members.servers.size() > 2);
}

// Only a leader hears from everyone. A follower hears from its leader alone: while that is there,
// it shows the others as up, having no other news of them.
MemberState NodeCore::Inside::state_of(Instant now, const consensus::Server& member) const {
  if (member.id == options_.id) return leaving_ ? MemberState::kLeaving : MemberState::kUp;
  if (!leads()) {
    const bool quiet = now - last_heard(member.id) >= failover_after_;
    const bool no_leader = !leader() || now - last_contact_ >= failover_after_;
    const bool is_leader = member.id == leader() && !no_quorum(now);
    return quiet && (no_leader || is_leader) ? MemberState::kSilent : MemberState::kUp;
  }
  if (admission_.silent(now, member.id)) return MemberState::kSilent;
  if (admission_.leaving(member.id)) return MemberState::kLeaving;
  const bool has_all = replica_->match(member.id) >= replica_->barrier();
  const bool is_to_vote = member.role != consensus::Role::kVoter && standbys_will_vote();
  return has_all && !is_to_vote ? MemberState::kUp : MemberState::kCatchingUp;
}

// Of one that is silent it is known when it fell silent; how the others are is looked at with each
// heartbeat.
Instant NodeCore::Inside::in_state_since(Instant now, NodeId member, MemberState state) const {
  if (state != MemberState::kSilent) return state_times_.since(now, member, state);
  return leads() ? admission_.last_heard(member) : last_heard(member);
}

std::string NodeCore::Inside::why_no_quorum(Instant now) const {
  std::string missing;
  for (const consensus::Server& server : replica_->latest().servers) {
    // Who is there asks for votes in each two election timeouts, or is asked.
    if (server.id == options_.id || now - last_heard(server.id) < 3 * failover_after_) continue;
    const auto description = decode_description(server.description);
    if (description) missing += (missing.empty() ? "" : ", ") + description->name;
  }
  const size_t voters = replica_->latest().voters();
  std::string line =
      voters == 1 ? "the only voter cannot be reached"
                  : "no majority of the " + std::to_string(voters) + " voters can be reached";
  if (!missing.empty()) line += ", no answer from " + missing;
  if (const WallMs complete = complete_until(now); complete != WallMs(0)) {
    line += "; this node has every write that was acknowledged until " + text_of(complete);
  }
  return line;
}

Instant NodeCore::Inside::last_heard(NodeId member) const {
  const auto heard = heard_.find(member);
  return heard == heard_.end() ? started_ : heard->second;
}

void NodeCore::Inside::look_at_members(Instant now) {
  std::map<NodeId, MemberState> states;
  for (const consensus::Server& server : replica_->latest().servers) {
    states.emplace(server.id, state_of(now, server));
  }
  state_times_.look(now, states);
}

std::vector<Member> NodeCore::Inside::members(Instant now) const {
  std::vector<Member> members;
  if (!replica_) return members;
  for (const consensus::Server& server : replica_->latest().servers) {
    std::optional<Member> described = describe(server.id, server.description);
    if (!described) continue;
    Member& member = *described;
    member.voter = server.role == consensus::Role::kVoter;
    member.leader = server.id == leader() && !no_quorum(now);
    member.state = state_of(now, server);
    member.since_ms = milliseconds(now - in_state_since(now, server.id, member.state));
    if (server.id == options_.id) {
      member.lease_reason = why_no_lease(now);
      member.lease = now < leases_->lease_end();
      if (member.lease) member.lease_ms = milliseconds(leases_->lease_end() - now);
    }
    if (leads() && server.id != options_.id) {
      const lease::LeaderLease& leader = leases_->leader();
      member.lease_reason = why_no_lease(now, server.id);
      member.lease = leader.leased(now, server.id);
      member.lease_ms = milliseconds(leader.leased_for(now, server.id));
      member.readmit_ms = milliseconds(leader.readmitted_in(now, server.id));
      member.delayed_ms = milliseconds(leader.delayed_by(server.id));
      member.delaying_ms = milliseconds(leader.delaying(now, server.id));
      const LogIndex match = replica_->match(server.id);
      member.lag = replica_->last() > match ? replica_->last() - match : 0;
    }
    members.push_back(std::move(member));
  }
  if (leads()) add_candidates(now, members);
  return members;
}

void NodeCore::Inside::add_candidates(Instant now, std::vector<Member>& members) const {
  for (Admission::Candidate& candidate : admission_.candidates(*replica_)) {
    std::optional<Member> described = describe(candidate.id, candidate.description);
    if (!described) continue;
    Member& member = *described;
    member.state = MemberState::kJoining;
    member.lease_reason = NoLease::kJoining;
    member.since_ms = milliseconds(now - candidate.since);
    member.waiting_for = std::move(candidate.waiting_for);
    members.push_back(std::move(member));
  }
}

Digest NodeCore::Inside::digest() const {
  Digest digest;
  digest.applied = applied_.value;
  if (machine_) {
    digest.revision = machine_->revision().value;
    digest.digest = hexadecimal(machine_->digest());
  }
  return digest;
}

}  // namespace ram::node
