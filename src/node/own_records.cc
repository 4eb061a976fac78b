#include "node/own_records.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "machine/command_codec.h"

namespace ram::node {

void OwnRecords::add(std::string transaction, Instant deadline, Done done) {
  if (waiting_.size() >= limits_.mailbox_calls ||
      waiting_bytes_ + transaction.size() > limits_.mailbox_bytes + kTransactionBytesMax) {
    done(Status::overloaded("too many writes are waiting on this node; try again after a pause"),
         nullptr);
    return;
  }
  waiting_bytes_ += transaction.size();
  next_deadline_ = std::min(next_deadline_, deadline);
  waiting_.push_back({std::move(transaction), deadline, std::move(done)});
}

void OwnRecords::pack(Instant now, size_t records_max, const Send& send) {
  const size_t bytes_max = std::min(
      limits_.bytes_in_flight, std::min(records_max, kRecordsInFlightMax) * kRecordBytesWanted);
  while (!waiting_.empty() && records_.size() < std::min(limits_.records_in_flight, records_max) &&
         record_bytes_ < bytes_max && unanswered_.size() < limits_.transactions_in_flight) {
    Record record{Sequence(), next_record(), now};
    record.last = applied_ + unanswered_.size();
    record_bytes_ += record.bytes.size();
    records_.push_back(record);
    send(record.bytes);
  }
}

SharedBytes OwnRecords::next_record() {
  machine::RecordWriter writer(self_, (applied_ + unanswered_.size()).next(), floor());
  while (!waiting_.empty() && unanswered_.size() < limits_.transactions_in_flight) {
    Waiting& write = waiting_.front();
    const size_t bytes = write.transaction.size() + machine::kRecordPerTransactionBytesMax;
    if (writer.count() > 0 && writer.bytes() + bytes > limits_.record_bytes) break;
    writer.add(write.transaction);
    waiting_bytes_ -= write.transaction.size();
    unanswered_.push_back({write.deadline, std::move(write.done)});
    waiting_.pop_front();
  }
  return SharedBytes(writer.finish());
}

void OwnRecords::resend(Instant now, const Send& send) {
  for (Record& record : records_) {
    record.sent = now;
    send(record.bytes);
  }
}

OwnRecords::Done OwnRecords::take_applied() {
  RAM_CHECK(!unanswered_.empty());
  Done done = std::move(unanswered_.front().done);
  unanswered_.pop_front();
  ++applied_;
  while (!records_.empty() && records_.front().last <= applied_) {
    record_bytes_ -= records_.front().bytes.size();
    records_.pop_front();
  }
  return done;
}

void OwnRecords::on_reply(Sequence sequence, const machine::Reply& reply) {
  RAM_CHECK(sequence == applied_.next());
  if (const Done done = take_applied()) done(Status(), &reply);
}

void OwnRecords::on_reply_lost() {
  if (const Done done = take_applied()) {
    done(Status::unknown_outcome(
             "the write was applied, but its reply was lost: read what is there"),
         nullptr);
  }
}

Instant OwnRecords::expire(Instant now) {
  if (now < next_deadline_) return next_deadline_;
  next_deadline_ = kNever;
  std::deque<Waiting> kept;
  std::deque<Done> late;
  for (Waiting& write : waiting_) {
    if (write.deadline <= now) {
      waiting_bytes_ -= write.transaction.size();
      late.push_back(std::move(write.done));
    } else {
      next_deadline_ = std::min(next_deadline_, write.deadline);
      kept.push_back(std::move(write));
    }
  }
  waiting_.swap(kept);
  std::deque<Done> unknown;
  for (Unanswered& write : unanswered_) {
    if (!write.done) continue;
    if (write.deadline <= now) {
      unknown.push_back(std::exchange(write.done, nullptr));
    } else {
      next_deadline_ = std::min(next_deadline_, write.deadline);
    }
  }
  // Callbacks last: they may add writes.
  for (const Done& done : late) {
    done(Status::unavailable("the write could not be sent before its deadline; not applied; "
                             "`ram status` shows who leads"),
         nullptr);
  }
  for (const Done& done : unknown) {
    done(Status::unknown_outcome("no reply before the deadline; the write was sent and may yet be "
                                 "applied: read before you try again"),
         nullptr);
  }
  return next_deadline_;
}

void OwnRecords::fail_waiting(const Status& status) {
  waiting_bytes_ = 0;
  for (const Waiting& write : std::exchange(waiting_, {})) write.done(status, nullptr);
}

void OwnRecords::fail_all(const Status& status) {
  fail_waiting(status);
  for (Unanswered& write : unanswered_) {
    if (const Done done = std::exchange(write.done, nullptr)) {
      done(Status::unknown_outcome(
               "the node stopped before the reply; the write was sent and may yet "
               "be applied: read before you try again"),
           nullptr);
    }
  }
}

void OwnRecords::check_invariants() const {
  size_t bytes = 0;
  Sequence last = applied_;
  for (const Record& record : records_) {
    RAM_CHECK(record.last > last);
    last = record.last;
    bytes += record.bytes.size();
  }
  RAM_CHECK(bytes == record_bytes_);
  RAM_CHECK(last == applied_ + unanswered_.size());
}

}  // namespace ram::node
