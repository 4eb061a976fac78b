// The hash of keys and table names: XXH3 with a seed that strangers don't know, lest they choose
// keys that collide. Its order never reaches a reply but as the order of scans.
#pragma once

#include <cstdint>
#include <string_view>

namespace ram::store {

// Thread-safe.
uint64_t hash_of(std::string_view bytes, uint64_t seed);

// The bits of `value` in reverse order.
constexpr uint64_t reversed(uint64_t value) {
  value = __builtin_bswap64(value);
  value = ((value >> 4) & 0x0f0f0f0f0f0f0f0f) | ((value & 0x0f0f0f0f0f0f0f0f) << 4);
  value = ((value >> 2) & 0x3333333333333333) | ((value & 0x3333333333333333) << 2);
  return ((value >> 1) & 0x5555555555555555) | ((value & 0x5555555555555555) << 1);
}

}  // namespace ram::store
