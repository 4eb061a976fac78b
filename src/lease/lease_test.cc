#include <gtest/gtest.h>

#include "lease/election_wait.h"
#include "lease/follower_lease.h"
#include "lease/leader_lease.h"

namespace ram::lease {
namespace {

using namespace std::chrono_literals;

constexpr Instant at(Duration time) {
  return Instant(time);
}
constexpr NodeId kAda{1}, kBob{2}, kCarol{3}, kDave{4};

// h = 50 ms, D = 300 ms, tau = 150 ms, epsilon = 0.2
const Times kTimes = times_of(true, 500ms, 200);

// ---- times ----

TEST(Times, AreTheDefaultsOfTheSpecification) {
  EXPECT_EQ(kTimes.heartbeat, 50ms);
  EXPECT_EQ(kTimes.lease, 300ms);
  EXPECT_EQ(kTimes.lag, 150ms);
  EXPECT_EQ(kTimes.backoff_min, 1s);
  EXPECT_EQ(kTimes.backoff_max, 30s);
}

TEST(Times, ANewLeaderNeverHasToWaitAfterSilenceOfAnElectionTimeout) {
  for (uint32_t drift = 0; drift <= 1000; drift += 10) {
    const Times times = times_of(true, 500ms, drift);
    EXPECT_LE(times.stretched(times.stretched(times.lease)), 500ms + 2ns) << drift;
    EXPECT_GT(times.lease, 100ms) << drift;
  }
}

TEST(Times, RoundWaitsUpAndLeasesDown) {
  for (const int64_t ns : {0LL, 1LL, 5LL, 6LL, 999LL, 1000LL, 1001LL, 123'456'789LL}) {
    const double exact = static_cast<double>(ns);
    const double stretched = static_cast<double>(kTimes.stretched(Duration(ns)).count());
    const double shrunk = static_cast<double>(kTimes.shrunk(Duration(ns)).count());
    EXPECT_GE(stretched, exact * 1.2 - 1e-6);
    EXPECT_LT(stretched, exact * 1.2 + 1);
    EXPECT_LE(shrunk, exact / 1.2 + 1e-6);
    EXPECT_GT(shrunk, exact / 1.2 - 1);
  }
}

// ---- the follower's side ----

FollowerLease follower_in(Term term) {
  FollowerLease lease(kTimes);
  lease.enter(term);
  return lease;
}

TEST(FollowerLease, CountsFromTheTimeThatTheLeaderWasTold) {
  FollowerLease lease = follower_in(Term(1));
  EXPECT_EQ(lease.end(), kNoLease);
  EXPECT_TRUE(lease.accept(at(190ms), Term(1), {at(100ms), 200ms, Epoch()}));
  EXPECT_EQ(lease.end(), at(300ms));
}

TEST(FollowerLease, ALateGrantTakesNothingAway) {
  FollowerLease lease = follower_in(Term(1));
  EXPECT_TRUE(lease.accept(at(190ms), Term(1), {at(100ms), 200ms, Epoch()}));
  EXPECT_TRUE(lease.accept(at(191ms), Term(1), {at(50ms), 200ms, Epoch()}));
  EXPECT_EQ(lease.end(), at(300ms));
}

TEST(FollowerLease, EndsWithItsTerm) {
  FollowerLease lease = follower_in(Term(1));
  EXPECT_TRUE(lease.accept(at(190ms), Term(1), {at(100ms), 200ms, Epoch()}));
  lease.enter(Term(2));
  EXPECT_EQ(lease.end(), kNoLease);
  EXPECT_FALSE(lease.accept(at(200ms), Term(1), {at(100ms), 200ms, Epoch()}));
  EXPECT_EQ(lease.end(), kNoLease);
}

TEST(FollowerLease, AReleaseVoidsGrantsUnderWay) {
  FollowerLease lease = follower_in(Term(1));
  lease.release();
  EXPECT_FALSE(lease.accept(at(200ms), Term(1), {at(100ms), 200ms, Epoch()}));
  EXPECT_TRUE(lease.accept(at(200ms), Term(1), {at(100ms), 200ms, lease.epoch()}));
}

TEST(FollowerLease, WhatNoHonestLeaderGrantsIsNotTaken) {
  FollowerLease lease = follower_in(Term(1));
  EXPECT_FALSE(lease.accept(at(200ms), Term(1), {at(201ms), 200ms, Epoch()}));
  EXPECT_FALSE(lease.accept(at(200ms), Term(1), {at(100ms), 301ms, Epoch()}));
  EXPECT_FALSE(lease.accept(at(200ms), Term(1), {at(100ms), 0ms, Epoch()}));
  EXPECT_FALSE(lease.accept(at(200ms), Term(1), {Instant::min(), -1ms, Epoch()}));
  EXPECT_EQ(lease.end(), kNoLease);
}

// ---- a new leader's wait ----

const std::vector<NodeId> kThree{kAda, kBob, kCarol};

TEST(ElectionWait, IsZeroAfterSilenceOfAnElectionTimeout) {
  ElectionWait election(kTimes);
  Quiet own;
  own.answered(at(1s));
  election.on_vote(at(1600ms), Term(2), kBob, true, 500ms);
  EXPECT_EQ(election.end(at(1601ms), Term(2), kAda, own, kThree), at(1601ms));
}

TEST(ElectionWait, CountsFromTheVoterThatAnsweredLast) {
  ElectionWait election(kTimes);
  Quiet own;
  own.answered(at(1s));
  election.on_vote(at(1600ms), Term(2), kBob, true, 120ms);
  // 120 ms of Bob's are at least 100 of ours; 1.2 * 300 from there.
  EXPECT_EQ(election.end(at(1601ms), Term(2), kAda, own, kThree), at(1500ms + 360ms));
}

TEST(ElectionWait, CountsOurOwnAnswers) {
  ElectionWait election(kTimes);
  Quiet own;
  own.answered(at(1600ms));
  election.on_vote(at(1601ms), Term(2), kBob, true, 10s);
  EXPECT_EQ(election.end(at(1601ms), Term(2), kAda, own, kThree), at(1600ms + 360ms));
}

TEST(ElectionWait, IsWholeIfAVoteIsNotKnown) {
  ElectionWait election(kTimes);
  election.on_vote(at(1s), Term(1), kBob, true, 10s);     // of another term
  election.on_vote(at(1s), Term(2), kCarol, false, 10s);  // refused
  EXPECT_EQ(election.end(at(1601ms), Term(2), kAda, Quiet(), kThree), at(1601ms + 360ms));
}

TEST(ElectionWait, KnowsWhoEnteredTheTerm) {
  ElectionWait election(kTimes);
  election.on_vote(at(1s), Term(2), kCarol, false, 0s);
  election.on_vote(at(1s), Term(1), kDave, true, 0s);  // late
  election.on_vote(at(1s), Term(2), kBob, true, 0s);
  EXPECT_EQ(election.entered(Term(2)), (std::vector<NodeId>{kBob, kCarol}));
  EXPECT_TRUE(election.entered(Term(3)).empty());
}

TEST(ElectionWait, AClockThatMayHaveJumpedMakesAVoteWorthTheWholeWait) {
  ElectionWait election(kTimes);
  election.on_vote(at(1600ms), Term(2), kBob, true, 10s);
  election.doubt_clock(at(1650ms));
  EXPECT_EQ(election.end(at(1651ms), Term(2), kAda, Quiet(), kThree), at(1650ms + 360ms));
  EXPECT_EQ(election.entered(Term(2)), std::vector<NodeId>{kBob});
}

TEST(ElectionWait, ASoleVoterKnowsItself) {
  ElectionWait election(kTimes);
  Quiet own;
  const std::vector<NodeId> one{kAda};
  EXPECT_EQ(election.end(at(5s), Term(1), kAda, own, one), at(5s));
  own.answered(at(5s));
  EXPECT_EQ(election.end(at(5s), Term(2), kAda, own, one), at(5360ms));
}

// ---- the leader's side ----

struct Leader {
  LeaderLease lease{kAda, kTimes};
  LogIndex stable;
  LogIndex commit, barrier{1}, last{100};

