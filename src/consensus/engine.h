// One step of libraft 0.22.1: an event in, what to do out. Raft itself is in here, and nothing of
// ours but the care that ENGINE.md section 3 asks for: who owns which bytes, what may be handed
// over when, what an update means.
//
// The engine believes what it is told and, as Debian builds it, checks nothing: each method states
// what it requires. fences.h sees to it for what comes from others, replica.cc for the rest.
//
// It knows the terms of entries, not the entries: who holds the engine stores them, and fills them
// into the messages that say how many they want.
//
// One thread. raft.h is included by engine.cc and engine_values.cc, and by nobody else.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "base/ids.h"
#include "consensus/configuration.h"
#include "consensus/message.h"

struct raft;
struct raft_entry;
struct raft_event;

namespace ram::consensus {

// Milliseconds on the engine's own clock, which never goes back.
using EngineTime = uint64_t;

struct EngineSettings {
  uint32_t election_timeout_ms = 500;
  uint32_t heartbeat_ms = 50;
  uint32_t install_timeout_ms = 1000;
  uint32_t inflight_entries_max = 65'536;
};

// An AppendEntries, or a part of one, as it is handed to the engine.
struct AppendPiece {
  Term term;
  LogIndex previous;
  Term previous_term;
  LogIndex commit;
  uint8_t version = 0;
  std::span<LogEntry> entries;
};

// What a step asks for; to be done in the order of the fields.
struct EngineStep {
  // The engine would not: nothing else is asked for.
  bool refused = false;
  // Entries to store from here on; what stood there is gone. None: nothing to store.
  LogIndex store_from;
  size_t store_first = 0;      // of the entries handed in, from this one on,
  size_t store_count = 0;      // so many,
  bool store_barrier = false;  // or instead a barrier of the engine's own making
  // The log is gone; it will go on after the token that was handed in, once its state is in hand.
  bool replaced = false;
  struct Outgoing {
    NodeId to;
    Message message;     // an InstallSnapshot names index and term of the token, no configuration
    size_t entries = 0;  // of an AppendEntries: how many to fill in after `previous`
  };
  std::vector<Outgoing> messages;
  // An AppendEntries was refused.
  bool rejected = false;
  // The commit index may have moved, forward or back.
  bool commit_moved = false;
};

class Engine {
 public:
  enum class State : uint8_t { kFollower, kCandidate, kLeader };

  Engine(NodeId id, const EngineSettings& settings, uint32_t seed);
  ~Engine();

  // Each returns what to do: the same object each time, to be taken apart before the next. `now`
  // never goes back.

  // First of all, once. `entry` is entry 1, a kChange that decodes.
  EngineStep& found(EngineTime now, const LogEntry& entry);
  // First of all, once, instead. Requires: a valid token.
  EngineStep& resume(EngineTime now, const SnapshotToken& token);

  // Requires: now >= deadline().
  EngineStep& timeout(EngineTime now);
  // Requires: what F15 checks; a kChange is the first of the piece.
  EngineStep& append(EngineTime now, NodeId from, const AppendPiece& piece);
  // Any message but an AppendEntries. Requires: what F15 checks. `as_voter`: judge a vote as if we
  // were a voter (F7).
  EngineStep& receive(EngineTime now, NodeId from, const Message& message, bool as_voter);
  // Requires: of the current term; a kChange decodes and keeps the order of servers.
  EngineStep& submit(EngineTime now, const LogEntry& entry);
  // What is stored counts, up to `last`. Requires: stored() < last <= last(), not installing().
  EngineStep& persisted(EngineTime now, LogIndex last);
  // The change at `index` is committed. Another than the pending one is ignored.
  EngineStep& committed(EngineTime now, LogIndex index, const Configuration& configuration);
  // We can send a state of `token`, and forget entries but for `trailing` before its index.
  // Requires: its index is above that of any token before, at most commit(), its entry in the log.
  EngineStep& compacted(EngineTime now, const SnapshotToken& token, size_t trailing);
  // The state of the token that `replaced` was about is in hand. Requires: installing().
  EngineStep& installed(EngineTime now, const SnapshotToken& token);
  // Requires: `to` matches last().
  EngineStep& transfer(EngineTime now, NodeId to);

  EngineTime deadline() const;
  State state() const;
  bool pre_voting() const;  // a candidate, not yet in earnest
  Term term() const;
  LogIndex last() const;
  LogIndex stored() const;
  LogIndex commit() const;  // may go back (F9)
  bool installing() const;
  bool is_voter() const;  // in our own view
  NodeId transferee() const;
  LogIndex match(NodeId member) const;  // 0: not leader, or no member
  LogIndex pending_change() const;      // 0: none
  LogIndex committed_change() const;
  Configuration latest_configuration() const;
  Configuration committed_configuration() const;

  // Blocks that all engines of this process hold, for tests.
  static int64_t blocks_held();

 private:
  EngineStep& step(raft_event& event);

  struct Close {
    void operator()(raft* engine) const;
  };
  const NodeId id_;
  std::unique_ptr<raft, Close> raft_;
  std::vector<raft_entry> handed_;  // what the engine's view of entries points into
  EngineStep step_;
};

}  // namespace ram::consensus
