// How members go, are given up, and hear of it; how leadership moves; the way round a broken link
// (MEMBERSHIP.md sections 4, 5, 7).
#include "node/node_core.h"

#include <gtest/gtest.h>

#include "consensus/configuration.h"
#include "node/member_description.h"
#include "node/test_frame.h"
#include "node/test_village.h"

namespace ram::node {
namespace {

TEST_F(NodeCoreMembers, ANodeThatLeavesHoldsNobodyUp) {
  for (const bool leader : {false, true}) {
    SCOPED_TRACE(leader ? "the leader" : "a follower");
    const size_t leaver = leader ? village.leader() : follower();
    const size_t other = (leaver + 1) % 3;
    village.core(leaver).leave();
    EXPECT_EQ(status(leaver).state, NodeState::kLeaving);
    Duration slowest{};
    for (int i = 0; i < 1'000 && (village.lives(leaver) || i < 50); ++i) {
      const Instant begun = village.now();
      ASSERT_TRUE(village.write_and_wait(other, "k", std::to_string(i)));
      slowest = std::max(slowest, village.now() - begun);
    }
    EXPECT_FALSE(village.lives(leaver));
    // A lease is 60 ms, an election 100 ms: neither is waited for.
    EXPECT_LT(slowest, 40ms);
    ASSERT_TRUE(village.until([&] { return status(other).members == 2; }));
    village.start(leaver);
    ASSERT_TRUE(village.until([&] { return village.all_ok() && status(other).voters == 3; }));
  }
}

TEST_F(NodeCoreMembers, WritesUnderWayEndBeforeTheNodeGoes) {
  for (const bool leader : {false, true}) {
    const size_t leaver = leader ? village.leader() : follower();
    std::vector<std::shared_ptr<std::optional<Status>>> writes;
    for (int i = 0; i < 100; ++i) {
      if (i == 50) village.core(leaver).leave();
      writes.push_back(village.write(leaver, put("k" + std::to_string(i), "v")));
    }
    ASSERT_TRUE(village.until([&] { return !village.lives(leaver); }));
    for (const auto& write : writes) {
      ASSERT_TRUE(write->has_value());
      // Applied, or refused before it was sent; never in doubt.
      EXPECT_TRUE((*write)->ok() || (*write)->code() == Code::kUnavailable) << (*write)->message();
    }
    EXPECT_TRUE((*writes.front())->ok());
    village.start(leaver);
    ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  }
}

// The leader has not missed the dead one: taken out then, the one that leaves would cost the
// majority.
TEST_F(NodeCoreMembers, WhoLeavesRightAfterADeathIsKeptUntilTheDeadOneIsReplaced) {
  const size_t leader = village.leader(), dead = (leader + 1) % 3, leaver = (leader + 2) % 3;
  ASSERT_TRUE(village.write_and_wait(leader, "k", "before"));
  village.kill(dead);
  village.core(leaver).leave();
  ASSERT_TRUE(village.until([&] { return static_cast<bool>(village.core(leader).removing()); }));
  EXPECT_EQ(village.core(leader).removing(), village.id(leaver));
  Duration slowest{};
  for (const Instant begun = village.now(); village.now() - begun < 500ms;) {
    const Instant asked = village.now();
    ASSERT_TRUE(village.write_and_wait(leader, "k", "meanwhile"));
    slowest = std::max(slowest, village.now() - asked);
    ASSERT_EQ(status(leader).members, 3u);
  }
  EXPECT_LT(slowest, 80ms) << "the lease of the dead one is waited for, nothing else";
  EXPECT_TRUE(village.lives(leaver));
  village.start(dead);
  ASSERT_TRUE(village.until([&] { return !village.lives(leaver); }));
  EXPECT_EQ(village.read(leader, "k"), "meanwhile");
  ASSERT_TRUE(village.write_and_wait(leader, "k", "after"));
}

// It dies between the question whether it is there and its answer.
TEST_F(NodeCoreMembers, WhoseQuestionIsUnansweredCountsNotAmongThoseWhoRemain) {
  const size_t leader = village.leader(), dead = (leader + 1) % 3, leaver = (leader + 2) % 3;
  village.core(leaver).leave();
  ASSERT_TRUE(village.until([&] { return static_cast<bool>(village.core(leader).removing()); }));
  ASSERT_EQ(village.core(leader).removing(), village.id(leaver));
  village.kill(dead);
  village.run(500ms);
  EXPECT_EQ(status(leader).members, 3u);
  ASSERT_TRUE(village.write_and_wait(leader, "k", "v"));
}

TEST_F(NodeCoreMembers, AllMayLeaveAtOnce) {
  for (size_t at = 0; at < 3; ++at) village.core(at).leave();
  ASSERT_TRUE(
      village.until([&] { return !village.lives(0) && !village.lives(1) && !village.lives(2); }));
}

TEST_F(NodeCoreMembers, TheLastOfThreeIsAClusterThatServes) {
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  const size_t stays = 1;
  village.core(0).leave();
  village.core(2).leave();
  ASSERT_TRUE(village.until([&] { return !village.lives(0) && !village.lives(2); }));
  EXPECT_EQ(village.read(stays, "k"), "v");
  ASSERT_TRUE(village.write_and_wait(stays, "k", "w"));
  EXPECT_EQ(status(stays).members, 1u);
  village.core(stays).leave();
  ASSERT_TRUE(village.until([&] { return !village.lives(stays); }));
}

// Who waits for `ok` and then stops another node must not stop the only voter.
TEST_F(NodeCoreMembers, NobodyIsOkBeforeTheVoteThatIsDueToIt) {
  for (const size_t leaver : {0, 2}) village.core(leaver).leave();
  ASSERT_TRUE(village.until([&] { return !village.lives(0) && !village.lives(2); }));
  village.start(0);
  ASSERT_TRUE(village.until([&] { return village.all_there_ok(); }));
  EXPECT_EQ(status(0).voters, 1u) << "two voters would be no safer than one";
  village.start(2);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  EXPECT_EQ(status(2).voters, 3u);
}

TEST_F(NodeCoreMembers, LeadershipMovesOnRequestUnderLoadAndWritesHardlyWait) {
  for (int round = 0; round < 6; ++round) {
    const size_t leader = village.leader();
    const size_t to = (leader + 1 + static_cast<size_t>(round) % 2) % 3;
    const size_t asked = static_cast<size_t>(round) % 3;
    const auto ended = transfer(asked, "n" + std::to_string(to));
    Duration slowest{};
    while (!ended->has_value()) {
      const Instant begun = village.now();
      ASSERT_TRUE(village.write_and_wait((leader + 2) % 3, "k", std::to_string(round)));
      slowest = std::max(slowest, village.now() - begun);
    }
    EXPECT_TRUE((*ended)->ok()) << (*ended)->message();
    EXPECT_LT(slowest, 40ms);
    EXPECT_EQ(village.leader(), to);
    village.run(50ms);
  }
  const auto anybody = transfer(0, "");
  const size_t before = village.leader();
  ASSERT_TRUE(village.until([&] { return anybody->has_value(); }));
  EXPECT_TRUE((*anybody)->ok());
  EXPECT_NE(village.leader(), before);
}

TEST_F(NodeCoreMembers, WhatCannotBeDoneIsRefusedWithAReason) {
  const auto refused = [&](const Ended& ended) {
    EXPECT_TRUE(village.until([&] { return ended->has_value(); }));
    return (*ended)->code() == Code::kInvalid ? (*ended)->message() : "not refused";
  };
  EXPECT_NE(refused(evict(follower(), "nobody")).find("no member 'nobody'"), std::string::npos);
  for (const size_t asked : {village.leader(), follower()}) {
    EXPECT_NE(refused(evict(asked, "n" + std::to_string(follower()))).find("is alive"),
              std::string::npos);
    EXPECT_NE(refused(evict(asked, "n" + std::to_string(village.leader()))).find("leads"),
              std::string::npos);
  }
  const size_t lost = follower();
  village.cut_off(lost, true);
  village.run(300ms);
  EXPECT_NE(refused(transfer(village.leader(), "n" + std::to_string(lost))).find("silent"),
            std::string::npos);
}

TEST_F(NodeCoreMembers, AnEvictedNodeIsToldAndComesBackAsANewIncarnation) {
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  const size_t lost = follower();
  const size_t other = (lost + 1) % 3;
  const NodeId before = village.id(lost);
  ASSERT_TRUE(evicted_unheard(other, lost));
  EXPECT_EQ(status(other).members, 2u);
  EXPECT_EQ(village.id(lost), before) << "nobody can have told it";
  village.run(2s);
  EXPECT_EQ(village.id(lost), before) << "silence never makes a node discard its state";
  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.id(lost) != before; }));
  ASSERT_TRUE(village.until([&] { return village.all_ok() && status(other).voters == 3; }));
  EXPECT_EQ(village.read(lost, "k"), "v");
}

