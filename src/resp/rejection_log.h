// One line of log for many clients that are refused because there are too many.
//
// The first is said at once, those of the next minute together, when it is over. Loop thread only.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>

#include "base/clock.h"
#include "base/log.h"

namespace ram::resp {

class RejectionLog {
 public:
  static constexpr Duration kEvery = std::chrono::minutes(1);

  // `log` outlives this.
  RejectionLog(Log& log, size_t clients_max) : log_(log), clients_max_(clients_max) {}

  void add(Instant now) {
    ++unsaid_;
    sweep(now);
  }
  // To be called now and then.
  void sweep(Instant now) {
    if (unsaid_ == 0 || now < quiet_until_) return;
    log_.warning(
        "refused clients: there are as many as this node takes; close some, or spread "
        "them over more nodes clients_max=" +
        std::to_string(clients_max_) + " refused=" + std::to_string(unsaid_));
    unsaid_ = 0;
    quiet_until_ = now + kEvery;
  }

 private:
  Log& log_;
  const size_t clients_max_;
  uint64_t unsaid_ = 0;
  Instant quiet_until_ = Instant::min();
};

}  // namespace ram::resp
