// Whether the clock that leases stand on behaves, as far as a machine can tell by itself
// (READ-LEASES section 7, docs/decisions/0007): it is held against the machine's other clocks,
// about once a heartbeat.
//
// No two clocks can be read at once. A reading tells between which two moments the clocks were
// read; one that took long, since the process was stopped meanwhile, is not compared. So whatever
// is found is there, however busy the machine.
//
// Loop thread only.
#pragma once

#include <cstdint>
#include <optional>

#include "base/clock.h"
#include "base/clock_reading.h"
#include "lease/times.h"

namespace ram::lease {

struct ClockFinding {
  enum class Kind : uint8_t {
    kNone,
    kPause,  // nobody looked for longer than a lease; all clocks counted it
    // Our clock may have jumped since the look before, and is good from now on:
    kSuspend,   // the machine slept, and how long may be known to the second only
    kWallLeap,  // the wall clock was set ahead: perhaps for a gap that our clock did not count
    // Nothing can stand on our clock:
    kBack,  // it went back
    kStep,  // it fell back against CLOCK_MONOTONIC, which it may only gain upon
    kRate,  // it is slewed by more than a node's share of the clock drift
  };
  Kind kind = Kind::kNone;
  Duration by{};        // how far; kRate: what CLOCK_MONOTONIC advanced
  Duration against{};   // kRate: what CLOCK_MONOTONIC_RAW advanced meanwhile
  Instant sound_until;  // when our clock was last seen to be right

  bool doubt() const { return kind == Kind::kSuspend || kind == Kind::kWallLeap; }
  bool distrust() const {
    return kind == Kind::kBack || kind == Kind::kStep || kind == Kind::kRate;
  }
};

class ClockWatch {
 public:
  explicit ClockWatch(const Times& times);

  // The gravest of what is found.
  ClockFinding look(const ClockReading& reading);

 private:
  ClockFinding compare(const ClockReading& reading) const;
  bool too_far_apart(Duration one, Duration other) const;

  const Times times_;
  // How much faster than another a clock of this machine may run.
  const double share_;
  std::optional<Instant> seen_;        // at the last look
  std::optional<ClockReading> last_;   // to compare with: steps
  std::optional<ClockReading> first_;  // and rates, since longer
};

}  // namespace ram::lease
