// What a Replica holds, and how it does what a step of the engine asks for. replica.cc has the
// events and the questions.
//
// One thread.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "consensus/configuration.h"
#include "consensus/engine.h"
#include "consensus/entry_log.h"
#include "consensus/fences.h"
#include "consensus/flow.h"
#include "consensus/message.h"
#include "consensus/ports.h"
#include "consensus/replica.h"

namespace ram::consensus {

class Replica::Inside {
 public:
  struct Installing {
    SnapshotToken token;
    Term term;  // of the message that brought it
  };

  Inside(NodeId own_id, const ReplicaOptions& own_options, uint32_t seed, Transport& transport,
         StateMachine& machine, const Fences& fences);

  // Every call of a Replica's begins with tick() and ends with finish().
  void begin(Instant at);
  EngineTime tick(Instant at);
  // Everything is as it will be, and messages may go.
  void finish();

  // What a fence needs to know to judge what `sender` sent.
  Situation situation(NodeId sender) const;
  // Hands over what the fences let pass.
  void pass(NodeId from, AppendEntries& m, const Verdict& verdict);
  void pass(NodeId from, AppendEntriesResult& m, const Verdict& verdict);
  void pass(NodeId from, InstallSnapshot& m, const Verdict& verdict);
  template <class Other>
  void pass(NodeId from, Other& m, const Verdict& verdict) {
    take(engine.receive(time, from, m, verdict.as_voter), {});
  }

  // Does what a step asks for, in the order of ENGINE.md section 3. `given` are the entries that
  // were handed in; `stored`, from where on some are in the log already.
  void take(EngineStep& step, std::span<LogEntry> given, LogIndex stored = {});
  // Appends an entry of our own term. Requires: may_submit().
  LogIndex append_own(EntryKind kind, SharedBytes payload);
  // What is in the log counts.
  void persist();
  void lost(NodeId member);

  bool leads() const { return engine.state() == Engine::State::kLeader; }
  bool may_submit() const { return leads() && !engine.transferee(); }
  bool changing() const { return !changes.empty() || engine.pending_change(); }
  bool barrier_committed() const { return barrier && commit >= barrier; }
  Term term_at(LogIndex index) const;
  void check_invariants() const;

  const NodeId id;
  const ReplicaOptions options;
  Counters counters;
  FenceRow row;
  Engine engine;
  EntryLog log;

  bool started = false;
  Instant start, now;
  EngineTime time = 0;  // now, as the engine counts it

  Term term;  // the engine's, when last looked
  NodeId leader;
  Instant leader_heard;
  LogIndex verified;
  LogIndex commit;
  LogIndex barrier;
  SnapshotToken own_token;  // the newest state that we can name; index 0: none
  std::optional<Installing> installing;
  std::deque<LogIndex> changes;  // kChange entries of the log above the commit index
  Configuration latest, committed;
  bool configuration_moved = false;  // those two are to be read anew

  std::map<NodeId, Flow> flows;  // leader: to the others
  std::vector<std::pair<NodeId, Message>> outbox;

 private:
  void store(const EngineStep& step, std::span<LogEntry> given);
  void post(EngineStep::Outgoing& outgoing);
  void post_append(NodeId to, const AppendEntries& head, size_t count);
  void post_heartbeat(NodeId to, Flow& flow, LogIndex previous, Term previous_term);
  void pump(NodeId to, Flow& flow);
  void note_term();
  void note_commit();
  void hear_leader(NodeId from, Term of_term);
  void verify(Term of_term, LogIndex index, Term stated);
  void kick(LogIndex index, size_t mark);
  void commit_change(LogIndex index);
  void settle();

  const FlowLimits flow_limits_;
  Transport& transport_;
  StateMachine& machine_;
};

}  // namespace ram::consensus
