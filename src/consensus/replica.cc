#include "consensus/replica.h"

#include <algorithm>
#include <deque>
#include <utility>
#include <vector>

#include "base/check.h"
#include "base/limits.h"
#include "consensus/configuration_codec.h"
#include "consensus/engine.h"
#include "consensus/entry_log.h"
#include "consensus/fences.h"
#include "consensus/message_codec.h"
#include "consensus/ports.h"

namespace ram::consensus {
namespace {

using std::chrono::milliseconds;

uint32_t whole_ms(Duration duration) {
  return static_cast<uint32_t>(
      std::max<int64_t>(std::chrono::ceil<milliseconds>(duration).count(), 1));
}

EngineSettings settings_of(const ReplicaOptions& options) {
  return {.election_timeout_ms = whole_ms(options.election_timeout),
          .heartbeat_ms = whole_ms(options.heartbeat),
          .install_timeout_ms = whole_ms(options.install_timeout),
          .inflight_entries_max = static_cast<uint32_t>(options.inflight_entries_max)};
}

}  // namespace

class Replica::Inside {
 public:
  Inside(NodeId id, const ReplicaOptions& options, uint32_t seed, Transport& transport,
         StateMachine& machine, const Fences& fences)
      : id_(id),
        options_(options),
        transport_(transport),
        machine_(machine),
        row_(fences, counters_),
        engine_(id, settings_of(options), seed) {
    RAM_CHECK(id);
    RAM_CHECK(options.inflight_entries_max > 0 && options.message_entries_max > 0);
    RAM_CHECK(options.message_entries_max <= kMessageEntriesMax);
  }

  // ---- events ----

  void found(Instant now, const Configuration& configuration) {
    begin(now);
    const LogEntry entry{Term(1), EntryKind::kChange, encode(configuration)};
    log_.push(entry);
    take(engine_.found(tick(now), entry), {}, LogIndex(1));
    finish();
  }

  void resume(Instant now, const SnapshotToken& token) {
    begin(now);
    RAM_CHECK(is_valid(token));
    own_token_ = token;
    log_.restart_after(token.index);
    take(engine_.resume(tick(now), token), {});
    finish();
  }

  void receive(Instant now, NodeId from, Message message) {
    tick(now);
    const Verdict verdict = row_.inbound(situation(from), from, message);
    if (verdict.passage == Verdict::Passage::kAnswer) outbox_.emplace_back(from, verdict.answer);
    if (verdict.passage == Verdict::Passage::kPass) {
      std::visit([&](auto& m) { pass(from, m, verdict); }, message);
    }
    finish();
  }

  void on_time(Instant now) {
    const EngineTime time = tick(now);
    // An early one makes a leader think ill of followers that had no time to answer.
    if (time >= engine_.deadline()) take(engine_.timeout(time), {});
    finish();
  }

  void flush(Instant now) {
    tick(now);
    persist();
    finish();
  }

  std::optional<LogIndex> submit(Instant now, SharedBytes record) {
    tick(now);
    if (!may_submit()) return std::nullopt;
    const LogIndex index = append_own(EntryKind::kRecord, std::move(record));
    finish();
    return index;
  }

  bool change(Instant now, const Configuration& next) {
    tick(now);
    if (!may_submit() || changing() || !is_valid(next)) return false;
    if (!row_.allows_change(latest_, next, id_, barrier_committed())) return false;
    append_own(EntryKind::kChange, encode(next));
    finish();
    return true;
  }

  bool transfer(Instant now, NodeId to) {
    tick(now);
    const Server* server = latest_.find(to);
    // The engine would hand over to one that lags, too early, and hold writes for nothing.
    if (!may_submit() || to == id_ || server == nullptr || server->role != Role::kVoter ||
        engine_.match(to) != log_.last()) {
      return false;
    }
    EngineStep& step = engine_.transfer(time_, to);
    const bool begun = !step.refused;
    take(step, {});
    finish();
    return begun;
  }

  void installed(Instant now) {
    tick(now);
    if (!installing_) return;
    own_token_ = std::move(installing_->token);
    const Term term = installing_->term;
    installing_.reset();
    EngineStep& step = engine_.installed(time_, own_token_);
    configuration_moved_ = true;
    take(step, {});
    if (term == engine_.term()) verified_ = std::max(verified_, own_token_.index);
    finish();
  }

