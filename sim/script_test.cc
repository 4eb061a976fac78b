// Counterexamples of docs/model, played by hand: each goes well, and goes wrong with the mistake
// that it is about.
#include "sim/script.h"

#include <gtest/gtest.h>

#include <variant>

namespace ram::sim {
namespace {

using namespace std::chrono_literals;

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

}  // namespace
}  // namespace ram::sim
