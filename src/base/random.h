// The second door of nondeterminism: chance.
//
// A generator that is seeded from outside: by the system's entropy in production (runtime), by the
// seed of the run in the simulator. Not for secrets.
//
// Source: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators" (2021):
// xoshiro256**, seeded by splitmix64. Not thread-safe.
#pragma once

#include <bit>
#include <cstdint>

namespace ram {

// One step of splitmix64: also a good mixer of a single word.
constexpr uint64_t mix64(uint64_t value) {
  value += 0x9e3779b97f4a7c15;
  value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
  value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
  return value ^ (value >> 31);
}

class Random {
 public:
  explicit Random(uint64_t seed) {
    for (uint64_t& word : state_) word = mix64(seed += 0x9e3779b97f4a7c15);
  }

  uint64_t next() {
    const uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform in [0, bound); the bias is below bound / 2^64. Requires: bound > 0.
  uint64_t below(uint64_t bound) {
    return static_cast<uint64_t>((static_cast<unsigned __int128>(next()) * bound) >> 64);
  }
  // Uniform in [low, high].
  uint64_t between(uint64_t low, uint64_t high) { return low + below(high - low + 1); }
  // True with probability `numerator` in `denominator`.
  bool one_in(uint64_t denominator) { return below(denominator) == 0; }
  bool chance(double probability) {
    return static_cast<double>(next() >> 11) * 0x1p-53 < probability;
  }

 private:
  uint64_t state_[4];
};

}  // namespace ram
