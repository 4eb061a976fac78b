// Plays: runs made by hand (sim/script.h), each of which goes well, and goes wrong with the mistake
// that it is about.
#pragma once

#include <gtest/gtest.h>

#include <string>
#include <variant>

#include "sim/script.h"

namespace ram::sim {

// The message of the engine, if it is of that kind.
template <class Kind>
const Kind* raft_message(const node::Frame& frame) {
  const auto* raft = std::get_if<node::RaftMessage>(&frame.message);
  return raft == nullptr ? nullptr : std::get_if<Kind>(&raft->message);
}

// What a frame says to a member, or nothing.
inline const node::LeaderNews* leader_news(const node::Frame& frame) {
  if (const auto* ping = std::get_if<node::Ping>(&frame.message)) return &ping->news;
  const auto* raft = std::get_if<node::RaftMessage>(&frame.message);
  return raft == nullptr ? nullptr : std::get_if<node::LeaderNews>(&raft->news);
}

inline bool grants(const node::Frame& frame) {
  const node::LeaderNews* news = leader_news(frame);
  return news != nullptr && news->grant.has_value();
}

inline bool has_entries(const node::Frame& frame) {
  const auto* append = raft_message<consensus::AppendEntries>(frame);
  return append != nullptr && !append->entries.empty();
}

inline Script::Lost entries_from(const Place& place) {
  return [number = place.number()](size_t from, size_t, const node::Frame& frame) {
    return from == number && has_entries(frame);
  };
}

// Plays on dice that fit: a play ends early, with false, if others are elected than it is about.
using Play = bool (*)(Script& script);

inline std::string outcome(const Swarm& swarm, const std::string& mistake, Play play) {
  for (uint64_t seed = 1; seed <= 40; ++seed) {
    Script script(seed, swarm, mistake);
    if (play(script) || !script.failure().empty()) {
      return script.failure().empty() ? "well" : script.failure();
    }
  }
  return "never came to be";
}

inline void expect_caught(const std::string& mistake, Play play,
                          const Swarm& swarm = Script::swarm()) {
  EXPECT_EQ(outcome(swarm, "", play), "well");
  const std::string with = outcome(swarm, mistake, play);
  EXPECT_TRUE(with != "well" && with != "never came to be") << mistake << ": " << with;
}

}  // namespace ram::sim
