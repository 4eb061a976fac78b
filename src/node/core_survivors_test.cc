// With what a survivor of a lost majority goes on, and what becomes of those it leaves behind.
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "consensus/configuration_codec.h"
#include "consensus/entry_log.h"
#include "node/test_hamlet.h"

namespace ram::node {
namespace {

// Straight, or as a member carries them for another.
bool holds_entries(const PeerMessage& message) {
  return lane_of(message) == Lane::kLog || std::holds_alternative<Relay>(message);
}

TEST(CoreSurvivors, ASurvivorThatWasToldOfMoreThanItHasGoesOn) {
  Hamlet hamlet(3);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  const size_t leader = hamlet.leader(), survivor = hamlet.followers()[0];
  ASSERT_TRUE(hamlet.write_and_wait(leader, "k", "v"));
  hamlet.run(50ms);
  hamlet.passes = [&](size_t, size_t to, PeerMessage& message) {
    return to != survivor || !holds_entries(message);
  };
  ASSERT_TRUE(hamlet.write_some(leader, 20));
  hamlet.run(50ms);
  for (size_t at = 0; at < 3; ++at) {
    if (at != survivor) hamlet.kill(at);
  }
  ASSERT_TRUE(hamlet.until([&] { return hamlet.lost(survivor); }));
  EXPECT_EQ(hamlet.recover(survivor).substr(0, 9), "recovered");
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  EXPECT_EQ(hamlet.value(survivor, "k"), "v");
  EXPECT_TRUE(hamlet.write_and_wait(survivor, "k", "w"));
}

// It was cut off when the heir joined, and when that recovered; nobody else can name it.
TEST(CoreSurvivors, WhoNeverHeardOfTheOneThatGoesOnIsCalledByIt) {
  Hamlet hamlet(5);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  const size_t leader = hamlet.leader(), left = hamlet.followers()[0];
  hamlet.passes = [&](size_t from, size_t to, PeerMessage&) { return from != left && to != left; };
  const size_t heir = hamlet.move_in({Hamlet::address(leader)});
  ASSERT_TRUE(hamlet.until([&] { return hamlet.status(heir).state == NodeState::kOk; }));
  for (size_t at = 0; at < 5; ++at) {
    if (at != left) hamlet.kill(at);
  }
  ASSERT_TRUE(hamlet.until([&] { return hamlet.lost(heir) && hamlet.lost(left); }));
  EXPECT_EQ(hamlet.recover(heir).substr(0, 9), "recovered");
  hamlet.run(1s);
  hamlet.passes = [](size_t, size_t, PeerMessage&) { return true; };
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  EXPECT_EQ(hamlet.status(left).cluster, hamlet.status(heir).cluster);
}

// Its list leads to one that has no quorum, and that never hears of the heir.
TEST(CoreSurvivors, WhoDiscardsItsStateAsksTheHeirThoughItsListLeadsElsewhere) {
  Hamlet hamlet(5);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  const size_t listed = hamlet.followers()[0], heir = hamlet.followers()[1];
  const size_t between = hamlet.move_in({Hamlet::address(listed)});
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  for (size_t at = 0; at < 5; ++at) {
    if (at != listed && at != heir) hamlet.kill(at);
  }
  hamlet.passes = [&](size_t from, size_t to, PeerMessage&) {
    return (from != listed || to != heir) && (from != heir || to != listed);
  };
  ASSERT_TRUE(hamlet.until([&] { return hamlet.lost(heir) && hamlet.lost(between); }));
  EXPECT_EQ(hamlet.recover(heir).substr(0, 9), "recovered");
  EXPECT_TRUE(hamlet.until([&] { return hamlet.status(between).state == NodeState::kOk; }));
  EXPECT_EQ(hamlet.status(between).cluster, hamlet.status(heir).cluster);
}

// Two of five survive: `ahead` has a state that is newer than its log, `behind` less than that, but
// more of the log.
class TwoSurvivors : public ::testing::TestWithParam<bool> {
 protected:
  static CoreLimits limits() {
    CoreLimits limits;
    limits.log_entries = 40;
    limits.record_bytes = 1;
    return limits;
  }
  void SetUp() override {
    ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
    size_t leader = hamlet.leader();
    ahead = hamlet.followers()[0];
    behind = hamlet.followers()[1];
    const size_t next = hamlet.followers()[2];
    // Its log is forgotten.
    hamlet.passes = [&](size_t from, size_t to, PeerMessage&) {
      return from != ahead && to != ahead;
    };
    ASSERT_TRUE(hamlet.write_some(leader, 100));
    bool state_may_come = false, all_to_behind = true;
    hamlet.passes = [&](size_t from, size_t to, PeerMessage& message) {
      if (to == ahead && holds_entries(message)) return !state_may_come;
      if (from == ahead && std::holds_alternative<StateRequest>(message)) {
        return state_may_come && to != behind;
      }
      return to != behind || all_to_behind || !holds_entries(message);
    };
    ASSERT_TRUE(hamlet.until([&] { return hamlet.replica(ahead).installing(); }));
    if (GetParam()) {
      hamlet.core(leader).transfer(hamlet.now(), "n" + std::to_string(next), hamlet.now() + 5s,
                                   [](const Status&) {});
      ASSERT_TRUE(hamlet.until([&] { return hamlet.leader() == next; }));
      leader = next;
    }
    ASSERT_TRUE(hamlet.write_some(leader, 10));
    hamlet.run(50ms);
    all_to_behind = false;
    ASSERT_TRUE(hamlet.write_some(leader, 10));
    ASSERT_TRUE(hamlet.write_and_wait(leader, "last", "v"));
    state_may_come = true;
    ASSERT_TRUE(hamlet.until([&] { return !hamlet.replica(ahead).installing(); }));
    for (size_t at = 0; at < 5; ++at) {
      if (at != ahead && at != behind) hamlet.kill(at);
    }
    hamlet.passes = [](size_t, size_t, PeerMessage&) { return true; };
    ASSERT_TRUE(hamlet.until([&] { return hamlet.lost(ahead) && hamlet.lost(behind); }));
    ASSERT_LT(hamlet.replica(ahead).last(), hamlet.replica(behind).last());
    ASSERT_LT(hamlet.replica(behind).last(), hamlet.core(ahead).applied());
  }

