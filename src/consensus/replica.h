// One member of a Raft group: libraft's raft_step, held and fenced (docs/decisions, ENGINE.md),
// with the log in memory.
//
// An event goes in with the time it happened; what follows goes out through the two ports before
// the call returns. Nothing here reads a clock, draws a random number of its own, or does I/O.
// Payloads of records are opaque. The leader submits records; several may be in flight.
//
// Volatile: a process that starts is a new server with an empty log (never the same id twice), so
// there is nothing to persist.
//
// Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), chapters 3, 4 and 9.6.
// One thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "base/ids.h"
#include "base/limits.h"
#include "consensus/configuration.h"
#include "consensus/message.h"

namespace ram::consensus {

class EntryLog;
class StateMachine;
class Transport;

struct ReplicaOptions {
  Duration election_timeout = std::chrono::milliseconds(500);  // drawn from once to twice this
  Duration heartbeat = std::chrono::milliseconds(50);
  Duration install_timeout = std::chrono::seconds(1);
  size_t inflight_entries_max = 65'536;
  size_t inflight_bytes_max = kReplicationBytesMax;
  size_t message_entries_max = 4'096;
  size_t message_bytes_max = size_t{1} << 20;
  // F14: the log must be compacted before it has so many entries, or the process stops.
  size_t log_entries_bound = size_t{1} << 31;
};

// Fences that a test may take away, to see that it is caught without (ENGINE.md section 4).
struct Fences {
  bool f1 = true, f2 = true, f3 = true, f4 = true, f5 = true, f6 = true, f7 = true, f8 = true,
       f9 = true, f10 = true, f11 = true, f12 = true, f13 = true, f15 = true;
  bool f10_changes = true;  // of F10, that changes of members wait for the barrier
};

class Replica {
 public:
  Replica(NodeId id, ReplicaOptions options, uint32_t seed, Transport& transport,
          StateMachine& machine, Fences fences = {});
  ~Replica();

  // Exactly one of these, once, before anything else.
  // A founder: all founders start from the same configuration, their entry 1. A lone voter leads at
  // once. Requires: a valid configuration (configuration_codec.h).
  void found(Instant now, const Configuration& configuration);
  // A node that already has the state of `token` in hand, or a newer one. commit() and last() are
  // the token's index. Requires: a valid token (message_codec.h).
  void resume(Instant now, const SnapshotToken& token);

  // `from` is the authenticated sender. What does not make sense is dropped, whoever sent it (F15).
  void receive(Instant now, NodeId from, Message message);
  // Call when next_deadline() is reached; harmless when early.
  void on_time(Instant now);
  Instant next_deadline() const;
  // What is on its way to `member` is lost: the stream that carried it broke.
  void lost(Instant now, NodeId member);
  // Once at the end of each pass of the loop, after its submits and receives: what was appended
  // counts from here on.
  void flush(Instant now);

  // The leader appends a record; its index, or nothing if this is no leader or it hands over.
  std::optional<LogIndex> submit(Instant now, SharedBytes record);
  // The leader changes one server (F11): adds, removes, or gives it another role or description,
  // the others in their order. False if it cannot now: not leader, its barrier or an earlier change
  // not committed, handing over; or ever: not one server differs, it is the leader that is to go or
  // to lose its vote, the configuration is not valid.
  bool change(Instant now, const Configuration& next);
  // Hands leadership to the voter `to`, whose match is our last index; false if it cannot now.
  bool transfer(Instant now, NodeId to);
  // The state of the token that on_install() named, or a newer one, is in hand.
  void installed(Instant now);
  // Forgets entries up to min(applied, commit) but the last `trailing`, which should be more than
  // the window. Nothing happens if there are no others, or while installing.
  void compact(Instant now, LogIndex applied, size_t trailing);
  // Frees so many of the entries that the log has forgotten. True: there are more.
  bool give_back(size_t entries);
  // The log, to be freed in pieces by whoever goes on. Afterwards this is only to be destroyed.
  EntryLog take_log();

  NodeId id() const;
  bool is_leader() const;
  bool is_candidate() const;
  Term term() const;
  // Of this term, as learnt from its AppendEntries (ourselves if we lead); none if not known.
  NodeId leader() const;
  // When a leader of the then current term was last heard (now, if we lead); the start if never. A
  // new term alone does not change it.
  Instant leader_heard() const;
  LogIndex commit() const;
  LogIndex last() const;
  // READ-LEASES R2: our log equals that of the term's leader up to here; all of it, if we lead. 0
  // while installing.
  LogIndex verified() const;
  // Leader: index of the first entry of its term (F10), which may have been forgotten since; 0
  // otherwise.
  LogIndex barrier() const;
  // Leader, with an entry of its term committed.
  bool barrier_committed() const;
  bool installing() const;
  bool changing() const;      // a change is not yet committed
  NodeId handing_to() const;  // none: no hand-over is under way
  // Leader: what `member` is known to have; 0 if not known.
  LogIndex match(NodeId member) const;
  const Configuration& latest() const;     // newest in the log
  const Configuration& committed() const;  // newest committed
  LogIndex committed_configuration_index() const;
  const EntryLog& log() const;
  // 0 if not known (forgotten, or beyond the end).
  Term term_at(LogIndex index) const;

  // Counters for the curious and for tests: how often a fence acted.
  struct Counters {
    uint64_t steps = 0;        // of the engine
    uint64_t fenced[16] = {};  // by number
  };
  const Counters& counters() const;

  void check_invariants() const;

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace ram::consensus
