// The time of the simulated world, which no node can see; nodes have clocks (sim_clock.h).
#pragma once

#include <chrono>

#include "base/clock.h"

namespace ram::sim {

struct WorldClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<WorldClock, Duration>;
  static constexpr bool is_steady = true;
};

using WorldTime = WorldClock::time_point;

}  // namespace ram::sim