  void compact(Instant now, LogIndex applied, size_t trailing) {
    tick(now);
    const LogIndex index = std::min({applied, commit_, engine_.commit()});
    // Never twice at one index: the engine divides by zero. Nor for nothing: a follower to which a
    // token is on its way waits the longer, the newer ours gets.
    if (installing_ || !log_.has(index) || index <= own_token_.index) return;
    if (index - log_.offset() <= trailing) return;
    if (engine_.committed_change() > index) return;
    own_token_ = {.index = index,
                  .term = log_.at(index).term,
                  .configuration = committed_,
                  .configuration_index = engine_.committed_change()};
    take(engine_.compacted(time_, own_token_, trailing), {});
    log_.forget_up_to(index - trailing);
    finish();
  }

  // ---- questions ----

  NodeId id() const { return id_; }
  bool leads() const { return engine_.state() == Engine::State::kLeader; }
  bool campaigns() const { return engine_.state() == Engine::State::kCandidate; }
  Term term() const { return engine_.term(); }
  NodeId leader() const { return leads() ? id_ : leader_; }
  Instant leader_heard() const { return leads() ? now_ : leader_heard_; }
  LogIndex commit() const { return commit_; }
  LogIndex verified() const {
    if (installing_) return LogIndex();
    return leads() ? log_.last() : verified_;
  }
  LogIndex barrier() const { return barrier_; }
  bool barrier_committed() const { return barrier_ && commit_ >= barrier_; }
  bool installing() const { return installing_.has_value(); }
  bool changing() const { return !changes_.empty() || engine_.pending_change(); }
  NodeId handing_to() const { return engine_.transferee(); }
  LogIndex match(NodeId member) const { return engine_.match(member); }
  const Configuration& latest() const { return latest_; }
  const Configuration& committed() const { return committed_; }
  LogIndex committed_change() const { return engine_.committed_change(); }
  const EntryLog& log() const { return log_; }
  const Counters& counters() const { return counters_; }
  Term term_at(LogIndex index) const {
    if (log_.has(index)) return log_.at(index).term;
    if (installing_ && installing_->token.index == index) return installing_->token.term;
    return own_token_.index == index ? own_token_.term : Term();
  }
  Instant next_deadline() const {
    return started_ ? start_ + milliseconds(engine_.deadline() - 1) : kNever;
  }

  void check_invariants() const;

 private:
  struct Installing {
    SnapshotToken token;
    Term term;  // of the message that brought it
  };

  void begin(Instant now) {
    RAM_CHECK(!started_);
    started_ = true;
    start_ = now_ = leader_heard_ = now;
    configuration_moved_ = true;
  }

  EngineTime tick(Instant now) {
    RAM_CHECK(started_);
    now_ = std::max(now_, now);
    time_ = static_cast<EngineTime>(std::chrono::floor<milliseconds>(now_ - start_).count()) + 1;
    return time_;
  }

  Situation situation(NodeId sender) const;

  void pass(NodeId from, AppendEntries& m, const Verdict& verdict);
  void pass(NodeId from, InstallSnapshot& m, const Verdict& verdict);
  template <class Other>
  void pass(NodeId from, Other& m, const Verdict& verdict) {
    take(engine_.receive(time_, from, m, verdict.as_voter), {});
  }
  void hear_leader(NodeId from, Term term);
  void verify(Term term, LogIndex index, Term stated);

  void take(EngineStep& step, std::span<LogEntry> given, LogIndex stored = {});
  void store(const EngineStep& step, std::span<LogEntry> given);
  void post(EngineStep::Outgoing& outgoing);
  void post_append(NodeId to, const AppendEntries& head, size_t count);
  void note_term();
  void note_commit();

  bool may_submit() const { return leads() && !engine_.transferee(); }
  LogIndex append_own(EntryKind kind, SharedBytes payload);
  void kick(LogIndex index, size_t mark);
  void persist();
  void commit_change(LogIndex index);
  void settle();
  void finish();

  const NodeId id_;
  const ReplicaOptions options_;
  Transport& transport_;
  StateMachine& machine_;
  Counters counters_;
  FenceRow row_;
  Engine engine_;
  EntryLog log_;

  bool started_ = false;
  Instant start_, now_;
  EngineTime time_ = 0;

