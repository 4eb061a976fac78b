// NodeCore writes, reads, and comes back.
#include "node/node_core.h"

#include <gtest/gtest.h>

#include "node/test_village.h"

namespace ram::node {
namespace {

TEST(NodeCore, OneNodeWritesAndReads) {
  Village village(1);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  EXPECT_EQ(village.read(0, "k"), "v");
}

TEST(NodeCore, ThreeNodesFoundAClusterAndEachReadsWhatAnyWrote) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  for (size_t writer = 0; writer < 3; ++writer) {
    const std::string value = "v" + std::to_string(writer);
    ASSERT_TRUE(village.write_and_wait(writer, "k", value));
    for (size_t reader = 0; reader < 3; ++reader) EXPECT_EQ(village.read(reader, "k"), value);
  }
  village.run(200ms);
  EXPECT_EQ(village.core(0).digest().digest, village.core(1).digest().digest);
  EXPECT_EQ(village.core(0).digest().digest, village.core(2).digest().digest);
}

TEST(NodeCore, AKilledNodeComesBackWhole) {
  for (const bool kill_leader : {true, false}) {
    Village village(3);
    ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
    ASSERT_TRUE(village.write_and_wait(0, "before", "1"));
    const size_t victim = kill_leader ? village.leader() : (village.leader() + 1) % 3;
    const size_t other = (victim + 1) % 3;
    village.kill(victim);
    ASSERT_TRUE(village.write_and_wait(other, "meanwhile", "2"));
    village.start(victim);
    ASSERT_TRUE(village.until([&] { return village.all_ok(); }))
        << village.core(victim).status(village.now()).waiting_for;
    EXPECT_EQ(village.core(victim).status(village.now()).voters, 3u);
    EXPECT_EQ(village.read(victim, "before"), "1");
    EXPECT_EQ(village.read(victim, "meanwhile"), "2");
    ASSERT_TRUE(village.write_and_wait(victim, "after", "3"));
    EXPECT_EQ(village.read(other, "after"), "3");
  }
}

TEST(NodeCore, ANodeThatWasCutOffIsOkOnceItHasWhatItMissed) {
  CoreLimits limits;
  limits.record_bytes = 1;
  limits.message_entries = 4;
  limits.replication_bytes = 1;  // an entry at a time
  Village village(3, limits);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  const size_t lost = (village.leader() + 1) % 3;
  const auto status = [&] { return village.core(lost).status(village.now()); };
  village.cut_off(lost, true);
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(village.write_and_wait(village.leader(), "k", std::to_string(i)));
  }
  ASSERT_TRUE(village.until([&] { return status().state == NodeState::kNoQuorum; }));
  const LogIndex missed = village.visible(village.leader());
  const LogIndex had = village.visible(lost);
  ASSERT_GE(missed - had, 300u);
  village.cut_off(lost, false);
  size_t behind = 0;
  ASSERT_TRUE(village.until([&] {
    behind += status().waiting_for.find("what it missed, ") == 0;
    if (status().state != NodeState::kOk) return false;
    EXPECT_GE(village.visible(lost), missed);
    return true;
  }));
  EXPECT_GT(behind, 0u);
}

// A leader that dies is no silence after which anybody would be behind.
TEST(NodeCore, WhoHasAllIsOkAsSoonAsItKnowsItsLeader) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  village.kill(village.leader());
  ASSERT_TRUE(village.until([&] { return !village.all_there_ok(); }));
  ASSERT_TRUE(village.until([&] {
    for (size_t at = 0; at < 3; ++at) {
      if (!village.lives(at)) continue;
      EXPECT_EQ(village.core(at).status(village.now()).waiting_for.find("what it missed"),
                std::string::npos);
    }
    return village.all_there_ok();
  }));
}

// A thread that took a step under the old incarnation's lease may take the next one now.
TEST(NodeCore, ANewIncarnationInTheSameProcessNeverShowsLess) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  const size_t again = (village.leader() + 1) % 3;
  ASSERT_TRUE(village.until([&] { return village.visible(again) > LogIndex(2); }));
  const LogIndex visible = village.visible(again);
  village.live(again);
  ASSERT_TRUE(village.until([&] {
    EXPECT_GE(village.visible(again), visible);
    return village.all_ok();
  }));
  ASSERT_TRUE(village.wanted(again));
  EXPECT_GE(*village.wanted(again), visible) << "an older state would have done";
  EXPECT_EQ(village.read(again, "k"), "v");
}

TEST(NodeCore, WithoutAMajorityNothingIsAnswered) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  village.kill(0);
  village.kill(1);
  const auto sent = village.write(2, put("k", "v"));
  ASSERT_TRUE(village.until(
      [&] { return village.core(2).status(village.now()).state == NodeState::kNoQuorum; }));
  const auto refused = village.write(2, put("k", "v"));
  ASSERT_TRUE(refused->has_value()) << "at once";
  EXPECT_EQ((*refused)->code(), Code::kUnavailable);
  EXPECT_EQ(village.read(2, "k"), "(failed)");
}

TEST(NodeCore, WhatWasSentToNobodyIsRefusedOnceThereIsNoQuorumAndTheRestStaysInDoubt) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  const size_t survivor = (village.leader() + 1) % 3;
  for (size_t at = 0; at < 3; ++at) {
    if (at != survivor) village.kill(at);
  }
  const auto status = [&] { return village.core(survivor).status(village.now()); };
  const auto sent = village.write(survivor, put("k", "v"));
  village.run(150ms);  // an election timeout, and not yet four
  const auto waits = village.write(survivor, put("k", "w"));
  village.run(10ms);
  EXPECT_FALSE(waits->has_value()) << "a failover is waited out";
  ASSERT_TRUE(village.until([&] { return status().state == NodeState::kNoQuorum; }));
  village.run(1ms);
  ASSERT_TRUE(waits->has_value()) << "at once";
  EXPECT_EQ((*waits)->code(), Code::kUnavailable);
  EXPECT_FALSE(sent->has_value()) << "the dead leader may have passed it on";
  ASSERT_TRUE(village.until([&] { return sent->has_value(); }));
  EXPECT_EQ((*sent)->code(), Code::kUnknownOutcome);
}

TEST(NodeCore, AForgottenLogIsMadeGoodByAState) {
  CoreLimits limits;
  limits.log_entries = 8;
  limits.record_bytes = 1;
  limits.state_piece_bytes = 200;
  Village village(3, limits);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(village.write_and_wait(0, "k" + std::to_string(i), std::string(50, 'x')));
  }
  village.kill(2);
  ASSERT_TRUE(village.write_and_wait(0, "last", "1"));
  village.start(2);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  EXPECT_EQ(village.read(2, "k0"), std::string(50, 'x'));
  EXPECT_EQ(village.read(2, "last"), "1");
}

}  // namespace
}  // namespace ram::node
