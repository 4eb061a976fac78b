// The clock of one machine: its rate is off by some amount that may change, it started at a time of
// its own, it never goes back. The wall clock is the same plus an offset that may jump.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "sim/world.h"

namespace ram::sim {

class SimClock final : public Clock {
 public:
  SimClock(const World& world, Instant start) : world_(world), then_(start) {}

  Instant now() const override {
    return then_ + stretched(world_.now() - world_then_, rate(), kMillion);
  }
  WallMs wall() const override {
    return WallMs{std::chrono::duration_cast<std::chrono::milliseconds>(now() - Instant{}).count() +
                  wall_offset_ms_};
  }

  // The first world time at which now() is at least `instant`, at this rate.
  WorldTime when(Instant instant) const {
    if (instant <= now()) return world_.now();
    if (instant >= then_ + kFar) return world_.now() + kFar;
    WorldTime time = world_then_ + stretched(instant - then_, kMillion, rate());
    while (then_ + stretched(time - world_then_, rate(), kMillion) < instant) {
      time += Duration(1);
    }
    return time;
  }

  // When it showed `instant`, which is past.
  WorldTime shown_at(Instant instant) const {
    if (instant >= then_) return world_then_ + stretched(instant - then_, kMillion, rate());
    for (auto leg = legs_.rbegin(); leg != legs_.rend(); ++leg) {
      if (instant < leg->then) continue;
      return leg->world_then + stretched(instant - leg->then, kMillion, kMillion + leg->drift_ppm);
    }
    return WorldTime();
  }

  // From here on the clock gains this much: 1000 are 0.1 %.
  void set_drift_ppm(int64_t ppm) {
    legs_.push_back({then_, world_then_, drift_ppm_});
    then_ = now();
    world_then_ = world_.now();
    drift_ppm_ = ppm;
  }
  void shift_wall(int64_t ms) { wall_offset_ms_ += ms; }

 private:
  static constexpr int64_t kMillion = 1'000'000;
  static constexpr Duration kFar = std::chrono::hours(1);

  // Times at one rate that are over.
  struct Leg {
    Instant then;
    WorldTime world_then;
    int64_t drift_ppm;
  };

  int64_t rate() const { return kMillion + drift_ppm_; }
  static Duration stretched(Duration span, int64_t by, int64_t of) {
    // Split, so that hours in nanoseconds times a million fit.
    const int64_t count = span.count();
    return Duration(count / of * by + count % of * by / of);
  }

  const World& world_;
  Instant then_;  // what this clock showed at world_then_
  WorldTime world_then_{};
  int64_t drift_ppm_ = 0;
  std::vector<Leg> legs_;
  int64_t wall_offset_ms_ = 1'700'000'000'000;
};

}  // namespace ram::sim
