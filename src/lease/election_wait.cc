#include "lease/election_wait.h"

#include <algorithm>

namespace ram::lease {

Duration Quiet::since(Instant now) const {
  if (last_ == Instant::min()) return kForever;
  return std::clamp(now - last_, Duration::zero(), kForever);
}

void ElectionWait::on_vote(Instant now, Term term, NodeId voter, bool granted, Duration quiet) {
  if (term < term_) return;
  if (term > term_) votes_.clear();
  term_ = term;
  Vote& vote = votes_[voter];
  if (!granted) return;
  vote.granted = true;
  vote.end =
      std::max(vote.end, now - times_.shrunk(std::max(quiet, Duration::zero())) + full_wait());
}

Duration ElectionWait::full_wait() const {
  return faults_.wdrift ? times_.lease : times_.stretched(times_.lease);
}

void ElectionWait::doubt_clock(Instant now) {
  for (auto& [_, vote] : votes_) vote.end = now + times_.stretched(times_.lease);
}

Instant ElectionWait::end(Instant now, Term term, NodeId self, const Quiet& own,
                          std::span<const NodeId> voters) const {
  if (!times_.on || faults_.nowait) return now;
  const Duration wait = full_wait();
  if (term != term_ && voters.size() > 1) return now + wait;
  size_t counted = 0;
  Instant end = now;
  for (const NodeId voter : voters) {
    if (voter == self) {
      ++counted;
      if (own.last() != Instant::min()) end = std::max(end, own.last() + wait);
      continue;
    }
    const auto vote = votes_.find(voter);
    if (vote == votes_.end() || !vote->second.granted) continue;
    ++counted;
    if (!faults_.optself) end = std::max(end, vote->second.end);
  }
  // The engine may count a vote that we know nothing of.
  if (counted < voters.size() / 2 + 1) return now + wait;
  return std::min(end, now + wait);
}

std::vector<NodeId> ElectionWait::entered(Term term) const {
  std::vector<NodeId> members;
  if (term != term_) return members;
  for (const auto& [voter, vote] : votes_) members.push_back(voter);
  return members;
}

}  // namespace ram::lease
