// What readers of this node must wait for, and those that wait (READ-LEASES R2, R8.1).

#include <algorithm>
#include <utility>

#include "consensus/entry_log.h"
#include "machine/command_codec.h"
#include "node/core_inside.h"

namespace ram::node {

void NodeCore::Inside::wait_applied(Instant now, LogIndex index, Instant deadline, FenceDone done) {
  if (const Status status = refusal(now); !status.ok()) {
    ++counts_.refused;
    done(status);
    return;
  }
  ++counts_.waited;
  index = std::min(index, std::max(replica_->last(), replica_->log().offset()));
  if (index <= applied_) {
    done(Status());
    return;
  }
  if (waits_.size() >= kMailboxCallsMax) {
    ++counts_.refused;
    done(Status::overloaded("too many reads are waiting on this node; try again after a pause"));
    return;
  }
  next_call_deadline_ = std::min(next_call_deadline_, deadline);
  waits_.add(index, deadline, std::move(done));
  again_ = true;
}

void NodeCore::Inside::fail_waits(const Status& status) {
  for (const AppliedWaits::Wait& wait : waits_.take_all()) {
    ++counts_.refused;
    wait.done(status);
  }
}

// The log's entries from `from` on are new: notes which keys they touch, before any message says
// that we have them.
void NodeCore::Inside::stage(LogIndex from) {
  if (from <= staged_) forget_above(from.previous());
  const consensus::EntryLog& log = replica_->log();
  staged_ = log.last();
  if (!leases_->times().on) return;  // nobody reads by what is noted here
  for (LogIndex index = from; index <= log.last(); ++index) note_keys(index, log.at(index));
}

void NodeCore::Inside::note_keys(LogIndex index, const consensus::LogEntry& entry) {
  if (entry.kind != consensus::EntryKind::kRecord) return;
  const store::Store& store = slot_.current();
  const bool whole =
      machine::for_each_change(entry.payload.view(), [&](const machine::Operation& operation) {
        if (machine::names_key(operation.kind)) {
          gate_.touch(store.key(operation.key).hash, index);
        } else if (!options_.mistakes.lease.noclear) {
          gate_.touch_all(index);
        }
      });
  if (!whole) gate_.touch_all(index);
}

// What was in the log above `last` is not any more.
void NodeCore::Inside::forget_above(LogIndex last) {
  staged_ = std::min(staged_, last);
  gate_.lower_to(last);
  waits_.lower_to(last);
  if (options_.mistakes.lease.cutfallback) asker_.cut(last);
}

}  // namespace ram::node
