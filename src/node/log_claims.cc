#include "node/log_claims.h"

#include <algorithm>

#include "base/limits.h"
#include "consensus/entry_log.h"

namespace ram::node {
namespace {

using consensus::EntryLog;
using consensus::Replica;

constexpr uint64_t kAll = Headway::kParts;

// How long a log may get for who has `done` of a state.
size_t ceiling(size_t usual, size_t extra, uint64_t done) {
  return usual + extra / 8 + extra * 7 * done / (8 * kAll);
}

size_t bytes_carried_in(Duration time) {
  return static_cast<size_t>(std::chrono::duration_cast<std::chrono::milliseconds>(time).count()) *
         kLinkBytesPerSecondMin / 1'000;
}

size_t without(size_t from, size_t what) {
  return from > what ? from - what : 0;
}

}  // namespace

LogClaims::Claim* LogClaims::claim_of(const Key& key) {
  if (claims_.size() >= kLogClaimsMax && !claims_.contains(key)) return nullptr;
  return &claims_[key];
}

void LogClaims::restart(Instant now, const Replica& replica, LogIndex keep_from) {
  claims_.clear();
  if (keep_from == kNobody) return;
  on_token(now, NodeId(), keep_from);  // whoever it is
  for (const consensus::Server& server : replica.latest().servers) {
    if (server.id != replica.id()) on_state_in_hand(now, server.id, keep_from);
  }
}

LogIndex LogClaims::on_token(Instant now, NodeId receiver, LogIndex index) {
  Claim* known = claim_of({receiver, NodeId()});
  if (known == nullptr) return index;
  Claim& claim = *known;
  if (!claim.index || claim.lost) claim = {.said_index = index, .index = index};
  claim.said = now;
  return claim.index;
}

bool LogClaims::on_report(Instant now, NodeId source, const TransferReport& report) {
  Claim* known = claim_of({report.receiver, source});
  if (known == nullptr) return true;
  Claim& claim = *known;
  if (claim.said_index != report.index) claim = {.said_index = report.index, .index = report.index};
  claim.said = now;
  claim.done = std::max(claim.done, report.done);
  claim.confirmed |= claim.done > 0;
  claim.on_way = report.on_way;
  claim.view_room = report.room;
  return !claim.lost;
}

void LogClaims::on_state_in_hand(Instant now, NodeId receiver, LogIndex index) {
  (void)on_report(now, NodeId(),
                  {.receiver = receiver, .index = index, .done = kAll, .room = kAll});
}

void LogClaims::turn(Instant now, const Replica& replica, const Surroundings& surroundings) {
  window_ = kRecordsInFlightMax;
  for (auto& [key, claim] : claims_) {
    advance(now, key.receiver, claim, replica);
    if (claim.lost || is_over(now, claim, replica)) continue;
    const Room room = room_of(claim, replica.log());
    claim.lost = is_stuck(now, key.receiver, claim, room, surroundings);
    if (claim.lost) continue;
    window_ = std::min(window_, window_of(claim, room, replica.latest().servers.size()));
  }
  std::erase_if(claims_, [&](const auto& entry) { return is_over(now, entry.second, replica); });
}

void LogClaims::advance(Instant now, NodeId receiver, Claim& claim, const Replica& replica) const {
  const LogIndex match = replica.match(receiver);
  const EntryLog& log = replica.log();
  if (match <= claim.index || match > log.last() || claim.index < log.offset()) return;
  claim.passed_entries += match - claim.index;
  claim.passed_bytes += log.bytes_after(claim.index) - log.bytes_after(match);
  claim.index = match;
  claim.done = claim.view_room = kAll;
  claim.on_way = 0;
  claim.confirmed = true;
  claim.said = now;
}

bool LogClaims::is_over(Instant now, const Claim& claim, const Replica& replica) const {
  if (now - claim.said >= 4 * rules_.failover_after) return true;
  // Who goes on from an entry that is not known here gets another token. But while a source keeps
  // old versions for it, what they take matters.
  if (!replica.term_at(claim.index)) return !claim.confirmed;
  // What it still needs is kept in any case.
  const CoreLimits& limits = rules_.limits;
  return claim.passed_entries > 0 &&
         claim.index >= replica.log().start_of_newest(limits.log_entries / 2, limits.log_bytes / 2);
}

LogClaims::Room LogClaims::room_of(const Claim& claim, const EntryLog& log) const {
  const CoreLimits& limits = rules_.limits;
  if (claim.index < log.offset() || claim.index > log.last()) {
    return {limits.transfer_log_entries, limits.transfer_log_bytes};
  }
  return {without(ceiling(limits.log_entries, limits.transfer_log_entries, claim.done),
                  log.last() - claim.index),
          without(ceiling(limits.log_bytes, limits.transfer_log_bytes, claim.done),
                  log.bytes_after(claim.index))};
}

bool LogClaims::is_stuck(Instant now, NodeId receiver, Claim& claim, Room room,
                         const Surroundings& surroundings) const {
  const size_t entries = rules_.limits.transfer_log_entries;
  const size_t bytes = rules_.limits.transfer_log_bytes;
  const bool none = room.entries == 0 || room.bytes == 0 || claim.view_room == 0;
  if (none && (!claim.confirmed || surroundings.silent(receiver))) return true;
  const bool ease =
      room.entries > entries / 16 && room.bytes > bytes / 16 && claim.view_room > kAll / 16;
  const uint64_t place = claim.done + std::max(claim.passed_entries * kAll / entries,
                                               claim.passed_bytes * kAll / bytes);
  // What the slowest link carries meanwhile, less what was on its way before, is more than that.
  const size_t carried = bytes_carried_in(rules_.failover_after);
  const uint64_t step = std::clamp<uint64_t>(
      carried * kAll / std::max({surroundings.state_bytes, bytes, size_t{1}}), 1, kAll / 64);
  claim.headway.look(now, place, step, none, ease);
  return claim.headway.stuck(
      now, 2 * rules_.failover_after + 2 * carried_in(std::max(rules_.window_bytes, claim.on_way)));
}

size_t LogClaims::window_of(const Claim& claim, Room room, size_t members) const {
  if (room.entries == 0 || room.bytes == 0 || claim.view_room == 0) return 0;
  size_t records = std::min(room.entries, room.bytes / kRecordBytesWanted);
  // The first half of what a source may keep is free.
  if (claim.view_room < kAll / 2) {
    records = std::min(records, kRecordsInFlightMax * 2 * claim.view_room / kAll);
  }
  return std::clamp<size_t>(records / std::max<size_t>(members, 1), 1, kRecordsInFlightMax);
}

LogIndex LogClaims::keep_from(const EntryLog& log) const {
  LogIndex lowest = kNobody;
  for (const auto& [key, claim] : claims_) {
    if (!claim.lost && claim.index >= log.offset()) lowest = std::min(lowest, claim.index);
  }
  return lowest;
}

}  // namespace ram::node
