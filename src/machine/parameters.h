// What all members of a cluster agree on: fixed at its founding, carried in the replicated state.
//
// A node whose flags differ takes the cluster's (READ-LEASES A4). Everything else about leases and
// heartbeats follows from these.
//
//   parameters = version:u8 (3)  cluster.high:u64  cluster.low:u64
//                ancestors:u8 (high:u64 low:u64)*  failover_after:u64 (ns)
//                voters_max:u32  leases:u8 (0 or 1)  clock_drift:u32 (per mille)
#pragma once

#include <cstdint>
#include <vector>

#include "base/clock.h"
#include "base/codec.h"
#include "base/ids.h"

namespace ram::machine {

struct Parameters {
  ClusterId cluster;
  // What this one was recovered from, and that one before, newest first; none: it was founded.
  std::vector<ClusterId> ancestors;
  Duration failover_after = std::chrono::milliseconds(500);  // election timeout
  uint32_t voters_max = 5;
  // False: no clock is trusted, and no node reads by a lease.
  bool leases = true;
  // By how much two clocks' rates may differ.
  uint32_t clock_drift_permille = 200;

  // From now on this is another cluster, recovered from what it was.
  void found_anew(ClusterId id);
  bool goes_on_from(ClusterId id) const;
  bool operator==(const Parameters&) const = default;
};

void encode(Writer& writer, const Parameters& parameters);
// Fails the reader if what it reads are no parameters, or their values are out of range.
Parameters decode_parameters(Reader& reader);

uint64_t digest_of(const Parameters& parameters);

}  // namespace ram::machine
