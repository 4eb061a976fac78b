// How a run ends: faults stop, everything gets well within a time, each node writes and is read,
// and what all nodes have in the end is held against all that was ever seen.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/faults.h"
#include "sim/place.h"
#include "sim/run.h"
#include "sim/stage.h"
#include "sim/swarm.h"
#include "sim/workloads/calls.h"
#include "sim/workloads/workload.h"
#include "sim/world.h"

namespace ram::sim {

class Finale {
 public:
  using Workloads = std::vector<std::unique_ptr<Workload>>;

  Finale(World& world, const Swarm& swarm, Random& random, Places& places, SimNetwork& network,
         Faults& faults, Calls& calls, History& history, const Workloads& workloads)
      : world_(world),
        swarm_(swarm),
        random_(random),
        places_(places),
        network_(network),
        faults_(faults),
        calls_(calls),
        history_(history),
        workloads_(workloads) {}

  // Requires: no client begins another call after heal(). In this order; each does nothing once the
  // run has failed.
  void check_acknowledged();
  void heal();
  void end_calls();
  void last_election();
  void last_detour();
  void last_acts();
  void last_looks();
  void check_histories(RunCounters& counters);

  Duration heal_time() const { return heal_time_; }

 private:
  void advance(Duration span);
  Duration draw(Duration low, Duration high);
  // Nothing if all nodes are members and well; else what is amiss.
  std::string amiss();
  std::string describe_nodes() const;
  void get_well();
  void wait_for_calls();
  void come_to_rest();

  World& world_;
  const Swarm& swarm_;
  Random& random_;
  Places& places_;
  SimNetwork& network_;
  Faults& faults_;
  Calls& calls_;
  History& history_;
  const Workloads& workloads_;
  Duration heal_time_{};
  FinalState final_;
};

}  // namespace ram::sim