  Hamlet hamlet{5, limits()};
  size_t ahead = 0, behind = 0;
};

TEST_P(TwoSurvivors, TheOneWhoseStateIsNewerGoesOn) {
  const auto better = hamlet.begin_recovery(ahead), worse = hamlet.begin_recovery(behind);
  ASSERT_TRUE(hamlet.until([&] { return better->has_value() && worse->has_value(); }));
  EXPECT_TRUE((*better)->ok()) << Hamlet::text_of(better);
  EXPECT_FALSE((*worse)->ok()) << Hamlet::text_of(worse);
  EXPECT_EQ(hamlet.value(ahead, "last"), "v");
}

INSTANTIATE_TEST_SUITE_P(CoreSurvivors, TwoSurvivors, ::testing::Bool(),
                         [](const auto& suite) { return suite.param ? "TermsDiffer" : "OneTerm"; });

TEST(CoreSurvivors, WhoIsToBeRemovedIsNotTheOneToGoOn) {
  Hamlet hamlet(3);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  const size_t leader = hamlet.leader(), survivor = hamlet.followers()[0];
  hamlet.run(200ms);
  // The leader's last message, which nobody else got.
  const consensus::Replica& replica = hamlet.replica(survivor);
  consensus::Configuration rest = replica.latest();
  std::erase_if(rest.servers, [&](const auto& server) { return server.id == hamlet.id(survivor); });
  consensus::AppendEntries append{.term = replica.term(),
                                  .previous = replica.last(),
                                  .previous_term = replica.term_at(replica.last()),
                                  .commit = replica.commit(),
                                  .entries = {}};
  append.entries.push_back(
      {replica.term(), consensus::EntryKind::kChange, consensus::encode(rest)});
  hamlet.tell(survivor, hamlet.id(leader), RaftMessage{{}, std::move(append)});
  for (size_t at = 0; at < 3; ++at) {
    if (at != survivor) hamlet.kill(at);
  }
  ASSERT_EQ(hamlet.replica(survivor).latest(), rest);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.lost(survivor); }));
  const std::string refused = hamlet.recover(survivor);
  EXPECT_NE(refused.find("was about to be removed"), std::string::npos) << refused;
}

// It has the state and asks to be added, to a cluster that is no more.
TEST(CoreSurvivors, WhoWasNotYetLetInJoinsWhatWasRecovered) {
  Hamlet hamlet(3);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  ASSERT_TRUE(hamlet.write_and_wait(0, "k", "v"));
  const size_t leader = hamlet.leader(), survivor = hamlet.followers()[0];
  hamlet.passes = [](size_t, size_t, PeerMessage& message) {
    const auto* request = std::get_if<JoinRequest>(&message);
    return request == nullptr || !request->have;
  };
  const size_t joiner = hamlet.move_in({Hamlet::address(survivor), Hamlet::address(leader)});
  ASSERT_TRUE(hamlet.until([&] { return hamlet.core(joiner).replica() != nullptr; }));
  for (size_t at = 0; at < 3; ++at) {
    if (at != survivor) hamlet.kill(at);
  }
  ASSERT_TRUE(hamlet.until([&] { return hamlet.lost(survivor); }));
  EXPECT_TRUE(hamlet.until([&] {
    return hamlet.status(joiner).waiting_for.find("a leader that lets this node in: no majority") ==
           0;
  }));
  ASSERT_EQ(hamlet.recover(survivor).substr(0, 9), "recovered");
  hamlet.passes = [](size_t, size_t, PeerMessage&) { return true; };
  EXPECT_TRUE(hamlet.until([&] {
    return hamlet.core(joiner).cluster() == hamlet.core(survivor).cluster() && hamlet.all_ok();
  }));
  EXPECT_EQ(hamlet.value(joiner, "k"), "v");
}

