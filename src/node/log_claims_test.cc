#include "node/log_claims.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <string>

#include "base/limits.h"
#include "consensus/entry_log.h"
#include "consensus/ports.h"

namespace ram::node {
namespace {

using namespace std::chrono_literals;
using consensus::Configuration;
using consensus::Replica;
using consensus::Role;

constexpr NodeId kLeader{1}, kStandby{2}, kJoiner{3}, kSource{4};
constexpr Duration kFailover = 100ms;
constexpr LogIndex kNobody = LogClaims::kNobody;

CoreLimits limits() {
  CoreLimits limits;
  limits.log_entries = 100;
  limits.transfer_log_entries = 800;
  return limits;
}

// A leader, and a standby that hears it when told to.
class LogClaimsTest : public testing::Test {
 protected:
  LogClaimsTest() {
    Configuration founders;
    founders.servers.push_back({kLeader, "", Role::kVoter});
    founders.servers.push_back({kStandby, "", Role::kStandby});
    leader.replica.found(now, founders);
    standby.replica.found(now, founders);
    write(1);
  }

  void write(size_t records) {
    for (; records > 0; --records) {
      ASSERT_TRUE(leader.replica.submit(now, SharedBytes(std::string(10, 'x'))));
    }
    leader.replica.flush(now);
  }
  void deliver_one() {
    const Wire wire = std::move(wires.front());
    wires.pop_front();
    Replica& to = wire.to == kLeader ? leader.replica : standby.replica;
    to.receive(now, wire.from, wire.message);
    to.flush(now);
  }
  void turn(Duration later = 0ms) {
    now += later;
    if (now >= leader.replica.next_deadline()) leader.replica.on_time(now);
    claims.turn(now, leader.replica,
                {.state_bytes = state_bytes, .silent = [&](NodeId) { return silent; }});
  }
  // True: the transfer may go on.
  bool report(LogIndex index, uint64_t done, uint64_t room = Headway::kParts, uint64_t on_way = 0) {
    return claims.on_report(
        now, kSource,
        {.receiver = kJoiner, .index = index, .done = done, .room = room, .on_way = on_way});
  }
  LogIndex last() const { return leader.replica.last(); }

  struct Wire {
    NodeId from, to;
    consensus::Message message;
  };
  struct Member final : consensus::Transport, consensus::StateMachine {
    Member(NodeId id, std::deque<Wire>& to)
        : wires(to), replica(id, {.message_entries_max = 20}, 1, *this, *this) {}
    void send(NodeId to, consensus::Message message) override {
      wires.push_back({replica.id(), to, std::move(message)});
    }
    void on_log_changed(LogIndex) override {}
    void on_committed(LogIndex) override {}
    void on_install(const consensus::SnapshotToken&, NodeId) override {}
    std::deque<Wire>& wires;
    Replica replica;
  };

