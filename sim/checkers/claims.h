// What nodes claim, held against what is there.
//
// Of its memory: a node that may read under its lease has all that is visible on any node now, and
// one that says until when it is complete (READ-LEASES R11) all that was visible then: applied, or
// as an entry in its log. What is acknowledged is visible somewhere.
//
// Of others: what a leader counts a member to have (Raft's match index), that member has.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "sim/place.h"
#include "sim/stage.h"
#include "sim/time.h"

namespace ram::sim {

class Claims {
 public:
  using Fail = std::function<void(const std::string& why)>;

  Claims(const Places& places, Fail fail) : places_(places), fail_(std::move(fail)) {}

  // The process at `place`, whose pass ended.
  void look(WorldTime now, const Place& place);

 private:
  struct Visible {
    WorldTime since;
    LogIndex index;
    Term term;  // none: not known
  };

  void check_memory(WorldTime now, const Place& place);
  void check_counted(const Place& leader);

  const Places& places_;
  const Fail fail_;
  ClusterId cluster_;
  std::vector<Visible> visible_;  // whenever more of it was, anywhere
};

}  // namespace ram::sim
