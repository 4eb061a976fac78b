// Who holds a lease, of what, and until when: counterexamples of docs/model.
#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <variant>

#include "sim/plays/test_play.h"

namespace ram::sim {
namespace {

using namespace std::chrono_literals;

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

TEST(Leases, AGrantOfATermThatIsOver) {
  expect_caught("grantold", late_grant);
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

TEST(Leases, AGrantOfBeforeARelease) {
  expect_caught("norel", grant_after_release);
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

TEST(Leases, AGrantWithoutABarrier) {
  Swarm swarm = Script::swarm();
  for (node::CoreLimits& limits : swarm.limits) limits.replication_bytes = 2'000;
  expect_caught("nobarrier", holder_without_the_barrier, swarm);
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

TEST(Leases, AnIndexOfAnotherTerm) {
  Swarm swarm = Script::swarm(5);
  for (node::CoreLimits& limits : swarm.limits) limits.replication_bytes = 2'000;
  expect_caught("keptv", holder_of_a_stale_entry, swarm);
  expect_caught("lastindex", holder_of_a_stale_entry, swarm);
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

TEST(Leases, ALeaseThatEndsWhenNobodySaysAnything) {
  Swarm swarm = Script::swarm(1, 1);
  swarm.parameters.voters_max = 1;
  expect_caught("notimer", write_that_waits_for_a_lease, swarm);
}

}  // namespace
}  // namespace ram::sim
