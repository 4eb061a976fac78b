// The writes of this incarnation, from the mailbox to their replies (docs/architecture.md, "the
// life of a write").
//
// A write waits until it is packed into a record; packing numbers it, and from then on it may take
// effect whatever becomes of us, so that it can end only with its reply or as kUnknownOutcome.
// Before, it can be withdrawn as not applied. Records are sent to the leader in order; all that is
// not yet applied *here* is sent again, from the lowest, when something may have been lost. Repeats
// have no effect (machine/sessions.h), so sending too often is only a cost.
//
// Invariants: numbers are given without gaps; what was sent is answered in their order.
// One thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "machine/command.h"
#include "node/node_core.h"
#include "ram/status.h"

namespace ram::node {

class OwnRecords {
 public:
  using Done = NodeCore::WriteDone;
  // Carries a record to the leader.
  using Send = std::function<void(const SharedBytes& record)>;

  OwnRecords(NodeId self, const CoreLimits& limits) : self_(self), limits_(limits) {}

  // Takes a write in; kOverloaded at once if too many wait.
  void add(std::string transaction, Instant deadline, Done done);

  // Packs what waits, as far as what is in flight allows, and sends it. `records_max`: in flight,
  // if that is less than usual.
  void pack(Instant now, size_t records_max, const Send& send);
  // Sends everything in flight again.
  void resend(Instant now, const Send& send);
  // When the oldest record in flight was last sent; kNever: nothing is in flight.
  Instant oldest_sent() const { return records_.empty() ? kNever : records_.front().sent; }

  // The reply to one of our writes, in order of their numbers.
  void on_reply(Sequence sequence, const machine::Reply& reply);

  // The next of our writes was applied, but its reply is no longer known here.
  void on_reply_lost();

  // Ends what is past its deadline, and returns the next deadline, or kNever.
  Instant expire(Instant now);
  // Ends everything that still waits, as not applied.
  void fail_waiting(const Status& status);
  // Ends everything: what waits with `status`, what was sent as kUnknownOutcome.
  void fail_all(const Status& status);

  // All at or below have been applied and answered here.
  Sequence floor() const { return applied_; }
  size_t waiting() const { return waiting_.size(); }
  size_t in_flight_bytes() const { return record_bytes_; }
  size_t in_flight() const { return unanswered_.size(); }
  void check_invariants() const;

 private:
  struct Waiting {
    std::string transaction;
    Instant deadline;
    Done done;
  };
  struct Unanswered {
    Instant deadline;
    Done done;  // empty: its caller was told already
  };
  struct Record {
    Sequence last;
    SharedBytes bytes;
    Instant sent;
  };

  SharedBytes next_record();
  // The next of our writes was applied; its caller.
  Done take_applied();

  const NodeId self_;
  const CoreLimits limits_;
  std::deque<Waiting> waiting_;
  size_t waiting_bytes_ = 0;
  std::deque<Unanswered> unanswered_;  // numbers applied_ + 1 and up
  std::deque<Record> records_;
  size_t record_bytes_ = 0;
  Sequence applied_;
  Instant next_deadline_ = kNever;  // none is earlier
};

}  // namespace ram::node
