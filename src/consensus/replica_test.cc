#include "consensus/replica.h"

#include <gtest/gtest.h>

#include "consensus/configuration_codec.h"
#include "consensus/engine.h"
#include "consensus/test_cluster.h"

namespace ram::consensus {
namespace {

using namespace std::chrono_literals;

// 1 leads `voters` voters; its barrier is committed and all know it.
void lead(TestCluster& c, size_t voters = 3, size_t standbys = 0) {
  c.found(voters, standbys);
  std::vector<uint64_t> all, others;
  for (uint64_t id = 1; id <= voters + standbys; ++id) {
    all.push_back(id);
    if (id > 1 && id <= voters) others.push_back(id);
  }
  ASSERT_TRUE(c.elect(1, others));
  c.settle(all);
  c.beat(1, all, 2);
  ASSERT_TRUE(c[1]->barrier_committed());
}

// ---- elections, replication ----

TEST(Replica, ThreeElectALeaderAndReplicate) {
  TestCluster c;
  lead(c);
  const LogIndex a = c.submit(1, "a");
  const LogIndex b = c.submit(1, "b");
  c.settle({1, 2, 3});
  c.beat(1, {1, 2, 3});
  for (const uint64_t id : {1, 2, 3}) {
    EXPECT_EQ(c[id]->commit(), b);
    EXPECT_EQ(c[id]->verified(), b);
    EXPECT_EQ(c[id]->leader(), NodeId(1));
    EXPECT_EQ(c[id].record(a), "a");
    EXPECT_EQ(c[id].record(b), "b");
    EXPECT_EQ(c[id].commits.back(), b);
  }
  EXPECT_EQ(c[1]->match(NodeId(3)), b);
}

// ---- bytes on their way ----

// Entries under way from 1 to `to`: how many messages have them, and their bytes.
std::pair<size_t, size_t> under_way(const TestCluster& c, uint64_t to) {
  size_t messages = 0;
  size_t bytes = 0;
  for (const Wire& wire : c.net) {
    const auto* append = std::get_if<AppendEntries>(&wire.message);
    if (append == nullptr || append->entries.empty() || wire.to != NodeId(to)) continue;
    ++messages;
    for (const LogEntry& entry : append->entries) bytes += entry.payload.size();
  }
  return {messages, bytes};
}

// The heartbeats under way from 1 arrive, and what is answered; entries do not.
void deliver_heartbeats(TestCluster& c) {
  const Net taken = std::exchange(c.net, {});
  for (const Wire& wire : taken) {
    const auto* append = std::get_if<AppendEntries>(&wire.message);
    if (append != nullptr && !append->entries.empty()) {
      c.net.push_back(wire);
    } else {
      c.give(wire.from.value, wire.to.value, wire.message);
    }
  }
  for (const uint64_t id : {2, 3}) c.deliver(id, 1);
}

TEST(Replica, BytesOnTheirWayToAMemberAreBounded) {
  TestCluster c({.inflight_bytes_max = 300'000});
  lead(c);
  for (int i = 0; i < 10; ++i) c.submit(1, std::string(100'000, 'x'));
  EXPECT_EQ(under_way(c, 2).second, 200'000u);  // and a little for each entry
  c.deliver(1, 2);
  EXPECT_EQ(c[2]->last(), c[1]->last() - 8);
  c.deliver(2, 1);
  EXPECT_EQ(under_way(c, 2).second, 200'000u);
  c.settle({1, 2, 3});
  EXPECT_EQ(c[1]->commit(), c[1]->last());
  EXPECT_EQ(c[3]->last(), c[1]->last());
}

TEST(Replica, AnEntryBeyondTheWindowGoesAlone) {
  TestCluster c({.inflight_bytes_max = 300'000});
  lead(c);
  for (int i = 0; i < 3; ++i) c.submit(1, std::string(1'000'000, 'x'));
  EXPECT_EQ(under_way(c, 2), std::pair(size_t{1}, size_t{1'000'000}));
  c.settle({1, 2, 3});
  EXPECT_EQ(c[1]->commit(), c[1]->last());
}

TEST(Replica, HeartbeatsGoBesideALongEntryWhichIsSentOnce) {
  TestCluster c;
  lead(c);
  const Term term = c[1]->term();
  const LogIndex last = c.submit(1, std::string(4'000'000, 'x'));
  for (int i = 0; i < 40; ++i) {  // four election timeouts
    c.wait(50ms);
    for (const uint64_t id : {1, 2, 3}) c[id]->on_time(c.now);
    deliver_heartbeats(c);
    ASSERT_TRUE(c[1]->is_leader());
    ASSERT_EQ(c[2]->leader_heard(), c.now);
    ASSERT_LT(under_way(c, 2).second, 4'001'000u);
    // What is written meanwhile is no reason for silence.
    if (i % 4 == 0) c.submit(1, "small");
  }
  c.settle({1, 2, 3});
  EXPECT_EQ(c[1]->term(), term);
  EXPECT_EQ(c[3].record(last).size(), 4'000'000u);
  EXPECT_EQ(c[1]->commit(), c[1]->last());
}

TEST(Replica, WhatABrokenStreamLostIsSentAgainAtOnce) {
  TestCluster c;
  lead(c);
  c.submit(1, std::string(4'000'000, 'x'));
  c.drop(1, 2);
  c[1]->lost(c.now, NodeId(2));
  EXPECT_EQ(under_way(c, 2).first, 1u);
  c[1]->lost(c.now, NodeId(9));  // no member
  c.settle({1, 2});
  EXPECT_EQ(c[1]->commit(), c[1]->last());
}

TEST(Replica, WhatIsLostWithoutAWordIsSentAgainOnceASlowLinkWouldHaveCarriedIt) {
  TestCluster c;
  lead(c);
  c.submit(1, std::string(4 << 20, 'x'));
  c.drop(1, 2);
  const Instant lost = c.now;
  while (under_way(c, 2).first == 0) {
    c.wait(50ms);
    for (const uint64_t id : {1, 2, 3}) c[id]->on_time(c.now);
    deliver_heartbeats(c);
    ASSERT_LT(c.now - lost, 5s);
  }
  EXPECT_GE(c.now - lost, 4s);
  c.settle({1, 2, 3});
  EXPECT_EQ(c[1]->match(NodeId(2)), c[1]->last());
}

TEST(Replica, WhoLostALongEntryThatIsForgottenGetsAToken) {
  TestCluster c;
  lead(c);
  const LogIndex last = c.submit(1, std::string(4'000'000, 'x'));
  c.drop(1, 2);
  c.settle({1, 3});
  ASSERT_EQ(c[1]->commit(), last);
  c[1]->compact(c.now, last, 0);
  for (int i = 0; i < 200 && c[2].installs.empty(); ++i) c.beat(1, {1, 2, 3});
  ASSERT_EQ(c[2].installs.size(), 1u);
  EXPECT_EQ(c[2].installs[0].index, last);
}

TEST(Replica, WhoIsSilentAndFellBehindTheLogStillHearsTheLeader) {
  TestCluster c;
  lead(c);
  for (int i = 0; i < 60; ++i) {  // three election timeouts
    const LogIndex last = c.submit(1, "a");
    c.drop(1, 3);
    c.settle({1, 2});
    if (i % 20 == 10) c[1]->compact(c.now, last, 0);
    c.wait(50ms);
    c[1]->on_time(c.now);
    EXPECT_TRUE(c.take<AppendEntries>(1, 3)) << i;
    c.settle({1, 2});
  }
}

TEST(Replica, ALoneVoterLeadsAtOnceAndCommitsAtTheFlush) {
  TestCluster c;
  c.found(1);
  EXPECT_TRUE(c[1]->is_leader());
  EXPECT_EQ(c[1]->term(), Term(1));
  EXPECT_EQ(c[1]->barrier(), LogIndex(1));
  EXPECT_TRUE(c[1]->barrier_committed());
  const LogIndex index = c.submit(1, "a");
  EXPECT_LT(c[1]->commit(), index);
  c[1]->flush(c.now);
  EXPECT_EQ(c[1]->commit(), index);
  EXPECT_EQ(c[1].commits, (std::vector{LogIndex(1), index}));
  EXPECT_EQ(c[1]->verified(), index);
  for (int i = 0; i < 50; ++i) c.fire(1);  // nobody to hear from, and no need
  EXPECT_TRUE(c[1]->is_leader());
}

TEST(Replica, AClusterGrowsFromOneToThree) {
  TestCluster c;
  c.found(1);
  for (const uint64_t id : {2, 3}) {
    c.join(NodeId(id), NodeId(1));
    ASSERT_TRUE(c.change(1, id, Role::kStandby));
    EXPECT_FALSE(c.change(1, id, Role::kVoter));  // one at a time
    c.settle({1, 2, 3});
    c.beat(1, {1, 2, 3});
    ASSERT_EQ(c[1]->match(NodeId(id)), c[1]->last());
    ASSERT_TRUE(c.change(1, id, Role::kVoter));
    c.settle({1, 2, 3});
    c.beat(1, {1, 2, 3});
    EXPECT_FALSE(c[1]->changing());
  }
  EXPECT_EQ(c[3]->committed().voters(), 3u);
  EXPECT_EQ(c[3]->committed(), c[1]->latest());
  EXPECT_EQ(c[3]->committed_configuration_index(), c[1]->committed_configuration_index());
  c.kill(NodeId(1));
  EXPECT_TRUE(c.elect(2, {3}));
}

TEST(Replica, FailoverKeepsWhatWasCommitted) {
  TestCluster c;
  lead(c);
  const LogIndex a = c.submit(1, "a");
  c.settle({1, 2});
  EXPECT_EQ(c[1]->commit(), a);
  c.drop();
  c.kill(NodeId(1));
  EXPECT_FALSE(c.elect(3, {2}));  // 3 lacks it
  ASSERT_TRUE(c.elect(2, {3}));
  c.settle({2, 3});
  c.beat(2, {2, 3}, 2);
  EXPECT_EQ(c[3].record(a), "a");
  EXPECT_GT(c[3]->commit(), a);
}

TEST(Replica, TheSeedDecidesWhenItCampaigns) {
  const auto deadline = [](uint32_t seed) {
    Net net;
    TestNode node(NodeId(1), {}, seed, {}, net);
    node->found(Instant(1s), {{{NodeId(1), "", Role::kVoter}, {NodeId(2), "", Role::kVoter}}});
    return node->next_deadline();
  };
  EXPECT_EQ(deadline(5), deadline(5));
  EXPECT_NE(deadline(5), deadline(6));
  for (uint32_t seed = 0; seed < 100; ++seed) {
    EXPECT_GE(deadline(seed), Instant(1s) + 500ms);
    EXPECT_LE(deadline(seed), Instant(1s) + 1000ms);
  }
}

TEST(Replica, TimeBeforeTheDeadlineDoesNothing) {
  TestCluster c;
  lead(c);
  const uint64_t steps = c[1]->counters().steps;
  c.now = c[1]->next_deadline() - 1ns;
  c[1]->on_time(c.now);
  EXPECT_EQ(c[1]->counters().steps, steps);
  c[1]->on_time(c.now + 1ns);
  EXPECT_EQ(c[1]->counters().steps, steps + 1);
}

TEST(Replica, AClockThatGoesBackStandsStill) {
  TestCluster c;
  lead(c);
  c[1]->on_time(c.now - 5s);
  EXPECT_GE(c[1]->next_deadline(), c.now);
}

// ---- what the ports are told ----

TEST(Replica, TellsOfEntriesThenCommitThenSends) {
  TestCluster c;
  lead(c);
  TestNode& follower = c[2];
  follower.changed_from.clear();
  const LogIndex a = c.submit(1, "a");
  c.deliver(1, 2);
  EXPECT_EQ(follower.changed_from, std::vector{a});
  EXPECT_EQ(c.take<AppendEntriesResult>(2, 1)->last, a);
  EXPECT_EQ(follower->verified(), a);
}

TEST(Replica, CutsLongMessages) {
  TestCluster c({.message_entries_max = 3, .message_bytes_max = 10});
  lead(c);
  c.drop();
  for (int i = 0; i < 7; ++i) c.submit(1, "x");
  c.submit(1, "longer than the bound");
  c.submit(1, "y");
  c.drop();
  // 3 lost them and says so: all are sent again.
  c.give(3, 1,
         AppendEntriesResult{.term = c[1]->term(),
                             .rejected = c[1]->last(),
                             .last = c[3]->last(),
                             .features = 1,
                             .version = 2});
  std::vector<size_t> sizes;
  while (const auto append = c.take<AppendEntries>(1, 3)) sizes.push_back(append->entries.size());
  EXPECT_EQ(sizes, (std::vector<size_t>{3, 3, 1, 1, 1}));
}

TEST(Replica, SharesPayloadsWithWhatItSends) {
  TestCluster c;
  lead(c);
  c.drop();
  const LogIndex index = c.submit(1, "payload");
  const auto sent = c.take<AppendEntries>(1, 2);
  EXPECT_EQ(sent->entries[0].payload.block(), c[1]->log().at(index).payload.block());
  c.give(1, 2, *sent);
  EXPECT_EQ(c[2]->log().at(index).payload.block(), sent->entries[0].payload.block());
}

// ---- verified (READ-LEASES R2) ----

TEST(Replica, VerifiedStartsAgainWithEachTerm) {
  TestCluster c;
  lead(c);
  EXPECT_EQ(c[2]->verified(), c[2]->last());
  const Term next = c[3]->term() + 1;
  c.give(3, 2,
         RequestVote{.term = next,
                     .last = c[3]->last(),
                     .last_term = c[3]->term(),
                     .disrupt_leader = true,
                     .version = 2});
  EXPECT_EQ(c[2]->term(), next);
  EXPECT_EQ(c[2]->verified(), LogIndex());
  EXPECT_EQ(c[2]->leader(), NodeId());
}

TEST(Replica, VerifiedStopsAtWhatTheLeaderNamed) {
  TestCluster c;
  lead(c);
  const LogIndex a = c.submit(1, "a");
  c.deliver(1, 3);
  c.drop();
  // A new leader that has only what was before `a`.
  const Term next = c[3]->term() + 1;
  AppendEntries heartbeat{.term = next,
                          .previous = a.previous(),
                          .previous_term = c[3]->term_at(a.previous()),
                          .commit = LogIndex(1)};
  c.give(2, 3, heartbeat);
  EXPECT_EQ(c[3]->last(), a);
  EXPECT_EQ(c[3]->verified(), a.previous());
  heartbeat.previous = a;  // an entry that ours contradicts is refused, and proves nothing
  heartbeat.previous_term = next;
  c.give(2, 3, heartbeat);
  EXPECT_EQ(c[3]->verified(), a.previous());
}

TEST(Replica, VerifiedDoesNotCountWhatWasRefused) {
  TestCluster c;
  lead(c);
  const Term t = c[1]->term();
  c.give(1, 3,
         AppendEntries{
             .term = t, .previous = LogIndex(50), .previous_term = t, .commit = LogIndex(1)});
  EXPECT_EQ(c[3]->verified(), c[3]->last());
}

TEST(Replica, LeaderHeardIsTheTimeOfItsLastMessage) {
  TestCluster c;
  const Instant start = c.now;
  c.found(3);
  EXPECT_EQ(c[3]->leader_heard(), start);
  ASSERT_TRUE(c.elect(1, {2, 3}));
  c.settle({1, 2, 3});
  c.wait(30ms);
  c.submit(1, "a");
  c.deliver(1, 3);
  EXPECT_EQ(c[3]->leader_heard(), c.now);
  const Instant heard = c.now;
  c.wait(10ms);
  c.give(2, 3,
         AppendEntries{.term = Term(1),
                       .previous = LogIndex(1),
                       .previous_term = Term(1),
                       .commit = LogIndex(1)});  // of an old term
  EXPECT_EQ(c[3]->leader_heard(), heard);
}

// ---- states ----

TEST(Replica, ResumesFromAStateAndFollows) {
  TestCluster c;
  lead(c);
  for (int i = 0; i < 5; ++i) c.submit(1, "a");
  c.settle({1, 2, 3});
  c[1]->compact(c.now, c[1]->commit(), 0);
  c.join(NodeId(4), NodeId(1));
  const LogIndex base = c[1]->commit();
  EXPECT_EQ(c[4]->commit(), base);
  EXPECT_EQ(c[4]->last(), base);
  EXPECT_EQ(c[4]->log().offset(), base);
  EXPECT_EQ(c[4]->term_at(base), c[1]->term_at(base));
  EXPECT_EQ(c[4]->verified(), LogIndex());
  EXPECT_TRUE(c[4].commits.empty());  // what the token covers is no news
  ASSERT_TRUE(c.change(1, 4, Role::kStandby));
  c.submit(1, "b");
  c.settle({1, 2, 3, 4});
  c.beat(1, {1, 2, 3, 4}, 2);
  EXPECT_EQ(c[4]->last(), c[1]->last());
  EXPECT_EQ(c[4]->verified(), c[1]->last());
  EXPECT_EQ(c[4]->commit(), c[1]->last());
  EXPECT_TRUE(c[4].installs.empty());
}

// 3 misses what 1 then forgets, and is offered a token.
void fall_behind(TestCluster& c) {
  lead(c);
  for (int i = 0; i < 20; ++i) {
    c.submit(1, "a");
    c.settle({1, 2});
    c.drop();
  }
  c[1]->compact(c.now, c[1]->commit(), 2);
  for (int i = 0; i < 10 && !c[3]->installing(); ++i) c.beat(1, {1, 2, 3});
  ASSERT_TRUE(c[3]->installing());
}

TEST(Replica, InstallsOnlyOnceTheStateIsInHand) {
  TestCluster c;
  fall_behind(c);
  const LogIndex before = c[3]->commit();
  ASSERT_EQ(c[3].installs.size(), 1u);
  const SnapshotToken token = c[3].installs[0];
  EXPECT_EQ(token.configuration, c[1]->committed());
  EXPECT_EQ(c[3]->log().offset(), token.index);
  c.submit(1, "b");
  c.settle({1, 2, 3});
  c.beat(1, {1, 2, 3}, 30);  // 1.5 s: the token comes again and again
  EXPECT_TRUE(c[3]->installing());
  EXPECT_EQ(c[3].installs.size(), 1u);
  EXPECT_EQ(c[3]->commit(), before);
  EXPECT_EQ(c[3]->verified(), LogIndex());
  EXPECT_LT(c[1]->match(NodeId(3)), token.index);  // counts for nothing yet

  c[3]->installed(c.now);
  c[3]->check_invariants();
  EXPECT_FALSE(c[3]->installing());
  EXPECT_EQ(c[3]->commit(), token.index);
  EXPECT_EQ(c[3]->verified(), token.index);
  c.settle({1, 2, 3});
  c.beat(1, {1, 2, 3}, 2);
  EXPECT_EQ(c[3]->last(), c[1]->last());
  EXPECT_EQ(c[3]->commit(), c[1]->last());
  EXPECT_EQ(c[1]->match(NodeId(3)), c[1]->last());
}

TEST(Replica, NeitherVotesNorCampaignsWhileInstalling) {
  TestCluster c;
  fall_behind(c);
  c.wait(5s);
  for (int i = 0; i < 5; ++i) c.fire(3);
  EXPECT_FALSE(c[3]->is_candidate());
  c.give(
      2, 3,
      RequestVote{
          .term = c[3]->term() + 1, .last = LogIndex(99), .last_term = c[3]->term(), .version = 2});
  EXPECT_FALSE(c.take<RequestVoteResult>(3, 2)->granted);
}

TEST(Replica, AnInstallThatOutlivesItsTermVerifiesNothing) {
  TestCluster c;
  fall_behind(c);
  c.give(2, 3,
         RequestVote{.term = c[3]->term() + 1,
                     .last = LogIndex(99),
                     .last_term = c[3]->term(),
                     .disrupt_leader = true,
                     .version = 2});
  c[3]->installed(c.now);
  c[3]->check_invariants();
  EXPECT_EQ(c[3]->verified(), LogIndex());
}

TEST(Replica, AChangeThatComesWhileInstallingWaits) {
  TestCluster c;
  fall_behind(c);
  const SnapshotToken token = c[3].installs[0];
  // 3 had a change that was not committed when its log was replaced.
  TestCluster d;
  lead(d);
  ASSERT_TRUE(d.change(1, 4, Role::kStandby));
  d.deliver(1, 3);
  ASSERT_TRUE(d[3]->changing());
  SnapshotToken newer = token;
  newer.index = LogIndex(30);
  newer.term = d[1]->term();
  d.give(1, 3, InstallSnapshot{.term = d[1]->term(), .token = newer});
  ASSERT_TRUE(d[3]->installing());
  Configuration next = token.configuration;
  next.servers.push_back({NodeId(5), "n5", Role::kStandby});
  AppendEntries append{.term = d[1]->term(),
                       .previous = newer.index,
                       .previous_term = newer.term,
                       .commit = newer.index};
  append.entries.push_back({newer.term, EntryKind::kChange, encode(next)});
  d.give(1, 3, append);
  EXPECT_EQ(d[3]->last(), newer.index);
  d[3]->installed(d.now);
  d.give(1, 3, append);
  EXPECT_EQ(d[3]->latest(), next);
  EXPECT_TRUE(d[3]->changing());
}

TEST(Replica, SendsTheTokenItWasGiven) {
  TestCluster c;
  fall_behind(c);
  c[3]->installed(c.now);
  c.settle({1, 2, 3});
  c.beat(1, {1, 2, 3}, 2);
  c.kill(NodeId(1));
  ASSERT_TRUE(c.elect(3, {2}));  // leads from a log that starts after a token
  c.settle({2, 3});
  c.join(NodeId(4), NodeId(2));
  ASSERT_TRUE(c.change(3, 4, Role::kStandby) ||
              (c.beat(3, {2, 3}, 2), c.change(3, 4, Role::kStandby)));
  c.settle({2, 3, 4});
  c.beat(3, {2, 3, 4}, 2);
  EXPECT_EQ(c[4]->last(), c[3]->last());
}

TEST(Replica, CompactsNoFurtherThanAppliedAndCommitted) {
  TestCluster c;
  lead(c);
  for (int i = 0; i < 10; ++i) c.submit(1, "a");
  c.settle({1, 2, 3});
  const LogIndex commit = c[1]->commit();
  c.submit(1, "uncommitted");
  c.drop();
  c[1]->compact(c.now, LogIndex(5), 2);
  EXPECT_EQ(c[1]->log().offset(), LogIndex(3));
  c[1]->compact(c.now, LogIndex(5), 2);  // the same again
  c[1]->compact(c.now, LogIndex(4), 0);  // back
  EXPECT_EQ(c[1]->log().offset(), LogIndex(3));
  c[1]->compact(c.now, c[1]->last() + 7, 0);
  EXPECT_EQ(c[1]->log().offset(), commit);
  EXPECT_EQ(c[1]->term_at(commit), c[1]->term());
  EXPECT_EQ(c[1]->last(), commit + 1);
  c[1]->check_invariants();
  c.beat(1, {1, 2, 3}, 3);
  EXPECT_EQ(c[3]->commit(), commit + 1);
}

TEST(Replica, MayForgetItsBarrier) {
  TestCluster c;
  c.found(1);
  for (int i = 0; i < 5; ++i) c.submit(1, "a");
  c[1]->flush(c.now);
  c[1]->compact(c.now, c[1]->commit(), 0);
  c[1]->check_invariants();
  EXPECT_EQ(c[1]->log().size(), 0u);
  EXPECT_TRUE(c[1]->barrier_committed());
  c[1]->flush(c.now);
  c.submit(1, "b");
  EXPECT_EQ(c[1].record(c[1]->last()), "b");
  c[1]->check_invariants();
}

// ---- handing over ----

TEST(Replica, HandsOverToWhoHasEverything) {
  TestCluster c;
  lead(c);
  c.submit(1, "a");
  EXPECT_FALSE(c[1]->transfer(c.now, NodeId(2)));  // lags
  c.settle({1, 2, 3});
  EXPECT_FALSE(c[1]->transfer(c.now, NodeId(1)));
  EXPECT_FALSE(c[1]->transfer(c.now, NodeId(9)));
  EXPECT_FALSE(c[2]->transfer(c.now, NodeId(3)));  // not the leader
  EXPECT_TRUE(c[1]->transfer(c.now, NodeId(2)));
  EXPECT_EQ(c[1]->handing_to(), NodeId(2));
  EXPECT_FALSE(c[1]->submit(c.now, SharedBytes(std::string("b"))));
  EXPECT_FALSE(c.change(1, 4, Role::kStandby));
  EXPECT_FALSE(c[1]->transfer(c.now, NodeId(3)));
  c.settle({1, 2, 3});
  EXPECT_TRUE(c[2]->is_leader());
  EXPECT_FALSE(c[1]->is_leader());
  EXPECT_EQ(c[1]->leader(), NodeId(2));
}

TEST(Replica, GivesAHandOverUpAfterAnElectionTimeout) {
  TestCluster c;
  lead(c);
  ASSERT_TRUE(c[1]->transfer(c.now, NodeId(2)));
  c.kill(NodeId(2));
  c.beat(1, {1, 3}, 12);
  EXPECT_TRUE(c[1]->is_leader());
  EXPECT_EQ(c[1]->handing_to(), NodeId());
  c.submit(1, "a");
}

// ---- changes ----

TEST(Replica, RefusesToChangeWhatItMayNot) {
  TestCluster c;
  lead(c);
  EXPECT_FALSE(c.change(2, 4, Role::kStandby));  // not the leader
  Configuration bad = c[1]->latest();
  bad.servers.push_back({NodeId(4), std::string("\0", 1), Role::kStandby});
  EXPECT_FALSE(c[1]->change(c.now, bad));
  bad.servers.back() = {NodeId(3), "again", Role::kStandby};
  EXPECT_FALSE(c[1]->change(c.now, bad));
  EXPECT_TRUE(c.change(1, 4, Role::kStandby));
  EXPECT_TRUE(c[1]->changing());
  EXPECT_FALSE(c.remove(1, 3));  // the first is not committed
  EXPECT_EQ(c[1]->latest().servers.size(), 4u);
  EXPECT_EQ(c[1]->committed().servers.size(), 3u);
  c.settle({1, 2, 3});
  EXPECT_FALSE(c[1]->changing());
  EXPECT_EQ(c[1]->committed().servers.size(), 4u);
  EXPECT_TRUE(c.remove(1, 3));
}

TEST(Replica, FollowsADescriptionThatChanges) {
  TestCluster c;
  lead(c);
  Configuration next = c[1]->latest();
  next.servers[2].description = "elsewhere";
  ASSERT_TRUE(c[1]->change(c.now, next));
  c.settle({1, 2, 3});
  c.beat(1, {1, 2, 3});
  EXPECT_EQ(c[3]->committed(), next);
}

TEST(Replica, TwoServersMayHaveOneDescription) {
  TestCluster c;
  lead(c);
  Configuration next = c[1]->latest();
  next.servers.push_back({NodeId(4), "n3", Role::kStandby});
  ASSERT_TRUE(c[1]->change(c.now, next));
  c.settle({1, 2, 3});
  c.beat(1, {1, 2, 3});
  EXPECT_EQ(c[2]->committed(), next);
}

TEST(Replica, RollsBackAChangeOfADeposedLeader) {
  TestCluster c;
  lead(c);
  ASSERT_TRUE(c.change(1, 4, Role::kStandby));
  c.drop();
  EXPECT_EQ(c[1]->latest().servers.size(), 4u);
  ASSERT_TRUE(c.elect(2, {3}));
  c.beat(2, {1, 2, 3}, 3);
  EXPECT_EQ(c[1]->latest().servers.size(), 3u);
  EXPECT_FALSE(c[1]->changing());
  EXPECT_EQ(c[1].record(LogIndex(3)), "barrier");
}

// ---- memory ----

TEST(Replica, LeavesNothingAllocated) {
  const int64_t before = Engine::blocks_held();
  {
    TestCluster c;
    fall_behind(c);
    c[3]->installed(c.now);
    c.beat(1, {1, 2, 3}, 3);
    c.join(NodeId(4), NodeId(2));
    c.change(1, 4, Role::kStandby);
    c.beat(1, {1, 2, 3, 4}, 3);
    c.change(1, 4, Role::kVoter);
    c.beat(1, {1, 2, 3, 4}, 3);
    ASSERT_TRUE(c[1]->transfer(c.now, NodeId(2)));
    c.settle({1, 2, 3, 4});
    c.beat(2, {1, 2, 3, 4}, 3);
    c.kill(NodeId(1));
    c.beat(2, {2, 3, 4}, 3);
    EXPECT_GT(Engine::blocks_held(), before);
  }
  {
    TestCluster c;  // and one that ends in the middle of an install
    fall_behind(c);
  }
  EXPECT_EQ(Engine::blocks_held(), before);
}

TEST(Replica, StopsWhenItIsUsedAgainstItsRules) {
  TestCluster c;
  c.found(1);
  EXPECT_DEATH(c[1]->found(c.now, c[1]->latest()), "started");
  EXPECT_DEATH(TestCluster({.message_entries_max = 0}).found(1), "message_entries_max");
}

}  // namespace
}  // namespace ram::consensus
