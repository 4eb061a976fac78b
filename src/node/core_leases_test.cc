// What readers may do at a NodeCore, and what writers wait for.
#include "node/node_core.h"

#include <gtest/gtest.h>

#include "node/test_village.h"

namespace ram::node {
namespace {

TEST(NodeCoreLeases, AllNodesOfAnIdleClusterHoldThem) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  const auto all = [&] { return village.leased(0) && village.leased(1) && village.leased(2); };
  ASSERT_TRUE(village.until(all));
  for (int i = 0; i < 2'000; ++i) {
    village.run(1ms);
    ASSERT_TRUE(all()) << "after " << i << " ms";
  }
}

TEST(NodeCoreLeases, AKeyWaitsWhileAWriteOfItIsUnderWayAndOthersDoNot) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.leased(0) && village.leased(1); }));
  const size_t follower = (village.leader() + 1) % 3;
  ASSERT_TRUE(village.write_and_wait(follower, "k", "old"));
  village.run(100ms);
  EXPECT_FALSE(village.pending(follower, "k"));
  const auto ended = village.write(village.leader(), put("k", "new"));
  ASSERT_TRUE(village.until([&] { return static_cast<bool>(village.pending(follower, "k")); }));
  EXPECT_FALSE(ended->has_value()) << "it cannot have been acknowledged before";
  EXPECT_FALSE(village.pending(follower, "other"));
  Status waited = Status::unavailable("not yet");
  village.core(follower).wait_applied(village.now(), village.pending(follower, "k"),
                                      village.now() + 2s,
                                      [&](const Status& status) { waited = status; });
  ASSERT_TRUE(village.until([&] { return waited.ok(); }));
  EXPECT_FALSE(village.pending(follower, "k"));
}

TEST(NodeCoreLeases, AWriteWaitsForAHolderThatIsCutOffUntilItsLeaseIsOver) {
  Village village(3);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  const size_t leader = village.leader();
  const size_t lost = (leader + 1) % 3;
  village.cut_off(lost, true);
  const Instant begun = village.now();
  const auto ended = village.write(leader, put("k", "v"));
  while (village.leased(lost)) {
    EXPECT_FALSE(ended->has_value()) << "a node that cannot know of it may still be read";
    village.run(1ms);
  }
  EXPECT_EQ(village.core(leader).status(village.now()).delayed_by, "n" + std::to_string(lost));
  EXPECT_GT(village.member(leader, lost).delaying_ms, 0U);
  ASSERT_TRUE(village.until([&] { return ended->has_value(); }));
  EXPECT_TRUE((*ended)->ok());
  // D + h + delay, with D = 60 ms and h = 10 ms.
  EXPECT_LT(village.now() - begun, 75ms);
  const Member its = village.member(leader, lost);
  EXPECT_GT(its.delayed_ms, 40U);
  EXPECT_LT(its.delayed_ms, 75U);
  EXPECT_EQ(its.delaying_ms, 0U);
  EXPECT_EQ(village.member(leader, (leader + 2) % 3).delayed_ms, 0U);
  EXPECT_EQ(village.core(leader).status(village.now()).delayed_ms, its.delayed_ms);
  ASSERT_TRUE(village.write_and_wait(leader, "k", "v2")) << "later writes do not wait";

  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.leased(lost); })) << "it comes back by itself";
  EXPECT_EQ(village.read(lost, "k"), "v2");
}

// What clocks that agree show.
ClockReading clocks_at(Instant now) {
  const Duration shown = now - Instant();
  return {now, shown, shown, shown, now};
}
ClockReading slewed_at(Instant now) {
  ClockReading reading = clocks_at(now);
  reading.raw -= 1s;
  return reading;
}
ClockReading slept_at(Instant now) {
  ClockReading reading = clocks_at(now);
  reading.monotonic -= 1s;
  reading.raw -= 1s;
  return reading;
}

TEST(NodeCoreLeases, WhoHasNoneSaysWhy) {
  Village village(3);
  EXPECT_EQ(village.why_no_lease(0), NoLease::kJoining);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  const size_t leader = village.leader();
  const size_t lost = (leader + 1) % 3;
  const size_t other = (leader + 2) % 3;
  EXPECT_EQ(village.why_no_lease(leader), NoLease::kHolds);
  EXPECT_EQ(village.member(leader, lost).lease_reason, NoLease::kHolds);
  EXPECT_GT(village.member(leader, lost).lease_ms, 30U);
  EXPECT_GT(village.member(lost, lost).lease_ms, 20U);

  village.cut_off(lost, true);
  ASSERT_TRUE(village.until([&] { return !village.leased(lost); }));
  EXPECT_EQ(village.why_no_lease(lost), NoLease::kNotGranted);
  ASSERT_TRUE(village.until([&] { return village.why_no_lease(lost) == NoLease::kNoLeader; }));
  EXPECT_EQ(village.member(leader, lost).lease_reason, NoLease::kSilent);
  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.leased(lost); }));

  ASSERT_EQ(village.leader(), leader);
  village.core(lost).look_at_clocks(clocks_at(village.now()));
  village.core(lost).look_at_clocks(slewed_at(village.now()));
  EXPECT_EQ(village.why_no_lease(lost), NoLease::kClock);
  village.run(50ms);
  EXPECT_EQ(village.member(leader, lost).lease_reason, NoLease::kNotAsked);

  village.cut_off(lost, true);
  village.cut_off(other, true);
  ASSERT_TRUE(village.until([&] { return !village.leased(leader); }));
  EXPECT_EQ(village.why_no_lease(leader), NoLease::kNoMajority);
}