TEST_F(NodeCoreMembers, TheLogOfAnIncarnationThatIsOverIsFreedInPieces) {
  const size_t lost = follower();
  for (int i = 0; i < 3'000; ++i) {
    village.write(village.leader(), put("k", "v"));
    village.run(1ms);
  }
  const NodeId before = village.id(lost);
  ASSERT_TRUE(evicted_unheard(village.leader(), lost));
  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.id(lost) != before; }));
  EXPECT_GT(village.busy_turns(lost), 40u);
}

// It is fresh, and finds nobody who lets it in, when all others die.
TEST_F(NodeCoreMembers, WhoWasRemovedFoundsWithTheOthersWhenTheClusterIsGone) {
  const size_t lost = follower();
  const NodeId before = village.id(lost);
  ASSERT_TRUE(evicted_unheard(village.leader(), lost));
  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.id(lost) != before; }));
  village.cut_off(lost, true);
  for (const size_t at : {(lost + 1) % 3, (lost + 2) % 3}) {
    village.kill(at);
    village.start(at);
  }
  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.all_ok() && status(lost).voters == 3; }));
}

// The others may all be new: it knows their addresses, not who lives there now.
TEST_F(NodeCoreMembers, ANodeThatWasAwayWhileAllOthersWereReplacedIsTold) {
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  const size_t lost = follower();
  const NodeId before = village.id(lost);
  ASSERT_TRUE(evicted_unheard(village.leader(), lost));
  for (const size_t at : {(lost + 1) % 3, (lost + 2) % 3}) {
    village.core(at).leave();
    ASSERT_TRUE(village.until([&] { return !village.lives(at); }));
    village.start(at);
    ASSERT_TRUE(village.until([&] { return status(at).role >= NodeRole::kStandby; }));
  }
  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.id(lost) != before && village.all_ok(); }));
  EXPECT_EQ(village.read(lost, "k"), "v");
}

