// What all members of a cluster agree on: fixed at its founding, carried in the replicated state.
//
// A node whose flags differ takes the cluster's (READ-LEASES A4). Everything else about leases and
// heartbeats follows from these.
//
//   parameters = version:u8 (2)  cluster.high:u64  cluster.low:u64
//                ancestor.high:u64  ancestor.low:u64  failover_after:u64 (ns)
//                voters_max:u32  leases:u8 (0 or 1)  clock_drift:u32 (per mille)
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/codec.h"
#include "base/ids.h"

namespace ram::machine {

struct Parameters {
  ClusterId cluster;
  ClusterId ancestor;  // that this one was recovered from; none: it was founded
  Duration failover_after = std::chrono::milliseconds(500);  // election timeout
  uint32_t voters_max = 5;
  // False: no clock is trusted, and no node reads by a lease.
  bool leases = true;
  // By how much two clocks' rates may differ.
  uint32_t clock_drift_permille = 200;

  bool operator==(const Parameters&) const = default;
};

void encode(Writer& writer, const Parameters& parameters);
// Fails the reader if what it reads are no parameters, or their values are out of range.
Parameters decode_parameters(Reader& reader);

uint64_t digest_of(const Parameters& parameters);

}  // namespace ram::machine
