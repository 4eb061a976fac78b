// All operations of a run, as the checkers want them.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/checkers/linearizable.h"
#include "sim/checkers/model.h"
#include "sim/checkers/revision_order.h"

namespace ram::sim {

struct History {
  // For the order over the whole store.
  std::vector<StoreOperation> operations;
  // For the search: keys that also writes without a token touch.
  std::map<KeyName, std::vector<KeyOperation>> keys;
  // Revisions at which a value that is written once was seen: places writes of unknown outcome.
  std::map<int64_t, uint64_t> found_at;
  // The majority is lost, and one of the rest goes on. Of what ended later than `until` all above
  // `revision` may be lost: a write is unknown again, and what was seen is as if it never was.
  void lose(uint64_t revision, Tick until);

  // Something was acknowledged, or read: from now on nothing may be lost.
  bool anything_known = false;

  struct Counters {
    uint64_t reads = 0, reads_done = 0;
    uint64_t leased = 0, waited = 0;  // of the reads: under a lease, and of these for an entry
    uint64_t writes = 0, writes_done = 0, writes_unknown = 0, writes_refused = 0;
    uint64_t conditions_failed = 0;
    uint64_t writes_lost = 0;  // perhaps, of those done
  };
  Counters counters;
};

}  // namespace ram::sim
