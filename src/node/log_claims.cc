#include "node/log_claims.h"

#include <algorithm>

#include "base/limits.h"
#include "base/slowest_link.h"
#include "consensus/entry_log.h"

namespace ram::node {
namespace {

using consensus::EntryLog;
using consensus::Replica;

constexpr uint64_t kAll = Headway::kParts;

size_t without(size_t from, size_t what) {
  return from > what ? from - what : 0;
}

// How long the log may get for who has `done` of a state, and has `passed` so much of the log
// since. The last eighth is for what is on its way when writers are told to wait. Who has the state
// comes closer to the end by half of what it takes in, however fast writers are.
size_t ceiling(size_t usual, size_t extra, uint64_t done, size_t passed) {
  const size_t most = usual + extra / 8 + extra * 6 * done / (8 * kAll);
  return std::max(usual / 2, without(most, passed / 2));
}

}  // namespace

LogClaims::Claim* LogClaims::claim_of(const Key& key) {
  if (claims_.size() >= kLogClaimsMax && !claims_.contains(key)) return nullptr;
  return &claims_[key];
}

void LogClaims::restart(Instant now, const Replica& replica, LogIndex keep_from) {
  claims_.clear();
  if (keep_from == kNobody) return;
  const Claim unheard{.index = keep_from, .done = kAll, .said = now, .moved = now};
  claims_[{}] = unheard;
  for (const consensus::Server& server : replica.latest().servers) {
    if (server.id == replica.id()) continue;
    Claim& claim = claims_[{server.id, NodeId()}] = unheard;
    claim.confirmed = true;
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
  if (claim.said_index != report.index) {
    claim = {.said_index = report.index, .index = report.index, .moved = now};
  }
  claim.said = now;
  if (report.done > claim.done) {
    claim.done = report.done;
    claim.confirmed = true;
    claim.moved = now;
  }
  claim.on_way = report.on_way;
  claim.view_room = report.room;
  return !claim.lost;
}

void LogClaims::on_state_in_hand(Instant now, NodeId receiver, LogIndex index) {
  Claim* known = claim_of({receiver, NodeId()});
  if (known == nullptr) return;
  Claim& claim = *known;
  if (claim.done < kAll || (claim.lost && index > claim.has)) {
    claim = {.index = index, .done = kAll, .confirmed = true, .moved = now};
  }
  claim.has = std::max(claim.has, index);
  claim.said = now;
}

void LogClaims::end(NodeId receiver) {
  std::erase_if(claims_, [&](const auto& entry) { return entry.first.receiver == receiver; });
}

void LogClaims::turn(Instant now, const Replica& replica, const Surroundings& surroundings) {
  window_ = kRecordsInFlightMax;
  for (auto& [key, claim] : claims_) {
    advance(now, key.receiver, claim, replica);
    if (claim.lost) continue;
    // Who follows says so with whatever it says.
    const bool follows = claim.done == kAll && replica.match(key.receiver) >= claim.index;
    if (follows && !surroundings.silent(key.receiver)) claim.said = now;
    if (is_over(now, claim, replica)) continue;
    const Room room = room_of(claim, replica.log());
    const bool gone =
        surroundings.silent(key.receiver) && now - claim.moved >= rules_.failover_after;
    claim.lost = is_stuck(now, gone, claim, room, replica, surroundings.state_bytes);
    if (claim.lost || gone || !key.receiver) continue;
    const size_t window = window_of(claim, room, replica.latest().servers.size());
    if (window < window_) slowest_ = key.receiver;
    window_ = std::min(window_, window);
  }
  std::erase_if(claims_, [&](const auto& entry) { return is_over(now, entry.second, replica); });
}

void LogClaims::advance(Instant now, NodeId receiver, Claim& claim, const Replica& replica) const {
  const EntryLog& log = replica.log();
  LogIndex match = replica.match(receiver);
  if (claim.has <= log.last()) match = std::max(match, claim.has);
  if (match <= claim.index || match > log.last() || claim.index < log.offset()) return;
  claim.passed_entries += match - claim.index;
  claim.passed_bytes += log.bytes_after(claim.index) - log.bytes_after(match);
  claim.index = match;
  claim.done = claim.view_room = kAll;
  claim.on_way = 0;
  claim.confirmed = true;
  claim.said = claim.moved = now;
}

bool LogClaims::is_over(Instant now, const Claim& claim, const Replica& replica) const {
  if (now - claim.said >= 4 * rules_.failover_after) return true;
  // Who goes on from an entry that is not known here gets another token. But while a source keeps
  // old versions for it, what they take matters.
  if (!replica.term_at(claim.index)) return !claim.confirmed || claim.done == kAll;
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
  return {
      without(ceiling(limits.log_entries, limits.transfer_log_entries, claim.done,
                      claim.passed_entries),
              log.last() - claim.index),
      without(ceiling(limits.log_bytes, limits.transfer_log_bytes, claim.done, claim.passed_bytes),
              log.bytes_after(claim.index))};
}

bool LogClaims::is_stuck(Instant now, bool gone, Claim& claim, Room room, const Replica& replica,
                         size_t state_bytes) const {
  const size_t entries = rules_.limits.transfer_log_entries;
  const size_t bytes = rules_.limits.transfer_log_bytes;
  const bool none = room.entries == 0 || room.bytes == 0 || claim.view_room == 0;
  if (none && (!claim.confirmed || gone)) return true;
  const bool ease =
      room.entries > entries / 16 && room.bytes > bytes / 16 && claim.view_room > kAll / 16;
  const uint64_t place = claim.done + std::max(claim.passed_entries * kAll / entries,
                                               claim.passed_bytes * kAll / bytes);
  // What the slowest link carries meanwhile, less what was on its way before, is more than that.
  const uint64_t step = std::clamp<uint64_t>(
      bytes_carried_in(rules_.failover_after) * kAll / std::max(state_bytes, bytes), 1, kAll / 64);
  claim.headway.look(now, place, step, none, ease);
  size_t on_way = std::max<size_t>(rules_.window_bytes, claim.on_way);
  if (const EntryLog& log = replica.log(); claim.done == kAll && log.has(claim.index.next())) {
    on_way = std::max(on_way, log.at(claim.index.next()).payload.size());
  }
  return claim.headway.stuck(now, 2 * rules_.failover_after + 2 * carried_in(on_way));
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