// Whoever needs the state to vote may need it as of what the dead leader alone knew to be
// committed.
TEST(CoreSurvivors, AStateIsGivenOutAsOfWhatIsApplied) {
  Hamlet hamlet(3);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  const size_t leader = hamlet.leader(), source = hamlet.followers()[0];
  const size_t receiver = hamlet.followers()[1];
  const auto is_ahead = [&] {
    return hamlet.core(source).applied() > hamlet.replica(source).commit();
  };
  ASSERT_TRUE(hamlet.write_and_wait(leader, "k", "v"));
  ASSERT_TRUE(hamlet.until([&] { return !is_ahead(); }));
  (void)hamlet.write(leader, "k", "w");  // of the same term
  ASSERT_TRUE(hamlet.until(is_ahead));
  std::optional<LogIndex> given;
  hamlet.passes = [&](size_t from, size_t to, PeerMessage& message) {
    if (from != source || to != receiver) return true;
    if (const auto* piece = std::get_if<StatePiece>(&message)) given = piece->origin.index;
    return true;
  };
  const LogIndex applied = hamlet.core(source).applied();
  hamlet.core(source).receive(
      hamlet.now(), {hamlet.id(receiver), Hamlet::address(receiver)},
      frame_of({hamlet.core(source).cluster(), hamlet.id(receiver), hamlet.id(source)},
               StateRequest{.transfer = Nonce(7), .at_least = applied}));
  ASSERT_TRUE(is_ahead());
  hamlet.run(1ms);
  ASSERT_TRUE(given);
  EXPECT_EQ(*given, applied);
}

// A cluster of three of which `survivor` went on alone, and `left` did not hear of it.
class LeftBehind : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
    survivor = hamlet.followers()[0];
    left = hamlet.followers()[1];
    ASSERT_TRUE(hamlet.write_and_wait(survivor, "k", "v"));
    hamlet.kill(hamlet.leader());
    hamlet.passes = [&](size_t from, size_t to, PeerMessage&) {
      return from != left && to != left;
    };
    ASSERT_TRUE(hamlet.until([&] { return hamlet.lost(survivor) && hamlet.lost(left); }));
    ASSERT_EQ(hamlet.recover(survivor).substr(0, 9), "recovered");
    for (int count = 0; count < 2; ++count) {
      newcomers.push_back(hamlet.move_in({Hamlet::address(survivor)}));
    }
    ASSERT_TRUE(hamlet.until([&] { return hamlet.status(survivor).voters == 3; }));
  }
  bool left_joins() {
    hamlet.passes = [](size_t, size_t, PeerMessage&) { return true; };
    return hamlet.until([&] {
      return hamlet.core(left).cluster() == hamlet.core(survivor).cluster() && hamlet.all_ok();
    }) && hamlet.value(left, "k") == "v";
  }

  Hamlet hamlet{3};
  size_t survivor = 0, left = 0;
  std::vector<size_t> newcomers;
};

TEST_F(LeftBehind, AFollowerIsEnoughToHearOfIt) {
  hamlet.core(survivor).transfer(hamlet.now(), "n" + std::to_string(newcomers[0]),
                                 hamlet.now() + 5s, [](const Status&) {});
  ASSERT_TRUE(hamlet.until([&] { return hamlet.leader() == newcomers[0]; }));
  EXPECT_TRUE(left_joins());
}

// Neither hears of the other; the joiner hears of both.
TEST_F(LeftBehind, AListThatNamesItAndTheHeirLeadsToTheHeir) {
  const size_t joiner = newcomers.back() + 1;
  hamlet.passes = [&](size_t from, size_t to, PeerMessage&) {
    return (from != left && to != left) || from == joiner || to == joiner;
  };
  ASSERT_EQ(hamlet.move_in({Hamlet::address(left), Hamlet::address(survivor)}), joiner);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.status(joiner).state == NodeState::kOk; }));
  EXPECT_EQ(hamlet.value(joiner, "k"), "v");
}

TEST_F(LeftBehind, WhatWasRecoveredTwiceIsNotRecoveredElsewhere) {
  for (const size_t newcomer : newcomers) hamlet.kill(newcomer);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.lost(survivor); }));
  ASSERT_EQ(hamlet.recover(survivor).substr(0, 9), "recovered");
  // It is asked before it says so by itself.
  hamlet.passes = [&](size_t, size_t, PeerMessage& message) {
    return std::holds_alternative<RecoveryQuestion>(message) ||
           std::holds_alternative<RecoveryAnswer>(message);
  };
  const std::string refused = hamlet.recover(left);
  EXPECT_NE(refused.find("was recovered already"), std::string::npos) << refused;
  EXPECT_TRUE(left_joins());
}