TEST(NodeCoreLeases, ANodeWhoseMachineSleptAsksForAnotherLease) {
  Village village(3);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  for (size_t at = 0; at < 3; ++at) {
    village.core(at).look_at_clocks(clocks_at(village.now()));
    EXPECT_TRUE(village.leased(at));
    village.core(at).look_at_clocks(slept_at(village.now()));
    EXPECT_FALSE(village.leased(at));
    EXPECT_TRUE(village.core(at).clock_trusted());
    ASSERT_TRUE(village.until([&] { return village.leased(at); }));
    ASSERT_TRUE(village.write_and_wait(at, "k", "v" + std::to_string(at)));
  }
}

TEST(NodeCoreLeases, ALeaderWhoseMachineSleptCountsTheLeasesOfOthersAnew) {
  Village village(3);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  const size_t leader = village.leader();
  const size_t lost = (leader + 1) % 3;
  village.core(leader).look_at_clocks(clocks_at(village.now()));
  village.cut_off(lost, true);
  village.run(50ms);  // of a lease of 60 ms
  village.core(leader).look_at_clocks(slept_at(village.now()));
  const Instant slept = village.now();
  const auto ended = village.write(leader, put("k", "v"));
  ASSERT_TRUE(village.until([&] { return ended->has_value(); }));
  EXPECT_TRUE((*ended)->ok());
  EXPECT_GE(village.now() - slept, 60ms);
  EXPECT_LT(village.now() - slept, 75ms);
}

// Nobody can lead in its place.
TEST(NodeCoreLeases, ANodeAloneGoesOnWithAClockThatMisbehaves) {
  Village village(1);
  ASSERT_TRUE(village.until([&] { return village.leased(0); }));
  village.core(0).look_at_clocks(clocks_at(village.now()));
  village.core(0).look_at_clocks(slewed_at(village.now()));
  EXPECT_FALSE(village.core(0).clock_trusted());
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  EXPECT_EQ(village.read(0, "k"), "v");
  EXPECT_FALSE(village.leased(0));
}

TEST(NodeCoreLeases, NodesWhoseClocksAllMisbehaveGoOnUnderOneLeader) {
  Village village(3);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  for (size_t at = 0; at < 3; ++at) {
    village.core(at).look_at_clocks(clocks_at(village.now()));
    village.core(at).look_at_clocks(slewed_at(village.now()));
  }
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  const size_t leader = village.leader();
  for (size_t at = 0; at < 3; ++at) {
    ASSERT_TRUE(village.write_and_wait(at, "k", "v" + std::to_string(at)));
    EXPECT_EQ(village.read(2 - at, "k"), "v" + std::to_string(at));
    EXPECT_FALSE(village.leased(at));
  }
  EXPECT_EQ(village.leader(), leader) << "nobody is better than it";
}

// For how long it answered no leader would shorten the new leader's wait for leases of old.
TEST(NodeCoreLeases, AVoterWhoseClockMisbehavedSaysNothingOfItsSilence) {
  bool elected_by_it = false;
  for (const size_t after : {1, 2}) {
    Village village(3);
    ASSERT_TRUE(
        village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
    const size_t old = village.leader();
    const size_t voter = (old + after) % 3;
    village.core(voter).look_at_clocks(clocks_at(village.now()));
    village.core(voter).look_at_clocks(slewed_at(village.now()));
    village.kill(old);
    ASSERT_TRUE(village.until([&] { return village.leader() < 3; }));
    if (village.leader() == voter) continue;
    elected_by_it = true;
    const Instant elected = village.now();
    ASSERT_TRUE(village.write_and_wait(village.leader(), "k", "v"));
    // (1 + epsilon) D from the vote, which was a message and a pass before.
    EXPECT_GE(village.now() - elected, 72ms - 2ms);
    EXPECT_LT(village.now() - elected, 80ms);
  }
  EXPECT_TRUE(elected_by_it);
}

TEST(NodeCoreLeases, AStaleReadTellsHowOldItMayBe) {
  Village village(3);
  EXPECT_EQ(village.core(0).status(village.now()).age_ms, -1);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  const size_t leader = village.leader();
  const size_t lost = (leader + 1) % 3;
  const auto age = [&] { return village.core(lost).status(village.now()).age_ms; };
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(village.write_and_wait(leader, "k", std::to_string(i)));
    EXPECT_GE(age(), 0);
    EXPECT_LT(age(), 100) << "while writes go on";
  }
  village.cut_off(lost, true);
  village.run(1s);
  EXPECT_GE(age(), 1'000 - 60);
  EXPECT_LE(age(), 1'100);
  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.leased(lost) && age() < 100; }));
}

TEST(NodeCoreLeases, ANodeWhoseClockMisbehavedReadsThroughTheLeaderAndDoesNotLead) {
  Village village(3);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  const size_t leader = village.leader();
  village.core(leader).look_at_clocks(clocks_at(village.now()));
  village.core(leader).look_at_clocks(slewed_at(village.now()));
  village.run(1ms);
  EXPECT_FALSE(village.leased(leader));
  ASSERT_TRUE(village.until([&] {
    const size_t now = village.leader();
    return now < 3 && now != leader && village.leased(now);
  }));
  village.run(500ms);
  EXPECT_FALSE(village.leased(leader));
  EXPECT_EQ(village.read(leader, "k"), "v");
}

}  // namespace
}  // namespace ram::node
