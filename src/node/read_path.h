// One read from this node's own memory, on the caller's thread (READ-LEASES R8.1, R8.2), as a
// sequence of steps: production runs them one after another, the simulator with anything between.
//
//   LocalRead read(gate);                      // takes the lease
//   if (!read.holds(clock.now())) ...          // no lease: ask the leader (NodeCore::fence)
//   read.touches(store.key(key).hash);         // for each key, or touches_all()
//   if (!read.ready()) ...                     // a key waits: NodeCore::wait_applied(wait_for())
//   store::Reading reading(slot);              // everything from here
//
// The lease is looked at once: what the reader sees later is only newer.
//
// A value; any thread.
#pragma once

#include <algorithm>
#include <cstdint>

#include "base/clock.h"
#include "base/ids.h"
#include "node/read_gate.h"

namespace ram::node {

class LocalRead {
 public:
  explicit LocalRead(const ReadGate& gate) : gate_(gate), lease_end_(gate.lease_end()) {}

  // `now` was read from the clock since; not a cached time.
  bool holds(Instant now) const { return now < lease_end_; }
  void touches(uint64_t key_hash) { wait_for_ = std::max(wait_for_, gate_.pending(key_hash)); }
  void touches_all() { wait_for_ = std::max(wait_for_, gate_.pending_of_all()); }
  // The entry that must be visible first.
  LogIndex wait_for() const { return wait_for_; }
  bool ready() const { return !wait_for_ || gate_.applied() >= wait_for_; }

 private:
  const ReadGate& gate_;
  const Instant lease_end_;
  LogIndex wait_for_;
};

}  // namespace ram::node
