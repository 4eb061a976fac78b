#include "consensus/replica_inside.h"

#include <algorithm>

#include "base/check.h"
#include "base/limits.h"
#include "consensus/configuration_codec.h"

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

Replica::Inside::Inside(NodeId own_id, const ReplicaOptions& own_options, uint32_t seed,
                        Transport& transport, StateMachine& machine, const Fences& fences)
    : id(own_id),
      options(own_options),
      row(fences, counters),
      engine(own_id, settings_of(own_options), seed),
      flow_limits_{.bytes_max = own_options.inflight_bytes_max,
                   .entries_max = own_options.message_entries_max,
                   .message_bytes = own_options.message_bytes_max,
                   .patience = 4 * own_options.heartbeat,
                   .beat_every = own_options.heartbeat / 2},
      transport_(transport),
      machine_(machine) {
  RAM_CHECK(id);
  RAM_CHECK(options.inflight_entries_max > 0 && options.message_entries_max > 0);
  RAM_CHECK(options.message_entries_max <= kMessageEntriesMax);
}

void Replica::Inside::begin(Instant at) {
  RAM_CHECK(!started);
  started = true;
  start = now = leader_heard = at;
  configuration_moved = true;
}

EngineTime Replica::Inside::tick(Instant at) {
  RAM_CHECK(started);
  now = std::max(now, at);
  time = static_cast<EngineTime>(std::chrono::floor<milliseconds>(now - start).count()) + 1;
  return time;
}

Term Replica::Inside::term_at(LogIndex index) const {
  if (log.has(index)) return log.at(index).term;
  if (installing && installing->token.index == index) return installing->token.term;
  return own_token.index == index ? own_token.term : Term();
}

// ---- messages in ----

Situation Replica::Inside::situation(NodeId sender) const {
  const LogIndex base = installing ? installing->token.index : commit;
  return {.id = id,
          .term = engine.term(),
          .state = engine.state(),
          .pre_voting = engine.pre_voting(),
          .votes = engine.is_voter(),
          .installing = installing.has_value(),
          .base = base,
          .base_term = term_at(base),
          .leader = leads() ? id : leader,
          .leader_silent = now - leader_heard >= options.election_timeout,
          .sender_match = engine.match(sender),
          .log = log,
          .latest = latest};
}

void Replica::Inside::pass(NodeId from, AppendEntries& m, const Verdict&) {
  FenceRow::Cutter cutter(row, m, situation(from).base);
  while (std::optional<AppendPiece> piece = cutter.next()) {
    const LogIndex pending = engine.pending_change();
    // While a state is being installed the change is gone with the log, and the piece is ignored.
    if (log.has(pending) && row.implies_committed(pending, *piece, term_at(piece->previous))) {
      commit_change(pending);
    }

    const size_t count = piece->entries.size();
    const Term stated = count > 0 ? piece->entries.back().term : piece->previous_term;
    EngineStep& step = engine.append(time, from, *piece);
    const bool over = step.refused || step.rejected;
    hear_leader(from, m.term);
    take(step, piece->entries);
    verify(m.term, piece->previous + count, stated);
    settle();
    if (over) return;
  }
}

void Replica::Inside::pass(NodeId from, AppendEntriesResult& m, const Verdict& verdict) {
  if (const auto flow = flows.find(from); flow != flows.end()) {
    (void)flow->second.was_asked_again();
  }
  take(engine.receive(time, from, m, verdict.as_voter), {});
  const auto flow = flows.find(from);
  if (flow == flows.end()) return;
  flow->second.acknowledge(now, log, engine.match(from));
  // The engine answers a refusal by asking again, once; with each heartbeat, whatever happened.
  if (m.rejected && flow->second.was_asked_again()) flow->second.lose(now);
  pump(from, flow->second);
}

void Replica::Inside::pass(NodeId from, InstallSnapshot& m, const Verdict& verdict) {
  EngineStep& step = engine.receive(time, from, m, verdict.as_voter);
  const bool replaced = step.replaced;
  if (replaced) installing = Installing{.token = m.token, .term = m.term};
  hear_leader(from, m.term);
  take(step, {});
  if (replaced) machine_.on_install(installing->token, from);
  verify(m.term, m.token.index, m.token.term);
}

void Replica::Inside::hear_leader(NodeId from, Term of_term) {
  note_term();
  if (of_term != term) return;
  leader = from;
  leader_heard = now;
}

