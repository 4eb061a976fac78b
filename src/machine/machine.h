// The deterministic state machine: the same records, in the same order, make the same state and the
// same replies on every node, whatever the clock, the pointers or the seed of the store's hash.
//
// The state is: the store's tables, the sessions, the revision, the time, the parameters, and the
// index up to which all of it was applied. apply() cannot fail: a record that can be decoded always
// has its replies; one that cannot must stop the process, since going on would diverge.
//
// Readers see a record's effects at once and whole, when it is published; replies are handed out
// afterwards, so that who gets one can read what it says.
//
// Loop thread only.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/ids.h"
#include "base/limits.h"
#include "machine/command.h"
#include "machine/command_codec.h"
#include "machine/parameters.h"
#include "machine/sessions.h"
#include "machine/staging.h"
#include "machine/tables.h"
#include "store/store.h"

namespace ram::machine {

class FrozenState;

// Mistakes that tests make on purpose, to see that they are caught.
struct Faults {
  bool apply_repeats = false;  // a transaction that arrives twice takes effect twice
  bool apply_gaps = false;     // one takes effect though one before it is missing
};

// Hears what became of the records of one origin. Must not call the machine's methods, unless
// const.
class ReplySink {
 public:
  virtual ~ReplySink() = default;
  // Transaction `sequence` was applied and is visible. `reply` is valid during the call.
  virtual void on_reply(Sequence sequence, const Reply& reply) = 0;
  // These were not applied, since one before them is missing; to be sent again.
  virtual void on_gap(Sequence first, Sequence last) = 0;
  // These had been applied before; had no effect.
  virtual void on_repeat(Sequence first, Sequence last) {
    static_cast<void>(first);
    static_cast<void>(last);
  }
};

class Machine {
 public:
  // Begins with an empty state, at index 0. `store` is new; the machine is its only writer, and the
  // first to go, unless it is dismantled.
  Machine(store::Store& store, const Parameters& parameters, Faults faults = {});
  Machine(const Machine&) = delete;
  Machine& operator=(const Machine&) = delete;
  ~Machine();

  // Applies the record that is committed at `index`, and publishes. Tells `sink`, if there is one,
  // about transactions of `mine`. False: the record cannot be decoded; nothing was done.
  // Requires: `index` is the one after applied().
  [[nodiscard]] bool apply(LogIndex index, std::string_view record, ReplySink* sink, NodeId mine);
  // The entry at `index` is none of ours (a barrier, a configuration). Requires: as apply().
  void apply_barrier(LogIndex index);

  // The state goes on as that of another cluster, which names this one as its ancestor.
  void found_anew(ClusterId cluster);

  Revision revision() const { return revision_; }
  LogIndex applied() const { return applied_; }
  // Highest time that a leader stamped.
  WallMs time() const { return time_; }
  const Parameters& parameters() const { return parameters_; }
  const Sessions& sessions() const { return sessions_; }
  const Tables& tables() const { return tables_; }
  // Equal states have equal digests. Cost: grows with the number of sessions.
  uint64_t digest() const;

  // The whole state as of now, to be written piece by piece while this goes on; pieces are of about
  // `piece_bytes`. Null: the store has no room for another view. Must be destroyed before this.
  std::unique_ptr<FrozenState> freeze(size_t piece_bytes = kStatePieceBytes);

  // Frees so many chunks of replies that nobody needs. True: there are more.
  bool give_back(size_t chunks) { return sessions_.give_back(chunks); }
  // Frees what this has beside the store, so many blocks at a time; true: more to do. Does not
  // touch the store, which may be gone. Afterwards only this and the destructor are to be called.
  bool dismantle(size_t& budget) {
    return sessions_.dismantle(budget) || tables_.dismantle(budget);
  }

  // Cost: grows with the number of tables and sessions.
  void check_invariants() const;

 private:
  friend class StateLoader;

  void apply_transactions(LogIndex index, RecordReader& record, ReplySink* sink);
  void apply_transaction(std::string_view bytes, size_t& work_left, Reply& reply);
  // Has the memory fetched that the transaction will look at first.
  void prefetch(std::string_view bytes);
  void publish(LogIndex index);

  Tables tables_;
  Staging staging_;
  Parameters parameters_;
  const Faults faults_;
  Sessions sessions_;
  Revision revision_;
  LogIndex applied_;
  WallMs time_{0};
};

}  // namespace ram::machine
