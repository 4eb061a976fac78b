// Counterexamples of docs/model, played by hand: each goes well, and goes wrong with the mistake
// that it is about.
#include "sim/script.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <variant>

namespace ram::sim {
namespace {

using namespace std::chrono_literals;

// The message of the engine, if it is of that kind.
template <class Kind>
const Kind* raft_message(const node::Frame& frame) {
  const auto* raft = std::get_if<node::RaftMessage>(&frame.message);
  return raft == nullptr ? nullptr : std::get_if<Kind>(&raft->message);
}

// What a frame says to a member, or nothing.
const node::LeaderNews* leader_news(const node::Frame& frame) {
  if (const auto* ping = std::get_if<node::Ping>(&frame.message)) return &ping->news;
  const auto* raft = std::get_if<node::RaftMessage>(&frame.message);
  return raft == nullptr ? nullptr : std::get_if<node::LeaderNews>(&raft->news);
}

bool grants(const node::Frame& frame) {
  const node::LeaderNews* news = leader_news(frame);
  return news != nullptr && news->grant.has_value();
}

bool has_entries(const node::Frame& frame) {
  const auto* append = raft_message<consensus::AppendEntries>(frame);
  return append != nullptr && !append->entries.empty();
}

// Until the removal is in the log of `leader`.
bool gives_up(Script& s, Place& leader, const Place& member) {
  for (int i = 0; i < 200 && !s.members_are(leader, s.but(member)); ++i) {
    s.evict(leader, member);
    s.pass(50ms);
  }
  return s.members_are(leader, s.but(member));
}

// Plays on dice that fit: a play ends early, with false, if others are elected than it is about.
using Play = bool (*)(Script& script);

std::string outcome(const Swarm& swarm, const std::string& mistake, Play play) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Script script(seed, swarm, mistake);
    if (play(script) || !script.failure().empty()) {
      return script.failure().empty() ? "well" : script.failure();
    }
  }
  return "never came to be";
}

void expect_caught(const std::string& mistake, Play play, const Swarm& swarm = Script::swarm()) {
  EXPECT_EQ(outcome(swarm, "", play), "well");
  const std::string with = outcome(swarm, mistake, play);
  EXPECT_TRUE(with != "well" && with != "never came to be") << mistake << ": " << with;
}

// Who has voted in term 2 gets a grant of term 1, which the network had kept.
bool late_grant(Script& s) {
  if (!s.found()) return false;
  Place& old = s.leader();
  Place& voter = s.other(0, {&old});
  Place& next = s.other(1, {&old});
  s.keep([&](size_t from, size_t to, const node::Frame& frame) {
    return from == old.number() && to == voter.number() && grants(frame);
  });
  if (!s.pass_until([&] { return s.kept(); })) return false;
  s.isolate(old);
  if (!s.pass_until([&] { return s.leads(next) || s.leads(voter); }) || s.leads(voter))
    return false;
  s.isolate(voter);
  s.pass(2ms);
  s.give();
  s.pass(2ms);
  s.mend(old, next);
  return s.written(next, "key", "value");
}

TEST(Script, AGrantOfATermThatIsOver) {
  expect_caught("grantold", late_grant);
}

// A new leader gives up the old one, which does not hear of it and reads on.
bool removal_of_a_holder(Script& s) {
  if (!s.found()) return false;
  Place& old = s.leader();
  old.stall(3s);
  s.isolate(old);
  if (!s.pass_until([&] { return &s.leader() != &old; })) return false;
  Place& next = s.leader();
  const auto write = s.write(next, "key", "value");
  for (int i = 0; i < 20 && !write->has_value(); ++i) {
    s.evict(next, old);
    s.pass(100ms);
  }
  return s.pass_until([&] { return write->has_value() && s.members_are(next, s.but(old)); });
}

TEST(Script, ARemovalWhileALeaseMayRun) {
  expect_caught("rmnowait", removal_of_a_holder);
}

// Who is about to leave gives its lease back, and then gets a grant of before.
bool grant_after_release(Script& s) {
  if (!s.found()) return false;
  Place& leader = s.leader();
  Place& leaver = s.other(0, {&leader});
  s.keep([&](size_t from, size_t to, const node::Frame& frame) {
    return from == leader.number() && to == leaver.number() && grants(frame);
  });
  if (!s.pass_until([&] { return s.kept(); })) return false;
  leaver.deliver([](node::NodeCore& core, Instant) { core.leave(); });
  if (!s.pass_until([&] { return !s.has_lease(leaver); })) return false;
  s.pass(2ms);  // the leader hears of it
  s.isolate(leaver);
  s.give();
  s.pass(2ms);
  return s.written(leader, "key", "value");
}

