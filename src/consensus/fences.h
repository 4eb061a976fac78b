// The fences F1-F15 of ENGINE.md section 4: what stands between the wire and the engine, because
// the engine, built for ordered streams and disks, goes wrong without. Each is in one place, here,
// has a number, a switch for tests, and a count of how often it acted.
//
// The rules say what is to become of a message or a decision; they touch neither engine nor log.
//
// One thread.
#pragma once

#include <cstdint>
#include <optional>

#include "base/ids.h"
#include "consensus/configuration.h"
#include "consensus/engine.h"
#include "consensus/entry_log.h"
#include "consensus/message.h"
#include "consensus/replica.h"

namespace ram::consensus {

// What the rules look at.
struct Situation {
  NodeId id;
  Term term;
  Engine::State state = Engine::State::kFollower;
  bool pre_voting = false;
  bool votes = false;  // a voter in our own view
  bool installing = false;
  // Every leader's log equals ours up to here: our commit index or, while installing, the token's.
  LogIndex base;
  Term base_term;
  NodeId leader;               // of this term; none if not known
  bool leader_silent = false;  // whoever it was, for an election timeout or longer
  LogIndex sender_match;       // leader: what the sender is known to have
  const EntryLog& log;
  const Configuration& latest;
};

struct Verdict {
  enum class Passage : uint8_t { kDrop, kAnswer, kPass };
  Passage passage = Passage::kPass;
  AppendEntriesResult answer;  // kAnswer: this instead of the engine's
  bool as_voter = false;       // kPass: a vote, judged as if we were a voter
};

class FenceRow {
 public:
  FenceRow(const Fences& on, Replica::Counters& counters) : on_(on), counters_(counters) {}

  // What comes in from `from`, an authenticated member or former member of this cluster. May change
  // the message. F1, F2, F4, F5, F6, F7, F8, F13, F15.
  Verdict inbound(const Situation& here, NodeId from, Message& message);

  // The next piece of `message` to hand over, `done` of its entries having been; nothing at the
  // end. F3: first the same without entries, then each change at the head of a piece of its own.
  class Cutter {
   public:
    Cutter(FenceRow& row, AppendEntries& message, LogIndex commit);
    std::optional<AppendPiece> next();

   private:
    FenceRow& row_;
    AppendEntries& message_;
    bool bare_first_;  // a piece without entries is still to come
    bool finished_ = false;
    size_t done_ = 0;
  };
  // F3: the pending change at `pending` is committed, since one that came later follows it in a log
  // that ours equals up to `piece.previous`.
  bool implies_committed(LogIndex pending, const AppendPiece& piece, Term own_previous_term);

  // What goes out. F6.
  void outbound(Message& message, Term own);

  // F9: ours, after the engine named its own.
  LogIndex commit(LogIndex ours, LogIndex engines, bool installing);
  // F10: a leader that may have appended nothing in its term yet.
  bool wants_barrier(bool appended);
  // F10, F11.
  bool allows_change(const Configuration& latest, const Configuration& next, NodeId leader,
                     bool barrier_committed);
  // F12: an entry at `index` was submitted and not sent to a member that has `match`.
  bool wants_kick(LogIndex match, LogIndex index);

 private:
  Verdict judge(const Situation& here, NodeId from, AppendEntries& m);
  Verdict judge(const Situation& here, NodeId from, AppendEntriesResult& m);
  Verdict judge(const Situation& here, NodeId from, RequestVote& m);
  Verdict judge(const Situation& here, NodeId from, RequestVoteResult& m);
  Verdict judge(const Situation& here, NodeId from, InstallSnapshot& m);
  Verdict judge(const Situation& here, NodeId from, TimeoutNow& m);
  // Common to AppendEntries and InstallSnapshot: F1, F4.
  std::optional<Verdict> judge_leader(const Situation& here, Term term, LogIndex previous);
  void skip_committed(const Situation& here, AppendEntries& m);
  bool stands(bool on, unsigned number, bool would_act);
  Verdict drop() { return {.passage = Verdict::Passage::kDrop, .answer = {}}; }

  const Fences on_;
  Replica::Counters& counters_;
};

}  // namespace ram::consensus
