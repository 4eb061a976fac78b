// What the clocks of one machine showed at nearly the same moment: no two can be read at once.
#pragma once

#include "base/clock.h"

namespace ram {

struct ClockReading {
  Instant before;        // CLOCK_BOOTTIME, read first,
  Duration monotonic{};  // CLOCK_MONOTONIC, which stands still during suspend,
  Duration raw{};        // CLOCK_MONOTONIC_RAW, which moreover nobody slews,
  Duration wall{};       // CLOCK_REALTIME, which may be set,
  Instant after;         // and CLOCK_BOOTTIME, read last
};

}  // namespace ram
