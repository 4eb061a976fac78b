// What peers say that is not so moves nobody, and nobody stops for it.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "consensus/entry_log.h"
#include "node/test_hamlet.h"

namespace ram::node {
namespace {

constexpr LogIndex kFarAway{uint64_t{1} << 62};
const NodeId kStranger{999};

TEST(CoreHostile, AStableIndexIsTheLeadersToTell) {
  Hamlet hamlet(3);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  const size_t leader = hamlet.leader(), holder = hamlet.followers()[0],
               other = hamlet.followers()[1];
  ASSERT_TRUE(hamlet.write_and_wait(leader, "k", "v"));
  hamlet.run(200ms);
  // A write that waits for the lease of one that is cut off.
  hamlet.passes = [&](size_t from, size_t to, PeerMessage&) {
    return from != holder && to != holder;
  };
  const auto under_way = hamlet.write(leader, "k", "w");
  ASSERT_TRUE(
      hamlet.until([&] { return hamlet.replica(other).verified() > hamlet.visible(other); }));
  hamlet.run(5ms);
  const LogIndex visible = hamlet.visible(other);
  for (const size_t at : {leader, other}) {
    hamlet.tell(at, kStranger, Ping{.term = Term(), .news = {.stable = kFarAway}});
  }
  hamlet.run(1ms);
  EXPECT_FALSE(under_way->has_value());
  EXPECT_EQ(hamlet.visible(other), visible);
  EXPECT_EQ(hamlet.value(other, "k"), "v");
  ASSERT_TRUE(hamlet.until([&] { return under_way->has_value(); }));
  EXPECT_TRUE((*under_way)->ok());
}

TEST(CoreHostile, ALeaderGoesByItsLogWhateverAMemberToldIt) {
  Hamlet hamlet(3);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  const size_t leader = hamlet.leader(), liar = hamlet.followers()[0];
  for (size_t at = 0; at < 3; ++at) {
    if (at == liar) continue;
    hamlet.tell(at, hamlet.id(liar), Ping{.term = Term(), .news = {.stable = kFarAway}});
  }
  hamlet.kill(leader);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.leader() < 3; }));
  EXPECT_TRUE(hamlet.write_and_wait(hamlet.leader(), "k", "v"));
  EXPECT_TRUE(hamlet.write_and_wait(liar, "k", "w"));
}

TEST(CoreHostile, WhereMembersLivedAnotherClusterIsNotJoinedUnlessTheListLeadsThere) {
  Hamlet hamlet(3);
  const size_t other = hamlet.move_in({});
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  const ClusterId ours = hamlet.core(0).cluster(), theirs = hamlet.core(other).cluster();
  const std::vector<std::string> nowhere = {"nowhere:1"};
  const size_t removed = hamlet.move_in(nowhere, {ours, {Hamlet::address(other)}});
  ASSERT_TRUE(hamlet.until([&] {
    return hamlet.status(removed).waiting_for.find("is of cluster") != std::string::npos;
  }));
  hamlet.run(2s);
  EXPECT_EQ(hamlet.core(removed).replica(), nullptr);
  hamlet.kill(removed);

  const size_t again = hamlet.move_in(nowhere, {ours, {Hamlet::address(0)}});
  EXPECT_TRUE(hamlet.until([&] { return hamlet.core(again).cluster() == ours; }));
  const size_t moved = hamlet.move_in({Hamlet::address(other)}, {ours, {Hamlet::address(0)}});
  EXPECT_TRUE(hamlet.until([&] { return hamlet.core(moved).cluster() == theirs; }));
}

TEST(CoreHostile, AJoinerAsksElsewhereIfAStateHasNoPlaceInTheLog) {
  const std::vector<std::function<void(StateOrigin&)>> lies = {
      [](StateOrigin& origin) { origin.index = LogIndex(); },
      [](StateOrigin& origin) { origin.term = Term(); },
      [](StateOrigin& origin) { origin.configuration_index = origin.index.next(); },
      [](StateOrigin& origin) { origin.configuration.servers.clear(); },
  };
  for (const auto& lie : lies) {
    Hamlet hamlet(3);
    ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
    ASSERT_TRUE(hamlet.write_and_wait(0, "k", "v"));
    size_t lies_told = 0;
    hamlet.passes = [&](size_t, size_t, PeerMessage& message) {
      if (auto* piece = std::get_if<StatePiece>(&message);
          piece != nullptr && piece->number == 0 && lies_told < 3) {
        ++lies_told;
        lie(piece->origin);
      }
      return true;
    };
    const size_t joiner = hamlet.move_in({Hamlet::address(0), Hamlet::address(1)});
    ASSERT_TRUE(hamlet.until([&] { return lies_told == 3 && hamlet.all_ok(); }));
    EXPECT_EQ(hamlet.value(joiner, "k"), "v");
  }
}

// What voters say of their silence spares a new leader a wait (READ-LEASES R4.3).
TEST(CoreHostile, AVoteOfAnotherTermOrOfAStrangerCountsForNothing) {
  const auto recovers_at = [](bool told, bool as_member) {
    Hamlet hamlet(3);
    EXPECT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
    hamlet.run(500ms);
    const size_t leader = hamlet.leader();
    const NodeId other = hamlet.id(hamlet.followers()[0]);
    for (const size_t at : hamlet.followers()) {
      if (!told) break;
      hamlet.tell(at, as_member && hamlet.id(at) != other ? other : kStranger,
                  RaftMessage{VoteNews{},
                              consensus::RequestVoteResult{.term = Term((uint64_t{1} << 63) - 1),
                                                           .granted = true,
                                                           .pre_vote = false,
                                                           .features = 1,
                                                           .version = 2}});
    }
    hamlet.kill(leader);
    EXPECT_TRUE(hamlet.until([&] { return hamlet.leader() < 3; }));
    EXPECT_TRUE(hamlet.write_and_wait(hamlet.leader(), "k", "v"));
    return hamlet.now();
  };
  const Instant untold = recovers_at(false, false);
  EXPECT_EQ(recovers_at(true, false), untold);
  EXPECT_EQ(recovers_at(true, true), untold);
}

TEST(CoreHostile, AStrangersTransferHoldsNobodyUp) {
  Hamlet hamlet(3);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  const size_t leader = hamlet.leader();
  for (int i = 0; i < 20; ++i) {
    for (uint64_t receiver = 100; receiver < 110; ++receiver) {
      hamlet.tell(leader, kStranger,
                  TransferReport{.transfer = Nonce(receiver),
                                 .receiver = NodeId(receiver),
                                 .index = hamlet.replica(leader).last(),
                                 .done = 0,
                                 .room = 0});
    }
    const auto ended = hamlet.write(leader, "k", "v");
    hamlet.run(10ms);
    ASSERT_TRUE(ended->has_value());
  }
}

}  // namespace
}  // namespace ram::node
