#include "consensus/test_cluster.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace ram::consensus {

TestNode::TestNode(NodeId id, const ReplicaOptions& options, uint32_t seed, const Fences& fences,
                   Net& net)
    : id_(id), net_(net), replica_(id, options, seed, *this, *this, fences) {}

std::string TestNode::record(LogIndex index) const {
  if (!replica_.log().has(index)) return "none";
  const LogEntry& entry = replica_.log().at(index);
  switch (entry.kind) {
    case EntryKind::kBarrier:
      return "barrier";
    case EntryKind::kChange:
      return "change";
    case EntryKind::kRecord:
      return std::string(entry.payload.view());
  }
  return "unknown";
}

void TestNode::send(NodeId to, Message message) {
  net_.push_back({id_, to, std::move(message)});
}
void TestNode::on_log_changed(LogIndex from) {
  changed_from.push_back(from);
}
void TestNode::on_committed(LogIndex commit) {
  commits.push_back(commit);
}
void TestNode::on_install(const SnapshotToken& token, NodeId) {
  installs.push_back(token);
}

TestNode& TestCluster::add(NodeId id) {
  auto node = std::make_unique<TestNode>(id, options_, static_cast<uint32_t>(id.value * 7919),
                                         fences_, net);
  return *(nodes_[id] = std::move(node));
}

void TestCluster::found(size_t voters, size_t standbys) {
  Configuration configuration;
  for (uint64_t id = 1; id <= voters + standbys; ++id) {
    configuration.servers.push_back(
        {NodeId(id), "n" + std::to_string(id), id <= voters ? Role::kVoter : Role::kStandby});
  }
  for (const Server& server : configuration.servers) add(server.id)->found(now, configuration);
}

void TestCluster::join(NodeId id, NodeId source) {
  const SnapshotToken taken = token(source.value);
  add(id)->resume(now, taken);
}

size_t TestCluster::deliver(uint64_t from, uint64_t to) {
  Net taken;
  for (auto it = net.begin(); it != net.end();) {
    if (!between(*it, from, to)) {
      ++it;
      continue;
    }
    taken.push_back(std::move(*it));
    it = net.erase(it);
  }
  for (Wire& wire : taken) give(wire.from.value, wire.to.value, std::move(wire.message));
  return taken.size();
}

size_t TestCluster::drop(uint64_t from, uint64_t to) {
  return std::erase_if(net, [&](const Wire& wire) { return between(wire, from, to); });
}

void TestCluster::give(uint64_t from, uint64_t to, Message message) {
  if (!alive(NodeId(to))) return;
  TestNode& node = (*this)[to];
  node->receive(now, NodeId(from), std::move(message));
  node->check_invariants();
}

void TestCluster::settle(std::vector<uint64_t> members) {
  const auto among = [&](NodeId id) {
    return alive(id) && std::find(members.begin(), members.end(), id.value) != members.end();
  };
  for (int rounds = 0; rounds < 1000; ++rounds) {
    const Net taken = std::exchange(net, {});
    bool any = false;
    for (const Wire& wire : taken) {
      if (!among(wire.from) || !among(wire.to)) {
        net.push_back(wire);
        continue;
      }
      any = true;
      give(wire.from.value, wire.to.value, wire.message);
    }
    for (const uint64_t id : members) {
      if (!alive(NodeId(id))) continue;
      (*this)[id]->flush(now);
      (*this)[id]->check_invariants();
    }
    if (!any) return;
  }
  RAM_CHECK(false);  // never quiet
}

void TestCluster::fire(uint64_t id) {
  TestNode& node = (*this)[id];
  now = std::max(now, node->next_deadline());
  node->on_time(now);
  node->check_invariants();
}

void TestCluster::beat(uint64_t leader, std::vector<uint64_t> members, int times) {
  for (; times > 0; --times) {
    now = std::max(now + options_.heartbeat, (*this)[leader]->next_deadline());
    (*this)[leader]->on_time(now);
    settle(members);
  }
}

bool TestCluster::elect(uint64_t candidate, std::vector<uint64_t> voters) {
  for (int round = 0; round < 50 && !(*this)[candidate]->is_leader(); ++round) {
    for (const uint64_t voter : voters) {
      // Nobody has heard of a leader for long; old leaders among them have given up.
      now += 2 * options_.election_timeout;
      (*this)[voter]->on_time(now);
      drop(voter);
    }
    fire(candidate);
    for (int phase = 0; phase < 2; ++phase) {
      for (const uint64_t voter : voters) {
        deliver(candidate, voter);
        deliver(voter, candidate);
      }
    }
    for (const uint64_t voter : voters) drop(voter);
  }
  return (*this)[candidate]->is_leader();
}

LogIndex TestCluster::submit(uint64_t leader, std::string_view record) {
  const std::optional<LogIndex> index =
      (*this)[leader]->submit(now, SharedBytes(std::string(record)));
  RAM_CHECK(index);
  (*this)[leader]->check_invariants();
  return *index;
}

bool TestCluster::change(uint64_t leader, uint64_t id, Role role) {
  Configuration next = (*this)[leader]->latest();
  const auto at = std::find_if(next.servers.begin(), next.servers.end(),
                               [&](const Server& s) { return s.id.value == id; });
  if (at != next.servers.end()) at->role = role;
  if (at == next.servers.end())
    next.servers.push_back({NodeId(id), "n" + std::to_string(id), role});
  return (*this)[leader]->change(now, next);
}

bool TestCluster::remove(uint64_t leader, uint64_t id) {
  Configuration next = (*this)[leader]->latest();
  std::erase_if(next.servers, [&](const Server& s) { return s.id.value == id; });
  return (*this)[leader]->change(now, next);
}

SnapshotToken TestCluster::token(uint64_t id) {
  TestNode& node = (*this)[id];
  return {.index = node->commit(),
          .term = node->term_at(node->commit()),
          .configuration = node->committed(),
          .configuration_index = node->committed_configuration_index()};
}

}  // namespace ram::consensus
