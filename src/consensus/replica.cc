#include "consensus/replica.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "consensus/configuration_codec.h"
#include "consensus/message_codec.h"
#include "consensus/replica_inside.h"

namespace ram::consensus {

Replica::Replica(NodeId id, ReplicaOptions options, uint32_t seed, Transport& transport,
                 StateMachine& machine, Fences fences)
    : inside_(std::make_unique<Inside>(id, options, seed, transport, machine, fences)) {}

Replica::~Replica() = default;

// ---- events ----

void Replica::found(Instant now, const Configuration& configuration) {
  Inside& in = *inside_;
  in.begin(now);
  const LogEntry entry{Term(1), EntryKind::kChange, encode(configuration)};
  in.log.push(entry);
  in.take(in.engine.found(in.tick(now), entry), {}, LogIndex(1));
  in.finish();
}

void Replica::resume(Instant now, const SnapshotToken& token) {
  RAM_CHECK(is_valid(token));
  Inside& in = *inside_;
  in.begin(now);
  in.own_token = token;
  in.log.restart_after(token.index);
  in.take(in.engine.resume(in.tick(now), token), {});
  in.finish();
}

void Replica::receive(Instant now, NodeId from, Message message) {
  Inside& in = *inside_;
  in.tick(now);
  const Verdict verdict = in.row.inbound(in.situation(from), from, message);
  if (verdict.passage == Verdict::Passage::kAnswer) in.outbox.emplace_back(from, verdict.answer);
  if (verdict.passage == Verdict::Passage::kPass) {
    std::visit([&](auto& m) { in.pass(from, m, verdict); }, message);
  }
  in.finish();
}

void Replica::on_time(Instant now) {
  Inside& in = *inside_;
  // An early one makes a leader think ill of followers that had no time to answer.
  if (in.tick(now) >= in.engine.deadline()) in.take(in.engine.timeout(in.time), {});
  in.finish();
}

Instant Replica::next_deadline() const {
  const Inside& in = *inside_;
  if (!in.started) return kNever;
  return in.start + std::chrono::milliseconds(in.engine.deadline() - 1);
}

void Replica::lost(Instant now, NodeId member) {
  Inside& in = *inside_;
  in.tick(now);
  in.lost(member);
  in.finish();
}

void Replica::flush(Instant now) {
  Inside& in = *inside_;
  in.tick(now);
  in.persist();
  in.finish();
}

std::optional<LogIndex> Replica::submit(Instant now, SharedBytes record) {
  Inside& in = *inside_;
  in.tick(now);
  if (!in.may_submit()) return std::nullopt;
  const LogIndex index = in.append_own(EntryKind::kRecord, std::move(record));
  in.finish();
  return index;
}

bool Replica::change(Instant now, const Configuration& next) {
  Inside& in = *inside_;
  in.tick(now);
  if (!in.may_submit() || in.changing() || !is_valid(next)) return false;
  if (!in.row.allows_change(in.latest, next, in.id, in.barrier_committed())) return false;
  in.append_own(EntryKind::kChange, encode(next));
  in.finish();
  return true;
}

bool Replica::transfer(Instant now, NodeId to) {
  Inside& in = *inside_;
  in.tick(now);
  const Server* server = in.latest.find(to);
  if (!in.may_submit() || to == in.id || server == nullptr || server->role != Role::kVoter) {
    return false;
  }
  // To one that lags the engine would hand over too early, and hold writes for nothing.
  if (in.engine.match(to) != in.log.last()) return false;
  EngineStep& step = in.engine.transfer(in.time, to);
  const bool begun = !step.refused;
  in.take(step, {});
  in.finish();
  return begun;
}

void Replica::installed(Instant now) {
  Inside& in = *inside_;
  in.tick(now);
  if (!in.installing) return;
  in.own_token = std::move(in.installing->token);
  const Term term = in.installing->term;
  in.installing.reset();
  in.configuration_moved = true;
  in.take(in.engine.installed(in.time, in.own_token), {});
  if (term == in.term) in.verified = std::max(in.verified, in.own_token.index);
  in.finish();
}

void Replica::compact(Instant now, LogIndex applied, size_t trailing) {
  Inside& in = *inside_;
  in.tick(now);
  const LogIndex index = std::min({applied, in.commit, in.engine.commit()});
  // Never twice at one index: the engine divides by zero. Nor for nothing: a follower to which a
  // token is on its way waits the longer, the newer ours gets.
  if (in.installing || !in.log.has(index) || index <= in.own_token.index) return;
  if (index - in.log.offset() <= trailing || in.engine.committed_change() > index) return;
  in.own_token = {.index = index,
                  .term = in.log.at(index).term,
                  .configuration = in.committed,
                  .configuration_index = in.engine.committed_change()};
  in.take(in.engine.compacted(in.time, in.own_token, trailing), {});
  in.log.forget_up_to(index - trailing);
  in.finish();
}

bool Replica::give_back(size_t entries) {
  return inside_->log.give_back(entries);
}

EntryLog Replica::take_log() {
  return std::exchange(inside_->log, EntryLog());
}

// ---- questions ----

NodeId Replica::id() const {
  return inside_->id;
}
bool Replica::is_leader() const {
  return inside_->leads();
}
bool Replica::is_candidate() const {
  return inside_->engine.state() == Engine::State::kCandidate;
}
Term Replica::term() const {
  return inside_->term;
}
NodeId Replica::leader() const {
  return inside_->leads() ? inside_->id : inside_->leader;
}
Instant Replica::leader_heard() const {
  return inside_->leads() ? inside_->now : inside_->leader_heard;
}
LogIndex Replica::commit() const {
  return inside_->commit;
}
LogIndex Replica::last() const {
  return inside_->log.last();
}
LogIndex Replica::verified() const {
  if (inside_->installing) return LogIndex();
  return inside_->leads() ? inside_->log.last() : inside_->verified;
}
LogIndex Replica::barrier() const {
  return inside_->barrier;
}
bool Replica::barrier_committed() const {
  return inside_->barrier_committed();
}
bool Replica::installing() const {
  return inside_->installing.has_value();
}
bool Replica::changing() const {
  return inside_->changing();
}
NodeId Replica::handing_to() const {
  return inside_->engine.transferee();
}
LogIndex Replica::match(NodeId member) const {
  return inside_->engine.match(member);
}
const Configuration& Replica::latest() const {
  return inside_->latest;
}
const Configuration& Replica::committed() const {
  return inside_->committed;
}
LogIndex Replica::committed_configuration_index() const {
  return inside_->engine.committed_change();
}
const EntryLog& Replica::log() const {
  return inside_->log;
}
Term Replica::term_at(LogIndex index) const {
  return inside_->term_at(index);
}
const Replica::Counters& Replica::counters() const {
  return inside_->counters;
}
void Replica::check_invariants() const {
  inside_->check_invariants();
}

}  // namespace ram::consensus
