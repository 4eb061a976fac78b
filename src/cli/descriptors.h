// File descriptors: each client and each link of a peer takes one, and a shell allows 1024 at
// first.
//
// For main's thread, before others start.
#pragma once

#include <cstddef>
#include <cstdint>

#include "base/limits.h"

namespace ram::cli {

// File descriptors that clients leave to peers and to the rest: event loops, listeners, name
// lookups, the log. Where a process may open less than twice as many, clients have half of it.
inline constexpr size_t kDescriptorsReserved = kPeerLinksMax + kUnnamedConnectionsMax + 64;
inline constexpr size_t kDescriptorsWanted =
    kClientsMax + kClientsRejectedMax + kDescriptorsReserved;
// However few there are.
inline constexpr size_t kClientsMin = 4;

// Raises what this process may open towards `wanted`, as far as it may by itself; returns what it
// may open now.
uint64_t raise_descriptors(uint64_t wanted);

struct ClientShare {
  size_t taken = 0;
  size_t rejected = 0;  // that are told so at the same time
};

// How many clients a process may have that may open `descriptors` files, without keeping a peer
// out.
ClientShare client_share(uint64_t descriptors);

}  // namespace ram::cli
