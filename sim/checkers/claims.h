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
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "sim/checkers/linearizable.h"
#include "sim/place.h"
#include "sim/stage.h"
#include "sim/time.h"

namespace ram::sim {

class Claims {
 public:
  using Fail = std::function<void(const std::string& why)>;

  Claims(const Places& places, Fail fail) : places_(places), fail_(std::move(fail)) {}

  // The process at `place`, whose pass ended.
  void look(WorldTime now, Tick tick, const Place& place);

  // What has to last if of its cluster the members that live go on, one of them at `place`: all
  // that is visible at one of them, or was when it says that it had everything.
  struct Kept {
    LogIndex index;
    uint64_t revision = 0;
    Tick until = 0;  // what ended by then saw nothing that was later
  };
  Kept kept(WorldTime now, const Place& place) const;

 private:
  struct Visible {
    WorldTime since;
    Tick tick = 0;
    LogIndex index;
    Term term;  // none: not known
    uint64_t revision = 0;
  };

  // The last that `place` says it has of what was visible; null: it does not say.
  const Visible* claimed_by(WorldTime now, const Place& place) const;
  void check_memory(WorldTime now, const Place& place);
  void check_counted(const Place& leader);

  const Places& places_;
  const Fail fail_;
  std::map<ClusterId, std::vector<Visible>> visible_;  // whenever more of it was, anywhere
};

}  // namespace ram::sim
