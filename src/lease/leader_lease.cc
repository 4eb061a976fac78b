#include "lease/leader_lease.h"

#include <algorithm>
#include <functional>
#include <utility>

namespace ram::lease {
namespace {

bool holds(const std::vector<NodeId>& members, NodeId member) {
  return std::find(members.begin(), members.end(), member) != members.end();
}

constexpr size_t kSamples = 64;

}  // namespace

LeaderLease::LeaderLease(NodeId self, const Times& times, Faults faults)
    : self_(self), times_(times), faults_(faults) {}

void LeaderLease::begin(Instant wait_end, std::span<const NodeId> entered) {
  members_.clear();
  for (const NodeId member : entered) members_[member].entered = true;
  wait_end_ = wait_end;
  retiring_ = NodeId();
  quorum_end_ = ready_until_ = kNoLease;
  floor_ = LogIndex();
  blocked_ = false;
  waiting_for_ = NodeId();
  samples_.clear();
}

void LeaderLease::doubt_clock(Instant sound_until, Instant now) {
  sound_since_ = now;
  waiting_for_ = NodeId();
  quorum_end_ = ready_until_ = kNoLease;
  if (wait_end_ >= sound_until) {
    wait_end_ = std::max(wait_end_, now + times_.stretched(times_.lease));
  }
  for (auto& [_, state] : members_) {
    state.echo = Instant::min();
    state.unanswered = false;  // we do not know when its message came
    state.owed = LogIndex();
    if (state.lend >= sound_until) state.lend = std::max(state.lend, now + times_.lease);
  }
}

void LeaderLease::distrust_clock() {
  clock_trusted_ = false;
  quorum_end_ = ready_until_ = kNoLease;
}

void LeaderLease::set_membership(Membership membership) {
  membership_ = std::move(membership);
  for (const NodeId member : membership_.latest) delays_.try_emplace(member);
  std::erase_if(delays_, [&](const auto& entry) {
    return !holds(membership_.latest, entry.first) && !holds(membership_.committed, entry.first);
  });
  // Who left is forgotten once nothing that we promised to it can matter.
  std::erase_if(members_, [&](const auto& entry) {
    return !promised(now_, entry.second) && !holds(membership_.latest, entry.first) &&
           !holds(membership_.committed, entry.first);
  });
}

void LeaderLease::on_news(Instant received, NodeId from, const MemberNews& news, LogIndex last) {
  // Of nothing that we ever said.
  if (news.verified > last || (clock_trusted_ && news.echo > received)) return;
  State& state = members_[from];
  state.entered = true;
  state.match = std::max(state.match, news.verified);
  if (news.echo >= std::max(Instant(), sound_since_)) state.echo = std::max(state.echo, news.echo);
  if (news.epoch < state.epoch) return;  // a late one
  if (news.epoch > state.epoch) {
    state.epoch = news.epoch;
    state.lend = Instant::min();  // it gave its lease back (R5.4)
    state.time = Instant::min();
  }
  if (news.time < state.time) return;
  state.time = news.time;
  state.received = received;
  state.wants_lease = news.wants_lease;
  state.unanswered = true;
}

Instant LeaderLease::quorum_end(Instant now) const {
  if (faults_.selfinf && membership_.voters.size() == 1) return now + kForever;
  std::vector<Instant> echoes;
  echoes.reserve(membership_.voters.size());
  for (const NodeId voter : membership_.voters) {
    const auto state = members_.find(voter);
    if (voter == self_) {
      echoes.push_back(now);
    } else {
      echoes.push_back(state == members_.end() ? Instant::min() : state->second.echo);
    }
  }
  const size_t majority = echoes.size() / 2 + 1;
  if (echoes.size() < majority) return kNoLease;
  std::nth_element(echoes.begin(), echoes.begin() + static_cast<std::ptrdiff_t>(majority - 1),
                   echoes.end(), std::greater<>());
  const Instant stalest = echoes[majority - 1];
  return stalest == Instant::min() ? kNoLease : stalest + times_.lease;
}

void LeaderLease::watch_lag(Instant now, State& state, LogIndex commit) const {
  if (state.owed && state.match >= state.owed) state.owed = LogIndex();
  if (!state.owed && state.match < commit) {
    state.owed = commit;
    state.owed_since = now;
  }
  const bool late = state.owed && now - state.owed_since >= times_.lag;
  const bool leased = now <= state.lend;
  if (late && leased && !state.lags) {
    state.backoff = std::clamp(2 * state.backoff, times_.backoff_min, times_.backoff_max);
    state.readmit = now + state.backoff;
    state.calm_since = now;
  }
  if (!late && leased && now - state.calm_since >= times_.backoff_halving) {
    state.backoff /= 2;
    state.calm_since = now;
  }
  state.lags = late;
}

// All that R5.1 demands of a member but the index.
bool LeaderLease::may_lease(Instant now, NodeId member, const State& state) const {
  return times_.on && clock_trusted_ && state.unanswered && state.wants_lease && !state.lags &&
         now >= state.readmit && member != retiring_ && holds(membership_.latest, member) &&
         (holds(membership_.committed, member) || faults_.uncommittedcfg);
}

// That it may still read, for all we know.
bool LeaderLease::promised(Instant now, const State& state) const {
  return clock_trusted_ ? now <= state.lend : state.lend != Instant::min();
}

LogIndex LeaderLease::committed_before(Instant then) const {
  LogIndex commit;
  for (const Sample& sample : samples_) {
    if (sample.at <= then) commit = std::max(commit, sample.commit);
  }
  return commit;
}

LogIndex LeaderLease::turn(Instant now, LogIndex commit, LogIndex barrier, LogIndex stable) {
  const NodeId waited_for = std::exchange(waiting_for_, NodeId());
  const Duration passed = now - now_;
  now_ = now;
  if (!times_.on) {
    blocked_ = false;
    return std::max(stable, commit);
  }
  const bool committed = barrier && commit >= barrier;
  quorum_end_ = quorum_end(now);
  ready_until_ = (committed || faults_.origleader) && clock_trusted_ ? quorum_end_ : kNoLease;
  if (faults_.leaderfree && committed) ready_until_ = now + kForever;
  if (samples_.empty() || now - samples_.back().at >= times_.heartbeat / 2) {
    if (samples_.size() == kSamples) samples_.erase(samples_.begin());
    samples_.push_back({now, commit});
  }
  for (auto& [member, state] : members_) {
    if (member == self_) continue;
    watch_lag(now, state, commit);
    // Enlist: it keeps up, only never as fast as those who are nearer.
    if (!committed || now >= quorum_end_ || state.match >= stable || state.match < barrier)
      continue;
    if (state.echo == Instant::min() || !may_lease(now, member, state)) continue;
    const Duration round_trip = state.received - state.echo;
    if (state.match >= committed_before(now - times_.heartbeat - round_trip)) {
      state.lend = std::max(state.lend, quorum_end_);
    }
  }
  LogIndex index = commit;
  if (!faults_.applycommit) {
    for (const NodeId member : membership_.latest) {
      if (member == self_ || !counts(now, member)) continue;
      if (match(member) < index) {
        index = match(member);
        waiting_for_ = member;
      }
    }
    // And who is no member any more, or not yet again.
    for (const auto& [member, state] : members_) {
      if (member == self_ || !promised(now, state) || (faults_.dropslow && state.lags)) continue;
      if (state.match < index) {
        index = state.match;
        waiting_for_ = member;
      }
    }
  }
  stable = std::max(stable, index);
  blocked_ = stable < commit;
  if (!blocked_) waiting_for_ = NodeId();
  note_delay(waited_for, passed);
  floor_ = std::max(stable, barrier);
  if (faults_.nobarrier) floor_ = stable;
  if (faults_.regrant) floor_ = barrier;
  return stable;
}

// Until now it was `waited_for`.
void LeaderLease::note_delay(NodeId waited_for, Duration passed) {
  if (waiting_for_ != waited_for) waiting_since_ = now_;
  if (const auto found = delays_.find(waited_for); found != delays_.end()) {
    found->second += passed;
  }
}

bool LeaderLease::may_grant(NodeId member, const State& state) const {
  const bool committed = ready_until_ != kNoLease || faults_.barrieracked || faults_.nobarrier;
  return committed && now_ < quorum_end_ && may_lease(now_, member, state) && state.match >= floor_;
}

bool LeaderLease::grant_due(Instant now, NodeId member) const {
  const auto found = members_.find(member);
  if (found == members_.end() || !may_grant(member, found->second)) return false;
  // One that would end no later than the last is no news.
  return found->second.lend < std::min(now + times_.lease / 2, quorum_end_);
}

std::optional<Grant> LeaderLease::grant(NodeId member) {
  const auto found = members_.find(member);
  if (found == members_.end() || member == self_) return std::nullopt;
  State& state = found->second;
  if (!may_grant(member, state)) return std::nullopt;
  Instant end = quorum_end_;
  if (faults_.unbounded) end = now_ + times_.lease;
  const Duration left = end - state.received;
  const Duration length = faults_.drift ? left : times_.shrunk(left);
  if (length <= Duration::zero()) return std::nullopt;
  if (!faults_.sinel) state.lend = std::max(state.lend, end);
  state.unanswered = false;
  return Grant{state.time, length, state.epoch};
}

bool LeaderLease::counts(Instant now, NodeId member) const {
  if (!times_.on || member == self_) return member == self_;
  const auto found = members_.find(member);
  const bool entered = found != members_.end() && found->second.entered;
  const bool waits = now < wait_end_ || !clock_trusted_;
  if (!entered && waits && holds(membership_.latest, member)) return true;
  if (found == members_.end()) return false;
  if (faults_.dropslow && found->second.lags) return false;
  return promised(now, found->second);
}

Instant LeaderLease::next_change() const {
  if (!blocked_ || !clock_trusted_ || faults_.notimer) return kNever;
  Instant next = kNever;
  if (now_ < wait_end_) next = wait_end_;
  for (const auto& [member, state] : members_) {
    if (now_ <= state.lend) next = std::min(next, state.lend + Duration(1));
  }
  return next;
}

// ---- reports ----

const LeaderLease::State* LeaderLease::find(NodeId member) const {
  const auto found = members_.find(member);
  return found == members_.end() ? nullptr : &found->second;
}

Duration LeaderLease::leased_for(Instant now, NodeId member) const {
  const State* state = find(member);
  return state == nullptr || now > state->lend ? Duration() : state->lend - now + Duration(1);
}

bool LeaderLease::has_entered(NodeId member) const {
  const State* state = find(member);
  return state != nullptr && state->entered;
}

LogIndex LeaderLease::match(NodeId member) const {
  const State* state = find(member);
  return state == nullptr ? LogIndex() : state->match;
}

bool LeaderLease::wants_lease(NodeId member) const {
  const State* state = find(member);
  return state != nullptr && state->wants_lease;
}

bool LeaderLease::lags(NodeId member) const {
  const State* state = find(member);
  return state != nullptr && state->lags;
}

Duration LeaderLease::readmitted_in(Instant now, NodeId member) const {
  const State* state = find(member);
  return state == nullptr || state->readmit <= now ? Duration() : state->readmit - now;
}

Duration LeaderLease::delayed_by(NodeId member) const {
  const auto found = delays_.find(member);
  return found == delays_.end() ? Duration() : found->second;
}

Duration LeaderLease::delaying(Instant now, NodeId member) const {
  return member && member == waiting_for_ ? now - waiting_since_ : Duration();
}

}  // namespace ram::lease
