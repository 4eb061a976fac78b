// The first door of nondeterminism: time.
//
// Nothing below the runtime reads a clock; it is handed an Instant. Production takes Instants from
// CLOCK_BOOTTIME (which counts suspend, READ-LEASES section 7), the simulator from a node's virtual
// clock. Instants of two nodes are never compared.
#pragma once

#include <chrono>
#include <cstdint>

namespace ram {

using Duration = std::chrono::nanoseconds;

// Tag of a node's own clock; it has no now(), on purpose.
struct NodeClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<NodeClock, Duration>;
  static constexpr bool is_steady = true;
};

using Instant = NodeClock::time_point;

inline constexpr Instant kNever = Instant::max();

// Wall-clock time for people: milliseconds since 1970, UTC. Stamped by the leader, never compared
// with an Instant.
enum class WallMs : int64_t {};

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;  // CLOCK_BOOTTIME or a virtual clock; never goes back
  virtual WallMs wall() const = 0;
};

}  // namespace ram
