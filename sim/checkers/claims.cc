#include "sim/checkers/claims.h"

#include <algorithm>

#include "consensus/entry_log.h"
#include "lease/follower_lease.h"

namespace ram::sim {

namespace {

// Clocks of different rates are compared in whole nanoseconds.
constexpr Duration kRounding = std::chrono::microseconds(1);

std::string text_of(LogIndex index) {
  return std::to_string(index.value);
}

// Whether its entry `index`, which is `term`'s, is there to be read or to become visible.
bool in_hand(const node::NodeCore& core, LogIndex index, Term term) {
  if (index <= core.applied()) return true;
  const consensus::Replica& replica = *core.replica();
  const consensus::EntryLog& log = replica.log();
  if (replica.installing() || log.offset() > core.applied() || !log.has(index)) return false;
  return !term || log.at(index).term == term;
}

}  // namespace

void Claims::look(WorldTime now, Tick tick, const Place& place) {
  const node::NodeCore& core = place.core();
  if (core.replica() == nullptr) return;
  std::vector<Visible>& visible = visible_[core.cluster()];
  if (visible.empty() || core.applied() > visible.back().index) {
    visible.push_back({now, tick, core.applied(), core.replica()->term_at(core.applied()),
                       core.digest().revision});
    for (const auto& other : places_) {
      if (other->lives()) check_memory(now, *other);
    }
  } else {
    check_memory(now, place);
  }
  if (core.replica()->is_leader()) check_counted(place);
}

const Claims::Visible* Claims::claimed_by(WorldTime now, const Place& place) const {
  const node::NodeCore& core = place.core();
  const auto found = visible_.find(core.cluster());
  if (core.replica() == nullptr || found == visible_.end()) return nullptr;
  const std::vector<Visible>& visible = found->second;
  const Instant clock = place.clock().now();
  const bool leased = place.gate().lease_end() > clock;
  const Instant until = leased ? clock : core.complete_until(clock);
  if (until == lease::kNoLease) return nullptr;
  const WorldTime when = leased ? now : place.clock().shown_at(until) - kRounding;
  const auto later =
      std::upper_bound(visible.begin(), visible.end(), when,
                       [](WorldTime time, const Visible& each) { return time < each.since; });
  return later == visible.begin() ? nullptr : &*std::prev(later);
}

void Claims::check_memory(WorldTime now, const Place& place) {
  const Visible* claimed = claimed_by(now, place);
  const node::NodeCore& core = place.core();
  if (claimed == nullptr || in_hand(core, claimed->index, claimed->term)) return;
  const bool leased = place.gate().lease_end() > place.clock().now();
  fail_(place.name() + (leased ? " has a lease" : " claims to have all of a time before") +
        ", and has not the entry " + text_of(claimed->index) + ", which was visible: it applied " +
        text_of(core.applied()) + ", and its log ends with " + text_of(core.replica()->last()));
}

Claims::Kept Claims::kept(WorldTime now, const Place& place) const {
  Kept kept;
  const node::NodeCore& asked = place.core();
  for (const auto& other : places_) {
    if (!other->lives() || asked.replica()->latest().find(other->id()) == nullptr) continue;
    const node::NodeCore& core = other->core();
    if (core.replica() == nullptr || core.cluster() != asked.cluster()) continue;
    kept.index = std::max(kept.index, core.applied());
    if (const Visible* claimed = claimed_by(now, *other)) {
      kept.index = std::max(kept.index, claimed->index);
    }
  }
  for (const Visible& visible : visible_.at(asked.cluster())) {
    if (visible.index > kept.index) break;
    kept.revision = visible.revision;
    kept.until = visible.tick;
  }
  return kept;
}

void Claims::check_counted(const Place& leader) {
  const consensus::Replica& counts = *leader.core().replica();
  for (const auto& place : places_) {
    if (place.get() == &leader || !place->lives() || place->core().replica() == nullptr) continue;
    const consensus::Replica& replica = *place->core().replica();
    if (replica.term() != counts.term()) continue;
    const LogIndex match = counts.match(place->id());
    const Term here = replica.term_at(match), there = counts.term_at(match);
    if (match <= replica.last() && (!here || !there || here == there)) continue;
    fail_(leader.name() + ", which leads, counts " + place->name() +
          " as having the entries up to " + text_of(match) +
          ", and it has not: its log ends with " + text_of(replica.last()));
  }
}

}  // namespace ram::sim
