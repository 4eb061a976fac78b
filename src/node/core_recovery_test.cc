// Going on alone (MEMBERSHIP.md section 6).
#include "node/node_core.h"

#include <gtest/gtest.h>

#include "node/test_village.h"

namespace ram::node {
namespace {

class NodeCoreRecovery : public NodeCoreMembers {
 protected:
  std::shared_ptr<std::optional<Result<std::string>>> recover(size_t at, bool others_are_dead) {
    auto ended = std::make_shared<std::optional<Result<std::string>>>();
    village.core(at).recover(village.now(), others_are_dead,
                             [ended](Result<std::string> report) { *ended = std::move(report); });
    EXPECT_TRUE(village.until([&] { return ended->has_value(); }));
    return ended;
  }
  std::string refusal(size_t at, bool others_are_dead) {
    const auto ended = recover(at, others_are_dead);
    return ended->value().ok() ? "not refused: " + *ended->value()
                               : ended->value().status().message();
  }
  void lose_majority() {
    ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
    survivor = (village.leader() + 2) % 3;
    village.run(50ms);
    village.kill(village.leader());
    village.kill(3 - survivor - first_dead());
    ASSERT_TRUE(village.until([&] { return status(survivor).state == NodeState::kNoQuorum; }));
  }
  size_t first_dead() {
    for (size_t at = 0; at < 3; ++at) {
      if (!village.lives(at)) return at;
    }
    return 3;
  }

