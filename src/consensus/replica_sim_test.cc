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
  const uint64_t end = first + setting("RAM_SIM_COUNT", 60);
  ReplicaSim::Report sum;
  for (uint64_t seed = first; seed < end; ++seed) {
    const ReplicaSim::Report report = ReplicaSim(seed).run(kBusy);
    EXPECT_EQ(report.violation, "")
        << "replay: RAM_SIM_FROM=" << seed << " RAM_SIM_COUNT=1 consensus_replica_sim_test";
    sum += report;
  }
  std::cout << sum << '\n';
}

}  // namespace
}  // namespace ram::consensus
