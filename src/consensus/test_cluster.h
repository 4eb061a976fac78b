// For tests: replicas whose messages are delivered, dropped or repeated by hand, in virtual time.
//
// Each node checks its replica's invariants after every call, and keeps what it was told.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "consensus/configuration.h"
#include "consensus/entry_log.h"
#include "consensus/message.h"
#include "consensus/ports.h"
#include "consensus/replica.h"

namespace ram::consensus {

struct Wire {
  NodeId from;
  NodeId to;
  Message message;
};

using Net = std::deque<Wire>;

class TestNode : public Transport, public StateMachine {
 public:
  TestNode(NodeId id, const ReplicaOptions& options, uint32_t seed, const Fences& fences, Net& net);

  Replica* operator->() { return &replica_; }
  Replica& replica() { return replica_; }
  // The record at `index`, or what it is instead.
  std::string record(LogIndex index) const;

  void send(NodeId to, Message message) override;
  void on_log_changed(LogIndex from) override;
  void on_committed(LogIndex commit) override;
  void on_install(const SnapshotToken& token, NodeId from) override;

  std::vector<LogIndex> changed_from;
  std::vector<LogIndex> commits;
  std::vector<SnapshotToken> installs;

 private:
  const NodeId id_;
  Net& net_;
  Replica replica_;
};

class TestCluster {
 public:
  explicit TestCluster(ReplicaOptions options = {}, Fences fences = {})
      : options_(options), fences_(fences) {}

  // Founds nodes 1 to `voters`, and standbys after them.
  void found(size_t voters, size_t standbys = 0);
  // A new node with the state of `source` at its commit index.
  void join(NodeId id, NodeId source);
  void kill(NodeId id) { nodes_.erase(id); }
  TestNode& operator[](uint64_t id) { return *nodes_.at(NodeId(id)); }
  bool alive(NodeId id) const { return nodes_.contains(id); }

  // Delivers, or loses, what is under way from `from` to `to` (0: any), in order; how many.
  size_t deliver(uint64_t from, uint64_t to);
  size_t drop(uint64_t from = 0, uint64_t to = 0);
  // Takes out the first message of type M between the two.
  template <class M>
  std::optional<M> take(uint64_t from, uint64_t to) {
    for (auto it = net.begin(); it != net.end(); ++it) {
      if (!between(*it, from, to) || !std::holds_alternative<M>(it->message)) continue;
      M taken = std::move(std::get<M>(it->message));
      net.erase(it);
      return taken;
    }
    return std::nullopt;
  }
  void give(uint64_t from, uint64_t to, Message message);
  // Delivers all among `members` until nothing is left; the rest stays under way.
  void settle(std::vector<uint64_t> members);

  void wait(Duration duration) { now += duration; }
  // Time passes until the node's next deadline.
  void fire(uint64_t id);
  // A heartbeat of `leader`, and all that follows among `members`.
  void beat(uint64_t leader, std::vector<uint64_t> members, int times = 1);
  // `candidate` campaigns until `voters` have made it leader; they have forgotten their leader
  // before.
  bool elect(uint64_t candidate, std::vector<uint64_t> voters);
  LogIndex submit(uint64_t leader, std::string_view record);
  bool change(uint64_t leader, uint64_t id, Role role);
  bool remove(uint64_t leader, uint64_t id);
  // What `id` would send to a joiner.
  SnapshotToken token(uint64_t id);

  Instant now = Instant(std::chrono::seconds(1));
  Net net;

 private:
  static bool between(const Wire& wire, uint64_t from, uint64_t to) {
    return (from == 0 || wire.from.value == from) && (to == 0 || wire.to.value == to);
  }
  TestNode& add(NodeId id);

  const ReplicaOptions options_;
  const Fences fences_;
  std::map<NodeId, std::unique_ptr<TestNode>> nodes_;
};

}  // namespace ram::consensus
