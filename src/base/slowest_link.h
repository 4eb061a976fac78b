// What the slowest link that is provided for carries (limits.h): what it has not delivered by then
// counts as lost.
//
// Pure functions.
#pragma once

#include <chrono>
#include <cstddef>

#include "base/clock.h"
#include "base/limits.h"

namespace ram {

constexpr Duration carried_in(size_t bytes) {
  return Duration(static_cast<int64_t>(bytes * 1'000'000'000 / kLinkBytesPerSecondMin));
}

constexpr size_t bytes_carried_in(Duration time) {
  return static_cast<size_t>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) *
         kLinkBytesPerSecondMin / 1'000;
}

}  // namespace ram
