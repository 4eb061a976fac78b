// The system's clocks behind the door that base/clock.h makes.
//
// CLOCK_BOOTTIME counts while the machine is suspended: a lease that expired meanwhile is seen to
// have expired (READ-LEASES section 7).
//
// Thread-safe.
#pragma once

#include "base/clock.h"
#include "base/clock_reading.h"

namespace ram::net {

class BootClock final : public Clock {
 public:
  Instant now() const override;
  WallMs wall() const override;
};

// All of this machine's clocks that could tell if one of them misbehaves.
ClockReading read_clocks();

}  // namespace ram::net
