// The words of include/ram/node.h, as people and programs read them.

#include <string_view>

#include "ram/node.h"

namespace ram {

std::string_view state_name(NodeState state) {
  switch (state) {
    case NodeState::kJoining:
      return "joining";
    case NodeState::kOk:
      return "ok";
    case NodeState::kNoQuorum:
      return "no-quorum";
    case NodeState::kLeaving:
      return "leaving";
  }
  return "unknown";
}

std::string_view role_name(NodeRole role) {
  switch (role) {
    case NodeRole::kJoining:
      return "joining";
    case NodeRole::kStandby:
      return "standby";
    case NodeRole::kFollower:
      return "follower";
    case NodeRole::kLeader:
      return "leader";
  }
  return "unknown";
}

std::string_view no_lease_name(NoLease why) {
  switch (why) {
    case NoLease::kHolds:
      return "";
    case NoLease::kOff:
      return "off";
    case NoLease::kClock:
      return "clock";
    case NoLease::kJoining:
      return "joining";
    case NoLease::kInstalling:
      return "installing";
    case NoLease::kNoLeader:
      return "no-leader";
    case NoLease::kNotReady:
      return "not-ready";
    case NoLease::kNoMajority:
      return "no-majority";
    case NoLease::kNotGranted:
      return "not-granted";
    case NoLease::kSilent:
      return "silent";
    case NoLease::kNotAsked:
      return "not-asked";
    case NoLease::kLeaderHasNone:
      return "leader-has-none";
    case NoLease::kLags:
      return "lags";
    case NoLease::kReadmission:
      return "readmission";
    case NoLease::kBehind:
      return "behind";
  }
  return "unknown";
}

std::string_view member_state_name(MemberState state) {
  switch (state) {
    case MemberState::kUp:
      return "up";
    case MemberState::kSilent:
      return "silent";
    case MemberState::kCatchingUp:
      return "catching-up";
    case MemberState::kLeaving:
      return "leaving";
    case MemberState::kJoining:
      return "joining";
  }
  return "unknown";
}

std::string_view event_name(EventKind kind) {
  switch (kind) {
    case EventKind::kMemberJoined:
      return "member-joined";
    case EventKind::kMemberLeft:
      return "member-left";
    case EventKind::kMemberLost:
      return "member-lost";
    case EventKind::kMemberFound:
      return "member-found";
    case EventKind::kLeaderChanged:
      return "leader-changed";
    case EventKind::kQuorumLost:
      return "quorum-lost";
    case EventKind::kQuorumRegained:
      return "quorum-regained";
    case EventKind::kCurrent:
      return "current";
    case EventKind::kStale:
      return "stale";
  }
  return "unknown";
}

}  // namespace ram
