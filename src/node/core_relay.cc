// The way round a broken link: a member that leader and member cannot reach directly, but another
// member can, is reached through that one (MEMBERSHIP.md section 7). One hop.
//
// A leader that gets no answer of a member straight, for an election timeout, sends one message
// with each heartbeat also through another that it hears, and, once something comes back that way,
// all that it sends. Who receives something that way answers the same way; also straight, if it
// hears the leader straight: which ends the detour where both ways are open. Frames are the same,
// and come later or twice, which all that receive them allow for.
//
// One that is no member, since it wants in or was taken out, has no way to know who could carry
// what it says. So what it says to any member is carried to the leader, and what the leader answers
// is carried back: to somebody who was heard, and nothing else, so that no word of a stranger makes
// a member dial where it would not have.

#include <utility>
#include <vector>

#include "node/core_inside.h"

namespace ram::node {

using consensus::Server;

namespace {

bool is_said_by_strangers(const PeerMessage& message) {
  return std::holds_alternative<JoinRequest>(message) ||
         std::holds_alternative<MembershipQuery>(message);
}

bool is_said_to_strangers(const PeerMessage& message) {
  return std::holds_alternative<JoinAnswer>(message) || std::holds_alternative<Removed>(message);
}

}  // namespace

// Whether `message`, which came straight, shows that the straight way is open. A leader has to be
// heard: only an answer shows that. Who follows has to hear.
bool NodeCore::Inside::shows_an_open_way(const PeerMessage& message) const {
  if (!leads()) return true;
  if (std::holds_alternative<Pong>(message)) return true;
  const auto* raft = std::get_if<RaftMessage>(&message);
  return raft != nullptr &&
         (std::holds_alternative<consensus::AppendEntriesResult>(raft->message) ||
          std::holds_alternative<consensus::RequestVoteResult>(raft->message));
}

bool NodeCore::Inside::heard_directly(Instant now, NodeId member) const {
  const auto heard = straight_.find(member);
  return heard != straight_.end() && now - heard->second < failover_after_;
}

// Decides for each member through whom it is sent to as well, until the next heartbeat.
void NodeCore::Inside::choose_relays(Instant now) {
  relays_.clear();
  const auto is_stranger = [&](const auto& entry) {
    return replica_->latest().find(entry.first) == nullptr;
  };
  std::erase_if(heard_, is_stranger);
  std::erase_if(straight_, is_stranger);
  std::erase_if(carried_,
                [&](const auto& entry) { return now - entry.second.at >= failover_after_; });
  for (const auto& [source, carried] : carried_) answer_through(now, source, carried.by);
  std::vector<NodeId> near;
  for (const Server& server : replica_->latest().servers) {
    if (server.id != options_.id && heard_directly(now, server.id)) near.push_back(server.id);
  }
  for (const Server& server : replica_->latest().servers) {
    if (server.id == options_.id || heard_directly(now, server.id)) continue;
    // Another one after a while, in case this one cannot reach it either.
    if (leads() && led_ && !near.empty()) {
      relays_.try_emplace(server.id,
                          Way{.by = near[relay_turn_ / 20 % near.size()], .trial = true});
    }
  }
  ++relay_turn_;
}

// Something of `source` came through `by`. A leader knows by itself whether it needs that way.
void NodeCore::Inside::answer_through(Instant now, NodeId source, NodeId by) {
  const bool straight = heard_directly(now, source);
  if (!leads() || !straight) relays_[source] = {.by = by, .alone = !leads() && !straight};
}

// One that does not answer may be dead: then a message of the engine with each heartbeat is enough
// to find out that it is not.
bool NodeCore::Inside::relay(NodeId member, const PeerMessage& message, Pieces frame) {
  const auto way = relays_.find(member);
  if (way == relays_.end()) return false;
  const NodeId by = way->second.by;
  if (way->second.trial) {
    if (!std::holds_alternative<RaftMessage>(message)) return false;
    relays_.erase(way);
  }
  const std::string address = address_of(by);
  if (address.empty() || bytes_of(frame) > kMessageBytesMax + kRecordBytesMax) return false;
  post(address, by, Relay{std::move(frame)});
  return true;
}

void NodeCore::Inside::carry_to_leader(NodeId source, const PeerMessage& message) {
  if (leads() || !leader()) return;
  post_to(leader(), Relay{encode_frame({cluster_, source, leader()}, message)});
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  Relay&& relay) {
  std::optional<Frame> frame = decode_frame(relay.frame.front());
  if (!frame || std::holds_alternative<Relay>(frame->message)) return;
  const Heading& inner = frame->heading;
  if (inner.destination == options_.id && is_said_to_strangers(frame->message)) {
    // Believed of whoever says it straight, too. Who carried it can be reached.
    if (!leads()) take(now, {inner.source, from.address}, std::move(*frame));
    return;
  }
  if (!among_members(from, heading) || replica_->latest().find(from.id) == nullptr) return;
  if (inner.cluster != cluster_) return;
  const auto is_member = [&](NodeId id) { return replica_->latest().find(id) != nullptr; };
  if (inner.destination != options_.id) {
    const bool to_stranger =
        is_said_to_strangers(frame->message) && strangers_.contains(inner.destination);
    if (inner.source != from.id || (!is_member(inner.destination) && !to_stranger)) return;
    post(address_of(inner.destination), inner.destination, std::move(relay));
    return;
  }
  if (inner.source == options_.id) return;
  if (!is_member(inner.source)) {
    if (!leads() || !is_said_by_strangers(frame->message)) return;
    // It asks again.
    if (carried_.size() >= kPeerLinksMax && !carried_.contains(inner.source)) return;
  }
  carried_[inner.source] = {from.id, now};
  answer_through(now, inner.source, from.id);
  take(now, {inner.source, address_of(inner.source)}, std::move(*frame));
}

}  // namespace ram::node
