// The way round a broken link: a member that leader and member cannot reach directly, but another
// member can, is reached through that one (MEMBERSHIP.md section 7). One hop.
//
// A leader that gets no answer of a member straight, for an election timeout, sends what it sends
// also through another that it hears. Who receives something that way answers the same way; also
// straight, if it hears the leader straight: which ends the detour where both ways are open. Frames
// are the same, and come later or twice, which all that receive them allow for.

#include <utility>
#include <vector>

#include "node/core_inside.h"

namespace ram::node {

using consensus::Server;

// What one says who may hear nobody tells nothing of whether it hears us.
bool NodeCore::Inside::is_said_into_the_dark(const PeerMessage& message) {
  const auto* raft = std::get_if<RaftMessage>(&message);
  return std::holds_alternative<JoinRequest>(message) ||
         std::holds_alternative<MembershipQuery>(message) ||
         (raft != nullptr && std::holds_alternative<consensus::RequestVote>(raft->message));
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
      relays_.try_emplace(server.id, Way{near[relay_turn_ / 20 % near.size()], false});
    }
  }
  ++relay_turn_;
}

// Something of `source` came through `by`. A leader knows by itself whether it needs that way.
void NodeCore::Inside::answer_through(Instant now, NodeId source, NodeId by) {
  const bool straight = heard_directly(now, source);
  if (!leads() || !straight) relays_[source] = {by, !leads() && !straight};
}

bool NodeCore::Inside::relay(NodeId by, Pieces frame) {
  const std::string address = address_of(by);
  if (address.empty() || bytes_of(frame) > kMessageBytesMax + kRecordBytesMax) return false;
  post(address, by, Relay{std::move(frame)});
  return true;
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  Relay&& relay) {
  if (!among_members(from, heading) || replica_->latest().find(from.id) == nullptr) return;
  std::optional<Frame> frame = decode_frame(relay.frame.front());
  if (!frame || std::holds_alternative<Relay>(frame->message)) return;
  const Heading& inner = frame->heading;
  if (inner.cluster != cluster_) return;
  if (inner.destination != options_.id) {
    if (inner.source != from.id || replica_->latest().find(inner.destination) == nullptr) return;
    post(address_of(inner.destination), inner.destination, std::move(relay));
    return;
  }
  if (inner.source == options_.id || replica_->latest().find(inner.source) == nullptr) return;
  carried_[inner.source] = {from.id, now};
  answer_through(now, inner.source, from.id);
  take(now, {inner.source, address_of(inner.source)}, std::move(*frame));
}

}  // namespace ram::node
