// Options of a node and of single calls: plain structs, a unit and a default on each field.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "ram/severity.h"

namespace ram {

// How a read comes to be current. All but kStale see every write that was acknowledged, by
// whichever node, before the call.
enum class Reads : uint8_t {
  // From this node's memory while it holds a read lease, else as kLeader.
  kLocal,
  // The leader is asked for what must be visible here first.
  kLeader,
  // The same, and the leader asks a majority: no clock is trusted.
  kQuorum,
  // What this node has applied, at once, which may be old. Never an answer of default.
  kStale,
};
std::string_view reads_name(Reads reads);  // "local" "leader" "quorum" "stale"

struct NodeOptions {
  // What people call the node; a restarted node with the same name takes the old one's place.
  // Empty: the advertised address. At most 255 bytes, no spaces.
  std::string name;

  // HOST:PORT where peers reach this node. Port 0 picks a free one (a cluster of one, tests).
  std::string cluster_listen = "127.0.0.1:7379";
  // HOST:PORT told to peers; empty: cluster_listen.
  std::string advertise;
  // HOST:PORT of this node's Redis front, told to others for display; empty: none.
  std::string advertise_client;

  // HOST:PORT of nodes to found or join a cluster with. With our own address in it: found, once,
  // with the others of the list; without: only join; empty: a cluster of one.
  // A host name may stand for several nodes, as that of a Kubernetes headless service does: a
  // cluster is joined through any of them, and founded only if `expect` is set.
  std::vector<std::string> join;
  // How many nodes found a cluster: as many have to be there, none of them in a cluster yet, at
  // what `join` stands for, this one among them. The same on all. 0: those that are listed in
  // `join`, each by the address that it advertises.
  size_t expect = 0;

  // Bounds every call that sets no timeout of its own; a failover is waited out, not reported.
  // At most 24 h.
  std::chrono::nanoseconds request_timeout = std::chrono::seconds(5);

  // Election timeout; heartbeats scale with it. A parameter of the cluster: fixed at its founding,
  // a node that joins takes the cluster's. 20 ms to 1 min.
  std::chrono::nanoseconds failover_after = std::chrono::milliseconds(500);

  // Members beyond this many hold all data and have no vote. A parameter of the cluster.
  // 1 to 15.
  size_t voters_max = 5;

  // Of reads that do not ask for more; kStale is not allowed.
  Reads reads = Reads::kLocal;
  // Whether nodes read under leases, which trust that clocks run at nearly the same rate, and by
  // how much rates may differ: 0.2 is 20 %. Parameters of the cluster, like failover_after.
  bool leases = true;
  double clock_drift = 0.2;
  // How long stop() may take to leave the cluster cleanly; 0: not at all, the node stops at once
  // and the others notice by its silence. At most 10 min.
  std::chrono::nanoseconds leave_timeout = std::chrono::seconds(5);
  // While this node leads: a member that is silent for so long is removed. It comes back by itself.
  // failover_after to 24 h.
  std::chrono::nanoseconds evict_after = std::chrono::minutes(5);

  // Entries, keys and values together; writes that would exceed it answer kOutOfMemory. Bytes; at
  // least 1 MiB.
  size_t memory_bytes_max = size_t{4} << 30;

  // Peers are not authenticated yet: a listen address beyond loopback needs this said aloud.
  bool insecure = false;

  // Log lines below this are not written.
  Severity log_from = Severity::kInfo;
  // Where log lines go, called from the node's own thread; empty: standard error.
  std::function<void(Severity, std::string_view)> log;
};

struct WriteOptions {
  // Empty: NodeOptions::request_timeout. Zero or less: at once.
  std::optional<std::chrono::nanoseconds> timeout;
};

struct ReadOptions {
  // The stricter of this and NodeOptions::reads holds, but for kStale.
  Reads reads = Reads::kLocal;
  // Empty: NodeOptions::request_timeout. Zero or less: at once.
  std::optional<std::chrono::nanoseconds> timeout;
};

}  // namespace ram
