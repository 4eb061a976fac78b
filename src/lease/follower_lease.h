// The lease that a leader granted us (READ-LEASES R5.2 to R5.5): until when, on our own clock, this
// node is known to hold every acknowledged write, once it has applied what it has verified.
//
// It counts from our own time as the leader got it (`member_time`), never from the receipt of the
// grant: a grant may be late.
//
// Loop thread only.
#pragma once

#include <cstdint>

#include "base/clock.h"
#include "base/ids.h"
#include "lease/faults.h"
#include "lease/times.h"

namespace ram::lease {

// Counts a member's releases: a grant holds only for the count that it names.
using Epoch = Counter<struct EpochTag>;

// A leader's promise to count the member for `length`, which the member takes from `member_time`.
struct Grant {
  Instant member_time;  // the member's clock, as it last told
  Duration length{};
  Epoch epoch;
};

// No lease: before any time.
inline constexpr Instant kNoLease = Instant::min();

class FollowerLease {
 public:
  explicit FollowerLease(const Times& times, Faults faults = {}) : times_(times), faults_(faults) {}

  // We are in `term` now; if it is another, the lease is over (R5.3).
  void enter(Term term);
  // False: not for us, or not to be believed.
  bool accept(Instant now, Term of, const Grant& grant);
  void drop() { end_ = kNoLease; }
  // Gives the lease back: grants that are under way are void (R5.4).
  void release();

  // Valid while our clock shows less.
  Instant end() const { return end_; }
  Epoch epoch() const { return epoch_; }

 private:
  Times times_;
  Faults faults_;
  Term term_;
  Instant end_ = kNoLease;
  Epoch epoch_;
};

}  // namespace ram::lease