// READ-LEASES R2, for a message of `of_term` which said that entry `index` has term `stated`.
void Replica::Inside::verify(Term of_term, LogIndex index, Term stated) {
  if (of_term != term || installing || !index) return;
  if (index <= own_token.index || (log.has(index) && log.at(index).term == stated)) {
    verified = std::max(verified, index);
  }
}

// ---- what a step asks for, in the order of ENGINE.md section 3 ----

void Replica::Inside::take(EngineStep& step, std::span<LogEntry> given, LogIndex stored) {
  ++counters.steps;
  note_term();
  if (step.store_from) {
    store(step, given);
    stored = step.store_from;
  }
  if (step.replaced) {
    log.restart_after(installing->token.index);
    changes.clear();
  }
  RAM_CHECK(engine.last() == log.last());
  verified = std::min(verified, log.last());  // a leader of this term took back what it had said
  if (std::exchange(configuration_moved, false)) {
    latest = engine.latest_configuration();
    committed = engine.committed_configuration();
    std::erase_if(flows, [&](const auto& flow) { return latest.find(flow.first) == nullptr; });
  }
  for (EngineStep::Outgoing& outgoing : step.messages) post(outgoing);
  const bool commit_moved = step.commit_moved;
  if (stored) machine_.on_log_changed(stored);
  if (commit_moved) note_commit();
}

void Replica::Inside::store(const EngineStep& step, std::span<LogEntry> given) {
  const LogIndex from = step.store_from;
  if (from <= log.last()) {
    log.truncate_from(from);
    for (; !changes.empty() && changes.back() >= from; changes.pop_back()) {
      configuration_moved = true;
    }
  }
  RAM_CHECK(from == log.last().next());
  if (step.store_barrier) log.push({term, EntryKind::kBarrier, {}});
  if (!step.store_barrier) {
    for (LogEntry& entry : given.subspan(step.store_first, step.store_count)) {
      if (entry.kind == EntryKind::kChange) {
        changes.push_back(log.last().next());
        configuration_moved = true;
      }
      log.push(std::move(entry));
    }
  }
  // F14: the engine counts the entries of its log in 32 bits.
  RAM_CHECK(log.size() < options.log_entries_bound);
  if (leads() && !barrier) barrier = from;
}

void Replica::Inside::post(EngineStep::Outgoing& outgoing) {
  if (const auto* append = std::get_if<AppendEntries>(&outgoing.message)) {
    post_append(outgoing.to, *append, outgoing.entries);
    return;
  }
  if (auto* install = std::get_if<InstallSnapshot>(&outgoing.message)) {
    RAM_CHECK(install->token.index == own_token.index);
    install->token = own_token;
    flows.erase(outgoing.to);
  }
  outbox.emplace_back(outgoing.to, std::move(outgoing.message));
}

// The engine asks by number of entries alone: bytes are bounded here, and messages cut.
void Replica::Inside::post_append(NodeId to, const AppendEntries& head, size_t count) {
  Flow& flow = flows[to];
  flow.want(now, log, flow_limits_, head.previous, count, engine.match(to));
  const size_t mark = outbox.size();
  const bool due = flow.beat_due(now, flow_limits_);
  if (count == 0 || (flow.heavy() && due)) {
    post_heartbeat(to, flow, head.previous, head.previous_term);
  }
  pump(to, flow);
  // Whatever keeps the entries back: the engine believes that it was heard.
  if (outbox.size() == mark && due) post_heartbeat(to, flow, head.previous, head.previous_term);
}

void Replica::Inside::post_heartbeat(NodeId to, Flow& flow, LogIndex previous, Term previous_term) {
  const LogIndex match = engine.match(to);
  if (match && term_at(match) && flow.outruns(log, previous)) {
    previous = match;
    previous_term = term_at(match);
  }
  flow.on_beat(now);
  outbox.emplace_back(to, AppendEntries{.term = term,
                                        .previous = previous,
                                        .previous_term = previous_term,
                                        .commit = engine.commit(),
                                        .entries = {}});
}

void Replica::Inside::pump(NodeId to, Flow& flow) {
  // Where the term before is forgotten, the engine will send a token.
  while (!flow.sent() || term_at(flow.sent())) {
    const std::optional<Flow::Slice> slice = flow.take(log, flow_limits_);
    if (!slice) return;
    AppendEntries part{.term = term,
                       .previous = slice->previous,
                       .previous_term = term_at(slice->previous),
                       .commit = engine.commit(),
                       .entries = {}};
    part.entries.reserve(slice->count);
    for (LogIndex index = slice->previous; part.entries.size() < slice->count;) {
      part.entries.push_back(log.at(++index));
    }
    outbox.emplace_back(to, std::move(part));
  }
}

