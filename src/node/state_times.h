// Since when members are in the states that this node sees them in, as far as it looked.
#pragma once

#include <map>
#include <utility>

#include "base/clock.h"
#include "base/ids.h"
#include "ram/node.h"

namespace ram::node {

class StateTimes {
 public:
  // How each member is, now. Those not among them are forgotten.
  void look(Instant now, const std::map<NodeId, MemberState>& states) {
    std::map<NodeId, Seen> seen;
    for (const auto& [member, state] : states) {
      seen.emplace(member, Seen{state, since(now, member, state)});
    }
    seen_ = std::move(seen);
  }

  // `now`, if it was not seen in `state` when this last looked.
  Instant since(Instant now, NodeId member, MemberState state) const {
    const auto found = seen_.find(member);
    return found != seen_.end() && found->second.state == state ? found->second.since : now;
  }

 private:
  struct Seen {
    MemberState state;
    Instant since;
  };
  std::map<NodeId, Seen> seen_;
};

}  // namespace ram::node
