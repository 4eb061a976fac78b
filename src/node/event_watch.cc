#include "node/event_watch.h"

#include <set>
#include <utility>

namespace ram::node {

std::vector<Event> EventWatch::look(const NodeStatus& status, const std::vector<Member>& members) {
  std::vector<Event> events;
  // A node that joins anew knows of no members for a while; they have not gone.
  if (!status.cluster.empty()) look_at_members(members, events);
  if (!status.leader.empty() && status.leader != leader_) {
    leader_ = status.leader;
    events.push_back({EventKind::kLeaderChanged, leader_});
  }
  // Who leaves, or was told that it is out, has no leader again for that.
  const bool no_quorum =
      status.state == NodeState::kNoQuorum || (no_quorum_ && status.leader.empty());
  if (no_quorum != std::exchange(no_quorum_, no_quorum)) {
    events.push_back(
        {no_quorum ? EventKind::kQuorumLost : EventKind::kQuorumRegained, status.name});
  }
  const bool current = status.state == NodeState::kOk;
  if (current != std::exchange(current_, current)) {
    events.push_back({current ? EventKind::kCurrent : EventKind::kStale, status.name});
  }
  return events;
}

void EventWatch::look_at_members(const std::vector<Member>& members, std::vector<Event>& events) {
  std::set<uint64_t> there;
  const auto is_member = [](const Member& member) { return member.state != MemberState::kJoining; };
  for (const Member& member : members) {
    if (is_member(member)) there.insert(member.id);
  }
  // Who left comes first: a new incarnation takes the name of the one that did.
  std::erase_if(members_, [&](const auto& known) {
    if (there.contains(known.first)) return false;
    events.push_back({EventKind::kMemberLeft, known.second.name});
    return true;
  });
  for (const Member& member : members) {
    if (!is_member(member)) continue;
    const auto [known, is_new] = members_.try_emplace(member.id, Known{member.name});
    if (is_new) events.push_back({EventKind::kMemberJoined, member.name});
    const bool silent = member.state == MemberState::kSilent;
    if (silent == std::exchange(known->second.silent, silent)) continue;
    events.push_back({silent ? EventKind::kMemberLost : EventKind::kMemberFound, member.name});
  }
}

}  // namespace ram::node
