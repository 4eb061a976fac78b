// What a run is made of: drawn from its seed, each kind of fault on or off, each rate and size by
// chance, so that some runs have much of one thing and none of another.
//
// Source: Groce et al., "Swarm Testing" (2012).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "machine/parameters.h"
#include "node/node_core.h"
#include "sim/sim_transport.h"
#include "sim/world.h"

namespace ram::sim {

struct Swarm {
  // Places: the first `founders` found the cluster, the others join it later.
  size_t founders = 3;
  size_t joiners = 0;
  // The join list is one name for all founders (place.h), and their number is told.
  bool named = false;
  size_t doors_twice = 0;  // founders with a second address behind the name
  size_t doors_dead = 0;   // addresses behind it that nobody lives at
  Duration length = std::chrono::seconds(30);

  // Faults.
  bool partitions = false;
  // Followers that hear their leader and are not heard, and forget their logs sooner than it does.
  bool mutes = false;
  bool one_way_cuts = false;
  bool flaky = false;  // loss, repeats, delays
  bool crashes = false;
  bool founding_crashes = false;
  bool pauses = false;
  bool drift = false;
  bool wall_jumps = false;
  bool ambushes = false;
  bool operations = false;     // nodes leave, are evicted, hand leadership over
  bool losses = false;         // of the majority, and recoveries
  bool strict_crashes = true;  // a voter without its state does not count as one that lives
  Duration fault_every{};      // on average
  Duration outage_max{};       // how long a crashed node stays away

  bool ordered = false;  // the network
  NetworkWeather calm;
  NetworkWeather rough;

  // Nodes.
  machine::Parameters parameters;
  // Leases that outlast elections: what must hold for leases of any length then shows. Nothing: as
  // the parameters say.
  std::optional<lease::Times> lease_times;
  Duration request_timeout = std::chrono::seconds(5);
  Duration evict_after = std::chrono::minutes(5);
  std::vector<node::CoreLimits> limits;  // by place
  Duration pass_max{};    // how long inputs gather for one pass; 0: each input is a pass
  Duration timer_late{};  // how late timers are, at most

  // Load.
  size_t clients = 3;  // on each node
  Duration think_max{};
  Duration read_step_max{};   // between the steps of a read,
  uint64_t read_step_in = 8;  // of which one in so many takes any time
  size_t value_bytes = 0;     // that values are padded with
  bool bursts = false;

  size_t places() const { return founders + joiners; }
  lease::Times times() const {
    return lease_times.value_or(lease::times_of(parameters.leases, parameters.failover_after,
                                                parameters.clock_drift_permille));
  }
  // What a call may take when all is well but a leader that has to wait for old leases.
  Duration patience() const {
    return std::chrono::seconds(5) + 2 * times().stretched(times().lease);
  }
};

// `nodes`: how many found; 0: the seed says.
Swarm draw_swarm(const World& world, size_t nodes, Duration length);

std::string describe(const Swarm& swarm);

}  // namespace ram::sim
