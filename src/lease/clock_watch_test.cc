#include "lease/clock_watch.h"

#include <gtest/gtest.h>

#include "base/random.h"

namespace ram::lease {
namespace {

using namespace std::chrono_literals;
using Kind = ClockFinding::Kind;

// h = 50 ms, D = 300 ms, epsilon = 0.2: a node's share is 9.54 %.
const Times kTimes = times_of(true, 500ms, 200);

// A machine whose clocks do as they are told.
struct Machine {
  Duration boot = 5h, monotonic = 4h, raw = 3h, wall = 400'000h;
  double slewed = 1;  // how fast all but `raw` advance

  void run(Duration time) {
    const auto shown = Duration(static_cast<int64_t>(static_cast<double>(time.count()) * slewed));
    boot += shown;
    monotonic += shown;
    wall += shown;
    raw += time;
  }
  // The process stands still for these times, between the clocks that it reads.
  ClockReading read(Duration one = 50ns, Duration two = 50ns, Duration three = 50ns) {
    ClockReading reading;
    reading.before = Instant(boot);
    run(one);
    reading.monotonic = monotonic;
    run(two);
    reading.raw = raw;
    reading.wall = wall;
    run(three);
    reading.after = Instant(boot);
    return reading;
  }
};

struct Watched : Machine {
  ClockWatch watch;

