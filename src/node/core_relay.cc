// The way round a broken link: a member that leader and member cannot reach directly, but another
// member can, is reached through that one (MEMBERSHIP.md section 7). One hop.
//
// A leader that has not heard a member for an election timeout sends what it sends also through
// another that it hears; who receives something that way answers the same way. Frames are the same,
// and come later or twice, which all that receive them allow for.

#include <utility>
#include <vector>

#include "node/core_inside.h"

namespace ram::node {

using consensus::Server;

bool NodeCore::Inside::heard_directly(Instant now, NodeId member) const {
  const auto heard = heard_.find(member);
  return heard != heard_.end() && now - heard->second < failover_after_;
}

// Decides for each member through whom it is sent to as well, until the next heartbeat.
void NodeCore::Inside::choose_relays(Instant now) {
  relays_.clear();
  const auto is_stranger = [&](const auto& entry) {
    return replica_->latest().find(entry.first) == nullptr;
  };
  std::erase_if(heard_, is_stranger);
  std::erase_if(carried_, is_stranger);
  std::vector<NodeId> near;
  for (const Server& server : replica_->latest().servers) {
    if (server.id != options_.id && heard_directly(now, server.id)) near.push_back(server.id);
  }
  for (const Server& server : replica_->latest().servers) {
    if (server.id == options_.id) continue;
    const auto carried = carried_.find(server.id);
    if (carried != carried_.end() && now - carried->second.at < failover_after_) {
      // It took that way as it does not hear us, whether we hear it or not.
      relays_[server.id] = carried->second.by;
    } else if (leads() && led_ && !near.empty() && !heard_directly(now, server.id)) {
      // Another one after a while, in case this one cannot reach it either.
      relays_[server.id] = near[relay_turn_ / 20 % near.size()];
    }
  }
  ++relay_turn_;
}

void NodeCore::Inside::relay(NodeId member, Pieces frame) {
  const auto by = relays_.find(member);
  if (by == relays_.end() || bytes_of(frame) > kMessageBytesMax + kRecordBytesMax) return;
  const std::string address = address_of(by->second);
  if (!address.empty()) post(address, by->second, Relay{std::move(frame)});
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
  relays_[inner.source] = from.id;
  take(now, {inner.source, address_of(inner.source)}, std::move(*frame));
}

}  // namespace ram::node
