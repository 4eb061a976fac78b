// How long a new leader waits for the leases of those before it: counterexamples of docs/model.
#include <gtest/gtest.h>

#include "sim/plays/test_play.h"

namespace ram::sim {
namespace {

using namespace std::chrono_literals;

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

TEST(Elections, AQuietWinnerWaitsForWhomItsVotersAnswered) {
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

TEST(Elections, AFastClockWaitsLonger) {
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

TEST(Elections, ThePromiseOfAVoteIsNoVote) {
  expect_caught("prevote", pre_voter);
}

}  // namespace
}  // namespace ram::sim
