// Who waits until an entry is visible here: each ends once, with a status.
//
// One thread.
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "ram/status.h"

namespace ram::node {

class AppliedWaits {
 public:
  using Done = std::function<void(const Status&)>;
  struct Wait {
    Instant deadline;
    Done done;
  };

  void add(LogIndex index, Instant deadline, Done done);
  void add(LogIndex index, std::vector<Wait> waits);

  // Ends what may go on, as `applied` is visible; returns how many.
  size_t on_applied(LogIndex applied);
  // Who waits for more waits for `last`: there is no more in the log (READ-LEASES R8.1).
  void lower_to(LogIndex last);
  // Takes out who is past its deadline, and lowers `next` to the earliest deadline of the rest.
  void take_late(Instant now, Instant& next, std::vector<Done>& late);
  // Takes out all.
  std::vector<Wait> take_all();

  bool empty() const { return waits_.empty(); }
  size_t size() const { return size_; }

 private:
  std::map<LogIndex, std::vector<Wait>> waits_;
  size_t size_ = 0;
};

}  // namespace ram::node