// Its operator forgot --join.
TEST_F(NodeCoreMembers, WhoComesBackAsAClusterOfItsOwnIsToldAndSoAreTheOthers) {
  const size_t leader = village.leader(), lost = follower();
  village.kill(lost);
  village.start_alone(lost);
  const auto is_said_of = [&](size_t at) {
    return village.lines_with("the node at n" + std::to_string(at) + ":1 is of another cluster");
  };
  EXPECT_TRUE(village.until([&] { return is_said_of(leader) > 0; }));
  EXPECT_TRUE(village.until([&] { return is_said_of(lost) > 0; }));
  village.run(10s);
  EXPECT_LE(is_said_of(lost), 2u) << "once by each, in a minute";
}

TEST_F(NodeCoreMembers, AStrangersWordMovesNobody) {
  const size_t lost = follower();
  const NodeId before = village.id(lost);
  const ClusterId cluster = village.core(lost).cluster();
  // Of its cluster, but as of a configuration that it has itself; then of another cluster.
  for (const auto& [of, index] :
       {std::pair{cluster, LogIndex(1)}, std::pair{ClusterId{1, 2}, LogIndex(1'000)}}) {
    village.core(lost).receive(village.now(), {NodeId(99), "nowhere:1"},
                               frame_of({of, NodeId(99), before}, Removed{index}));
    village.run(50ms);
    EXPECT_EQ(village.id(lost), before);
  }
  EXPECT_EQ(village.lines_with("the node at nowhere:1 is of another cluster"), 1u);
}

// One of an old configuration must answer a candidate that it does not know (F15), whatever else
// comes from others that it does not know.
TEST_F(NodeCoreMembers, ACandidateIsAnsweredHoweverManyStrangersThereAre) {
  const size_t asked = follower();
  const auto say = [&](uint64_t id, const std::string& address, const PeerMessage& message) {
    const Heading heading{village.core(asked).cluster(), NodeId(id), village.id(asked)};
    village.core(asked).receive(village.now(), {NodeId(id), address}, frame_of(heading, message));
  };
  say(999, "candidate:1",
      RaftMessage{{}, consensus::RequestVote{.term = Term(99), .pre_vote = true, .version = 2}});
  for (uint64_t id = 1'000; id < 1'000 + kPeerLinksMax - 1; ++id) say(id, "noise:1", Ping{});
  village.run(1ms);
  EXPECT_GT(village.sent_to("candidate:1"), 0u);
}

// Else two who lead, in two terms, and reach each other answer one another for ever.
TEST_F(NodeCoreMembers, WhoDoesNotAnswerANewLeaderIsWrittenToWithHeartbeatsAlone) {
  const size_t lost = follower();
  const size_t next = (lost + 1) % 3 == village.leader() ? (lost + 2) % 3 : (lost + 1) % 3;
  village.cut_off(lost, true);
  transfer(village.leader(), "n" + std::to_string(next));
  ASSERT_TRUE(village.until([&] { return village.leader() == next; }));
  village.run(20ms);
  const std::string address = "n" + std::to_string(lost) + ":1";
  const size_t before = village.sent_to(address);
  village.run(100ms);  // ten heartbeats, a hundred passes
  EXPECT_GE(village.sent_to(address) - before, 10u);
  EXPECT_LE(village.sent_to(address) - before, 60u);
}

TEST_F(NodeCoreMembers, ANodeCutOffFromTheLeaderAloneGoesOnThroughTheOther) {
  const size_t leader = village.leader();
  const size_t lost = follower();
  const uint64_t term = status(leader).term;
  village.cut(leader, lost);
  ASSERT_TRUE(village.until([&] {
    return status(lost).state == NodeState::kOk && village.write_and_wait(lost, "k", "v");
  }));
  village.run(1s);
  // Reads from memory, under a lease that comes the same way.
  ASSERT_TRUE(village.until([&] { return village.leased(lost); }));
  for (int i = 0; i < 50; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_TRUE(village.write_and_wait(i % 2 ? leader : lost, "k", value));
    EXPECT_EQ(village.read(lost, "k"), value);
  }
  EXPECT_EQ(village.leader(), leader);
  EXPECT_EQ(status(leader).term, term) << "nobody deposes a leader that a majority hears";
  village.mend();
  village.run(1s);
  EXPECT_TRUE(village.all_ok());
  const size_t before = village.relayed();
  village.run(1s);
  EXPECT_EQ(village.relayed(), before)
      << "nobody takes the way round while the straight one is open";
}

TEST_F(NodeCoreMembers, ThroughAnotherADeadMemberIsLookedForWithEachHeartbeatAndNoMore) {
  const size_t leader = village.leader(), dead = follower();
  village.kill(dead);
  village.run(500ms);
  const size_t before = village.relayed();
  const Instant begun = village.now();
  for (int i = 0; i < 100; ++i) ASSERT_TRUE(village.write_and_wait(leader, "k", "v"));
  // Each is carried on by the other.
  const auto heartbeats = static_cast<size_t>((village.now() - begun) / 10ms);
  EXPECT_LE(village.relayed() - before, 2 * (heartbeats + 1));
  EXPECT_GT(village.relayed(), before);
}

TEST_F(NodeCoreMembers, OneThatIsNotHeardByTheLeaderAnswersThroughTheOther) {
  const size_t leader = village.leader();
  const size_t mute = follower();
  village.cut_one_way(mute, leader);
  village.run(500ms);
  ASSERT_TRUE(village.until([&] { return village.leased(mute); }));
  for (int i = 0; i < 20; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_TRUE(village.write_and_wait(i % 2 ? leader : mute, "k", value));
    EXPECT_EQ(village.read(mute, "k"), value);
  }
  EXPECT_EQ(village.leader(), leader);
}

// Its questions arrive; that they do says nothing of whether it hears anything.
TEST_F(NodeCoreMembers, OneThatDoesNotHearTheLeaderHearsItThroughTheOtherWhateverItAsks) {
  const size_t leader = village.leader(), deaf = follower();
  village.cut_one_way(leader, deaf);
  village.core(deaf).wait_for_copies(village.now(), 9, village.now() + 10s, [](size_t) {});
  village.run(500ms);
  for (int i = 0; i < 100; ++i) {
    village.run(10ms);
    ASSERT_EQ(status(deaf).state, NodeState::kOk) << i;
  }
  EXPECT_TRUE(village.write_and_wait(deaf, "k", "v"));
  EXPECT_EQ(village.leader(), leader);
}

TEST_F(NodeCoreMembers, TheLeaderShowsWhoJoinsUntilItIsAMember) {
  const size_t leader = village.leader(), joiner = follower();
  village.kill(joiner);
  village.start(joiner);
  // What a member of that name and incarnation is like.
  const auto seen = [&](size_t by) {
    for (const Member& member : village.core(by).members(village.now())) {
      if (member.id == village.id(joiner).value) return member;
    }
    return Member();
  };
  const auto waits_for = [&](const std::string& what) {
    return village.until([&] { return seen(leader).waiting_for.find(what) == 0; });
  };
  ASSERT_TRUE(waits_for("the former incarnation of n" + std::to_string(joiner)));
  const Member joins = seen(leader);
  EXPECT_EQ(joins.state, MemberState::kJoining);
  EXPECT_EQ(joins.name, "n" + std::to_string(joiner));
  EXPECT_EQ(joins.address, joins.name + ":1");
  EXPECT_FALSE(joins.version.empty());
  EXPECT_EQ(joins.lease_reason, NoLease::kJoining);
  const uint64_t since = joins.since_ms;
  village.run(10ms);
  EXPECT_EQ(seen(leader).since_ms, since + 10);
  EXPECT_EQ(seen(3 - leader - joiner).id, 0u) << "only the leader knows";
  EXPECT_EQ(status(leader).members, 3u) << "of which one is dead";
  ASSERT_TRUE(village.until([&] { return status(leader).members == 2; }));
  EXPECT_EQ(village.core(leader).members(village.now()).size(), 3u);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  EXPECT_EQ(seen(leader).state, MemberState::kUp);
  EXPECT_EQ(seen(leader).waiting_for, "");
  EXPECT_EQ(village.core(leader).members(village.now()).size(), 3u);
}

TEST_F(NodeCoreMembers, WhoIsStoppedBeforeItIsLetInIsNotLetInAfterwards) {
  const size_t leader = village.leader(), joiner = follower();
  village.kill(joiner);
  village.start(joiner);
  // It has the state, and is to be added with the next heartbeat.
  ASSERT_TRUE(village.until([&] {
    const std::vector<Member> seen = village.core(leader).members(village.now());
    return seen.back().waiting_for.find("its turn") == 0;
  }));
  village.core(joiner).leave();
  const Instant begun = village.now();
  ASSERT_TRUE(village.until([&] { return !village.lives(joiner); }));
  EXPECT_LT(village.now() - begun, 100ms) << "it is told that it may go";
  for (int i = 0; i < 500; ++i) {
    village.run(1ms);
    ASSERT_EQ(village.core(leader).members(village.now()).size(), 2u);
  }
}

TEST_F(NodeCoreMembers, WhoIsStoppedBeforeItIsLetInWaitsForNobodyForLong) {
  const size_t leader = village.leader(), joiner = follower();
  village.kill(joiner);
  village.start(joiner);
  ASSERT_TRUE(village.until([&] { return village.core(joiner).replica() != nullptr; }));
  for (size_t at = 0; at < 3; ++at) {
    if (at != joiner) village.kill(at);
  }
  ASSERT_FALSE(village.lives(leader));
  village.core(joiner).leave();
  village.run(201ms);
  EXPECT_FALSE(village.lives(joiner));
}

// A link that is cut, from the leader to one that joins, is a member or leaves, or back, or both.
struct Cut {
  const char* name;
  bool from_leader, to_leader;
};

class CutOffFromTheLeaderAlone : public NodeCoreMembers, public ::testing::WithParamInterface<Cut> {
 protected:
  void SetUp() override {
    NodeCoreMembers::SetUp();
    lost = follower();
  }
  void cut() {
    if (GetParam().from_leader) village.cut_one_way(village.leader(), lost);
    if (GetParam().to_leader) village.cut_one_way(lost, village.leader());
  }

  size_t lost = 0;
};

TEST_P(CutOffFromTheLeaderAlone, OneThatJoinsDoesSoThroughTheOther) {
  const size_t leader = village.leader();
  const uint64_t term = status(leader).term;
  ASSERT_TRUE(village.write_and_wait(leader, "k", "before"));
  village.kill(lost);
  cut();
  village.start(lost);
  ASSERT_TRUE(village.until([&] { return village.all_ok() && status(lost).voters == 3; }));
  EXPECT_EQ(village.read(lost, "k"), "before");
  ASSERT_TRUE(village.until([&] { return village.leased(lost); }));
  ASSERT_TRUE(village.write_and_wait(lost, "k", "after"));
  EXPECT_EQ(village.read(leader, "k"), "after");
  EXPECT_EQ(village.leader(), leader);
  EXPECT_EQ(status(leader).term, term);
}

TEST_P(CutOffFromTheLeaderAlone, OneThatLeavesIsToldThroughTheOther) {
  const size_t leader = village.leader();
  cut();
  village.run(500ms);
  ASSERT_TRUE(village.until([&] { return village.write_and_wait(lost, "k", "v"); }));
  village.core(lost).leave();
  const Instant begun = village.now();
  ASSERT_TRUE(village.until([&] { return !village.lives(lost); }));
  EXPECT_LT(village.now() - begun, 1s);
  EXPECT_EQ(status(leader).members, 2u);
}

TEST_P(CutOffFromTheLeaderAlone, OneThatWasEvictedIsToldThroughTheOther) {
  const NodeId before = village.id(lost);
  ASSERT_TRUE(evicted_unheard(village.leader(), lost));
  cut();
  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.id(lost) != before && village.all_ok(); }));
}

