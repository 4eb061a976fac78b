// For tests: a cluster of replicas in one thread, from one seed. Messages are lost, repeated,
// reordered and cut off one way or both; processes pause, and crash and come back as new members
// with a state of others; leaders compact, hand over, and change the configuration. Raft's
// invariants are checked after every call of every replica, convergence once everything is healed.
//
// The seed also draws the options of the run (swarm testing), so that edges come early.
//
// Source of the invariants: Ongaro and Ousterhout, "In Search of an Understandable Consensus
// Algorithm" (extended version), figure 3.
#pragma once

#include <cstdint>
#include <iosfwd>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/random.h"
#include "consensus/entry_log.h"
#include "consensus/ports.h"
#include "consensus/replica.h"

namespace ram::consensus {

class ReplicaSim {
 public:
  struct Report {
    std::string violation;  // empty: none
    uint64_t committed = 0, elections = 0, crashes = 0, installs = 0, compactions = 0,
             transfers = 0, changes = 0, messages = 0;
    uint64_t fenced[16] = {};
    uint64_t digest = 0;  // of everything that happened

    Report& operator+=(const Report& other);
    friend std::ostream& operator<<(std::ostream& out, const Report& report);
  };

  explicit ReplicaSim(uint64_t seed, Fences fences = {});
  ~ReplicaSim();
  // `busy` of virtual time with faults, then healing.
  Report run(Duration busy);

 private:
  enum class What : uint8_t { kDeliver, kTick, kClients, kOperator, kFault, kInstall, kBoot };
  struct Event {
    Instant at;
    uint64_t number;  // ties are broken by the order of planning
    What what;
    NodeId node;
    uint64_t token = 0;  // kTick: which plan; kBoot: the slot
    NodeId from;
    std::shared_ptr<const Message> message;
    bool operator<(const Event& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };
  class Node;
  struct Committed {
    Term term;
    uint64_t digest = 0;  // of this entry and all before
    Term seen_in;         // the term of who first said so
  };

  void plan(Duration in, What what, NodeId node = {}, uint64_t token = 0, NodeId from = {},
            std::shared_ptr<const Message> message = nullptr);
  void handle(const Event& event);
  void carry(Node& from, NodeId to, Message message);
  bool boot(uint64_t slot, NodeId id);
  void crash(Node& node);
  void install(Node& node);
  void clients();
  void operate();
  void operate_as(Node& leader);
  void fault();
  void after(Node& node);
  bool whole() const;

  void check_log(Node& node);
  void check_commit(Node& node);
  void check_leader(Node& node);
  void check_verified(Node& node);
  void violate(const Node& node, const std::string& what);

  Node* find(NodeId id);
  Node* any();
  Node* newest_leader();
  bool is_cut(const Node& from, const Node& to) const {
    return cut_.contains({from_slot(from), from_slot(to)});
  }
  static uint64_t from_slot(const Node& node);

  Random random_;
  const Fences fences_;
  ReplicaOptions options_;
  Instant now_{};
  uint64_t planned_ = 0;
  std::priority_queue<Event> events_;
  std::map<NodeId, std::unique_ptr<Node>> nodes_;  // those that run
  size_t size_ = 0;
  uint64_t next_id_ = 1;

  // The network of this run, and of the moment.
  double loss_ = 0, repeats_ = 0, stragglers_ = 0;
  Duration delay_max_{};
  bool ordered_ = false;  // links are streams
  std::map<std::pair<NodeId, NodeId>, Instant> stream_end_;
  std::set<std::pair<uint64_t, uint64_t>> cut_;  // slots, one way
  bool faults_ = true;
  bool crash_wanted_ = false;
  size_t compact_above_ = 0, trailing_ = 0;
  bool lazy_flush_ = false, promote_first_ = false;

  // What is true of the cluster, whoever sees it.
  std::vector<Committed> committed_{Committed{}};  // by index
  std::unordered_map<uint64_t, std::pair<uint64_t, Term>>
      entries_;  // (index, term): hash, term before
  std::map<Term, NodeId> leaders_;
  uint64_t next_record_ = 1;
  Report report_;
};

}  // namespace ram::consensus