TEST(Script, AGrantOfBeforeARelease) {
  expect_caught("norel", grant_after_release);
}

// A leader whose barrier is not committed reads under its quorum lease. Its predecessor, which had
// a removal of it in its log, leads again without it.
bool removed_leader(Script& s) {
  if (!s.found()) return false;
  Place& first = s.leader();
  Place& removed = s.other(0, {&first});
  Place& third = s.other(1, {&first});
  s.isolate(removed);
  s.pass(600ms);
  // Once nothing is promised to it, and in one log alone.
  s.lose([&](size_t from, size_t, const node::Frame& frame) {
    return from == first.number() && has_entries(frame);
  });
  if (!gives_up(s, first, removed)) return false;
  s.isolate(first);
  s.lose([&](size_t from, size_t, const node::Frame& frame) {
    return from == removed.number() && has_entries(frame);
  });
  s.mend(removed, third);
  if (!s.pass_until([&] { return s.leads(removed) || s.leads(third); }, 4s)) return false;
  if (!s.leads(removed)) return false;
  const WorldTime since = s.now();
  // With a long record on its way (and lost) heartbeats go beside it, and are answered.
  (void)s.write(removed, "long", std::string(10'000, 'x'));
  s.pass(120ms);
  removed.stall(5s);
  s.isolate(removed);
  s.lose(nullptr);
  s.mend(first, third);
  if (!s.pass_until([&] { return s.leads(first) && s.term(first) > s.term(removed); }, 4s)) {
    return false;
  }
  return s.written(first, "key", "value") && s.now() - since < 2900ms;  // of the 3 s of a lease
}

TEST(Script, ALeaderThatReadsBeforeItsBarrierIsCommitted) {
  Swarm swarm = Script::swarm();
  for (node::CoreLimits& limits : swarm.limits) limits.replication_bytes = 2'000;
  expect_caught("origleader", removed_leader, swarm);
}

// The same, and it is a member that the new leader grants a lease: it has its barrier, nobody else.
bool removed_holder(Script& s) {
  if (!s.found()) return false;
  Place& first = s.leader();
  Place* found = nullptr;
  for (size_t i = 0; i < 4; ++i) {
    const auto* server = first.core().replica()->latest().find(s.at(i).id());
    if (server->role == consensus::Role::kStandby) found = &s.at(i);
  }
  if (found == nullptr) return false;
  Place& removed = *found;
  Place& next = s.other(0, {&first, &removed});
  Place& third = s.other(1, {&first, &removed});
  s.isolate(removed);
  s.pass(600ms);
  s.lose([&](size_t from, size_t, const node::Frame& frame) {
    return from == first.number() && has_entries(frame);
  });
  if (!gives_up(s, first, removed)) return false;
  s.isolate(first);
  s.rejoin(removed);
  s.cut(removed, first);
  s.lose([&](size_t from, size_t to, const node::Frame& frame) {
    return from == next.number() && to == third.number() && has_entries(frame);
  });
  if (!s.pass_until([&] { return s.leads(next) || s.leads(third); }, 4s)) return false;
  if (!s.leads(next)) return false;
  const WorldTime since = s.now();
  s.pass(120ms);  // barrier, answers, grants
  s.isolate(removed);
  s.isolate(next);
  s.lose(nullptr);
  s.mend(first, third);
  if (!s.pass_until([&] { return s.leads(first) && s.term(first) > s.term(next); }, 4s)) {
    return false;
  }
  s.mend(first, next);
  s.mend(next, third);
  return s.written(first, "key", "value") && s.now() - since < 2400ms;  // of 3 s, drift allowed for
}

TEST(Script, AGrantBeforeTheBarrierIsCommitted) {
  Swarm swarm = Script::swarm(3, 1);
  swarm.parameters.voters_max = 3;
  expect_caught("barrieracked", removed_holder, swarm);
}

// A new leader that knows of nothing stable beyond what a member has, and whose barrier nobody has,
// must not grant it a lease: the leader before made more visible, without that member.
bool holder_without_the_barrier(Script& s) {
  if (!s.found()) return false;
  Place& old = s.leader();
  Place& next = s.other(0, {&old});
  Place& behind = s.other(1, {&old});
  const LogIndex known = old.core().applied();
  s.isolate(behind);
  s.lose([&, known](size_t from, size_t to, const node::Frame& frame) {
    const node::LeaderNews* news = leader_news(frame);
    return from == old.number() && to == next.number() && news != nullptr && news->stable > known;
  });
  if (!s.written(old, "key", std::string(10'000, 'x'))) return false;
  s.isolate(old);
  // With a long record on its way (and lost) heartbeats go beside it, and are answered.
  s.lose([&](size_t from, size_t to, const node::Frame& frame) {
    return from == next.number() && to == behind.number() && has_entries(frame);
  });
  s.mend(next, behind);
  if (!s.pass_until([&] { return s.leads(next); }, 4s)) return false;
  s.pass(400ms);
  s.expect(!s.has_lease(behind), "a lease of a leader that cannot know what was visible");
  s.lose(nullptr);
  return s.pass_until([&] { return s.has_lease(behind); }) &&
         s.local_read(behind, "key").wait_for() > known;
}

TEST(Script, AGrantWithoutABarrier) {
  Swarm swarm = Script::swarm();
  for (node::CoreLimits& limits : swarm.limits) limits.replication_bytes = 2'000;
  expect_caught("nobarrier", holder_without_the_barrier, swarm);
}

// Who has long been silent itself is elected by one that answered the old leader just now.
bool quiet_winner(Script& s) {
  if (!s.found()) return false;
  Place& old = s.leader();
  Place& voter = s.other(0, {&old});
  Place& quiet = s.other(1, {&old});
  s.isolate(quiet);
  s.pass(4s);     // longer than a lease, drift allowed for
  old.stall(3s);  // it does not notice that it is alone
  s.isolate(old);
  s.mend(voter, quiet);
  if (!s.pass_until([&] { return s.leads(voter) || s.leads(quiet); }, 4s)) return false;
  return s.leads(quiet) && s.written(quiet, "key", "value");
}

TEST(Script, AQuietWinnerWaitsForWhomItsVotersAnswered) {
  expect_caught("optself", quiet_winner);
}

// A new leader whose clock is fast, and the old one, which reads on.
bool fast_winner(Script& s) {
  if (!s.found()) return false;
  Place& old = s.leader();
  Place& next = s.other(0, {&old});
  Place& third = s.other(1, {&old});
  next.clock().set_drift_ppm(195'000);  // a fifth is allowed for
  old.stall(4s);
  s.isolate(old);
  if (!s.pass_until([&] { return s.leads(next) || s.leads(third); }, 4s)) return false;
  return s.leads(next) && s.written(next, "key", "value");
}

TEST(Script, AFastClockWaitsLonger) {
  expect_caught("wdrift", fast_winner);
}

// Who would have voted, and did not, has not entered the term, and reads on under its lease.
bool pre_voter(Script& s) {
  if (!s.found()) return false;
  Place& old = s.leader();
  Place& next = s.other(0, {&old});
  Place& third = s.other(1, {&old});
  s.lose([&](size_t from, size_t to, const node::Frame& frame) {
    const auto* asks = raft_message<consensus::RequestVote>(frame);
    if (to == third.number()) return asks == nullptr || !asks->pre_vote;
    if (from == third.number()) return raft_message<consensus::RequestVoteResult>(frame) == nullptr;
    return from == old.number() && leader_news(frame) != nullptr;
  });
  if (!s.pass_until([&] { return s.leads(next); }, 4s)) return false;
  s.rejoin(old);
  s.cut(third, old);
  return s.written(next, "key", "value");
}

TEST(Script, ThePromiseOfAVoteIsNoVote) {
  expect_caught("prevote", pre_voter);
}

// A new leader has committed its barrier and knows of nothing stable that came before it, though
// its predecessor showed more. Who asks it what to wait for must wait for the barrier.
bool reader_at_a_new_leader(Script& s) {
  if (!s.found()) return false;
  Place& old = s.leader();
  Place& next = s.other(0, {&old});
  const LogIndex known = old.core().applied();
  s.lose([&, known](size_t from, size_t to, const node::Frame& frame) {
    const node::LeaderNews* news = leader_news(frame);
    return from == old.number() && to == next.number() && news != nullptr && news->stable > known;
  });
  if (!s.written(old, "key", "value")) return false;
  const LogIndex shown = old.core().applied();
  s.isolate(old);
  if (!s.pass_until([&] { return s.leads(next); }, 4s)) return false;
  if (next.core().applied() >= shown) return false;
  auto answered = std::make_shared<bool>(false);
  next.deliver([&s, &next, shown, answered](node::NodeCore& core, Instant now) {
    core.fence(now, now + 20s, node::NodeCore::Trust::kLeader,
               [&s, &next, shown, answered](const Status& status) {
                 *answered = status.ok();
                 s.expect(!*answered || next.core().applied() >= shown,
                          "a read goes on without the entry");
               });
  });
  return s.pass_until([&] { return *answered; });
}

TEST(Script, AQuestionToANewLeader) {
  expect_caught("fallback", reader_at_a_new_leader);
}

// A member has an entry of the leader before, and the next has another in its place, which does not
// reach it: the index says nothing.
bool holder_of_a_stale_entry(Script& s) {
  if (!s.found()) return false;
  Place& old = s.leader();
  Place& stale = s.other(0, {&old});
  const LogIndex before = stale.core().replica()->last();
  s.lose([&](size_t from, size_t to, const node::Frame& frame) {
    return from == stale.number() || (to != stale.number() && has_entries(frame));
  });
  (void)s.write(old, "key", "lost");
  if (!s.pass_until([&] { return stale.core().replica()->last() > before; })) return false;
  s.isolate(old);
  s.isolate(stale);
  s.lose([&](size_t, size_t to, const node::Frame& frame) {
    const bool relayed = std::holds_alternative<node::Relay>(frame.message);
    return to == stale.number() && (has_entries(frame) || relayed);
  });
  const auto succeeded = [&] {
    const auto others = s.but(old);
    return std::any_of(others.begin(), others.end(),
                       [](auto* place) { return Script::leads(*place); });
  };
  if (!s.pass_until(succeeded, 4s)) return false;
  Place& next = s.leader();
  // With a long record on its way (and lost) heartbeats go beside it, and are answered.
  (void)s.write(next, "long", std::string(10'000, 'x'));
  s.rejoin(stale);
  s.cut(stale, old);
  s.pass(1s);
  if (s.term(stale) != s.term(next)) return false;
  s.rejoin(old);  // until now nothing is stable without it
  s.cut(stale, old);
  s.pass(500ms);
  s.lose(nullptr);
  return s.written(s.leader(), "key", "value") && s.pass_until([&] { return s.has_lease(stale); });
}

TEST(Script, AnIndexOfAnotherTerm) {
  Swarm swarm = Script::swarm(5);
  for (node::CoreLimits& limits : swarm.limits) limits.replication_bytes = 2'000;
  expect_caught("keptv", holder_of_a_stale_entry, swarm);
  expect_caught("lastindex", holder_of_a_stale_entry, swarm);
}

// Who leads alone grants leases; then there are three, two of which can go on without the third.
bool holder_of_before_the_others(Script& s) {
  if (!s.found()) return false;
  Place& first = s.leader();
  Place& holder = s.other(0, {&first});
  Place& next = s.other(1, {&first});
  s.isolate(holder);
  first.deliver([name = next.name()](node::NodeCore& core, Instant now) {
    core.transfer(now, name, now + 2s, [](const Status&) {});
  });
  return s.pass_until([&] { return s.leads(next); }, 4s) && s.written(next, "key", "value");
}

TEST(Script, ALeaseOfWhoLedAlone) {
  expect_caught("selfinf", holder_of_before_the_others, Script::swarm(1, 2));
}

// A member that is added by a change of which only it and the leader know gets a lease.
bool member_of_an_uncommitted_change(Script& s) {
  if (!s.found(3)) return false;
  Place& old = s.leader();
  Place& added = s.at(3);
  s.lose([&](size_t from, size_t to, const node::Frame& frame) {
    return from == old.number() && to != added.number() && has_entries(frame);
  });
  added.start();
  if (!s.pass_until([&] { return old.core().replica()->changing(); })) return false;
  s.isolate(old, {&added});
  const WorldTime since = s.now();
  const Place& second = s.other(0, {&old, &added});
  const Place& third = s.other(1, {&old, &added});
  if (!s.pass_until([&] { return s.leads(second) || s.leads(third); }, 2s)) return false;
  s.isolate(added);
  s.lose(nullptr);
  s.mend(old, second);
  s.mend(old, third);
  return s.written(s.leader(), "key", "value") && s.now() - since < 2400ms;
}

TEST(Script, AGrantToAMemberThatIsNotCommitted) {
  expect_caught("uncommittedcfg", member_of_an_uncommitted_change, Script::swarm(3, 1));
}

// Two crossing changes, each in the log of a leader alone, make majorities that share nobody.
bool crossing_changes(Script& s) {
  if (!s.found()) return false;
  Place& first = s.leader();
  Place& starved = s.other(0, {&first});
  Place& removed = s.other(1, {&first});
  Place& third = s.other(2, {&first});
  s.isolate(removed);
  s.pass(600ms);
  s.lose([&](size_t from, size_t, const node::Frame& frame) {
    return from == first.number() && has_entries(frame);
  });
  if (!gives_up(s, first, removed)) return false;
  s.isolate(first);
  s.mend(removed, third);
  s.mend(removed, starved);
  s.lose([&](size_t, size_t to, const node::Frame& frame) {
    return to == starved.number() && has_entries(frame);
  });
  s.keep([&](size_t from, size_t to, const node::Frame& frame) {
    return from != first.number() && to == starved.number() && leader_news(frame) != nullptr &&
           !std::holds_alternative<node::Ping>(frame.message);
  });
  if (!s.pass_until([&] { return s.leads(removed) || s.leads(third) || s.leads(starved); }, 4s)) {
    return false;
  }
  if (s.leads(starved)) return false;
  Place& next = s.leads(removed) ? removed : third;
  s.pass(300ms);
  if (!s.kept()) return false;
  s.give();  // else the new leader heard no majority for too long
  s.pass(250ms);
  s.evict(next, first);
  (void)s.write(next, "key", "value");
  s.pass(300ms);
  s.isolate(starved);
  s.lose(nullptr);
  s.mend(first, starved);
  return s.pass_until([&] { return s.leads(first) && s.term(first) > s.term(next); }, 4s);
}

TEST(Script, AChangeOfMembersBeforeTheBarrierIsCommitted) {
  Swarm swarm = Script::swarm(4);
  swarm.parameters.leases = false;
  swarm.lease_times.reset();
  expect_caught("earlycfg", crossing_changes, swarm);
}

// A read that waits for an entry goes on waiting when a state takes the place of the log.
bool read_across_a_state(Script& s) {
  if (!s.found()) return false;
  Place& leader = s.leader();
  Place& behind = s.other(0, {&leader});
  const LogIndex before = behind.core().replica()->last();
  const auto first = s.write(leader, "key", "value");
  if (!s.pass_until([&] { return behind.core().replica()->last() > before; })) return false;
  s.cut_one_way(leader, behind);
  if (!s.pass_until([&] { return first->has_value(); })) return false;
  const node::LocalRead read = s.local_read(behind, "key");
  if (!read.holds(behind.clock().now()) || read.ready()) return false;
  const LogIndex wanted = read.wait_for();
  behind.deliver([&s, &behind, wanted](node::NodeCore& core, Instant now) {
    core.wait_applied(now, wanted, now + 20s, [&s, &behind, wanted](const Status& status) {
      s.expect(!status.ok() || behind.core().applied() >= wanted,
               "a read goes on without the entry that it waits for");
    });
  });
  // Until the leader counts on the other no more, and has forgotten what it lacks.
  for (int i = 0; i < 20; ++i) {
    if (!s.written(leader, "other", std::to_string(i))) return false;
  }
  s.mend(leader, behind);
  bool installed = false;
  return s.pass_until([&] {
    installed |= behind.core().replica()->installing();
    return installed && behind.core().applied() >= wanted;
  });
}

TEST(Script, AStateIsNoTruncationForReadsThatWait) {
  Swarm swarm = Script::swarm();
  swarm.parameters.failover_after = 1s;
  lease::Times times = *swarm.lease_times;
  times.lease = 500ms;
  swarm.lease_times = times;
  for (node::CoreLimits& limits : swarm.limits) limits.log_entries = 4;
  expect_caught("snapcut", read_across_a_state, swarm);
}

// An entry is acknowledged without a member that has no lease, and reaches it late; then it gets a
// lease. Who looked at what is pending before the entry came must not rely on that lease.
bool reader_of_one_that_was_behind(Script& s) {
  if (!s.found()) return false;
  Place& leader = s.leader();
  Place& behind = s.other(0, {&leader});
  s.lose([&](size_t from, size_t, const node::Frame&) { return from == behind.number(); });
  s.pass(700ms);  // the leader counts on it no more
  if (s.has_lease(behind)) return false;
  s.keep([&](size_t, size_t to, const node::Frame& frame) {
    return to == behind.number() && has_entries(frame);
  });
  s.lose([&](size_t from, size_t to, const node::Frame&) {
    return from == behind.number() || to == behind.number();
  });
  if (!s.written(leader, "key", "value") || !s.kept()) return false;
  const LogIndex wanted = leader.core().applied();
  const node::LocalRead early = s.local_read(behind, "key");
  // What is stable it hears with the grant, not before.
  s.lose([&](size_t, size_t to, const node::Frame& frame) {
    return to == behind.number() && !grants(frame);
  });
  s.give();
  if (!s.pass_until([&] { return s.has_lease(behind) && behind.core().applied() < wanted; }, 1s)) {
    return false;
  }
  const bool late = behind.mistakes().lease.pendingfirst;
  const node::LocalRead lease = late ? s.local_read(behind, "key") : early;
  s.expect(!lease.holds(behind.clock().now()) || !early.ready(),
           "a read finds nothing to wait for, and lacks an entry");
  return true;
}

TEST(Script, AReaderThatLooksAtItsLeaseLast) {
  Swarm swarm = Script::swarm();
  swarm.pass_max = 2ms;
  lease::Times times = *swarm.lease_times;
  times.lease = 500ms;
  times.backoff_min = times.backoff_max = Duration(0);
  swarm.lease_times = times;
  expect_caught("pendingfirst", reader_of_one_that_was_behind, swarm);
}

// A message that comes late has an older entry of a key than the one that its readers wait for.
bool late_entries(Script& s) {
  if (!s.found()) return false;
  Place& leader = s.leader();
  Place& reader = s.other(0, {&leader});
  s.keep([&](size_t from, size_t to, const node::Frame& frame) {
    return from == leader.number() && to == reader.number() && has_entries(frame);
  });
  if (!s.written(leader, "key", "old") || !s.kept()) return false;  // it was sent again
  const LogIndex before = reader.core().replica()->last();
  const auto write = s.write(leader, "key", "new");
  if (!s.pass_until([&] { return reader.core().replica()->last() > before; })) return false;
  s.cut_one_way(leader, reader);
  if (!s.pass_until([&] { return write->has_value(); })) return false;
  s.give();
  s.pass(1ms);
  const node::LocalRead read = s.local_read(reader, "key");
  if (!read.holds(reader.clock().now())) return false;
  s.expect(!read.ready(), "a read finds nothing to wait for, and lacks an entry");
  return true;
}

TEST(Script, KeysOfAMessageThatChangesNothing) {
  expect_caught("wirekeys", late_entries);
}

// What is stable when a lease ends is so at once, though nobody says anything.
bool write_that_waits_for_a_lease(Script& s) {
  if (!s.found()) return false;
  Place& leader = s.leader();
  Place& holder = s.other(0, {&leader});
  s.isolate(holder);
  s.pass(2ms);
  const auto write = s.write(leader, "key", "value");
  s.pass(2ms);
  Duration left{};
  for (const Member& member : leader.core().members(leader.clock().now())) {
    if (member.name == holder.name()) left = std::chrono::milliseconds(member.lease_ms);
  }
  s.pass(left - 1ms);
  if (write->has_value()) return false;
  s.pass(3ms);
  s.expect(write->has_value(), "a write waits for a lease that is over");
  return true;
}

TEST(Script, ALeaseThatEndsWhenNobodySaysAnything) {
  Swarm swarm = Script::swarm(1, 1);
  swarm.parameters.voters_max = 1;
  expect_caught("notimer", write_that_waits_for_a_lease, swarm);
}

}  // namespace
}  // namespace ram::sim
