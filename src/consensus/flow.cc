#include "consensus/flow.h"

#include <algorithm>

#include "base/check.h"
#include "base/limits.h"
#include "base/slowest_link.h"
#include "consensus/entry_log.h"

namespace ram::consensus {
namespace {

// What an entry costs beside its payload, about.
constexpr size_t kEntryBytes = 16;

size_t cost(const EntryLog& log, LogIndex index) {
  return log.at(index).payload.size() + kEntryBytes;
}

}  // namespace

void Flow::want(Instant now, const EntryLog& log, const FlowLimits& limits, LogIndex previous,
                size_t count, LogIndex match) {
  acknowledge(now, log, match);
  const bool skipped = previous > sent_ && !log.has(sent_.next());  // forgotten meanwhile
  const bool elsewhere =
      previous < base_ || previous > wanted_ || skipped || (!match && previous != base_);
  if (elsewhere) {
    base_ = sent_ = wanted_ = previous;
    bytes_ = 0;
    moved_ = now;
  }
  if (sent_ == base_) moved_ = now;
  // The engine has fallen back behind what was sent.
  const bool again = count > 0 && previous < sent_;
  const bool lost = (again && !heavy()) || now - moved_ >= limits.patience + carried_in(bytes_);
  if (lost) lose(now);
  asked_again_ = asked_again_ || (again && !lost);
  wanted_ = std::max(wanted_, previous + count);
}

void Flow::acknowledge(Instant now, const EntryLog& log, LogIndex match) {
  if (match <= base_) return;
  const LogIndex before = base_;
  base_ = match;
  sent_ = std::max(sent_, match);
  wanted_ = std::max(wanted_, sent_);
  moved_ = now;
  if (sent_ == base_) {
    bytes_ = 0;
  } else if (log.offset() > before) {
    recount(log);
  } else {
    for (LogIndex index = before; index < match;) bytes_ -= cost(log, ++index);
  }
}

void Flow::lose(Instant now) {
  sent_ = base_;
  bytes_ = 0;
  moved_ = now;
}

void Flow::recount(const EntryLog& log) {
  bytes_ = 0;
  for (LogIndex index = std::max(base_, log.offset()); index < sent_;) {
    bytes_ += cost(log, ++index);
  }
}

std::optional<Flow::Slice> Flow::take(const EntryLog& log, const FlowLimits& limits) {
  Slice slice{.previous = sent_};
  size_t message_bytes = 0;
  while (sent_ < wanted_ && slice.count < limits.entries_max && log.has(sent_.next())) {
    const size_t bytes = cost(log, sent_.next());
    if (sent_ > base_ && bytes_ + bytes > limits.bytes_max) break;
    message_bytes += log.at(sent_.next()).payload.size();
    if (slice.count > 0 && message_bytes > limits.message_bytes) break;
    bytes_ += bytes;
    ++sent_;
    ++slice.count;
  }
  if (slice.count == 0) return std::nullopt;
  return slice;
}

// What the engine believes to be on its way is, or still can be sent.
bool Flow::complete(const EntryLog& log) const {
  return base_ >= log.offset() && (sent_ == wanted_ || log.has(sent_.next()));
}

bool Flow::outruns(const EntryLog& log, LogIndex previous) const {
  return heavy() && previous > base_ && previous <= wanted_ && complete(log);
}

bool Flow::heavy() const {
  return bytes_ > kBytesBeforeHeartbeatMax || (sent_ > base_ && wanted_ > sent_);
}

}  // namespace ram::consensus
