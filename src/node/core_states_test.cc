// How states get from one NodeCore to another, while others write.
#include "node/node_core.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/limits.h"
#include "consensus/entry_log.h"
#include "node/test_village.h"

namespace ram::node {
namespace {

// Writers at two nodes that never rest: each has so many writes under way, of keys there are.
class Writers {
 public:
  Writers(Village& village, std::vector<size_t> places, size_t keys, size_t value_bytes)
      : village_(village), places_(std::move(places)), keys_(keys), value_(value_bytes, 'x') {}

  // Once per millisecond.
  void act() {
    std::erase_if(under_way_, [&](const auto& write) {
      if (!write->has_value()) return false;
      if ((*write)->ok()) {
        ++done_;
        longest_gap_ = std::max(longest_gap_, village_.now() - last_);
        last_ = village_.now();
      }
      return true;
    });
    while (under_way_.size() < 60) {
      const size_t place = places_[next_ % places_.size()];
      if (!village_.lives(place)) {
        ++next_;
        continue;
      }
      under_way_.push_back(
          village_.write(place, put("k" + std::to_string(next_++ % keys_), value_)));
    }
    if (const size_t leader = village_.leader(); village_.lives(leader)) {
      longest_log_ = std::max(longest_log_, village_.core(leader).replica()->log().size());
    }
  }
  void forget_gaps() {
    longest_gap_ = Duration();
    last_ = village_.now();
  }

  size_t done() const { return done_; }
  Duration longest_gap() const { return longest_gap_; }
  size_t longest_log() const { return longest_log_; }

 private:
  Village& village_;
  const std::vector<size_t> places_;
  const size_t keys_;
  const std::string value_;
  std::vector<std::shared_ptr<std::optional<Status>>> under_way_;
  size_t next_ = 0;
  size_t done_ = 0;
  size_t longest_log_ = 0;
  Instant last_{};
  Duration longest_gap_{};
};

// The log holds what is written within 3 ms; a state takes some 300.
CoreLimits short_log() {
  CoreLimits limits;
  limits.log_entries = 40;
  limits.transfer_log_entries = 800;
  limits.record_bytes = 1;
  limits.state_piece_bytes = 400;
  return limits;
}

// Some nodes, one of which starts again while others write.
class Return {
 public:
  Return(CoreLimits limits, size_t keys, Mistakes mistakes = {}, size_t nodes = 3)
      : village(nodes, limits, mistakes), nodes_(nodes), keys_(keys) {}

  ::testing::AssertionResult begin() {
    if (const auto founded = village.until([&] { return village.all_ok(); }); !founded) {
      return founded;
    }
    joiner = (village.leader() + 1) % nodes_;
    other = (village.leader() + 2) % nodes_;
    writers.emplace(village, std::vector<size_t>{village.leader(), other}, keys_, 100);
    while (writers->done() < 2 * keys_) act();
    village.kill(joiner);
    village.run(300ms);  // its leases end
    if (joins_through_leader) {
      village.start_through(joiner, village.leader());
    } else {
      village.start(joiner);
    }
    writers->forget_gaps();
    before = writers->done();
    begun = village.now();
    return ::testing::AssertionSuccess();
  }
  void act() {
    writers->act();
    village.run(1ms);
  }
  ::testing::AssertionResult end() {
    return village.until([&] {
      writers->act();
      return village.all_ok();
    });
  }

  Village village;
  bool joins_through_leader = false;  // knows no other address
  size_t joiner = 0, other = 0;
  std::optional<Writers> writers;
  size_t before = 0;
  Instant begun;

