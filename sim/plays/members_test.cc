// Members that come and go: counterexamples of docs/model.
#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "sim/plays/test_play.h"

namespace ram::sim {
namespace {

using namespace std::chrono_literals;

// Until the removal is in the log of `leader`.
bool gives_up(Script& s, Place& leader, const Place& member) {
  for (int i = 0; i < 200 && !s.members_are(leader, s.but(member)); ++i) {
    s.evict(leader, member);
    s.pass(50ms);
  }
  return s.members_are(leader, s.but(member));
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

TEST(Members, ARemovalWhileALeaseMayRun) {
  expect_caught("rmnowait", removal_of_a_holder);
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
  s.lose(entries_from(first));
  if (!gives_up(s, first, removed)) return false;
  s.isolate(first);
  s.lose(entries_from(removed));
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

TEST(Members, ALeaderThatReadsBeforeItsBarrierIsCommitted) {
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
  s.lose(entries_from(first));
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

TEST(Members, AGrantBeforeTheBarrierIsCommitted) {
  Swarm swarm = Script::swarm(3, 1);
  swarm.parameters.voters_max = 3;
  expect_caught("barrieracked", removed_holder, swarm);
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

TEST(Members, ALeaseOfWhoLedAlone) {
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

TEST(Members, AGrantToAMemberThatIsNotCommitted) {
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
  s.lose(entries_from(first));
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

TEST(Members, AChangeOfMembersBeforeTheBarrierIsCommitted) {
  Swarm swarm = Script::swarm(4);
  swarm.parameters.leases = false;
  swarm.lease_times.reset();
  expect_caught("earlycfg", crossing_changes, swarm);
}

bool is_well(const Place& place) {
  return place.lives() && place.core().status(place.clock().now()).state == NodeState::kOk;
}

// One that the leader does not hear, or that does not hear it, or neither, joins and goes through
// the others.
template <bool kFromLeader, bool kToLeader>
bool comes_and_goes_the_way_round(Script& s) {
  if (!s.found(3)) return false;
  Place& leader = s.leader();
  Place& one = s.at(3);
  if (kFromLeader) s.cut_one_way(leader, one);
  if (kToLeader) s.cut_one_way(one, leader);
  one.start();
  s.expect(s.pass_until([&] { return is_well(one); }), "it is not let in");
  if (!s.failure().empty()) return false;
  s.expect(s.written(one, "key", "value"), "it cannot write");
  one.deliver([](node::NodeCore& core, Instant) { core.leave(); });
  const uint64_t life = one.life();
  s.expect(s.pass_until([&] { return !one.lives() || one.life() > life; }, 5s),
           "it is not told that it is out");
  return s.leads(leader);
}

TEST(Members, OneThatReachesAnyMemberComesAndGoes) {
  for (const Play play :
       {comes_and_goes_the_way_round<true, true>, comes_and_goes_the_way_round<true, false>,
        comes_and_goes_the_way_round<false, true>}) {
    EXPECT_EQ(outcome(Script::swarm(3, 1), "", play), "well");
  }
}

}  // namespace
}  // namespace ram::sim
