// Many runs, each in a process of its own, so that one that dies or hangs is one that failed.
//
// Single-threaded; forks. Not for use beside threads.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "sim/run.h"

namespace ram::sim {

struct Job {
  RunOptions options;
  bool twice = false;  // and the traces are compared
};

struct RunnerOptions {
  size_t processes = 1;
  // No job is begun later than this after the start; 0: all are.
  std::chrono::seconds budget{0};
  // A run that takes longer has failed, and is ended.
  std::chrono::seconds run_max{240};
};

struct RunnerResult {
  uint64_t runs = 0;  // that were begun, and ended
  uint64_t failed = 0;
  RunCounters counters;
};

// Runs `jobs` in their order; `ended` hears of each, in the order in which they end. It returns
// whether to go on.
using JobEnded = std::function<bool(const Job& job, const RunResult& result)>;
RunnerResult run_all(const std::vector<Job>& jobs, const RunnerOptions& options,
                     const JobEnded& ended);

// The same in this process, once or twice.
RunResult run_job(const Job& job);

}  // namespace ram::sim