// As after a mishap: two clusters, and one list that names nodes of both.
class TwoClusters : public ::testing::Test {
 protected:
  void SetUp() override {
    other = hamlet.move_in({});
    ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
    ASSERT_TRUE(hamlet.write_and_wait(0, "k", "v"));
  }
  size_t joiner_moves_in() { return hamlet.move_in({Hamlet::address(0), Hamlet::address(other)}); }
  bool says_that_there_are_two(size_t joiner) {
    return hamlet.status(joiner).waiting_for.find("the addresses of --join lead to two") == 0;
  }

  Hamlet hamlet{1};
  size_t other = 0;
};

TEST_F(TwoClusters, NeitherIsJoinedUntilOneIsGone) {
  const size_t joiner = joiner_moves_in();
  EXPECT_TRUE(hamlet.until([&] { return says_that_there_are_two(joiner); }));
  size_t asked = 0;
  hamlet.passes = [&](size_t, size_t, PeerMessage& message) {
    asked += std::holds_alternative<JoinRequest>(message) ? 1 : 0;
    return true;
  };
  hamlet.run(2s);
  EXPECT_EQ(asked, 0u);
  EXPECT_TRUE(says_that_there_are_two(joiner));
  ASSERT_EQ(hamlet.core(joiner).replica(), nullptr);
  hamlet.kill(other);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.status(joiner).state == NodeState::kOk; }));
  EXPECT_EQ(hamlet.value(joiner, "k"), "v");
}

// Others of its cluster go on, which the list does not name.
TEST(CoreTwoClusters, TheOneWhoseListedNodeIsGoneIsNotJoinedThroughWhomThatNamed) {
  Hamlet hamlet(3);
  const size_t other = hamlet.move_in({});
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  const size_t leader = hamlet.leader(), listed = (leader + 1) % 3;
  bool other_answers = false, lets_in = false, named = false;
  std::set<size_t> asked;
  hamlet.passes = [&](size_t from, size_t to, PeerMessage& message) {
    if (std::holds_alternative<JoinRequest>(message) && hamlet.lives(to)) asked.insert(to);
    if (to <= other) return true;
    if (from == other && !other_answers) return false;
    const auto* answer = std::get_if<JoinAnswer>(&message);
    const bool names = answer != nullptr && answer->kind == JoinAnswer::Kind::kAsk;
    named |= names;
    return lets_in || names || std::holds_alternative<Standing>(message);
  };
  const size_t joiner = hamlet.move_in({Hamlet::address(listed), Hamlet::address(other)});
  ASSERT_TRUE(hamlet.until([&] { return named; }));
  other_answers = true;
  ASSERT_TRUE(hamlet.until([&] {
    return hamlet.status(joiner).waiting_for.find("the addresses of --join lead to two") == 0;
  }));
  hamlet.kill(listed);
  asked.clear();
  hamlet.run(1s);  // it asks again and again
  EXPECT_EQ(asked, std::set<size_t>{other});
  lets_in = true;
  ASSERT_TRUE(hamlet.until([&] { return hamlet.status(joiner).state == NodeState::kOk; }));
  EXPECT_EQ(hamlet.core(joiner).cluster(), hamlet.core(other).cluster());
}

// The first was asked when the second had not answered yet.
TEST_F(TwoClusters, TheSecondIsHeardBeforeTheFirstLetsTheNodeIn) {
  bool second_answers = false;
  std::optional<JoinAnswer> let_in;
  hamlet.passes = [&](size_t from, size_t to, PeerMessage& message) {
    if (to <= other) return true;
    if (const auto* answer = std::get_if<JoinAnswer>(&message)) {
      let_in = *answer;
      return false;
    }
    return from != other || second_answers;
  };
  const size_t joiner = joiner_moves_in();
  ASSERT_TRUE(hamlet.until([&] { return let_in.has_value(); }));
  ASSERT_EQ(let_in->kind, JoinAnswer::Kind::kFetch);
  second_answers = true;
  ASSERT_TRUE(hamlet.until([&] { return says_that_there_are_two(joiner); }));
  hamlet.core(joiner).receive(
      hamlet.now(), {hamlet.id(0), Hamlet::address(0)},
      frame_of({hamlet.core(0).cluster(), hamlet.id(0), hamlet.id(joiner)}, *let_in));
  hamlet.run(1s);
  EXPECT_TRUE(says_that_there_are_two(joiner));
  EXPECT_EQ(hamlet.core(joiner).replica(), nullptr);
}

}  // namespace
}  // namespace ram::node
