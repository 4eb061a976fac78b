#include "sim/sim_clock.h"

#include <gtest/gtest.h>

namespace ram::sim {
namespace {

using namespace std::chrono_literals;

TEST(SimClock, RunsAtItsRate) {
  World world(1, nullptr);
  SimClock clock(world, Instant(5s));
  EXPECT_EQ(clock.now(), Instant(5s));
  clock.set_drift_ppm(100'000);
  world.run_until(WorldTime(10s));
  EXPECT_EQ(clock.now(), Instant(16s));
  clock.set_drift_ppm(-100'000);
  world.run_until(WorldTime(20s));
  EXPECT_EQ(clock.now(), Instant(25s));
}

TEST(SimClock, NeverGoesBackWhateverTheDrift) {
  World world(1, nullptr);
  Random random(1);
  SimClock clock(world, Instant(std::chrono::hours(24 * 365)));
  Instant last = clock.now();
  for (int i = 0; i < 10'000; ++i) {
    clock.set_drift_ppm(static_cast<int64_t>(random.below(200'001)) - 100'000);
    world.run_until(world.now() + Duration(static_cast<int64_t>(random.below(1'000))));
    ASSERT_GE(clock.now(), last);
    last = clock.now();
  }
}

TEST(SimClock, SaysWhenAnInstantWillBe) {
  World world(1, nullptr);
  Random random(2);
  SimClock clock(world, Instant(7s));
  for (int i = 0; i < 1'000; ++i) {
    clock.set_drift_ppm(static_cast<int64_t>(random.below(200'001)) - 100'000);
    const Instant wanted =
        clock.now() + Duration(static_cast<int64_t>(random.below(5'000'000'000)));
    const WorldTime when = clock.when(wanted);
    if (when > world.now()) {
      world.run_until(when - Duration(1));
      ASSERT_LT(clock.now(), wanted);
    }
    world.run_until(when);
    ASSERT_GE(clock.now(), wanted);
  }
  EXPECT_GT(clock.when(kNever), world.now());
}

TEST(SimClock, TellsWhenItShowedATime) {
  World world(1, nullptr);
  SimClock clock(world, Instant(1s));
  world.run_until(WorldTime(2s));
  clock.set_drift_ppm(500'000);
  world.run_until(WorldTime(4s));
  clock.set_drift_ppm(0);
  world.run_until(WorldTime(5s));
  EXPECT_EQ(clock.now(), Instant(7s));
  EXPECT_EQ(clock.shown_at(Instant(7s)), WorldTime(5s));
  EXPECT_EQ(clock.shown_at(Instant(6s)), WorldTime(4s));
  EXPECT_EQ(clock.shown_at(Instant(4500ms)), WorldTime(3s));
  EXPECT_EQ(clock.shown_at(Instant(2s)), WorldTime(1s));
}

}  // namespace
}  // namespace ram::sim
