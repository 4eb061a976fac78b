// What a read waits for: counterexamples of docs/model.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "sim/plays/test_play.h"

namespace ram::sim {
namespace {

using namespace std::chrono_literals;

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

TEST(Reads, AQuestionToANewLeader) {
  expect_caught("fallback", reader_at_a_new_leader);
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

TEST(Reads, AStateIsNoTruncationForReadsThatWait) {
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

TEST(Reads, AReaderThatLooksAtItsLeaseLast) {
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

TEST(Reads, KeysOfAMessageThatChangesNothing) {
  expect_caught("wirekeys", late_entries);
}

}  // namespace
}  // namespace ram::sim