void Replica::Inside::lost(NodeId member) {
  const auto flow = flows.find(member);
  if (flow == flows.end()) return;
  flow->second.lose(now);
  pump(member, flow->second);
}

void Replica::Inside::note_term() {
  if (term != engine.term()) {
    term = engine.term();
    verified = LogIndex();
    leader = NodeId();
    flows.clear();
  }
  if (!leads()) {
    barrier = LogIndex();
    flows.clear();
  }
  // A sole voter leads the term in which it was founded: entry 1 is of it.
  if (leads() && !barrier && log.size() > 0 && log.at(log.last()).term == term) {
    barrier = log.last();
    while (log.has(barrier.previous()) && log.at(barrier.previous()).term == term) {
      barrier = barrier.previous();
    }
  }
}

void Replica::Inside::note_commit() {
  const LogIndex before = commit;
  commit = row.commit(before, engine.commit(), engine.installing());
  if (commit == before) return;
  // What the token covers is in hand: no news.
  if (commit > own_token.index) machine_.on_committed(commit);
}

// ---- entries of our own ----

LogIndex Replica::Inside::append_own(EntryKind kind, SharedBytes payload) {
  LogEntry entry{engine.term(), kind, std::move(payload)};
  const size_t mark = outbox.size();
  EngineStep& step = engine.submit(time, entry);
  RAM_CHECK(!step.refused);
  take(step, std::span(&entry, 1));
  kick(log.last(), mark);
  return log.last();
}

// F12: who has all but the entry at `index`, and was sent nothing since `mark` of the outbox, gets
// it. The engine would let it wait for the next heartbeat, having heard nothing from it for a
// while.
void Replica::Inside::kick(LogIndex index, size_t mark) {
  const Term previous_term = term_at(index.previous());
  if (!previous_term) return;
  const size_t end = outbox.size();
  for (const Server& server : latest.servers) {
    if (server.id == id) continue;
    bool sent = false;
    for (size_t i = mark; i < end && !sent; ++i) sent = outbox[i].first == server.id;
    if (sent || !row.wants_kick(engine.match(server.id), index)) continue;
    post_append(server.id,
                {.term = term,
                 .previous = index.previous(),
                 .previous_term = previous_term,
                 .commit = engine.commit(),
                 .entries = {}},
                1);
  }
}

void Replica::Inside::persist() {
  if (installing || engine.stored() >= log.last()) return;
  take(engine.persisted(time, log.last()), {});
}

void Replica::Inside::commit_change(LogIndex index) {
  const std::optional<Configuration> configuration =
      decode_configuration(log.at(index).payload.view());
  RAM_CHECK(configuration);
  configuration_moved = true;
  take(engine.committed(time, index, *configuration), {});
}

// What a step brings about before anything else may come in.
void Replica::Inside::settle() {
  while (!changes.empty() && changes.front() <= commit) {
    const LogIndex index = changes.front();
    changes.pop_front();
    commit_change(index);
  }
  if (leads() && row.wants_barrier(static_cast<bool>(barrier))) {
    append_own(EntryKind::kBarrier, {});
  }
  // A follower's answer is its effect. A leader counts itself once per pass, in flush().
  if (!leads()) persist();
}

void Replica::Inside::finish() {
  settle();
  for (auto& [to, message] : outbox) {
    row.outbound(message, term);
    transport_.send(to, std::move(message));
  }
  outbox.clear();
}

void Replica::Inside::check_invariants() const {
  RAM_CHECK(engine.last() == log.last());
  RAM_CHECK(engine.installing() == installing.has_value());
  RAM_CHECK(engine.stored() <= log.last());
  RAM_CHECK(term == engine.term());
  RAM_CHECK(outbox.empty());
  RAM_CHECK(log.offset() <=
            std::max(own_token.index, installing ? installing->token.index : LogIndex()));
  RAM_CHECK(installing || commit <= log.last());
  RAM_CHECK(installing || commit >= own_token.index);
  RAM_CHECK(installing || verified <= log.last());
  RAM_CHECK(!installing || engine.state() == Engine::State::kFollower);
  RAM_CHECK(latest == engine.latest_configuration());
  RAM_CHECK(committed == engine.committed_configuration());
  RAM_CHECK(changes.empty() || (changes.front() > commit && changes.back() <= log.last()));
  RAM_CHECK(flows.empty() || leads());
  // The barrier may have been forgotten with the rest of the log.
  RAM_CHECK(!barrier || leads());
  RAM_CHECK(!log.has(barrier) || term_at(barrier) == term);
}

}  // namespace ram::consensus
