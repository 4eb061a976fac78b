// What a NodeCore makes of its machine's clocks (READ-LEASES section 7), in words.

#include "node/core_inside.h"

namespace ram::node {
namespace {

using Kind = lease::ClockFinding::Kind;

// Pauses come in swarms, on a machine that has too much to do.
constexpr Duration kBetweenPauses = std::chrono::seconds(10);

std::string in_ms(Duration duration) {
  return std::to_string(std::chrono::round<std::chrono::milliseconds>(duration).count()) + " ms";
}

std::string misbehaviour(const lease::ClockFinding& found) {
  switch (found.kind) {
    case Kind::kBack:
      return "CLOCK_BOOTTIME went back by " + in_ms(found.by);
    case Kind::kStep:
      return "CLOCK_BOOTTIME fell back by " + in_ms(found.by) + " against CLOCK_MONOTONIC";
    default:
      return "CLOCK_MONOTONIC advanced by " + in_ms(found.by) + " while CLOCK_MONOTONIC_RAW did " +
             in_ms(found.against) + ", which is more than --clock-drift leaves to one node";
  }
}

}  // namespace

void NodeCore::Inside::look_at_clocks(const ClockReading& reading) {
  if (!leases_) return;
  const lease::ClockFinding found = leases_->look_at_clocks(reading);
  if (found.kind == Kind::kNone) return;
  again_ = true;
  say(reading.after, found);
}

void NodeCore::Inside::say(Instant now, const lease::ClockFinding& found) {
  switch (found.kind) {
    case Kind::kNone:
      return;
    case Kind::kPause:
      if (pause_said_ != Instant::min() && now - pause_said_ < kBetweenPauses) return;
      pause_said_ = now;
      return log_.warning(
          "this node did not run for " + in_ms(found.by) + ", longer than a lease (" +
          in_ms(leases_->times().lease) +
          "): what lease it held is over; if it was not stopped, its machine has too much "
          "to do");
    case Kind::kSuspend:
      return log_.warning("this machine slept for about " + in_ms(found.by) +
                          ": the node drops its lease and asks for another");
    case Kind::kWallLeap:
      return log_.warning("the wall clock was set ahead by " + in_ms(found.by) +
                          ": in case this machine stood still and no clock of it counted that, the "
                          "node drops its lease and asks for another (docs/guarantees.md, Timing)");
    case Kind::kBack:
    case Kind::kStep:
    case Kind::kRate:
      return log_.error(
          "this node's clock misbehaves: " + misbehaviour(found) +
          "; it reads through the leader, and does not lead, until it is started again");
  }
}

}  // namespace ram::node
