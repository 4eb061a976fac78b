// The running hash that members compare: equal states have equal digests.
//
// A sum modulo 2^64 of one hash per entry, so that it does not depend on order and is kept up to
// date by each write; per table, so that clear() takes a table's share out at once. With XXH3 as
// the hash and seeds that are the same on every node. It tells states apart that differ by
// accident, not by malice.
//
// Pure functions.
#pragma once

#include <cstdint>
#include <string_view>

#include "base/ids.h"

namespace ram::machine {

// Seeds keep the kinds of things that are summed apart. Part of the format: never changed.
inline constexpr uint64_t kTableSeed = 0x7261'6d74'6162'6c65;
inline constexpr uint64_t kSessionSeed = 0x7261'6d73'6573'7369;
inline constexpr uint64_t kParametersSeed = 0x7261'6d70'6172'616d;
inline constexpr uint64_t kCountersSeed = 0x7261'6d63'6f75'6e74;

uint64_t digest_of(std::string_view bytes, uint64_t seed);

// The share of one entry. `table_hash` is digest_of(name, kTableSeed).
uint64_t entry_digest(uint64_t table_hash, std::string_view key, Revision revision, uint8_t type,
                      std::string_view value);

}  // namespace ram::machine