  Term term_;  // the engine's, when last looked
  NodeId leader_;
  Instant leader_heard_;
  LogIndex verified_;
  LogIndex commit_;
  LogIndex barrier_;
  SnapshotToken own_token_;  // the newest state that we can name; index 0: none
  std::optional<Installing> installing_;
  std::deque<LogIndex> changes_;  // kChange entries of the log above the commit index
  Configuration latest_, committed_;
  bool configuration_moved_ = false;
  std::vector<std::pair<NodeId, Message>> outbox_;
};

// ---- messages in ----

Situation Replica::Inside::situation(NodeId sender) const {
  const LogIndex base = installing_ ? installing_->token.index : commit_;
  return {.id = id_,
          .term = engine_.term(),
          .state = engine_.state(),
          .pre_voting = engine_.pre_voting(),
          .votes = engine_.is_voter(),
          .installing = installing_.has_value(),
          .base = base,
          .base_term = term_at(base),
          .leader = leader(),
          .leader_silent = now_ - leader_heard_ >= options_.election_timeout,
          .sender_match = engine_.match(sender),
          .log = log_,
          .latest = latest_};
}

void Replica::Inside::pass(NodeId from, AppendEntries& m, const Verdict&) {
  FenceRow::Cutter cutter(row_, m, situation(from).base);
  while (std::optional<AppendPiece> piece = cutter.next()) {
    const LogIndex pending = engine_.pending_change();
    // While a state is being installed the change is gone with the log, and the piece will be ignored.
    if (log_.has(pending) && row_.implies_committed(pending, *piece, term_at(piece->previous))) {
      commit_change(pending);
    }

    const size_t count = piece->entries.size();
    const Term stated = count > 0 ? piece->entries.back().term : piece->previous_term;
    EngineStep& step = engine_.append(time_, from, *piece);
    const bool over = step.refused || step.rejected;
    hear_leader(from, m.term);
    take(step, piece->entries);
    verify(m.term, piece->previous + count, stated);
    settle();
    if (over) return;
  }
}

void Replica::Inside::pass(NodeId from, InstallSnapshot& m, const Verdict& verdict) {
  const Term term = m.term;
  EngineStep& step = engine_.receive(time_, from, m, verdict.as_voter);
  const LogIndex index = m.token.index;
  const Term token_term = m.token.term;
  if (step.replaced) installing_ = Installing{.token = std::move(m.token), .term = term};
  hear_leader(from, term);
  const bool replaced = step.replaced;
  take(step, {});
  if (replaced) machine_.on_install(installing_->token, from);
  verify(term, index, token_term);
}

void Replica::Inside::hear_leader(NodeId from, Term term) {
  note_term();
  if (term != term_) return;
  leader_ = from;
  leader_heard_ = now_;
}

// READ-LEASES R2, for a message of `term` which said that entry `index` has term `stated`.
void Replica::Inside::verify(Term term, LogIndex index, Term stated) {
  if (term != term_ || installing_ || !index) return;
  if (index <= own_token_.index || (log_.has(index) && log_.at(index).term == stated)) {
    verified_ = std::max(verified_, index);
  }
}

// ---- what a step asks for, in the order of ENGINE.md section 3 ----

// `given` are the entries that were handed in; `stored`, from where on some are in the log already.
void Replica::Inside::take(EngineStep& step, std::span<LogEntry> given, LogIndex stored) {
  ++counters_.steps;
  note_term();
  if (step.store_from) {
    store(step, given);
    stored = step.store_from;
  }
  if (step.replaced) {
    log_.restart_after(installing_->token.index);
    changes_.clear();
  }
  RAM_CHECK(engine_.last() == log_.last());
  verified_ = std::min(verified_, log_.last());  // a leader of this term took back what it had said
  if (std::exchange(configuration_moved_, false)) {
    latest_ = engine_.latest_configuration();
    committed_ = engine_.committed_configuration();
  }
  for (EngineStep::Outgoing& outgoing : step.messages) post(outgoing);
  const bool commit_moved = step.commit_moved;
  if (stored) machine_.on_log_changed(stored);
  if (commit_moved) note_commit();
}

void Replica::Inside::store(const EngineStep& step, std::span<LogEntry> given) {
  const LogIndex from = step.store_from;
  if (from <= log_.last()) {
    log_.truncate_from(from);
    for (; !changes_.empty() && changes_.back() >= from; changes_.pop_back()) {
      configuration_moved_ = true;
    }
  }
  RAM_CHECK(from == log_.last().next());
  if (step.store_barrier) log_.push({term_, EntryKind::kBarrier, {}});
  if (!step.store_barrier) {
    for (LogEntry& entry : given.subspan(step.store_first, step.store_count)) {
      if (entry.kind == EntryKind::kChange) {
        changes_.push_back(log_.last().next());
        configuration_moved_ = true;
      }
      log_.push(std::move(entry));
    }
  }
  // F14: the engine counts the entries of its log in 32 bits.
  RAM_CHECK(log_.size() < options_.log_entries_bound);
  if (leads() && !barrier_) barrier_ = from;
}

void Replica::Inside::post(EngineStep::Outgoing& outgoing) {
  if (const auto* append = std::get_if<AppendEntries>(&outgoing.message)) {
    post_append(outgoing.to, *append, outgoing.entries);
    return;
  }
  if (auto* install = std::get_if<InstallSnapshot>(&outgoing.message)) {
    RAM_CHECK(install->token.index == own_token_.index);
    install->token = own_token_;
  }
  outbox_.emplace_back(outgoing.to, std::move(outgoing.message));
}

// The engine bounds a message by its window alone: here it is cut.
void Replica::Inside::post_append(NodeId to, const AppendEntries& head, size_t count) {
  LogIndex previous = head.previous;
  Term previous_term = head.previous_term;
  do {
    AppendEntries part = head;
    part.previous = previous;
    part.previous_term = previous_term;
    part.entries.reserve(std::min(count, options_.message_entries_max));
    size_t bytes = 0;
    while (part.entries.size() < std::min(count, options_.message_entries_max)) {
      const LogEntry& entry = log_.at(previous.next());
      bytes += entry.payload.size();
      if (!part.entries.empty() && bytes > options_.message_bytes_max) break;
      part.entries.push_back(entry);
      ++previous;
      previous_term = entry.term;
    }
    count -= part.entries.size();
    outbox_.emplace_back(to, std::move(part));
  } while (count > 0);
}

void Replica::Inside::note_term() {
  if (term_ != engine_.term()) {
    term_ = engine_.term();
    verified_ = LogIndex();
    leader_ = NodeId();
  }
  if (!leads()) barrier_ = LogIndex();
  // A sole voter leads the term in which it was founded: entry 1 is of it.
  if (leads() && !barrier_ && log_.size() > 0 && log_.at(log_.last()).term == term_) {
    barrier_ = log_.last();
    while (log_.has(barrier_.previous()) && log_.at(barrier_.previous()).term == term_) {
      barrier_ = barrier_.previous();
    }
  }
}

void Replica::Inside::note_commit() {
  const LogIndex commit = row_.commit(commit_, engine_.commit(), engine_.installing());
  if (commit == commit_) return;
  commit_ = commit;
  // What the token covers is in hand: no news.
  if (commit_ > own_token_.index) machine_.on_committed(commit_);
}

// ---- entries of our own ----

LogIndex Replica::Inside::append_own(EntryKind kind, SharedBytes payload) {
  LogEntry entry{engine_.term(), kind, std::move(payload)};
  const size_t mark = outbox_.size();
  EngineStep& step = engine_.submit(time_, entry);
  RAM_CHECK(!step.refused);
  take(step, std::span(&entry, 1));
  kick(log_.last(), mark);
  return log_.last();
}

// F12: who has all but the entry at `index`, and was sent nothing since `mark` of the outbox, gets
// it. The engine would let it wait for the next heartbeat, having heard nothing from it for a
// while.
void Replica::Inside::kick(LogIndex index, size_t mark) {
  const Term previous_term = term_at(index.previous());
  if (!previous_term) return;
  const size_t end = outbox_.size();
  for (const Server& server : latest_.servers) {
    if (server.id == id_) continue;
    bool sent = false;
    for (size_t i = mark; i < end && !sent; ++i) sent = outbox_[i].first == server.id;
    if (sent || !row_.wants_kick(engine_.match(server.id), index)) continue;
    post_append(server.id,
                {.term = term_,
                 .previous = index.previous(),
                 .previous_term = previous_term,
                 .commit = engine_.commit(),
                 .entries = {}},
                1);
  }
}

void Replica::Inside::persist() {
  if (installing_ || engine_.stored() >= log_.last()) return;
  take(engine_.persisted(time_, log_.last()), {});
}

void Replica::Inside::commit_change(LogIndex index) {
  const std::optional<Configuration> configuration =
      decode_configuration(log_.at(index).payload.view());
  RAM_CHECK(configuration);
  configuration_moved_ = true;
  take(engine_.committed(time_, index, *configuration), {});
}

// What a step brings about before anything else may come in.
void Replica::Inside::settle() {
  while (!changes_.empty() && changes_.front() <= commit_) {
    const LogIndex index = changes_.front();
    changes_.pop_front();
    commit_change(index);
  }
  if (leads() && row_.wants_barrier(term_, log_.size() > 0 ? log_.at(log_.last()).term : Term())) {
    append_own(EntryKind::kBarrier, {});
  }
  // A follower's answer is its effect. A leader counts itself once per pass, in flush().
  if (!leads()) persist();
}

// The last of each call: everything is as it will be, and messages may go.
void Replica::Inside::finish() {
  settle();
  for (auto& [to, message] : outbox_) {
    row_.outbound(message, term_);
    transport_.send(to, std::move(message));
  }
  outbox_.clear();
}

void Replica::Inside::check_invariants() const {
  RAM_CHECK(engine_.last() == log_.last());
  RAM_CHECK(engine_.installing() == installing_.has_value());
  RAM_CHECK(engine_.stored() <= log_.last());
  RAM_CHECK(term_ == engine_.term());
  RAM_CHECK(outbox_.empty());
  RAM_CHECK(log_.offset() <=
            std::max(own_token_.index, installing_ ? installing_->token.index : LogIndex()));
  RAM_CHECK(installing_ || commit_ <= log_.last());
  RAM_CHECK(installing_ || commit_ >= own_token_.index);
  RAM_CHECK(installing_ || verified_ <= log_.last());
  RAM_CHECK(!installing_ || (!leads() && !campaigns()));
  RAM_CHECK(latest_ == engine_.latest_configuration());
  RAM_CHECK(committed_ == engine_.committed_configuration());
  RAM_CHECK(changes_.empty() || (changes_.front() > commit_ && changes_.back() <= log_.last()));
  // The barrier may have been forgotten with the rest of the log.
  RAM_CHECK(!barrier_ || leads());
  RAM_CHECK(!log_.has(barrier_) || term_at(barrier_) == term_);
}

// ---- Replica ----

Replica::Replica(NodeId id, ReplicaOptions options, uint32_t seed, Transport& transport,
                 StateMachine& machine, Fences fences)
    : inside_(std::make_unique<Inside>(id, options, seed, transport, machine, fences)) {}
Replica::~Replica() = default;

void Replica::found(Instant now, const Configuration& configuration) {
  inside_->found(now, configuration);
}
void Replica::resume(Instant now, const SnapshotToken& token) {
  inside_->resume(now, token);
}
void Replica::receive(Instant now, NodeId from, Message message) {
  inside_->receive(now, from, std::move(message));
}
void Replica::on_time(Instant now) {
  inside_->on_time(now);
}
Instant Replica::next_deadline() const {
  return inside_->next_deadline();
}
void Replica::flush(Instant now) {
  inside_->flush(now);
}
std::optional<LogIndex> Replica::submit(Instant now, SharedBytes record) {
  return inside_->submit(now, std::move(record));
}
bool Replica::change(Instant now, const Configuration& next) {
  return inside_->change(now, next);
}
bool Replica::transfer(Instant now, NodeId to) {
  return inside_->transfer(now, to);
}
void Replica::installed(Instant now) {
  inside_->installed(now);
}
void Replica::compact(Instant now, LogIndex applied, size_t trailing) {
  inside_->compact(now, applied, trailing);
}

NodeId Replica::id() const {
  return inside_->id();
}
bool Replica::is_leader() const {
  return inside_->leads();
}
bool Replica::is_candidate() const {
  return inside_->campaigns();
}
Term Replica::term() const {
  return inside_->term();
}
NodeId Replica::leader() const {
  return inside_->leader();
}
Instant Replica::leader_heard() const {
  return inside_->leader_heard();
}
LogIndex Replica::commit() const {
  return inside_->commit();
}
LogIndex Replica::last() const {
  return inside_->log().last();
}
LogIndex Replica::verified() const {
  return inside_->verified();
}
LogIndex Replica::barrier() const {
  return inside_->barrier();
}
bool Replica::barrier_committed() const {
  return inside_->barrier_committed();
}
bool Replica::installing() const {
  return inside_->installing();
}
bool Replica::changing() const {
  return inside_->changing();
}
NodeId Replica::handing_to() const {
  return inside_->handing_to();
}
LogIndex Replica::match(NodeId member) const {
  return inside_->match(member);
}
const Configuration& Replica::latest() const {
  return inside_->latest();
}
const Configuration& Replica::committed() const {
  return inside_->committed();
}
LogIndex Replica::committed_configuration_index() const {
  return inside_->committed_change();
}
const EntryLog& Replica::log() const {
  return inside_->log();
}
Term Replica::term_at(LogIndex index) const {
  return inside_->term_at(index);
}
const Replica::Counters& Replica::counters() const {
  return inside_->counters();
}
void Replica::check_invariants() const {
  inside_->check_invariants();
}

}  // namespace ram::consensus
