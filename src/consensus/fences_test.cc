// Each fence of ENGINE.md section 4 has a scenario that holds with all fences up and goes wrong
// without that one: the second half runs in a child process, as it may go very wrong.
#include "consensus/fences.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <functional>

#include "consensus/configuration_codec.h"
#include "consensus/test_cluster.h"

namespace ram::consensus {
namespace {

using namespace std::chrono_literals;

using Scenario = bool (*)(TestCluster& c);

void expect_needed(bool Fences::*fence, Scenario scenario, ReplicaOptions options = {}) {
  TestCluster fenced(options);
  EXPECT_TRUE(scenario(fenced));

  Fences without;
  without.*fence = false;
  const auto goes_wrong = [](int status) { return !WIFEXITED(status) || WEXITSTATUS(status) != 0; };
  EXPECT_EXIT(
      {
        TestCluster open(options, without);
        _exit(scenario(open) ? 0 : 1);
      },
      goes_wrong, "");
}

LogEntry record(Term term, std::string_view text) {
  return {term, EntryKind::kRecord, SharedBytes(std::string(text))};
}

LogEntry change_to(Term term, std::initializer_list<Server> servers) {
  return {term, EntryKind::kChange, encode(Configuration{servers})};
}

const Server kV1{NodeId(1), "n1", Role::kVoter}, kV2{NodeId(2), "n2", Role::kVoter},
    kV3{NodeId(3), "n3", Role::kVoter}, kS4{NodeId(4), "n4", Role::kStandby},
    kS5{NodeId(5), "n5", Role::kStandby};

AppendEntries append(Term term, uint64_t previous, Term previous_term, uint64_t commit,
                     std::vector<LogEntry> entries = {}) {
  return {.term = term,
          .previous = LogIndex(previous),
          .previous_term = previous_term,
          .commit = LogIndex(commit),
          .entries = std::move(entries)};
}

AppendEntriesResult result(Term term, uint64_t rejected, uint64_t last) {
  return {.term = term,
          .rejected = LogIndex(rejected),
          .last = LogIndex(last),
          .features = 1,
          .version = 2};
}

// Three voters; 1 leads, its barrier is committed and all know it.
void lead(TestCluster& c, size_t voters = 3, size_t standbys = 0) {
  c.found(voters, standbys);
  ASSERT_TRUE(c.elect(1, {2, 3}));
  std::vector<uint64_t> all;
  for (uint64_t id = 1; id <= voters + standbys; ++id) all.push_back(id);
  c.settle(all);
  c.beat(1, all, 2);
  ASSERT_TRUE(c[1]->barrier_committed());
}

void talk(TestCluster& c, uint64_t a, uint64_t b, int times = 4) {
  while (times-- > 0) {
    c.deliver(a, b);
    c.deliver(b, a);
    c[a]->flush(c.now);
  }
}

void tick(TestCluster& c, uint64_t leader) {
  c.now = std::max(c.now + 50ms, c[leader]->next_deadline());
  c[leader]->on_time(c.now);
}

// 3 misses entries that 1 and 2 commit and 1 then forgets.
void leave_behind(TestCluster& c) {
  lead(c);
  for (int i = 0; i < 20; ++i) {
    c.submit(1, "d");
    talk(c, 1, 2);
    c.drop(1, 3);
  }
  tick(c, 1);
  talk(c, 1, 2);
  c.drop();
  c[1]->compact(c.now, c[1]->commit(), 2);
}

// 1 offers 3 the token of its state; 3 installs.
void offer_token(TestCluster& c) {
  for (int i = 0; i < 20 && !c[3]->installing(); ++i) {
    tick(c, 1);
    talk(c, 1, 2);
    talk(c, 1, 3);
  }
}

// ---- F1 ----

TEST(Fences, F1AnswersAnOlderTermItself) {
  expect_needed(&Fences::f1, [](TestCluster& c) {
    lead(c);
    const Term old = c[3]->term().previous();
    InstallSnapshot late{.term = old, .token = c.token(1)};
    late.token.term = Term(1);
    late.token.index = LogIndex(1);
    c.give(1, 3, late);
    // Accepted, it would carry an index that nobody has set, for the leader to count.
    const auto answer = c.take<AppendEntriesResult>(3, 1);
    return answer && answer->term == c[3]->term() && answer->rejected == LogIndex(1) &&
           answer->last == LogIndex(0);
  });
}

TEST(Fences, F1AnswersWithTheIndexBeforeWhatItRefuses) {
  TestCluster c;
  lead(c);
  c.give(1, 3, append(Term(1), 0, Term(0), 1));
  EXPECT_EQ(c.take<AppendEntriesResult>(3, 1)->rejected, LogIndex(1));
  c.give(1, 3, append(Term(1), 7, Term(1), 1));
  const auto answer = c.take<AppendEntriesResult>(3, 1);
  EXPECT_EQ(answer->rejected, LogIndex(7));
  EXPECT_EQ(answer->last, LogIndex(6));
  EXPECT_EQ(answer->version, 2);
  EXPECT_EQ(c[3]->counters().fenced[1], 2u);
}

// ---- F2 ----

TEST(Fences, F2SkipsWhatIsCommittedAndMayBeForgotten) {
  expect_needed(&Fences::f2, [](TestCluster& c) {
    lead(c);
    for (int i = 0; i < 20; ++i) {  // 3 has all, but 1 never hears of it
      c.submit(1, "d");
      talk(c, 1, 2);
      c.deliver(1, 3);
      c.drop(3, 1);
    }
    c[3]->compact(c.now, c[3]->commit(), 0);
    for (int i = 0; i < 3; ++i) {
      tick(c, 1);
      talk(c, 1, 2);
      c.drop();
    }
    c.beat(1, {1, 2, 3}, 30);
    const LogIndex last = c.submit(1, "n");
    c.settle({1, 2, 3});
    c.beat(1, {1, 2, 3}, 5);
    return c[3]->last() == last && c[1]->match(NodeId(3)) == last;
  });
}

TEST(Fences, F2KeepsWhatIsNew) {
  TestCluster c;
  lead(c);
  const Term term = c[1]->term();
  const LogIndex commit = c[3]->commit();  // 2, the barrier
  std::vector<LogEntry> entries{LogEntry{term, EntryKind::kBarrier, {}}, record(term, "new")};
  c.give(1, 3, append(term, commit.value - 1, Term(1), commit.value, entries));
  EXPECT_EQ(c[3]->last(), commit + 1);
  EXPECT_EQ(c[3].record(commit + 1), "new");
  EXPECT_EQ(c[3]->verified(), commit + 1);
  EXPECT_EQ(c[3]->counters().fenced[2], 1u);
}

// ---- F3 ----

TEST(Fences, F3RecordsAChangeAtItsOwnIndex) {
  expect_needed(&Fences::f3, [](TestCluster& c) {
    lead(c);
    const Term t = c[1]->term();
    c.give(
        1, 3,
        append(t, 2, t, 2, {record(t, "a"), record(t, "b"), change_to(t, {kV1, kV2, kV3, kS4})}));
    c.give(1, 3, append(t, 5, t, 5));
    return !c[3]->changing() && c[3]->committed_configuration_index() == LogIndex(5) &&
           c[3]->committed().servers.size() == 4;
  });
}

TEST(Fences, F3RollsBackAChangeThatIsTruncatedAlone) {
  expect_needed(&Fences::f3, [](TestCluster& c) {
    lead(c);
    const Term t = c[1]->term();
    c.give(
        1, 3,
        append(t, 2, t, 2, {record(t, "a"), record(t, "b"), change_to(t, {kV1, kV2, kV3, kS4})}));
    c.give(2, 3, append(t + 1, 4, t, 2, {record(t + 1, "z")}));
    return c[3]->latest().servers.size() == 3 && !c[3]->changing();
  });
}

TEST(Fences, F3CommitsAChangeBeforeTheNextOneArrives) {
  expect_needed(&Fences::f3, [](TestCluster& c) {
    lead(c);
    const Term t = c[1]->term();
    c.give(1, 3, append(t, 2, t, 2, {change_to(t, {kV1, kV2, kV3, kS4})}));
    c.give(1, 3, append(t, 3, t, 3, {change_to(t, {kV1, kV2, kV3, kS4, kS5})}));
    c.give(2, 3, append(t + 1, 3, t, 3, {record(t + 1, "z")}));
    return c[3]->latest().servers.size() == 4;  // not five, and not three
  });
}

TEST(Fences, F3TakesTheOlderChangeForCommittedWhenTheCommitIndexLags) {
  expect_needed(&Fences::f3, [](TestCluster& c) {
    lead(c);
    const Term t = c[1]->term();
    // All at once from a leader that does not know yet what its predecessor had committed.
    c.give(1, 3,
           append(t, 2, t, 2,
                  {change_to(t, {kV1, kV2, kV3, kS4}), record(t, "a"),
                   change_to(t, {kV1, kV2, kV3, kS4, kS5})}));
    c.give(2, 3, append(t + 1, 4, t, 2, {record(t + 1, "z")}));
    return c[3]->latest().servers.size() == 4;
  });
}

// ---- F4 ----

TEST(Fences, F4KeepsALeaderFromObeyingItsOwnTerm) {
  expect_needed(&Fences::f4, [](TestCluster& c) {
    lead(c);
    const Term t = c[1]->term();
    const LogIndex last = c[1]->last();
    c.give(2, 1, append(t, last.value, t, last.value, {record(t, "evil")}));
    InstallSnapshot install{.term = t, .token = c.token(2)};
    install.token.index = last + 10;
    c.give(2, 1, install);
    return c[1]->is_leader() && !c[1]->installing() && c[1]->last() == last;
  });
}

// ---- F5 ----

TEST(Fences, F5DropsARejectionOfWhatIsMatched) {
  expect_needed(&Fences::f5,
                [](TestCluster& c) {
                  lead(c);
                  for (int i = 0; i < 3; ++i) c.submit(1, "d");
                  c.drop();
                  c.submit(1, "d");  // past the window: no entries go along
                  c.deliver(1, 3);
                  const auto rejection = c.take<AppendEntriesResult>(3, 1);
                  if (!rejection || !rejection->rejected) return false;
                  c.drop();
                  c.give(3, 1, *rejection);  // makes 1 send again, up to the window
                  c.drop(1, 2);
                  talk(c, 1, 3, 1);
                  if (c[1]->match(NodeId(3)) != rejection->rejected) return false;
                  c.drop();
                  for (int i = 0; i < 2; ++i) {  // 3 falls silent: 1 probes. 2 is heard, but lags
                    tick(c, 1);
                    c.drop(1, 3);
                    talk(c, 1, 2, 1);
                    c.drop();
                  }
                  c.give(3, 1, *rejection);  // late
                  c.submit(1, "n");
                  c.settle({1, 2, 3});
                  c.beat(1, {1, 2, 3}, 50);
                  return c[1]->commit() == c[1]->last() && c[3]->last() == c[1]->last();
                },
                {.inflight_entries_max = 3});
}

// ---- F6 ----

TEST(Fences, F6RefusesAPreVoteWithItsOwnTerm) {
  // Else a candidate with the longer log and the lower term, needed by all, never learns the term
  // in which it could win.
  expect_needed(&Fences::f6, [](TestCluster& c) {
    lead(c);
    c.give(2, 3,
           RequestVote{.term = Term(9),
                       .last = LogIndex(1),
                       .last_term = Term(1),
                       .disrupt_leader = true,
                       .version = 2});
    c.drop();
    c.wait(2s);
    c.give(2, 3,
           RequestVote{.term = Term(3),
                       .last = LogIndex(9),
                       .last_term = Term(2),
                       .pre_vote = true,
                       .version = 2});
    const auto answer = c.take<RequestVoteResult>(3, 2);
    return answer && !answer->granted && answer->term == Term(9);
  });
}

TEST(Fences, F6DropsAPreVoteResultThatComesToALeader) {
  expect_needed(&Fences::f6, [](TestCluster& c) {
    lead(c);
    const Term term = c[1]->term();
    c.give(3, 1,
           RequestVoteResult{.term = term + 1, .granted = true, .pre_vote = true, .version = 2});
    return c[1]->is_leader() && c[1]->term() == term;
  });
}

TEST(Fences, F6DoesNotTakeALatePreVoteForAVote) {
  expect_needed(&Fences::f6, [](TestCluster& c) {
    c.found(5);
    c.fire(1);  // asks for pre-votes
    const Term asked = c[1]->term() + 1;
    RequestVoteResult grant{.term = asked, .granted = true, .pre_vote = true, .version = 2};
    c.give(2, 1, grant);
    c.give(3, 1, grant);
    if (!c[1]->is_candidate() || c[1]->term() != asked) return false;  // in earnest now
    grant.version = 1;  // one that the engine would count
    c.give(4, 1, grant);
    c.give(5, 1, grant);
    return !c[1]->is_leader();
  });
}

// ---- F7, F8 ----

TEST(Fences, F7VotesBeforeItKnowsOfItsPromotion) {
  expect_needed(&Fences::f7, [](TestCluster& c) {
    lead(c, 3, 1);
    if (!c.change(1, 4, Role::kVoter)) return false;
    c.drop(1, 4);  // all but the promoted one learn of it
    c.deliver(1, 2);
    c.deliver(1, 3);
    c.drop();
    c.kill(NodeId(1));
    if (c[4]->latest().voters() != 3) return false;
    for (int i = 0; i < 40; ++i) {  // three of four voters are alive, and all three are needed
      uint64_t first = 2;
      for (const uint64_t id : {3, 4}) {
        if (c[id]->next_deadline() < c[first]->next_deadline()) first = id;
      }
      c.fire(first);
      c.settle({2, 3, 4});
      if (c[2]->is_leader() || c[3]->is_leader()) return true;
    }
    return false;
  });
}

TEST(Fences, F8ForgetsALeaderThatIsSilent) {
  expect_needed(&Fences::f8, [](TestCluster& c) {
    lead(c);
    const Instant heard = c[2]->leader_heard();
    RequestVote vote{.term = c[3]->term() + 1,
                     .last = c[3]->last(),
                     .last_term = c[3]->term(),
                     .pre_vote = true,
                     .version = 2};
    const auto ask = [&] {
      c.give(3, 2, vote);
      return c.take<RequestVoteResult>(2, 3)->granted;
    };
    c.now = heard + 499ms;
    if (ask()) return false;
    c.now = heard + 500ms;  // its own timer takes up to twice as long
    return c.now < c[2]->next_deadline() && ask();
  });
}

// ---- F9 ----

TEST(Fences, F9HoldsTheCommitIndexWhileTheStateIsNotInHand) {
  expect_needed(&Fences::f9, [](TestCluster& c) {
    leave_behind(c);
    offer_token(c);
    if (!c[3]->installing()) return false;
    const LogIndex before = c[3]->commit();
    c.beat(1, {1, 2, 3}, 15);  // some of which are anchored at the token
    return before < c[3].installs.back().index && c[3]->commit() == before;
  });
}

// ---- F10 ----

TEST(Fences, F10PutsABarrierFirst) {
  expect_needed(&Fences::f10, [](TestCluster& c) {
    c.found(3);  // nothing is uncommitted: the engine itself sees no need
    if (!c.elect(1, {2})) return false;
    return c[1].record(c[1]->last()) == "barrier" && c[1]->barrier() == c[1]->last() &&
           !c.change(1, 4, Role::kStandby);
  });
}

TEST(Fences, F10KeepsTwoLeadersFromCommittingApart) {
  // Four voters. 1 adds 5, which only 5 learns of; 2 removes 1, which only 3 learns of: {1, 4, 5}
  // and {2, 3} are majorities of what their leaders have for the cluster.
  expect_needed(&Fences::f10, [](TestCluster& c) {
    c.found(4);
    c.join(NodeId(5), NodeId(1));
    const auto beat = [&](uint64_t leader, std::vector<uint64_t> others) {
      for (int i = 0; i < 4; ++i) {
        for (const uint64_t other : others) talk(c, leader, other);
        c.drop();
        tick(c, leader);
      }
    };
    if (!c.elect(1, {2, 3})) return false;
    c.drop();
    c.change(1, 5, Role::kVoter);
    beat(1, {5});
    c.wait(3s);
    tick(c, 1);
    c.drop();
    if (!c.elect(2, {3, 4})) return false;
    c.drop();
    c.remove(2, 1);
    beat(2, {3});
    c.elect(1, {4, 5});
    c.drop();
    if (c[1]->is_leader()) beat(1, {4, 5});
    const LogIndex second(2);
    return c[1]->commit() < second || c[2]->commit() < second ||
           c[1]->term_at(second) == c[2]->term_at(second);
  });
}

// ---- F11 ----

TEST(Fences, F11ChangesOneServerAtATime) {
  expect_needed(&Fences::f11, [](TestCluster& c) {
    lead(c);
    const Configuration swapped{{kV1, kV2, {NodeId(4), "n4", Role::kVoter}}};
    // Else 4, which has nothing, would count as having what 3 has.
    return !c[1]->change(c.now, swapped) && c[1]->match(NodeId(4)) == LogIndex();
  });
}

TEST(Fences, F11KnowsOneServerFromTwo) {
  TestCluster c;
  lead(c);
  const auto refuses = [&](std::vector<Server> servers) {
    return !c[1]->change(c.now, Configuration{std::move(servers)});
  };
  const Server s3{NodeId(3), "n3", Role::kStandby};
  const Server s2{NodeId(2), "n2", Role::kStandby};
  EXPECT_TRUE(refuses({kV1, kV2, kV3}));            // nothing changes
  EXPECT_TRUE(refuses({kV1, kV3, kV2}));            // order
  EXPECT_TRUE(refuses({kV1, kV2, kV3, kS4, kS5}));  // two added
  EXPECT_TRUE(refuses({kV1, s2, s3}));              // two demoted
  EXPECT_TRUE(refuses({kV1}));                      // two removed
  EXPECT_TRUE(refuses({kV1, kV2, kS4}));            // one replaced
  EXPECT_TRUE(refuses({kV1, s2, kV3, kS4}));        // one demoted, one added
  EXPECT_TRUE(refuses({kV2, kV3}));                 // the leader itself
  EXPECT_TRUE(refuses({{NodeId(1), "n1", Role::kStandby}, kV2, kV3}));
  EXPECT_TRUE(refuses({}));
  EXPECT_FALSE(refuses({kV1, kV2, s3}));
}

// ---- F12 ----

TEST(Fences, F12SendsAtOnceToWhoHasAllButFellSilent) {
  expect_needed(&Fences::f12, [](TestCluster& c) {
    lead(c);
    for (int i = 0; i < 2; ++i) {
      tick(c, 1);
      talk(c, 1, 2);
      c.deliver(1, 3);
      c.drop(3, 1);
    }
    c.drop();
    c.submit(1, "n");
    const auto sent = c.take<AppendEntries>(1, 3);
    return sent && sent->entries.size() == 1;
  });
}

// ---- F13 ----

TEST(Fences, F13DropsATokenWhileOneIsBeingInstalled) {
  expect_needed(&Fences::f13, [](TestCluster& c) {
    leave_behind(c);
    offer_token(c);
    if (!c[3]->installing()) return false;
    const uint64_t steps = c[3]->counters().steps;
    c.give(1, 3, InstallSnapshot{.term = c[1]->term(), .token = c.token(1)});
    return c[3]->counters().steps == steps && c[3].installs.size() == 1;
  });
}

// ---- F14 ----

TEST(Fences, F14StopsBeforeTheEnginesCountWraps) {
  const auto grow = [](size_t bound) {
    TestCluster c({.log_entries_bound = bound});
    c.found(1);
    for (int i = 0; i < 5; ++i) c.submit(1, "r");
  };
  grow(8);
  EXPECT_DEATH(grow(4), "log_entries_bound");
}

// ---- F15 ----

TEST(Fences, F15BelievesNoResultBeyondOurLast) {
  expect_needed(&Fences::f15, [](TestCluster& c) {
    lead(c);
    const LogIndex commit = c[1]->commit();
    c.submit(1, "only here");
    c.drop();
    c[1]->flush(c.now);
    c.give(3, 1, result(c[1]->term(), 0, c[1]->last().value + 1));
    return c[1]->commit() == commit;
  });
}

TEST(Fences, F15TakesATimeoutNowFromItsLeaderAlone) {
  expect_needed(&Fences::f15, [](TestCluster& c) {
    lead(c);
    // 2 votes in a higher term; its old leader's hand-over of that term is nobody's.
    const Term next = c[2]->term() + 1;
    c.give(3, 2,
           RequestVote{.term = next,
                       .last = c[2]->last(),
                       .last_term = c[2]->term(),
                       .disrupt_leader = true,
                       .version = 2});
    c.give(
        1, 2,
        TimeoutNow{.term = next, .last = c[2]->last(), .last_term = c[2]->term_at(c[2]->last())});
    return !c[2]->is_candidate();
  });
}

TEST(Fences, F15RefusesAChangeThatIsCutShort) {
  expect_needed(&Fences::f15, [](TestCluster& c) {
    lead(c);
    const Term t = c[1]->term();
    LogEntry cut = change_to(t, {kV1, kV2, kV3});
    cut.payload = cut.payload.part(0, 9);
    const LogIndex last = c[3]->last();
    c.give(1, 3, append(t, last.value, t, last.value, {cut}));
    return c[3]->last() == last && c[3]->counters().fenced[15] == 1;
  });
}

// What does not make sense never reaches the engine.
TEST(Fences, F15DropsNonsense) {
  TestCluster c;
  lead(c);
  c.beat(1, {1, 2, 3});
  const Term t = c[1]->term();
  const uint64_t last = c[3]->last().value;
  const Term high(~uint64_t{0});
  const uint64_t far = ~uint64_t{0} - 1;
  const LogEntry barrier_with_bytes{t, EntryKind::kBarrier, SharedBytes(std::string("x"))};
  const LogEntry unknown_kind{t, static_cast<EntryKind>(9), {}};
  SnapshotToken token = c.token(1);
  const auto install = [&](auto&& edit) {
    InstallSnapshot m{.term = t, .token = token};
    m.token.index = LogIndex(last + 5);
    edit(m);
    return Message(m);
  };

  const std::vector<Message> to_follower{
      append(Term(0), last, t, last),
      append(high, last, t, last),
      append(t, far, t, last),
      append(t, 0, t, last),
      append(t, last, Term(0), last),
      append(t, last, t + 1, last),
      append(t, last, t, far),
      append(t, last, t.previous(), last),  // contradicts what is committed
      append(t, last, t, last, {record(Term(0), "x")}),
      append(t, last, t, last, {record(t + 1, "x")}),
      append(t + 1, last, t, last, {record(t + 1, "x"), record(t, "y")}),
      append(t, (uint64_t{1} << 63) - 1, t, last, {record(t, "x")}),
      append(t, last, t, last, {barrier_with_bytes}),
      append(t, last, t, last, {unknown_kind}),
      AppendEntries{.term = t, .previous = LogIndex(last), .previous_term = t, .version = 1},
      RequestVote{.term = high, .last = LogIndex(last), .last_term = t, .version = 2},
      RequestVote{.term = t + 1, .last = LogIndex(far), .last_term = t, .version = 2},
      RequestVote{.term = t + 1, .last = LogIndex(last), .last_term = t + 2, .version = 2},
      RequestVote{.term = t + 1, .last = LogIndex(last), .last_term = t, .version = 1},
      install([&](InstallSnapshot& m) { m.term = high; }),
      install([&](InstallSnapshot& m) { m.token.index = LogIndex(0); }),
      install([&](InstallSnapshot& m) { m.token.index = LogIndex(far); }),
      install([&](InstallSnapshot& m) { m.token.term = t + 1; }),
      install([&](InstallSnapshot& m) { m.token.configuration.servers.clear(); }),
      install([&](InstallSnapshot& m) { m.token.configuration_index = m.token.index + 1; }),
      install([&](InstallSnapshot& m) { m.token.index = c[3]->commit(), m.token.term = Term(1); }),
      install([&](InstallSnapshot& m) { m.version = 3; }),
      TimeoutNow{.term = t + 1, .last = LogIndex(last), .last_term = t},
      TimeoutNow{.term = t, .last = LogIndex(last), .last_term = t, .version = 1},
  };
  for (size_t i = 0; i < to_follower.size(); ++i) {
    const Replica::Counters before = c[3]->counters();
    c.give(1, 3, to_follower[i]);
    EXPECT_EQ(c[3]->counters().fenced[15], before.fenced[15] + 1) << "message " << i;
    EXPECT_EQ(c[3]->counters().steps, before.steps) << "message " << i;
  }

  const std::vector<Message> to_leader{
      result(Term(0), 0, 1),
      result(t, far, 1),
      result(t, 0, far),
      result(t, 5, 5),
      result(t, last + 1, 1),
      result(high, 0, 1),
      AppendEntriesResult{.term = t, .last = LogIndex(1), .version = 1},
  };
  for (size_t i = 0; i < to_leader.size(); ++i) {
    const Replica::Counters before = c[1]->counters();
    c.give(3, 1, to_leader[i]);
    EXPECT_EQ(c[1]->counters().fenced[15], before.fenced[15] + 1) << "message " << i;
    EXPECT_EQ(c[1]->counters().steps, before.steps) << "message " << i;
  }

  // From nobody, from ourselves, and a result from who is no member.
  for (const uint64_t from : {0, 1, 77}) {
    const Replica::Counters before = c[1]->counters();
    c.give(from, 1, result(t, 0, 1));
    EXPECT_EQ(c[1]->counters().fenced[15], before.fenced[15] + 1);
    EXPECT_EQ(c[1]->counters().steps, before.steps);
  }
  // An asked voter that does not know the candidate must still answer: its configuration may be
  // old.
  c.wait(2s);
  c.give(
      77, 3,
      RequestVote{
          .term = t + 1, .last = LogIndex(last), .last_term = t, .pre_vote = true, .version = 2});
  EXPECT_TRUE(c.take<RequestVoteResult>(3, 77)->granted);
  EXPECT_TRUE(c[1]->is_leader());
}

}  // namespace
}  // namespace ram::consensus
