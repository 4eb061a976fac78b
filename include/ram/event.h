// What happens in a cluster, as one node of it sees it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace ram {

enum class EventKind : uint8_t {
  kMemberJoined,
  kMemberLeft,     // left, or was removed
  kMemberLost,     // is silent; seen by the leader, and by whoever has no leader
  kMemberFound,    // is silent no more
  kLeaderChanged,  // `member` leads
  kQuorumLost,     // no majority of the voters can be reached
  kQuorumRegained,
  kCurrent,  // this node serves reads and writes
  kStale,    // and does not
};
std::string_view event_name(EventKind kind);  // "member-joined" "member-left" ...

struct Event {
  EventKind kind = EventKind::kCurrent;
  std::string member;  // name; of the last four kinds: this node's

  bool operator==(const Event&) const = default;
};

}  // namespace ram