  explicit Leader(std::vector<NodeId> members = kThree, Instant wait_end = at(0s)) {
    lease.begin(wait_end, {});
    lease.set_membership({kThree, members, members});
  }
  void news(Duration now, NodeId from, uint64_t verified, Duration echo, uint64_t epoch = 0) {
    lease.on_news(at(now), from,
                  {at(echo), at(now + 1h), LogIndex(verified), Epoch(epoch), /*wants=*/true}, last);
  }
  uint64_t turn(Duration now, uint64_t committed) {
    commit = LogIndex(committed);
    stable = lease.turn(at(now), commit, barrier, stable);
    return stable.value;
  }
};

TEST(LeaderLease, RestsOnTheStalestOfAMajority) {
  Leader ada;
  ada.turn(10ms, 1);
  EXPECT_EQ(ada.lease.ready_until(), kNoLease) << "nobody has answered";
  ada.news(20ms, kBob, 1, 15ms);
  ada.turn(20ms, 1);
  EXPECT_EQ(ada.lease.ready_until(), at(315ms));
  ada.news(30ms, kCarol, 1, 25ms);
  ada.turn(30ms, 1);
  EXPECT_EQ(ada.lease.ready_until(), at(325ms));
}

TEST(LeaderLease, IsNotReadyBeforeItsBarrierIsCommitted) {
  Leader ada;
  ada.barrier = LogIndex(5);
  ada.news(20ms, kBob, 5, 15ms);
  ada.turn(20ms, 4);
  EXPECT_FALSE(ada.lease.ready(at(21ms)));
  EXPECT_FALSE(ada.lease.grant(kBob));
  ada.turn(20ms, 5);
  EXPECT_TRUE(ada.lease.ready(at(21ms)));
  EXPECT_TRUE(ada.lease.grant(kBob));
}

TEST(LeaderLease, ASoleVotersEchoIsItsClock) {
  LeaderLease lease(kAda, kTimes);
  lease.begin(at(0s), {});
  lease.set_membership({{kAda}, {kAda, kBob}, {kAda, kBob}});
  lease.turn(at(1s), LogIndex(1), LogIndex(1), LogIndex());
  EXPECT_EQ(lease.ready_until(), at(1300ms));
}

TEST(LeaderLease, GrantsWhatIsLeftOfItsOwnLeaseByASlowerClock) {
  Leader ada;
  ada.news(20ms, kBob, 1, 15ms);
  ada.turn(20ms, 1);
  const std::optional<Grant> grant = ada.lease.grant(kBob);
  ASSERT_TRUE(grant);
  EXPECT_EQ(grant->member_time, at(20ms + 1h));
  EXPECT_EQ(grant->length, kTimes.shrunk(295ms));
  EXPECT_FALSE(ada.lease.grant(kBob)) << "one for each message";
}

TEST(LeaderLease, WhatIsStableWaitsForHolders) {
  Leader ada;
  ada.news(20ms, kBob, 1, 15ms);
  ada.news(20ms, kCarol, 1, 15ms);
  EXPECT_EQ(ada.turn(20ms, 1), 1U);
  ASSERT_TRUE(ada.lease.grant(kBob));
  ada.news(30ms, kCarol, 2, 15ms);
  EXPECT_EQ(ada.turn(30ms, 2), 1U) << "Bob reads, and lacks it";
  EXPECT_EQ(ada.lease.waiting_for(), kBob);
  EXPECT_EQ(ada.lease.next_change(), at(315ms) + Duration(1));
  EXPECT_EQ(ada.turn(315ms, 2), 1U);
  EXPECT_EQ(ada.turn(316ms, 2), 2U) << "his lease is over";
  EXPECT_EQ(ada.lease.next_change(), kNever);
}

TEST(LeaderLease, ReleasingAMemberFreesWrites) {
  Leader ada;
  ada.news(20ms, kBob, 1, 15ms);
  ada.turn(20ms, 1);
  ASSERT_TRUE(ada.lease.grant(kBob));
  ada.news(30ms, kBob, 1, 15ms, /*epoch=*/1);
  EXPECT_EQ(ada.turn(30ms, 2), 2U);
}

TEST(LeaderLease, AMessageOfBeforeTheReleaseEarnsNothing) {
  Leader ada;
  ada.news(20ms, kBob, 1, 15ms, /*epoch=*/1);
  ada.turn(20ms, 1);
  ASSERT_TRUE(ada.lease.grant(kBob));
  ada.news(30ms, kBob, 1, 25ms, /*epoch=*/0);
  ada.turn(30ms, 1);
  EXPECT_FALSE(ada.lease.grant(kBob));
}

TEST(LeaderLease, OnlyWhoHasWhatIsStableIsGranted) {
  Leader ada;
  ada.news(20ms, kBob, 5, 15ms);
  ada.news(20ms, kCarol, 4, 15ms);
  EXPECT_EQ(ada.turn(20ms, 5), 5U);
  EXPECT_TRUE(ada.lease.grant(kBob));
  EXPECT_FALSE(ada.lease.grant(kCarol));
}

TEST(LeaderLease, OnlyMembersOfBothConfigurationsAreGranted) {
  Leader ada;
  ada.lease.set_membership({kThree, {kAda, kBob, kCarol, kDave}, kThree});
  ada.news(20ms, kBob, 1, 15ms);
  ada.news(20ms, kDave, 1, 15ms);
  ada.turn(20ms, 1);
  EXPECT_TRUE(ada.lease.grant(kBob));
  EXPECT_FALSE(ada.lease.grant(kDave));
}

TEST(LeaderLease, WhoIsToGoIsNotGranted) {
  Leader ada;
  ada.lease.retire(kBob);
  ada.news(20ms, kBob, 1, 15ms);
  ada.turn(20ms, 1);
  EXPECT_FALSE(ada.lease.grant(kBob));
}

TEST(LeaderLease, ANewLeaderCountsThoseWhoHaveNotEnteredItsTerm) {
  Leader ada(kThree, /*wait_end=*/at(200ms));
  ada.news(20ms, kBob, 2, 15ms);
  EXPECT_EQ(ada.turn(20ms, 2), 0U) << "Carol may read under an older lease";
  EXPECT_EQ(ada.lease.next_change(), at(200ms));
  ada.news(21ms, kCarol, 0, 15ms);
  EXPECT_EQ(ada.turn(21ms, 2), 2U);

  Leader late(kThree, /*wait_end=*/at(200ms));
  late.news(20ms, kBob, 2, 15ms);
  EXPECT_EQ(late.turn(199ms, 2), 0U);
  EXPECT_EQ(late.turn(200ms, 2), 2U);
}

TEST(LeaderLease, AMemberThatLagsGetsNoMoreGrantsAndComesBackAfterAPause) {
  Leader ada;
  const auto beat = [&](Duration now, uint64_t bob) {
    ada.news(now, kCarol, 100, now - 1ms);
    ada.news(now, kBob, bob, now - 1ms);
  };
  beat(10ms, 1);
  ada.turn(10ms, 1);
  ASSERT_TRUE(ada.lease.grant(kBob));
  beat(20ms, 1);
  ada.turn(20ms, 2);
  beat(171ms, 1);
  EXPECT_EQ(ada.turn(171ms, 2), 1U);
  EXPECT_FALSE(ada.lease.grant(kBob)) << "an entry was committed tau ago, and he lacks it";
  beat(400ms, 2);
  EXPECT_EQ(ada.turn(400ms, 2), 2U);
  EXPECT_FALSE(ada.lease.grant(kBob)) << "not at once";
  beat(1171ms, 2);
  ada.turn(1171ms, 2);
  EXPECT_TRUE(ada.lease.grant(kBob));
}

TEST(LeaderLease, ALeaseThatMerelyRanOutIsNoLag) {
  Leader ada;
  ada.news(10ms, kBob, 1, 9ms);
  ada.turn(10ms, 1);
  ASSERT_TRUE(ada.lease.grant(kBob));
  // He is silent, nobody writes; then somebody does, and he comes back.
  ada.news(500ms, kCarol, 2, 499ms);
  EXPECT_EQ(ada.turn(500ms, 2), 2U);
  ada.news(700ms, kCarol, 2, 699ms);
  ada.turn(700ms, 2);
  ada.news(710ms, kBob, 2, 699ms);
  ada.turn(710ms, 2);
  EXPECT_TRUE(ada.lease.grant(kBob));
}

TEST(LeaderLease, AMemberFartherAwayThanTheOthersIsEnlisted) {
  Leader ada;
  ada.last = LogIndex(10'000);
  uint64_t commit = 0;
  bool granted = false;
  // A record a millisecond; Carol answers at once, Bob is 20 ms behind.
  for (Duration now = 1ms; now < 400ms && !granted; now += 1ms) {
    ++commit;
    ada.news(now, kCarol, commit, now - 1ms);
    if (now > 20ms) ada.news(now, kBob, commit - 20, now - 20ms);
    ada.turn(now, commit);
    granted = ada.lease.grant(kBob).has_value();
  }
  EXPECT_TRUE(granted);
  EXPECT_EQ(ada.lease.match(kBob), ada.stable);
}

TEST(LeaderLease, WhatNoMemberCanKnowIsDropped) {
  Leader ada;
  ada.news(20ms, kBob, 101, 15ms);  // beyond our log
  ada.news(20ms, kBob, 1, 21ms);    // an echo of what we have not said
  EXPECT_EQ(ada.lease.match(kBob), LogIndex());
  ada.lease.on_news(at(20ms), kBob, {Instant::min(), at(0s), LogIndex(1), Epoch(), true},
                    LogIndex(5));
  ada.turn(20ms, 1);
  EXPECT_EQ(ada.lease.ready_until(), kNoLease);
}

TEST(LeaderLease, CountsForHowLongEachMemberKeptWritesWaiting) {
  Leader ada;
  ada.news(20ms, kBob, 1, 15ms);
  ada.news(20ms, kCarol, 1, 15ms);
  ada.turn(20ms, 1);
  ASSERT_TRUE(ada.lease.grant(kBob));
  ASSERT_TRUE(ada.lease.grant(kCarol));
  ada.news(30ms, kCarol, 2, 25ms);
  ada.turn(30ms, 2);  // Bob lacks it
  EXPECT_EQ(ada.lease.delaying(at(37ms), kBob), 7ms);
  EXPECT_EQ(ada.lease.delaying(at(37ms), kCarol), 0ms);
  ada.turn(40ms, 2);
  EXPECT_EQ(ada.lease.waiting_for(), kBob);
  EXPECT_EQ(ada.lease.delayed_by(kBob), 10ms);
  ada.news(45ms, kBob, 3, 40ms);
  ada.turn(45ms, 3);  // Carol lacks that
  EXPECT_EQ(ada.lease.waiting_for(), kCarol);
  EXPECT_EQ(ada.lease.delayed_by(kBob), 15ms);
  EXPECT_EQ(ada.lease.delaying(at(50ms), kBob), 0ms);
  ada.news(50ms, kCarol, 3, 45ms);
  ada.turn(50ms, 3);
  ada.turn(90ms, 3);
  EXPECT_EQ(ada.lease.waiting_for(), NodeId());
  EXPECT_EQ(ada.lease.delayed_by(kBob), 15ms);
  EXPECT_EQ(ada.lease.delayed_by(kCarol), 5ms);

  // Over terms, but not between them; and no longer than it is a member.
  ada.news(95ms, kCarol, 4, 90ms);
  ada.turn(95ms, 4);
  EXPECT_EQ(ada.lease.waiting_for(), kBob);
  ada.lease.begin(at(0s), std::vector{kBob, kCarol});
  ada.turn(1h, 4);
  EXPECT_EQ(ada.lease.delayed_by(kBob), 15ms);
  ada.lease.set_membership({{kAda, kCarol}, {kAda, kCarol}, {kAda, kCarol}});
  EXPECT_EQ(ada.lease.delayed_by(kBob), 0ms);
  EXPECT_EQ(ada.lease.delayed_by(kCarol), 5ms);
}

// ---- the leader's clock ----

TEST(LeaderLease, AfterAJumpOfItsClockALeaseThatRanIsCountedFromNow) {
  for (const Duration sound_until : {200ms, 400ms}) {
    Leader ada;
    ada.news(20ms, kBob, 1, 15ms);
    ada.news(20ms, kCarol, 1, 15ms);
    ada.turn(20ms, 1);
    ASSERT_TRUE(ada.lease.grant(kBob));  // until 315 ms
    ada.lease.doubt_clock(at(sound_until), at(10s));
    ada.news(10s, kCarol, 2, 10s);
    if (sound_until == 400ms) {
      EXPECT_EQ(ada.turn(10s, 2), 2U) << "it was over before";
    } else {
      EXPECT_EQ(ada.turn(10s, 2), 1U) << "the clock says that it is over, and may be wrong";
      EXPECT_EQ(ada.turn(10s + kTimes.lease, 2), 1U);
      EXPECT_EQ(ada.turn(10s + kTimes.lease + 1ms, 2), 2U);
    }
  }
}

TEST(LeaderLease, AfterAJumpOfItsClockANewLeaderWaitsAnew) {
  Leader ada(kThree, /*wait_end=*/at(100ms));
  ada.news(20ms, kCarol, 1, 15ms);
  ada.lease.doubt_clock(at(20ms), at(10s));
  ada.news(10s, kCarol, 1, 10s);
  EXPECT_EQ(ada.turn(10s + 360ms - 1ns, 1), 0U) << "Bob may read under a lease of old";
  EXPECT_EQ(ada.turn(10s + 360ms, 1), 1U);
}

// The clock may not have counted a gap, in which another was elected.
TEST(LeaderLease, AfterAJumpOfItsClockAnswersOfBeforeEarnNothing) {
  Leader ada;
  ada.news(20ms, kBob, 1, 15ms);
  ada.turn(20ms, 1);
  ASSERT_TRUE(ada.lease.ready(at(25ms)));
  ada.lease.doubt_clock(at(20ms), at(25ms));
  EXPECT_FALSE(ada.lease.ready(at(25ms)));
  ada.turn(26ms, 1);
  EXPECT_FALSE(ada.lease.ready(at(26ms)));
  EXPECT_FALSE(ada.lease.grant(kBob));
  ada.news(30ms, kBob, 1, 24ms);
  ada.turn(30ms, 1);
  EXPECT_FALSE(ada.lease.ready(at(30ms))) << "it answers what was said before";
  ada.news(40ms, kBob, 1, 35ms);
  ada.turn(40ms, 1);
  EXPECT_EQ(ada.lease.ready_until(), at(335ms));
  EXPECT_TRUE(ada.lease.grant(kBob));
}

TEST(LeaderLease, WithoutAClockToTrustNoLeaseIsKnownToEnd) {
  Leader ada(kThree, /*wait_end=*/at(50ms));
  ada.news(20ms, kBob, 1, 15ms);
  ada.turn(20ms, 1);
  ASSERT_TRUE(ada.lease.grant(kBob));
  ada.lease.distrust_clock();
  ada.turn(30ms, 2);
  EXPECT_FALSE(ada.lease.ready(at(30ms)));
  EXPECT_EQ(ada.turn(1h, 2), 0U) << "Carol may hold a lease of before this term";
  EXPECT_EQ(ada.lease.next_change(), kNever);
  ada.news(1h, kCarol, 2, 15ms);
  EXPECT_EQ(ada.turn(2h, 2), 1U) << "Bob holds one of ours";
  EXPECT_FALSE(ada.lease.grant(kCarol));
  ada.news(2h, kBob, 2, 15ms);
  EXPECT_EQ(ada.turn(2h, 2), 2U) << "he has it";
  EXPECT_EQ(ada.turn(2h, 3), 2U);
  ada.news(2h + 1ms, kBob, 2, 15ms, /*epoch=*/1);
  EXPECT_EQ(ada.turn(2h + 1ms, 3), 3U) << "he gave it back";
}

TEST(LeaderLease, WhoseClockWentBackStillHearsWhatMembersHave) {
  Leader ada;
  ada.lease.distrust_clock();
  ada.news(20ms, kBob, 2, /*echo=*/5h);
  ada.news(20ms, kCarol, 2, /*echo=*/5h);
  EXPECT_EQ(ada.turn(20ms, 2), 2U);
  EXPECT_EQ(ada.lease.match(kBob), LogIndex(2));
}

TEST(LeaderLease, WithLeasesOffWhatIsCommittedIsStable) {
  LeaderLease lease(kAda, times_of(false, 500ms, 200));
  lease.begin(at(10s), {});
  lease.set_membership({kThree, kThree, kThree});
  EXPECT_EQ(lease.turn(at(1s), LogIndex(7), LogIndex(7), LogIndex()), LogIndex(7));
  EXPECT_FALSE(lease.ready(at(1s)));
}

}  // namespace
}  // namespace ram::lease
