// What must hold between all nodes at all times, looked at from above after each pass of a node:
// one cluster, at most one leader in a term, the same entry and the same digest at the same index,
// logs that match, leaders that have what was committed, and nothing that runs backwards.
//
// Sources: the safety properties of Ongaro and Ousterhout, "In Search of an Understandable
// Consensus Algorithm", extended version, figure 3.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "consensus/entry_log.h"
#include "node/node_core.h"

namespace ram::sim {

class Agreement {
 public:
  using Fail = std::function<void(const std::string& why)>;
  using Note = std::function<void(uint64_t word)>;

  // `note` hears of what is seen, for the trace.
  Agreement(Fail fail, Note note) : fail_(std::move(fail)), note_(std::move(note)) {}

  // The process `id`, whose pass ended.
  void look(NodeId id, const node::NodeCore& core);
  // A survivor of `lost` goes on from it, as `heir`; one, once.
  void goes_on(ClusterId lost, ClusterId heir);
  // It is gone.
  void forget(NodeId id) { seen_.erase(id); }

  struct Counters {
    uint64_t elections = 0;
    uint64_t states_installed = 0;  // by members that had fallen behind
    uint64_t states_joined = 0;     // by nodes that joined
    uint64_t clusters = 0;
    uint64_t compactions = 0;
    uint64_t entries = 0;  // committed
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Entry {
    Term term;
    uint64_t hash = 0;
    Term seen_in;  // a leader of a later term must have it
  };
  // One cluster's truth. Indexes count from `base`: what was committed is known from there on.
  struct Truth {
    std::vector<Entry> committed;  // [i] is index i; index 0 is none
    std::map<Term, NodeId> leaders;
    std::unordered_map<uint64_t, uint64_t> entries;  // (index, term) -> hash
    std::vector<std::string> digests;                // by applied index; empty: not seen
  };
  // What a process showed last.
  struct Seen {
    ClusterId cluster;
    Term term;
    LogIndex commit, applied, last, offset;
    Term last_term;
    LogIndex checked;  // entries up to here were compared as committed
    uint64_t revision = 0;
    bool leader = false;
    bool installing = false;
  };

  void look_at_cluster(NodeId id, Seen& seen, const node::NodeCore& core);
  void look_at_replica(NodeId id, Seen& seen, const node::NodeCore& core, Truth& truth);
  void look_at_entries(NodeId id, Seen& seen, const consensus::Replica& replica, Truth& truth);
  void look_at_leader(NodeId id, const consensus::Replica& replica, Truth& truth);
  void look_at_state(NodeId id, Seen& seen, const node::NodeCore& core, Truth& truth);
  // Whether it went on as that, or as one that went on as that.
  bool became(ClusterId lost, ClusterId heir) const;
  static uint64_t hash_of(const consensus::LogEntry& entry);

  const Fail fail_;
  const Note note_;
  std::map<NodeId, Seen> seen_;  // live processes
  std::map<ClusterId, Truth> truths_;
  std::map<ClusterId, ClusterId> heirs_;
  Counters counters_;
};

}  // namespace ram::sim
