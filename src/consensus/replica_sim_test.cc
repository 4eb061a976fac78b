#include "consensus/replica_sim.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <iostream>

namespace ram::consensus {
namespace {

using namespace std::chrono_literals;

constexpr Duration kBusy = 20s;

uint64_t setting(const char* name, uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr ? std::strtoull(text, nullptr, 10) : otherwise;
}

TEST(ReplicaSim, KeepsRaftsPromisesUnderFaults) {
  const uint64_t first = setting("RAM_SIM_FROM", 1);
  const uint64_t end = first + setting("RAM_SIM_COUNT", 40);
  ReplicaSim::Report sum;
  for (uint64_t seed = first; seed < end; ++seed) {
    const ReplicaSim::Report report = ReplicaSim(seed).run(kBusy);
    EXPECT_EQ(report.violation, "")
        << "replay: RAM_SIM_FROM=" << seed << " RAM_SIM_COUNT=1 consensus_replica_sim_test";
    sum += report;
  }
  std::cout << sum << '\n';
}

TEST(ReplicaSim, ASeedIsARun) {
  for (uint64_t seed = 1; seed <= 3; ++seed) {
    EXPECT_EQ(ReplicaSim(seed).run(5s).digest, ReplicaSim(seed).run(5s).digest);
  }
  EXPECT_NE(ReplicaSim(1).run(5s).digest, ReplicaSim(2).run(5s).digest);
}

// What the checks are worth: without F3 a configuration change is recorded where it is not.
TEST(ReplicaSim, CatchesAMissingFence) {
  const auto fails = [](int status) { return !WIFEXITED(status) || WEXITSTATUS(status) != 0; };
  EXPECT_EXIT(
      {
        for (uint64_t seed = 1; seed <= 20; ++seed) {
          if (!ReplicaSim(seed, {.f3 = false}).run(kBusy).violation.empty()) _exit(1);
        }
        _exit(0);
      },
      fails, "");
}

}  // namespace
}  // namespace ram::consensus
