// One run: a cluster in one thread, from one seed, from its founding to the last check.
#pragma once

#include <cstdint>
#include <ostream>
#include <string>
#include <vector>

#include "base/clock.h"
#include "node/node_core.h"

namespace ram::sim {

struct RunOptions {
  uint64_t seed = 1;
  size_t nodes = 0;  // that found; 0: the seed says
  Duration length = std::chrono::seconds(30);
  node::Mistakes mistakes;
  std::ostream* trace = nullptr;  // null: none
  bool trace_frames = false;
};

// Plain numbers, so that they can be sent from one process to another, and added up.
struct RunCounters {
  uint64_t runs = 0, virtual_ms = 0, cpu_us = 0, events = 0;
  uint64_t frames = 0, bytes = 0, lost = 0, repeated = 0, replayed = 0, cut_off = 0, broken = 0;
  uint64_t reads = 0, reads_done = 0, leased = 0, waited = 0;
  uint64_t writes = 0, writes_done = 0, writes_unknown = 0, writes_refused = 0;
  uint64_t conditions_failed = 0;
  uint64_t elections = 0, entries = 0, compactions = 0;
  uint64_t states_joined = 0, states_installed = 0, bulk_frames = 0;
  uint64_t crashes = 0, leader_crashes = 0, founding_crashes = 0, reliefs = 0;
  uint64_t partitions = 0, one_way_cuts = 0, storms = 0, pauses = 0, drifts = 0;
  uint64_t keys_searched = 0, keys_undecided = 0, states_searched = 0;
  uint64_t ambushes = 0, transfers = 0, evictions = 0, leaves = 0;
  uint64_t losses = 0, recoveries = 0, writes_lost = 0;
  uint64_t heal_ms = 0, quiet_ms = 0;
  uint64_t fenced[16] = {};

  void add(const RunCounters& other);
};

struct RunResult {
  std::string failure;  // empty: all is well
  uint64_t trace_hash = 0;
  RunCounters counters;
};

RunResult run(const RunOptions& options);

// The line that replays it.
std::string replay_line(const RunOptions& options, const std::string& mistake = "");

// What the counters say, for people.
std::string describe(const RunCounters& counters);

// Sets the mistake called `name`. False: there is none.
bool set_mistake(const std::string& name, node::Mistakes& mistakes);
std::vector<std::string> mistake_names();

}  // namespace ram::sim
