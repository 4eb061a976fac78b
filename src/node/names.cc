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
  }
  return "unknown";
}

}  // namespace ram
