// The majority is lost, and an operator goes on from a survivor.
//
// Often after a partition, so many die at once that the others are no majority of any configuration
// that anyone has; a founder with a state lives on, at least, so that who comes back finds what it
// founded. The dead come back at once, later, or when all is healed. All the time an operator asks
// nodes at random to recover, sometimes two at once. That the others are dead it says as long as it
// is true: when all survivors hear each other, until one has recovered and the others were asked in
// vain.
//
// Who recovers must have been told so, have no less of the log than any other survivor, and keep
// what the survivors together promised (claims.h). What was acknowledged beyond may be lost
// (history.h). One of them recovers within some time, and only one (agreement.h).
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "sim/ambush.h"
#include "sim/checkers/agreement.h"
#include "sim/checkers/claims.h"
#include "sim/faults.h"
#include "sim/place.h"
#include "sim/stage.h"
#include "sim/swarm.h"
#include "sim/workloads/history.h"
#include "sim/world.h"

namespace ram::sim {

class Loss {
 public:
  Loss(World& world, const Swarm& swarm, Faults& faults, Ambush& ambush, Agreement& agreement,
       const Claims& claims, History& history, Places& places);

  void start();
  // No majority is lost any more. What was begun goes on.
  void stop() { stopped_ = true; }

  struct Counters {
    uint64_t losses = 0, asked = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  // What a node was asked, and what there was then.
  struct Question {
    bool others_are_dead = false;
    ClusterId cluster;
    Claims::Kept kept;
    std::pair<Term, LogIndex> most;  // of the log, at any other survivor
  };

  void strike();
  void kill();
  // Nobody: no loss can be made of this.
  std::vector<Place*> draw_survivors();
  bool is_lost_with(const std::vector<Place*>& survivors) const;
  bool may_go_on_for_all(const Place& place) const;
  void ask();
  void ask(Place& place);
  Question question(const Place& place) const;
  void on_answer(Place& place, const Question& question, const Result<std::string>& answer);
  void recovered(Place& place, const Question& question);
  void end();
  Duration draw(Duration low, Duration high);

  World& world_;
  const Swarm& swarm_;
  Faults& faults_;
  Ambush& ambush_;
  Agreement& agreement_;
  const Claims& claims_;
  History& history_;
  Places& places_;
  Random random_;
  bool stopped_ = true;
  bool lost_ = false;             // and nobody has recovered
  bool others_are_dead_ = false;  // as is known
  WorldTime give_up_{};
  std::string refusals_;
  Counters counters_;
};

}  // namespace ram::sim
