// How long things last, as far as leases care: all of it follows from two parameters of the cluster
// (READ-LEASES section 6, "Defaults"), and the two roundings by which clocks of different rates are
// allowed for.
//
// Values; pure functions.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"

namespace ram::lease {

// Longer spans than this are all the same, and products of them fit.
inline constexpr Duration kForever = std::chrono::hours(24 * 365);

struct Times {
  bool on = true;               // false: nobody is granted anything, and no clock is trusted
  Duration election{};          // Te
  Duration lease{};             // D
  Duration heartbeat{};         // h
  Duration lag{};               // tau
  Duration backoff_min{};       // of a member that lagged, before it gets a lease again
  Duration backoff_max{};       // after doubling
  Duration backoff_halving{};   // for each time this long held without lag
  uint32_t drift_permille = 0;  // epsilon

  // A span that on any other clock is at least `span`: (1+epsilon) times it, rounded up.
  Duration stretched(Duration span) const {
    const int64_t ns = std::clamp(span, -kForever, kForever).count();
    const int64_t more = ns % 1000 * drift_permille;
    return Duration(ns + ns / 1000 * drift_permille + (more + 999) / 1000);
  }
  // A span that on any other clock is at most `span`: divided by (1+epsilon), rounded down.
  Duration shrunk(Duration span) const {
    const int64_t ns = std::clamp(span, -kForever, kForever).count();
    const int64_t by = 1000 + drift_permille;
    return Duration(ns / by * 1000 + ns % by * 1000 / by);
  }
};

// Te is `failover_after`. D is 3/5 of it, or less where clocks may differ so much that a new leader
// would have to wait (R4.3: Te >= (1+epsilon)^2 D).
inline Times times_of(bool on, Duration failover_after, uint32_t drift_permille) {
  Times times;
  times.on = on;
  times.election = failover_after;
  times.heartbeat = failover_after / 10;
  times.lag = failover_after * 3 / 10;
  times.backoff_min = 2 * failover_after;
  times.backoff_max = 60 * failover_after;
  times.backoff_halving = 20 * failover_after;
  times.drift_permille = drift_permille;
  times.lease = std::min(failover_after * 3 / 5, times.shrunk(times.shrunk(failover_after)));
  return times;
}

}  // namespace ram::lease