INSTANTIATE_TEST_SUITE_P(NodeCoreMembers, CutOffFromTheLeaderAlone,
                         ::testing::Values(Cut{"BothWays", true, true},
                                           Cut{"FromTheLeader", true, false},
                                           Cut{"ToTheLeader", false, true}),
                         [](const auto& suite) { return suite.param.name; });

// Of one that is no member a member carries questions to the leader, and their answers back.
TEST_F(NodeCoreMembers, NothingElseIsCarriedForAStranger) {
  const size_t leader = village.leader(), carrier = follower();
  const ClusterId cluster = village.core(leader).cluster();
  const NodeId stranger(99), unheard(98);
  const auto say = [&](size_t to, const Peer& from, const PeerMessage& message) {
    village.core(to).receive(village.now(), from,
                             frame_of({cluster, from.id, village.id(to)}, message));
  };
  const auto carried = [&](NodeId from, NodeId to, const PeerMessage& message) {
    return Relay{encode_frame({cluster, from, to}, message)};
  };
  // How many frames the stranger is sent for it.
  const auto answers = [&](size_t to, const Peer& from, const PeerMessage& message) {
    const size_t before = village.sent_to("nowhere:1");
    say(to, from, message);
    village.run(20ms);
    return village.sent_to("nowhere:1") - before;
  };
  const auto member = [&](size_t at) {
    return Peer{village.id(at), "n" + std::to_string(at) + ":1"};
  };
  const Peer nobody{stranger, "nowhere:1"};
  const JoinRequest wants_in{encode_description({"n9", "nowhere:1", "", ""}), LogIndex()};
  EXPECT_EQ(answers(carrier, nobody, Ping{}), 0u) << "but it is heard";

  // To the leader.
  const std::vector<PeerMessage> questions = {FenceRequest{Nonce(1)},
                                              StateRequest{.transfer = Nonce(1)},
                                              CopiesRequest{},
                                              RecoveryQuestion{Nonce(1)},
                                              OperationRequest{.nonce = Nonce(1)},
                                              Standing{.question = Nonce(1)}};
  for (const PeerMessage& question : questions) {
    const Relay relay = carried(stranger, village.id(leader), question);
    EXPECT_EQ(answers(leader, member(carrier), relay), 0u) << question.index() + 1;
  }
  EXPECT_GT(answers(leader, member(carrier), carried(stranger, village.id(leader), wants_in)), 0u);
  EXPECT_GT(answers(leader, member(carrier),
                    carried(stranger, village.id(leader), MembershipQuery{LogIndex()})),
            0u);
  // Not further than that, and only for itself.
  const size_t third = 3 - leader - carrier;
  EXPECT_EQ(answers(third, member(carrier), carried(stranger, village.id(third), wants_in)), 0u);
  EXPECT_EQ(answers(carrier, nobody, carried(stranger, village.id(leader), wants_in)), 0u);

  // And back.
  EXPECT_EQ(answers(carrier, member(leader), carried(village.id(leader), stranger, Ping{})), 0u);
  EXPECT_EQ(answers(carrier, member(leader), carried(village.id(third), stranger, JoinAnswer{})),
            0u);
  EXPECT_EQ(answers(carrier, nobody, carried(stranger, stranger, JoinAnswer{})), 0u);
  EXPECT_EQ(answers(carrier, member(leader), carried(village.id(leader), stranger, JoinAnswer{})),
            1u);
  const size_t before = village.sent_to("");
  EXPECT_EQ(answers(carrier, member(leader), carried(village.id(leader), unheard, JoinAnswer{})),
            0u);
  EXPECT_EQ(village.sent_to(""), before);
}

}  // namespace
}  // namespace ram::node
