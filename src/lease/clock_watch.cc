#include "lease/clock_watch.h"

#include <algorithm>
#include <cmath>

namespace ram::lease {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Kind = ClockFinding::Kind;

// A reading that took longer is not compared.
constexpr Duration kReadingMax = milliseconds(1);
// Less is no difference: as much comes from the readings, and processors of one machine may
// disagree by a little.
constexpr Duration kSkew = 2 * kReadingMax;
// People and time services slew what is less.
constexpr Duration kLeapMin = milliseconds(10);
// Over which rates are compared: kSkew of it is little.
constexpr Duration kRateWindow = seconds(10);
// CLOCK_MONOTONIC_RAW is a crystal that nobody corrects: the kernel allows for 500 ppm of error,
// and slews by as much.
constexpr double kRawError = 0.001;

}  // namespace

// If no clock is off by more than a factor of sqrt(1+epsilon), no two differ by more than
// 1+epsilon.
ClockWatch::ClockWatch(const Times& times)
    : times_(times),
      share_(std::max(std::sqrt(1 + times.drift_permille / 1000.0) - 1, kRawError)) {}

bool ClockWatch::too_far_apart(Duration one, Duration other) const {
  const auto [slower, faster] = std::minmax(one, other);
  const double allowed = std::max(0.0, static_cast<double>(slower.count()) * share_);
  return faster - slower > Duration(static_cast<int64_t>(allowed)) + kSkew;
}

ClockFinding ClockWatch::compare(const ClockReading& reading) const {
  const Duration boot = reading.before - last_->before;
  const Duration monotonic = reading.monotonic - last_->monotonic;
  const Duration wall = reading.wall - last_->wall;
  if (monotonic - boot > kSkew) return {.kind = Kind::kStep, .by = monotonic - boot};
  for (const ClockReading& then : {*last_, *first_}) {
    const Duration slewed = reading.monotonic - then.monotonic;
    const Duration raw = reading.raw - then.raw;
    if (too_far_apart(slewed, raw)) return {.kind = Kind::kRate, .by = slewed, .against = raw};
  }
  if (boot - monotonic > kSkew) return {.kind = Kind::kSuspend, .by = boot - monotonic};
  if (wall - boot > kLeapMin) return {.kind = Kind::kWallLeap, .by = wall - boot};
  return {};
}

ClockFinding ClockWatch::look(const ClockReading& reading) {
  const Instant seen = seen_.value_or(reading.before);
  const Duration elapsed = reading.before - seen;
  const Duration reading_took = reading.after - reading.before;
  seen_ = reading.after;

  ClockFinding found;
  if (const Duration least = std::min(elapsed, reading_took); least < -kSkew) {
    found = {.kind = Kind::kBack, .by = -least};
  } else if (reading_took <= kReadingMax) {
    if (last_) found = compare(reading);
    if (first_ && reading.before - first_->before >= kRateWindow) first_ = reading;
  }
  if (const Duration most = std::max(elapsed, reading_took);
      found.kind == Kind::kNone && most > times_.lease) {
    found = {.kind = Kind::kPause, .by = most};
  }
  found.sound_until = last_ ? last_->after : seen;
  if (reading_took <= kReadingMax) {
    last_ = reading;
    if (!first_) first_ = reading;
  }
  return found;
}

}  // namespace ram::lease
