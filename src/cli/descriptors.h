// File descriptors: each client and each link of a peer takes one, and a shell allows 1024 at
// first.
//
// For main's thread, before others start.
#pragma once

#include <cstdint>

namespace ram::cli {

// Raises what this process may open towards `wanted`, as far as it may by itself; returns what it
// may open now.
uint64_t raise_descriptors(uint64_t wanted);

}  // namespace ram::cli