 private:
  const size_t nodes_;
  const size_t keys_;
};

TEST(NodeCoreStates, OneIsReceivedUnderFullLoadThoughTheLogIsShort) {
  const CoreLimits limits = short_log();
  Return scene(limits, 2'000);
  ASSERT_TRUE(scene.begin());
  ASSERT_TRUE(scene.end());
  EXPECT_LT(scene.village.now() - scene.begun, 3s);
  EXPECT_EQ(scene.village.states(), 1u);
  EXPECT_GT(scene.writers->done() - scene.before, limits.transfer_log_entries) << "or it was none";
  EXPECT_LT(scene.writers->longest_gap(), 200ms) << "nobody waits for long";
  EXPECT_LT(scene.writers->longest_log(), limits.log_entries + limits.transfer_log_entries + 60);
}

TEST(NodeCoreStates, OneIsNeverReceivedIfTheLogIsNotKeptForIt) {
  Mistakes mistakes;
  mistakes.forgets_transfers = true;
  Return scene(short_log(), 2'000, mistakes);
  ASSERT_TRUE(scene.begin());
  EXPECT_FALSE(scene.end());
  EXPECT_GT(scene.village.states(), 10u) << "each was told so at once";
}

// By a crash, and by one leader that hands over to another.
TEST(NodeCoreStates, AChangeOfLeaderDoesNotMakeOneBeginAgain) {
  for (const bool crash : {true, false}) {
    SCOPED_TRACE(crash ? "crash" : "hand-over");
    CoreLimits limits = short_log();
    limits.state_piece_bytes = 100;  // a second and more
    Return scene(limits, 8'000, {}, /*nodes=*/5);
    ASSERT_TRUE(scene.begin());
    while (scene.village.states() == 0) scene.act();
    size_t source = 0;
    while (scene.village.pieces(source) == 0) source = (source + 1) % 5;
    const size_t leader = scene.village.leader();
    ASSERT_NE(source, leader);
    for (int i = 0; i < 300; ++i) scene.act();
    ASSERT_GT(scene.writers->longest_log(), limits.log_entries + limits.transfer_log_entries / 8);
    if (crash) {
      scene.village.kill(leader);
    } else {
      scene.village.core(leader).transfer(scene.village.now(), "", scene.village.now() + 2s,
                                          [](const Status&) {});
      ASSERT_TRUE(scene.village.until([&] {
        scene.writers->act();
        return scene.village.lives(scene.village.leader()) && scene.village.leader() != leader;
      }));
    }
    const size_t before = scene.writers->done();
    ASSERT_TRUE(scene.village.until([&] {
      scene.writers->act();
      return scene.village.core(scene.joiner).status(scene.village.now()).state == NodeState::kOk;
    }));
    EXPECT_EQ(scene.village.states(), 1u);
    EXPECT_GT(scene.writers->done() - before, limits.log_entries * 10) << "or it kept nothing";
  }
}

TEST(NodeCoreStates, NoLogIsKeptOnceTheStateIsThere) {
  CoreLimits limits = short_log();
  limits.transfer_log_entries = 100'000;  // nobody is slowed
  Return scene(limits, 2'000);
  ASSERT_TRUE(scene.begin());
  ASSERT_TRUE(scene.end());
  ASSERT_GT(scene.writers->longest_log(), 10 * limits.log_entries);
  size_t longest = 0;
  for (int i = 0; i < 200; ++i) {
    scene.act();
    if (i < 100) continue;
    for (size_t at = 0; at < 3; ++at) {
      longest = std::max(longest, scene.village.core(at).replica()->log().size());
    }
  }
  EXPECT_LT(longest, 3 * limits.log_entries);
}

// It was given the address of the one that led, and that dies with the one that gave it the state.
TEST(NodeCoreStates, WhoKnewTheLeaderAloneFindsTheOthers) {
  CoreLimits limits = short_log();
  limits.state_piece_bytes = 100;
  Return scene(limits, 8'000, {}, /*nodes=*/7);
  scene.joins_through_leader = true;
  ASSERT_TRUE(scene.begin());
  while (scene.village.states() == 0) scene.act();
  size_t source = 0;
  while (scene.village.pieces(source) == 0) source = (source + 1) % 7;
  const size_t leader = scene.village.leader();
  ASSERT_NE(source, leader);
  ASSERT_TRUE(scene.village.until(
      [&] { return scene.village.core(leader).status(scene.village.now()).voters == 5; }));
  scene.village.kill(leader);
  scene.village.kill(source);
  ASSERT_TRUE(scene.village.until([&] {
    return scene.village.core(scene.joiner).status(scene.village.now()).state == NodeState::kOk;
  }));
  EXPECT_EQ(scene.village.states(), 2u);
}

TEST(NodeCoreStates, NobodyWaitsForAReceiverThatDied) {
  CoreLimits limits = short_log();
  limits.state_piece_bytes = 100;
  Return scene(limits, 8'000);
  ASSERT_TRUE(scene.begin());
  while (scene.village.states() == 0) scene.act();
  for (int i = 0; i < 100; ++i) scene.act();
  scene.village.kill(scene.joiner);
  for (int i = 0; i < 1'000; ++i) scene.act();
  EXPECT_LT(scene.writers->longest_gap(), 150ms) << "an election timeout";
  EXPECT_LT(scene.village.core(scene.village.leader()).replica()->log().size(),
            limits.log_entries + limits.transfer_log_entries / 8);
}

TEST(NodeCoreStates, OldVersionsAreBoundedWhileOneIsGivenOut) {
  CoreLimits limits = short_log();
  limits.transfer_log_entries = 100'000;
  limits.kept_bytes = 0;
  limits.state_piece_bytes = 400;  // slowly: writers replace far more than it takes
  Return scene(limits, 10'000);
  ASSERT_TRUE(scene.begin());
  const size_t all = scene.village.state_bytes(scene.other);
  size_t most = 0;
  ASSERT_TRUE(scene.village.until([&] {
    scene.writers->act();
    for (const size_t at : {scene.other, scene.village.leader()}) {
      most = std::max(most, scene.village.old_bytes(at));
    }
    return scene.village.all_ok();
  }));
  EXPECT_GT(scene.writers->done() - scene.before, 10'000u) << "or there were no more";
  EXPECT_GT(most, all / 5);
  EXPECT_LT(most, all / 4 + 200'000) << "and what waits for its readers in any case";
  EXPECT_LT(scene.writers->longest_gap(), 200ms);
  EXPECT_EQ(scene.village.states(), 1u);
}

TEST(NodeCoreStates, ABrokenLinkDoesNotMakeOneBeginAgain) {
  CoreLimits limits;
  limits.state_piece_bytes = 100;
  Return scene(limits, 4'000);
  ASSERT_TRUE(scene.begin());
  while (scene.village.now() - scene.begun < 700ms) scene.act();
  const NodeStatus status = scene.village.core(scene.joiner).status(scene.village.now());
  ASSERT_NE(status.state, NodeState::kOk);
  EXPECT_THAT(status.waiting_for, testing::StartsWith("the state, from the member at n"));
  scene.village.cut_off(scene.joiner, true);
  for (int i = 0; i < 550; ++i) scene.act();
  scene.village.cut_off(scene.joiner, false);
  ASSERT_TRUE(scene.end());
  EXPECT_EQ(scene.village.states(), 1u);
}

TEST(NodeCoreStates, OneTakesASlowLinkOnceFromEndToEnd) {
  for (const size_t rate : {kLinkBytesPerSecondMin, 5 * kLinkBytesPerSecondMin}) {
    SCOPED_TRACE(std::to_string(rate) + " bytes per second");
    Village village(3);
    ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
    const size_t leader = village.leader();
    const size_t large = 5 * kLinkBytesPerSecondMin;  // longer than a node waits for a word
    for (int i = 0; i < 30; ++i) {
      ASSERT_TRUE(
          village.write_and_wait(leader, "k" + std::to_string(i), std::string(100'000, 'x')));
    }
    ASSERT_TRUE(village.write_and_wait(leader, "large", std::string(large, 'x')));
    const size_t joiner = (leader + 1) % 3;
    village.kill(joiner);
    village.run(300ms);  // its leases end
    village.limit_bulk_links(rate);
    village.start(joiner);
    ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
    const size_t state = 30 * 100'000 + large;
    EXPECT_EQ(village.states(), 1u);
    EXPECT_GT(village.bulk_bytes(), state);
    EXPECT_LT(village.bulk_bytes(), state + state / 50);
    EXPECT_EQ(village.read(joiner, "k0"), std::string(100'000, 'x'));
  }
}

// All that is on its way is lost, once.
TEST(NodeCoreStates, WhatASlowLinkLosesIsAskedForOnce) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  const size_t leader = village.leader();
  const size_t joiner = (leader + 1) % 3;
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(village.write_and_wait(leader, "k" + std::to_string(i), std::string(100'000, 'x')));
  }
  village.kill(joiner);
  village.run(300ms);
  village.limit_bulk_links(kLinkBytesPerSecondMin);
  village.start(joiner);
  const size_t state = 30 * 100'000;
  ASSERT_TRUE(village.until([&] { return village.bulk_bytes() >= state * 3 / 4; }));
  village.cut_off(joiner, true);
  village.run(2s);
  village.cut_off(joiner, false);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  EXPECT_EQ(village.states(), 1u);
  EXPECT_LT(village.bulk_bytes(), state + state / 50 + kStatePiecesWindow * kStatePieceBytes);
}

TEST(NodeCoreStates, AMemberThatFellBehindSparesTheLeader) {
  Village village(3, short_log());
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  const size_t leader = village.leader(), behind = (leader + 1) % 3, other = (leader + 2) % 3;
  village.cut_off(behind, true);
  for (int i = 0; i < 1'000; ++i) {
    ASSERT_TRUE(village.write_and_wait(leader, "k" + std::to_string(i % 100), "v"));
  }
  village.cut_off(behind, false);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  ASSERT_EQ(village.leader(), leader);
  EXPECT_GT(village.pieces(other), 0u);
  EXPECT_EQ(village.pieces(leader), 0u);
}

TEST(NodeCoreStates, WhoLeavesSaysSoToThoseWhoFetchFromIt) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  const size_t leader = village.leader(), joiner = (leader + 1) % 3, source = (leader + 2) % 3;
  for (int i = 0; i < 30; ++i) {
    ASSERT_TRUE(village.write_and_wait(leader, "k" + std::to_string(i), std::string(100'000, 'x')));
  }
  village.kill(joiner);
  village.run(300ms);  // its leases end
  village.limit_bulk_links(kLinkBytesPerSecondMin);
  village.start(joiner);
  ASSERT_TRUE(village.until([&] { return village.pieces(source) > 4; }));
  ASSERT_EQ(village.pieces(leader), 0u);
  village.core(source).leave();
  const Instant begun = village.now();
  ASSERT_TRUE(village.until([&] { return village.pieces(leader) > 0; }));
  EXPECT_LT(village.now() - begun, 3s) << "what is on its way, and no patience";
}

}  // namespace
}  // namespace ram::node