  Instant now{1s};
  std::deque<Wire> wires;
  Member leader{kLeader, wires}, standby{kStandby, wires};
  size_t state_bytes = 0;
  bool silent = false;
  LogClaims claims{{limits(), kFailover}};
};

TEST_F(LogClaimsTest, KeepsTheLogFromTheLowestStateOnItsWay) {
  write(50);
  turn();
  EXPECT_EQ(claims.keep_from(leader.replica.log()), kNobody);
  report(LogIndex(20), 0);
  claims.on_report(now, kSource,
                   {.receiver = NodeId(9), .index = LogIndex(10), .room = Headway::kParts});
  turn();
  EXPECT_EQ(claims.keep_from(leader.replica.log()), LogIndex(10));
  EXPECT_EQ(claims.window(), 79u) << "100 and an eighth of 800, less 42: for two";
}

TEST_F(LogClaimsTest, ForgetsWhatNobodySpokeOfForAWhile) {
  report(LogIndex(2), 0);
  turn(4 * kFailover - 1ms);
  EXPECT_EQ(claims.keep_from(leader.replica.log()), LogIndex(2));
  turn(1ms);
  EXPECT_EQ(claims.keep_from(leader.replica.log()), kNobody);
}

TEST_F(LogClaimsTest, WritersAreSlowedAndAtTheBoundWaitUntilTheStateHasGotOn) {
  const LogIndex index = last();
  report(index, 1);
  write(150);
  turn();
  EXPECT_EQ(claims.window(), 25u) << "100 and an eighth of 800, less 150: for two";
  write(50);
  turn();
  EXPECT_EQ(claims.window(), 0u);
  report(index, Headway::kParts / 2);
  turn();
  EXPECT_EQ(claims.window(), 150u) << "half of the other 600";
  write(500);
  report(index, Headway::kParts);
  turn();
  EXPECT_EQ(claims.window(), 50u);
}

TEST_F(LogClaimsTest, AStateThatDoesNotGetOnWhileWritersWaitIsGivenUp) {
  const LogIndex index = last();
  report(index, 100);
  turn(30 * kFailover);  // nobody waits: it may take its time
  report(index, 100);
  write(400);
  turn();
  EXPECT_EQ(claims.window(), 0u);
  for (int i = 0; i < 19; ++i) {
    ASSERT_TRUE(report(index, 100));
    turn(kFailover / 10);
    ASSERT_EQ(claims.window(), 0u) << i;
  }
  report(index, 100);
  turn(kFailover / 10);
  EXPECT_EQ(claims.window(), kRecordsInFlightMax);
  EXPECT_EQ(claims.keep_from(leader.replica.log()), kNobody);
  EXPECT_FALSE(report(index, 100));
  turn();
  EXPECT_EQ(claims.keep_from(leader.replica.log()), kNobody) << "nor do later reports revive it";
  EXPECT_TRUE(report(last(), 0));
  turn();
  EXPECT_EQ(claims.keep_from(leader.replica.log()), last()) << "but another state does";
}

TEST_F(LogClaimsTest, WhatIsOnItsWayMayTakeItsTime) {
  const size_t large = kLinkBytesPerSecondMin;  // a second
  const LogIndex index = last();
  report(index, 100);
  write(400);
  turn();
  for (int i = 0; i < 21; ++i) {
    report(index, 100, Headway::kParts, large);
    turn(kFailover);
    ASSERT_EQ(claims.window(), 0u) << i;
  }
  report(index, 100, Headway::kParts, large);
  turn(kFailover);
  EXPECT_EQ(claims.window(), kRecordsInFlightMax);
}

TEST_F(LogClaimsTest, NobodyWaitsForOneThatIsSilentOrToWhomNothingHasCome) {
  const LogIndex index = last();
  report(index, 0);
  write(400);
  turn();
  EXPECT_EQ(claims.window(), kRecordsInFlightMax);
  EXPECT_FALSE(report(index, 1));

  const LogIndex next = last();
  silent = true;
  report(next, 1);
  turn(2 * kFailover);
  EXPECT_EQ(claims.keep_from(leader.replica.log()), next) << "as long as nobody has to wait";
  write(150);
  turn();
  EXPECT_EQ(claims.window(), kRecordsInFlightMax) << "nor is anybody slowed";
  write(250);
  report(next, 2);
  turn(kFailover - 1ms);
  EXPECT_EQ(claims.window(), 0u) << "something has arrived, so it is there";
  report(next, 2);
  turn(1ms);
  EXPECT_EQ(claims.window(), kRecordsInFlightMax);
  EXPECT_FALSE(report(next, 2));
}

// A state of a terabyte over the slowest link, and a little faster than it has to be: its parts are
// larger than what arrives in the time that writers wait.
TEST_F(LogClaimsTest, OneThatGetsOnIsWaitedForHoweverLongItTakes) {
  for (const size_t bytes : {size_t{0}, size_t{1} << 30, size_t{1} << 40}) {
    SCOPED_TRACE(std::to_string(bytes) + " bytes");
    state_bytes = bytes;
    const LogIndex index = last();
    report(index, 1);
    write(250);
    const size_t whole = std::max(bytes, limits().transfer_log_bytes);
    const uint64_t step = kLinkBytesPerSecondMin / 10 * Headway::kParts / whole;
    for (uint64_t done = 1; done < 60 * (step + 1); done += step + 1) {
      report(index, done);
      turn(2 * kFailover - 1ms);
      ASSERT_EQ(claims.keep_from(leader.replica.log()), index) << done;
    }
  }
}

// Though the standby has it all, and there is far more than a transfer that begins may keep.
TEST_F(LogClaimsTest, WhoLeadsNextKeepsWhatWasKept) {
  write(500);
  turn(50ms);
  while (leader.replica.match(kStandby) < last()) deliver_one();
  claims.restart(now, leader.replica, LogIndex(10));
  turn();
  EXPECT_EQ(claims.keep_from(leader.replica.log()), LogIndex(10));
  EXPECT_TRUE(report(LogIndex(20), 1));
  turn(4 * kFailover - 1ms);
  report(LogIndex(20), 600'000);
  turn(1ms);
  EXPECT_EQ(claims.keep_from(leader.replica.log()), LogIndex(20)) << "what somebody spoke of since";
}

TEST_F(LogClaimsTest, WhoLeadsNextStopsNobodyForWhatNobodySpokeOf) {
  write(900);
  turn(50ms);
  while (leader.replica.match(kStandby) < last()) deliver_one();
  claims.restart(now, leader.replica, LogIndex(2));
  turn();
  EXPECT_EQ(claims.window(), kRecordsInFlightMax);
  EXPECT_EQ(claims.keep_from(leader.replica.log()), kNobody);
}

// Writers are twice as fast as the standby, if they may be.
TEST_F(LogClaimsTest, WhoHasTheStateGetsToTheEndHoweverFastWritersAre) {
  write(600);
  claims.on_state_in_hand(now, kStandby, LogIndex(2));
  turn();
  for (int steps = 0; claims.size() > 0 && steps < 1'000; ++steps) {
    write(std::min<size_t>(claims.window(), 40));
    for (bool taken = false; !taken && !wires.empty(); deliver_one()) {
      const auto* append = std::get_if<consensus::AppendEntries>(&wires.front().message);
      taken = append != nullptr && !append->entries.empty();
    }
    turn(1ms);
  }
  EXPECT_EQ(claims.size(), 0u);
  EXPECT_LE(last() - leader.replica.match(kStandby), limits().log_entries / 2);
  EXPECT_GT(last(), LogIndex(1'000)) << "they did write";
}

TEST_F(LogClaimsTest, WhoFollowsNeedNotTakeInAnythingForAWhileIfNobodyWaits) {
  write(300);
  claims.on_state_in_hand(now, kStandby, LogIndex(2));
  turn(50ms);
  while (leader.replica.match(kStandby) < LogIndex(3)) deliver_one();
  turn();
  const LogIndex match = leader.replica.match(kStandby);
  turn(20 * kFailover);
  EXPECT_EQ(claims.keep_from(leader.replica.log()), match);
  silent = true;
  turn(4 * kFailover);
  EXPECT_EQ(claims.keep_from(leader.replica.log()), kNobody);
}

TEST_F(LogClaimsTest, ASourceWithNoRoomForOldVersionsSlowsWritersToo) {
  const LogIndex index = last();
  report(index, 1, Headway::kParts / 2);
  turn();
  EXPECT_EQ(claims.window(), 100u) << "what the log lets";
  report(index, 0, Headway::kParts / 4);
  turn();
  EXPECT_EQ(claims.window(), kRecordsInFlightMax / 4) << "a half, for two";
  report(index, 0, 0);
  turn();
  EXPECT_EQ(claims.window(), 0u);
}

TEST_F(LogClaimsTest, ATokenKeepsTheLogButLetsNobodyWait) {
  const LogIndex index = last();
  claims.on_token(now, kJoiner, index);
  write(100);
  claims.on_token(now, kJoiner, last());
  turn();
  EXPECT_EQ(claims.keep_from(leader.replica.log()), index) << "the first is what it goes on from";
  write(100);
  turn();
  EXPECT_EQ(claims.keep_from(leader.replica.log()), kNobody);
  EXPECT_EQ(claims.window(), kRecordsInFlightMax);
}

TEST_F(LogClaimsTest, FollowsWhoHasItsStateUntilItHasCaughtUp) {
  write(300);
  claims.on_state_in_hand(now, kStandby, LogIndex(2));
  turn();
  EXPECT_EQ(claims.keep_from(leader.replica.log()), LogIndex(2));
  turn(50ms);  // a heartbeat, from which the leader learns what the standby has
  size_t steps = 0;
  for (; leader.replica.match(kStandby) < last(); ++steps) {
    ASSERT_FALSE(wires.empty());
    deliver_one();
    turn();
    const LogIndex match = leader.replica.match(kStandby);
    const bool near = last() - match <= limits().log_entries / 2;
    if (match > LogIndex(2)) {
      EXPECT_EQ(claims.keep_from(leader.replica.log()), near ? kNobody : match);
    }
  }
  EXPECT_GT(steps, 10u);
}

TEST_F(LogClaimsTest, WhatTheLogHasForgottenCannotBeClaimed) {
  write(100);
  leader.replica.compact(now, last(), 10);
  report(LogIndex(20), 0);
  turn();
  EXPECT_EQ(claims.keep_from(leader.replica.log()), kNobody);
}

TEST_F(LogClaimsTest, ThereIsABoundToThem) {
  report(last(), 0);
  for (uint64_t receiver = 100; receiver < 100 + 2 * kLogClaimsMax; ++receiver) {
    claims.on_report(now, kSource,
                     {.receiver = NodeId(receiver), .index = last(), .done = 0, .room = 0});
    EXPECT_EQ(claims.on_token(now, NodeId(receiver), last()), last());
  }
  EXPECT_EQ(claims.size(), kLogClaimsMax);
  report(last(), Headway::kParts / 2, 0);
  turn();
  EXPECT_EQ(claims.window(), 0u) << "those that are known count";
}

}  // namespace
}  // namespace ram::node
