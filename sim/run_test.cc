// Whole runs: seeds that pass, that repeat themselves, and mistakes that are caught.
#include "sim/run.h"

#include <gtest/gtest.h>

#include <sstream>

#include "sim/runner.h"

namespace ram::sim {
namespace {

using namespace std::chrono_literals;

// How many seeds it takes until a run with `mistake` fails; 0: none does.
uint64_t caught_after(const std::string& mistake, uint64_t seeds_max) {
  std::vector<Job> jobs(seeds_max);
  for (uint64_t i = 0; i < seeds_max; ++i) {
    jobs[i].options.seed = i + 1;
    EXPECT_TRUE(set_mistake(mistake, jobs[i].options.mistakes));
  }
  const RunnerResult result =
      run_all(jobs, {}, [](const Job&, const RunResult& run) { return run.failure.empty(); });
  return result.failed == 0 ? 0 : result.runs;
}

TEST(Run, TheSameSeedGivesTheSameTrace) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const RunOptions options{.seed = seed, .length = 5s};
    const RunResult first = run(options);
    EXPECT_EQ(first.failure, "") << replay_line(options);
    const RunResult second = run(options);
    EXPECT_EQ(first.trace_hash, second.trace_hash) << replay_line(options);
    RunOptions other = options;
    other.seed += 100;
    EXPECT_NE(first.trace_hash, run(other).trace_hash);
  }
}

TEST(Run, ATraceInWordsChangesNothing) {
  std::ostringstream words;
  RunOptions options{.seed = 2, .length = 3s};
  const RunResult silent = run(options);
  options.trace = &words;
  options.trace_frames = true;
  EXPECT_EQ(run(options).trace_hash, silent.trace_hash);
  EXPECT_NE(words.str().find("is founded"), std::string::npos);
}

TEST(Run, MeetsFaultsAndGetsThingsDone) {
  RunCounters sum;
  for (uint64_t seed = 1; seed <= 12; ++seed) {
    const RunOptions options{.seed = seed, .length = 10s};
    const RunResult result = run(options);
    EXPECT_EQ(result.failure, "") << replay_line(options);
    sum.add(result.counters);
  }
  EXPECT_GT(sum.writes_done, 2'000u);
  EXPECT_GT(sum.reads_done, 2'000u);
  EXPECT_GT(sum.reads_done, sum.reads / 2);
  EXPECT_GT(sum.writes_unknown, 0u);
  EXPECT_GT(sum.elections, 12u);
  EXPECT_GT(sum.crashes + sum.founding_crashes, 5u);
  EXPECT_GT(sum.partitions + sum.ambushes, 12u);
  EXPECT_GT(sum.states_joined, 5u);
  EXPECT_EQ(sum.keys_undecided, 0u);
}

TEST(Run, AClusterOfOneAndItsJoiners) {
  for (uint64_t seed = 1; seed <= 4; ++seed) {
    const RunOptions options{.seed = seed, .nodes = 1, .length = 8s};
    EXPECT_EQ(run(options).failure, "") << replay_line(options);
  }
}

TEST(Runner, ARunThatDiesHasFailed) {
  // A gap that is applied breaks the origin's own count of what it sent.
  std::vector<Job> jobs(40);
  for (size_t i = 0; i < jobs.size(); ++i) {
    jobs[i].options.seed = i + 1;
    jobs[i].options.mistakes.machine.apply_gaps = true;
  }
  std::string why;
  const RunnerResult result =
      run_all(jobs, {.processes = 2}, [&](const Job&, const RunResult& run) {
        if (!run.failure.empty()) why = run.failure;
        return run.failure.empty();
      });
  EXPECT_GE(result.failed, 1u);
  EXPECT_NE(why, "");
}

TEST(Teeth, AReadThatSkipsItsWaitIsCaught) {
  EXPECT_NE(caught_after("reads-skip-wait", 60), 0u);
}
TEST(Teeth, ARepeatThatIsAppliedIsCaught) {
  EXPECT_NE(caught_after("apply-repeats", 20), 0u);
}
TEST(Teeth, AGapThatIsAppliedIsCaught) {
  EXPECT_NE(caught_after("apply-gaps", 40), 0u);
}
TEST(Teeth, ALeaderWithoutABarrierIsCaught) {
  EXPECT_NE(caught_after("no-f10", 40), 0u);
}
TEST(Teeth, AChangeThatIsNotAloneIsCaught) {
  EXPECT_NE(caught_after("no-f3", 100), 0u);
}

}  // namespace
}  // namespace ram::sim