  size_t survivor = 0;
};

TEST_F(NodeCoreRecovery, IsRefusedWhileTheClusterIsNotLost) {
  EXPECT_NE(refusal(0, true).find("not lost"), std::string::npos);
  village.kill(follower());
  village.run(1s);
  EXPECT_NE(refusal(village.leader(), true).find("not lost"), std::string::npos);
}

TEST_F(NodeCoreRecovery, ASurvivorGoesOnWithAllItHasAndTheOthersJoinIt) {
  lose_majority();
  const ClusterId before = village.core(survivor).cluster();
  const std::string asked = refusal(survivor, false);
  EXPECT_NE(asked.find("missing: n"), std::string::npos) << asked;
  EXPECT_NE(asked.find("--others-are-dead"), std::string::npos) << asked;
  EXPECT_NE(asked.find("every write that was acknowledged until"), std::string::npos) << asked;
  EXPECT_EQ(status(survivor).state, NodeState::kNoQuorum) << "asking changes nothing";

  const auto done = recover(survivor, true);
  ASSERT_TRUE(done->value().ok()) << done->value().status().message();
  EXPECT_FALSE(village.core(survivor).cluster() == before);
  ASSERT_TRUE(village.until([&] { return status(survivor).state == NodeState::kOk; }));
  EXPECT_EQ(village.read(survivor, "k"), "v");
  ASSERT_TRUE(village.write_and_wait(survivor, "k", "w"));
  for (size_t at = 0; at < 3; ++at) {
    if (at != survivor) village.start(at);
  }
  ASSERT_TRUE(village.until([&] { return village.all_ok() && status(survivor).voters == 3; }));
  EXPECT_EQ(village.read((survivor + 1) % 3, "k"), "w");
  EXPECT_FALSE(status(survivor).ancestor.empty());
}

TEST_F(NodeCoreRecovery, TheLogOfTheClusterThatWasIsFreedInPieces) {
  for (int i = 0; i < 3'000; ++i) {
    village.write(village.leader(), put("k", "v"));
    village.run(1ms);
  }
  lose_majority();
  ASSERT_TRUE(recover(survivor, true)->value().ok());
  EXPECT_GT(village.busy_turns(survivor), 40u);
}

TEST_F(NodeCoreRecovery, WhoWasLeftBehindJoinsWhatWentOn) {
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  survivor = (village.leader() + 1) % 3;
  const size_t left_behind = 3 - survivor - village.leader();
  const NodeId before = village.id(left_behind);
  village.kill(village.leader());
  village.cut(survivor, left_behind);
  ASSERT_TRUE(village.until([&] {
    return status(survivor).state == NodeState::kNoQuorum &&
           status(left_behind).state == NodeState::kNoQuorum;
  }));
  ASSERT_TRUE(recover(survivor, true)->value().ok());
  ASSERT_TRUE(village.write_and_wait(survivor, "k", "w"));
  village.mend();
  ASSERT_TRUE(village.until([&] {
    return village.id(left_behind) != before && status(left_behind).state == NodeState::kOk;
  }));
  EXPECT_EQ(village.read(left_behind, "k"), "w");
  EXPECT_EQ(village.core(left_behind).cluster(), village.core(survivor).cluster());
  EXPECT_EQ(village.lines_with("was recovered; it joins by itself"), 1u);
  EXPECT_EQ(village.lines_with("there are two clusters;"), 1u) << "as a case, in the same line";
}

// The operator was wrong: the others were not dead.
TEST_F(NodeCoreRecovery, WhereThereAreTwoClustersBothSaySoOnceAMinute) {
  const std::string leader = "n" + std::to_string(village.leader()) + ":1";
  survivor = follower();
  village.cut_off(survivor, true);
  ASSERT_TRUE(village.until([&] { return status(survivor).state == NodeState::kNoQuorum; }));
  ASSERT_TRUE(recover(survivor, true)->value().ok());
  const std::string before = status(survivor).ancestor;
  const std::string after = status(survivor).cluster;
  village.cut_off(survivor, false);
  const auto told_here = [&] {
    return village.lines_with("the node at " + leader + " is of cluster " + before +
                              ", from which this one, " + after);
  };
  const auto told_there = [&] {
    return village.lines_with("was recovered from this cluster, " + before + ", as " + after);
  };
  ASSERT_TRUE(village.until([&] { return told_here() == 1 && told_there() >= 1; }));
  village.run(50s);
  EXPECT_EQ(told_here(), 1u);
  EXPECT_LE(told_there(), 2u) << "by two";
  village.run(20s);
  EXPECT_EQ(told_here(), 2u);
  EXPECT_GT(told_there(), 1u);
  EXPECT_EQ(status(survivor).cluster, after) << "a word moves nobody who has a majority";
  EXPECT_EQ(status((survivor + 1) % 3).cluster, before);
}

TEST(NodeCoreRecoveryOfFive, WhoHasLessIsToldWhoHasMore) {
  Village village(5);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  const size_t leader = village.leader();
  const size_t less = (leader + 1) % 5, more = (leader + 2) % 5;
  village.cut_off(less, true);
  ASSERT_TRUE(village.write_and_wait(leader, "k", "v"));
  village.run(50ms);
  for (size_t at = 0; at < 5; ++at) {
    if (at != less && at != more) village.kill(at);
  }
  village.cut_off(less, false);
  const auto no_quorum = [&](size_t at) {
    return village.core(at).status(village.now()).state == NodeState::kNoQuorum;
  };
  ASSERT_TRUE(village.until([&] { return no_quorum(less) && no_quorum(more); }));
  const auto recover = [&](size_t at) {
    auto ended = std::make_shared<std::optional<Result<std::string>>>();
    village.core(at).recover(village.now(), true,
                             [ended](Result<std::string> report) { *ended = std::move(report); });
    EXPECT_TRUE(village.until([&] { return ended->has_value(); }));
    return ended->value();
  };
  const Result<std::string> refused = recover(less);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("n" + std::to_string(more) + " has more of the log"),
            std::string::npos)
      << refused.status().message();
  ASSERT_TRUE(recover(more).ok());
  // The other joins it by itself.
  ASSERT_TRUE(village.until([&] {
    return village.core(less).cluster() == village.core(more).cluster() &&
           village.core(less).status(village.now()).role >= NodeRole::kStandby;
  }));
  EXPECT_EQ(village.read(less, "k"), "v");
}

// A script that runs over all survivors: one of them goes on, and the others join it.
TEST(NodeCoreRecoveryOfFive, TwoAtOnceMakeOneCluster) {
  Village village(5);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  village.run(50ms);
  for (size_t at = 0; at < 3; ++at) village.kill(at);
  const auto state = [&](size_t at) { return village.core(at).status(village.now()).state; };
  ASSERT_TRUE(village.until(
      [&] { return state(3) == NodeState::kNoQuorum && state(4) == NodeState::kNoQuorum; }));
  size_t ended = 0, recovered = 0;
  for (const size_t at : {3, 4}) {
    village.core(at).recover(village.now(), true, [&](const Result<std::string>& report) {
      ++ended;
      recovered += report.ok();
    });
    village.run(30ms);
  }
  ASSERT_TRUE(village.until([&] { return ended == 2; }));
  EXPECT_EQ(recovered, 1u);
  ASSERT_TRUE(village.until(
      [&] { return village.core(3).cluster() == village.core(4).cluster() && village.lives(4); }));
  EXPECT_EQ(village.read(4, "k"), "v");
}

}  // namespace
}  // namespace ram::node