  explicit Watched(const Times& times = kTimes) : watch(times) {
    EXPECT_EQ(watch.look(read()).kind, Kind::kNone);
  }
  // Looks after each heartbeat, for `time`; the first thing that is found.
  ClockFinding beat(Duration time = 50ms) {
    for (Duration end = raw + time; raw < end;) {
      run(50ms);
      if (const ClockFinding found = watch.look(read()); found.kind != Kind::kNone) return found;
    }
    return {};
  }
};

TEST(ClockWatch, FindsNothingInClocksThatAgree) {
  Watched machine;
  EXPECT_EQ(machine.beat(1h).kind, Kind::kNone);
}

TEST(ClockWatch, SlewingWithinANodesShareIsFine) {
  // What chrony's default limit allows, up and down, and the other way at once.
  for (const double slewed : {1 + 0.083333, 1 - 0.083333}) {
    Watched machine;
    machine.slewed = slewed;
    EXPECT_EQ(machine.beat(10min).kind, Kind::kNone) << slewed;
    machine.slewed = 2 - slewed;
    EXPECT_EQ(machine.beat(10min).kind, Kind::kNone) << slewed;
  }
}

TEST(ClockWatch, SlewingBeyondANodesShareIsFound) {
  for (const double slewed : {1.10, 0.90}) {
    Watched machine;
    ASSERT_EQ(machine.beat(1min).kind, Kind::kNone);
    machine.slewed = slewed;
    const ClockFinding found = machine.beat(20s);
    EXPECT_EQ(found.kind, Kind::kRate) << slewed;
    EXPECT_TRUE(found.distrust());
  }
}

TEST(ClockWatch, TheShareFollowsTheClustersDrift) {
  Watched tight(times_of(true, 500ms, 10));
  tight.slewed = 1.0045;
  EXPECT_EQ(tight.beat(10min).kind, Kind::kNone) << "two such nodes differ by less than 1 %";
  tight.slewed = 1.006;
  EXPECT_EQ(tight.beat(20s).kind, Kind::kRate);
}

// Without any allowance for drift, the crystal that nobody corrects would be found at fault.
TEST(ClockWatch, WhatTheKernelCorrectsACrystalByIsNeverAFault) {
  Watched machine(times_of(true, 500ms, 0));
  machine.slewed = 1.0009;
  EXPECT_EQ(machine.beat(10min).kind, Kind::kNone);
}

TEST(ClockWatch, TimeThatGoesBackIsFound) {
  Watched machine;
  ASSERT_EQ(machine.beat().kind, Kind::kNone);
  machine.boot -= 1s;
  const ClockFinding found = machine.beat();
  EXPECT_EQ(found.kind, Kind::kBack);
  EXPECT_TRUE(found.distrust());
}

TEST(ClockWatch, TimeThatGoesBackWithinAReadingIsFound) {
  Watched machine;
  ClockReading reading = machine.read();
  reading.after = reading.before - 1s;
  EXPECT_EQ(machine.watch.look(reading).kind, Kind::kBack);
}

// It moves on with each look, so it is not seen to go back.
TEST(ClockWatch, AClockThatLosesSomeOfItsTimeIsFound) {
  Watched machine;
  machine.run(10s);
  machine.boot -= 1s;
  const ClockFinding found = machine.watch.look(machine.read());
  EXPECT_EQ(found.kind, Kind::kStep);
  EXPECT_EQ(found.by, 1s);
  EXPECT_TRUE(found.distrust());
}

TEST(ClockWatch, AStepOfAllThatIsSlewedIsFound) {
  for (const Duration step : {Duration(20ms), Duration(400ms), Duration(24h)}) {
    Watched machine;
    ASSERT_EQ(machine.beat(5s).kind, Kind::kNone);
    machine.boot += step;
    machine.monotonic += step;
    EXPECT_EQ(machine.beat().kind, Kind::kRate) << step.count();
  }
}

TEST(ClockWatch, SuspendIsADoubtAndNoMore) {
  Watched machine;
  ASSERT_EQ(machine.beat(1s).kind, Kind::kNone);
  const Instant awake{machine.boot};
  machine.boot += 8h;
  machine.wall += 8h;
  const ClockFinding found = machine.beat();
  EXPECT_EQ(found.kind, Kind::kSuspend);
  EXPECT_EQ(found.by, 8h);
  EXPECT_LE(found.sound_until, awake);
  EXPECT_GT(found.sound_until, awake - 1ms);
  EXPECT_TRUE(found.doubt());
  EXPECT_FALSE(found.distrust());
  EXPECT_EQ(machine.beat(1min).kind, Kind::kNone) << "it is said once";
}

TEST(ClockWatch, AWallClockThatLeapsAheadIsADoubtAndNoMore) {
  Watched machine;
  machine.wall += 3s;
  const ClockFinding found = machine.beat();
  EXPECT_EQ(found.kind, Kind::kWallLeap);
  EXPECT_EQ(found.by, 3s);
  EXPECT_TRUE(found.doubt());
  EXPECT_EQ(machine.beat(1min).kind, Kind::kNone);
}

TEST(ClockWatch, AWallClockThatIsSetBackOrByLittleIsFine) {
  for (const Duration step : {Duration(-1s), Duration(-24h), Duration(9ms)}) {
    Watched machine;
    machine.wall += step;
    EXPECT_EQ(machine.beat(1s).kind, Kind::kNone) << step.count();
  }
}

TEST(ClockWatch, ALongPauseIsSaidAndNoFault) {
  Watched machine;
  ASSERT_EQ(machine.beat().kind, Kind::kNone);
  machine.run(250ms);
  EXPECT_EQ(machine.watch.look(machine.read()).kind, Kind::kNone) << "shorter than a lease";
  machine.run(1h);
  const ClockFinding found = machine.watch.look(machine.read());
  EXPECT_EQ(found.kind, Kind::kPause);
  EXPECT_GE(found.by, 1h);
  EXPECT_FALSE(found.doubt());
  EXPECT_FALSE(found.distrust());
  EXPECT_EQ(machine.beat(1min).kind, Kind::kNone);
}

// A pass for each place between two clocks where a process can be stopped, and for how long.
TEST(ClockWatch, AStopAnywhereIsNeverAFault) {
  Random random(1);
  const auto draw = [&] {
    constexpr Duration kStops[] = {50ns, 50ns, 50ns, 100us, 900us, 2ms, 40ms, 1s, 1h};
    return kStops[random.below(std::size(kStops))];
  };
  Watched machine;
  for (int i = 0; i < 100'000; ++i) {
    if (i % 1000 == 0) machine.slewed = 1 + (static_cast<double>(random.below(161)) - 80) / 1000;
    machine.run(draw());
    const ClockFinding found = machine.watch.look(machine.read(draw(), draw(), draw()));
    ASSERT_FALSE(found.doubt() || found.distrust()) << i << ", kind " << int(found.kind);
  }
}

TEST(ClockWatch, AFaultIsFoundAfterReadingsThatCannotBeCompared) {
  Watched machine;
  machine.boot += 1h;  // suspend, and then stops within readings
  for (int i = 0; i < 5; ++i) {
    machine.run(50ms);
    EXPECT_FALSE(machine.watch.look(machine.read(2ms)).doubt());
  }
  EXPECT_EQ(machine.beat().kind, Kind::kSuspend);
}

}  // namespace
}  // namespace ram::lease
