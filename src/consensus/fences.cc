#include "consensus/fences.h"

#include <algorithm>
#include <utility>

#include "consensus/configuration_codec.h"
#include "consensus/message_codec.h"

namespace ram::consensus {
namespace {

using State = Engine::State;

// libraft's versions of its messages, and what it says it can do.
constexpr uint8_t kCallVersion = 0;  // AppendEntries, InstallSnapshot, TimeoutNow
constexpr uint8_t kVoteVersion = 2;
constexpr uint8_t kResultVersion = 2;
constexpr uint16_t kFeatures = 1;

constexpr uint64_t kEnd = uint64_t{1} << 63;  // of terms and indexes

bool sane(Term term) {
  return term && term.value < kEnd;
}
bool sane(LogIndex index) {
  return index.value < kEnd;
}

// A position in a log: nothing before it, or an entry of `term`, which is not above `limit`.
bool sane(LogIndex index, Term term, Term limit) {
  return sane(index) && static_cast<bool>(index) == static_cast<bool>(term) && term <= limit;
}

bool sane(const LogEntry& entry) {
  switch (entry.kind) {
    case EntryKind::kRecord:
      return true;
    case EntryKind::kBarrier:
      return entry.payload.empty();
    case EntryKind::kChange:
      return decode_configuration(entry.payload.view()).has_value();
  }
  return false;
}

// ---- F15: does it make sense by itself? ----

bool sane(const AppendEntries& m) {
  if (m.version != kCallVersion || !sane(m.term) || !sane(m.commit)) return false;
  if (!sane(m.previous, m.previous_term, m.term)) return false;
  if (!sane(m.previous + m.entries.size())) return false;
  Term before = std::max(m.previous_term, Term(1));
  for (const LogEntry& entry : m.entries) {
    if (entry.term < before || entry.term > m.term || !sane(entry)) return false;
    before = entry.term;
  }
  return true;
}

bool sane(const AppendEntriesResult& m) {
  return m.version == kResultVersion && sane(m.term) && sane(m.rejected) && sane(m.last) &&
         (!m.rejected || m.last < m.rejected);
}

bool sane(const RequestVote& m) {
  return m.version == kVoteVersion && sane(m.term) && sane(m.last, m.last_term, m.term);
}

bool sane(const RequestVoteResult& m) {
  return sane(m.term);
}

bool sane(const InstallSnapshot& m) {
  return m.version == kCallVersion && sane(m.term) && is_valid(m.token) && m.token.term <= m.term;
}

bool sane(const TimeoutNow& m) {
  return m.version == kCallVersion && sane(m.term) && sane(m.last, m.last_term, m.term);
}

bool differ_in_one_server(const Configuration& a, const Configuration& b) {
  const std::vector<Server>& x = a.servers;
  const std::vector<Server>& y = b.servers;
  const auto [i, j] = std::mismatch(x.begin(), x.end(), y.begin(), y.end());
  if (i == x.end() && j == y.end()) return false;  // in none
  if (x.size() == y.size()) return i->id == j->id && std::equal(i + 1, x.end(), j + 1, y.end());
  if (x.size() + 1 == y.size()) return std::equal(i, x.end(), j + 1, y.end());
  if (x.size() == y.size() + 1) return std::equal(i + 1, x.end(), j, y.end());
  return false;
}

}  // namespace

// True if fence `number` is up and has to act, which is counted.
bool FenceRow::stands(bool on, unsigned number, bool would_act) {
  if (!on || !would_act) return false;
  ++counters_.fenced[number];
  return true;
}

Verdict FenceRow::inbound(const Situation& here, NodeId from, Message& message) {
  const bool strange =
      !from || from == here.id || !std::visit([](const auto& m) { return sane(m); }, message);
  if (stands(on_.f15, 15, strange)) return drop();
  return std::visit([&](auto& m) { return judge(here, from, m); }, message);
}

std::optional<Verdict> FenceRow::judge_leader(const Situation& here, Term term, LogIndex previous) {
  // The engine's own answer names an index that nobody has set.
  if (stands(on_.f1, 1, term < here.term)) {
    const LogIndex rejected = std::max(previous, LogIndex(1));
    return Verdict{.passage = Verdict::Passage::kAnswer,
                   .answer = {.term = here.term,
                              .rejected = rejected,
                              .last = rejected.previous(),
                              .features = kFeatures,
                              .version = kResultVersion}};
  }
  // The engine would write a follower's state over the leader's.
  if (stands(on_.f4, 4, term == here.term && here.state == State::kLeader)) return drop();
  return std::nullopt;
}

Verdict FenceRow::judge(const Situation& here, NodeId, AppendEntries& m) {
  if (std::optional<Verdict> verdict = judge_leader(here, m.term, m.previous)) return *verdict;
  // Below the base nothing can differ, and the engine may have forgotten it.
  if (stands(on_.f2, 2, m.previous < here.base)) skip_committed(here, m);
  // No leader contradicts what is committed. The engine would stop for good.
  const bool contradicts =
      m.previous == here.base && (m.previous_term != here.base_term ||
                                  (!m.entries.empty() && m.entries.front().term < here.base_term));
  if (stands(on_.f15, 15, contradicts)) return drop();
  return {};
}

void FenceRow::skip_committed(const Situation& here, AppendEntries& m) {
  const uint64_t skipped = std::min<uint64_t>(here.base - m.previous, m.entries.size());
  m.entries.erase(m.entries.begin(), m.entries.begin() + static_cast<std::ptrdiff_t>(skipped));
  m.previous = here.base;
  m.previous_term = here.base_term;
}

Verdict FenceRow::judge(const Situation& here, NodeId from, AppendEntriesResult& m) {
  // The engine passes over it; a result is nobody's but a leader's.
  if (here.state != State::kLeader) return drop();
  const bool impossible =
      here.latest.find(from) == nullptr ||
      (m.term == here.term && (m.last > here.log.last() || m.rejected > here.log.last()));
  if (stands(on_.f15, 15, impossible)) return drop();
  // A late one would set the next index below what is matched: no entries any more.
  const bool refuted = m.term == here.term && m.rejected && m.rejected <= here.sender_match;
  if (stands(on_.f5, 5, refuted)) return drop();
  return {};
}

Verdict FenceRow::judge(const Situation& here, NodeId, RequestVote& m) {
  Verdict verdict;
  if (here.state != State::kFollower) return verdict;
  // The engine remembers its leader until its own timer fires, and a standby for ever.
  if (stands(on_.f8, 8, here.leader_silent && !m.disrupt_leader)) m.disrupt_leader = true;
  // Our promotion may be in an entry that has not come yet; the candidate does the counting.
  verdict.as_voter = stands(on_.f7, 7, !here.votes);
  return verdict;
}

Verdict FenceRow::judge(const Situation& here, NodeId from, RequestVoteResult& m) {
  const Term asked = m.pre_vote ? here.term.next() : here.term;
  const bool late = here.state != State::kCandidate || m.pre_vote != here.pre_voting ||
                    (m.granted && m.term != asked) || m.version != kVoteVersion;
  if (stands(on_.f6, 6, late)) return drop();
  if (stands(on_.f15, 15, here.latest.find(from) == nullptr)) return drop();
  return {};
}

Verdict FenceRow::judge(const Situation& here, NodeId, InstallSnapshot& m) {
  if (std::optional<Verdict> verdict = judge_leader(here, m.term, LogIndex())) return *verdict;
  // The engine passes over it, but not before it has lost hold of what it brings.
  if (stands(on_.f13, 13, here.installing)) return drop();
  const LogIndex at = m.token.index;
  const bool contradicts =
      (at == here.base && m.token.term != here.base_term) ||
      (at < here.base && here.log.has(at) && m.token.term != here.log.at(at).term);
  if (stands(on_.f15, 15, contradicts)) return drop();
  return {};
}

Verdict FenceRow::judge(const Situation& here, NodeId from, TimeoutNow& m) {
  if (stands(on_.f15, 15, from != here.leader || m.term != here.term)) return drop();
  return {};
}

// ---- F3 ----

FenceRow::Cutter::Cutter(FenceRow& row, AppendEntries& message, LogIndex commit)
    : row_(row), message_(message) {
  const bool changes = std::any_of(message.entries.begin(), message.entries.end(),
                                   [](const LogEntry& e) { return e.kind == EntryKind::kChange; });
  const bool cut = row_.stands(row_.on_.f3, 3, changes);
  bare_first_ = cut && message.previous > commit;
}

std::optional<AppendPiece> FenceRow::Cutter::next() {
  if (finished_) return std::nullopt;
  std::span<LogEntry> rest = std::span(message_.entries).subspan(done_);
  size_t count = bare_first_ ? 0 : std::min<size_t>(rest.size(), 1);
  while (count > 0 && count < rest.size() &&
         !(row_.on_.f3 && rest[count].kind == EntryKind::kChange)) {
    ++count;
  }
  const AppendPiece piece{
      .term = message_.term,
      .previous = message_.previous + done_,
      .previous_term = done_ == 0 ? message_.previous_term : message_.entries[done_ - 1].term,
      .commit = message_.commit,
      .version = message_.version,
      .entries = rest.first(count)};
  finished_ = !bare_first_ && count == rest.size();
  bare_first_ = false;
  done_ += count;
  return piece;
}

bool FenceRow::implies_committed(LogIndex pending, const AppendPiece& piece,
                                 Term own_previous_term) {
  return on_.f3 && pending && pending <= piece.previous && !piece.entries.empty() &&
         piece.entries.front().kind == EntryKind::kChange &&
         own_previous_term == piece.previous_term;
}

// ---- decisions ----

void FenceRow::outbound(Message& message, Term own) {
  auto* vote = std::get_if<RequestVoteResult>(&message);
  if (vote == nullptr) return;
  // The engine echoes the candidate's term: one with the longer log and the lower term never
  // learns.
  if (stands(on_.f6, 6, vote->pre_vote && !vote->granted && vote->term < own)) vote->term = own;
}

LogIndex FenceRow::commit(LogIndex ours, LogIndex engines, bool installing) {
  if (!on_.f9) return engines;
  const LogIndex kept = installing ? ours : std::max(ours, engines);
  stands(on_.f9, 9, kept != engines);
  return kept;
}

bool FenceRow::wants_barrier(bool appended) {
  return stands(on_.f10, 10, !appended);
}

bool FenceRow::allows_change(const Configuration& latest, const Configuration& next, NodeId leader,
                             bool barrier_committed) {
  if (stands(on_.f10 && on_.f10_changes, 10, !barrier_committed)) return false;
  const Server* self = next.find(leader);
  const bool allowed =
      differ_in_one_server(latest, next) && self != nullptr && self->role == Role::kVoter;
  return !stands(on_.f11, 11, !allowed);
}

bool FenceRow::wants_kick(LogIndex match, LogIndex index) {
  return stands(on_.f12, 12, match && match.next() == index);
}

}  // namespace ram::consensus
