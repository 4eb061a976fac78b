#include "node/node_options.h"

#include <algorithm>
#include <set>
#include <string>
#include <string_view>

#include "base/host.h"
#include "base/limits.h"
#include "net/address.h"

namespace ram::node {
namespace {

using namespace std::chrono_literals;

// Below, a pause of the machine is taken for a crash; above, a crash is a long outage.
constexpr std::chrono::nanoseconds kFailoverMin = 20ms;
constexpr std::chrono::nanoseconds kFailoverMax = 1min;
constexpr std::chrono::nanoseconds kRequestTimeoutMax = 24h;
constexpr std::chrono::nanoseconds kLeaveTimeoutMax = 10min;
constexpr std::chrono::nanoseconds kEvictAfterMax = 24h;
// Beyond, leases would be too short to be of use.
constexpr double kClockDriftMax = 1;

Status check_name(std::string_view name) {
  if (name.size() > kNodeNameBytesMax) {
    return Status::invalid("name: " + std::to_string(name.size()) + " bytes; at most " +
                           std::to_string(kNodeNameBytesMax) + " are allowed");
  }
  // Names stand in tables and in log lines, between spaces.
  if (std::ranges::any_of(name, [](unsigned char c) { return c <= ' ' || c == 0x7f; })) {
    return Status::invalid(
        "name: it contains a space or a control character; use letters, digits and - _ . :");
  }
  return {};
}

// `what` is named in the message. Requires of a destination: a port and a host that can be dialled.
Status check_destination(const std::string& text, const std::string& what) {
  const Result<net::Address> address = net::Address::parse(text);
  if (!address.ok()) return Status::invalid(what + ": " + address.status().message());
  if (text.size() > kAddressBytesMax) {
    return Status::invalid(what + ": longer than " + std::to_string(kAddressBytesMax) + " bytes");
  }
  if (address->port == 0) {
    return Status::invalid(what + ": " + text +
                           " has port 0; name the port where peers are to dial");
  }
  if (is_wildcard(address->host)) {
    return Status::invalid(what + ": nobody can dial " + text +
                           "; name the address of one interface");
  }
  return {};
}

Status check_listen(const NodeOptions& options) {
  const Result<net::Address> listen = net::Address::parse(options.cluster_listen);
  if (!listen.ok()) return Status::invalid("cluster-listen: " + listen.status().message());
  if (!listen->is_loopback() && !options.insecure) {
    return Status::invalid(
        "cluster-listen: " + options.cluster_listen +
        " is beyond loopback, and nodes are not authenticated yet: anyone who can reach it could "
        "read and change everything; listen on 127.0.0.1, or pass insecure (--insecure) in a "
        "network where everyone is trusted");
  }
  if (!options.advertise.empty()) return check_destination(options.advertise, "advertise");
  if (is_wildcard(listen->host)) {
    return Status::invalid("cluster-listen: " + options.cluster_listen +
                           " is every interface; set advertise (--advertise HOST:PORT) to the "
                           "address that other nodes should dial");
  }
  return {};
}

Status check_join(const std::vector<std::string>& join) {
  if (join.size() > kJoinListMax) {
    return Status::invalid("join: " + std::to_string(join.size()) + " addresses; at most " +
                           std::to_string(kJoinListMax) +
                           " are allowed, and one is enough to join");
  }
  for (size_t i = 0; i < join.size(); ++i) {
    if (Status status = check_destination(join[i], "join"); !status.ok()) return status;
    if (std::find(join.begin(), join.begin() + static_cast<ptrdiff_t>(i), join[i]) !=
        join.begin() + static_cast<ptrdiff_t>(i)) {
      return Status::invalid("join: " + join[i] + " is listed twice; list each node once");
    }
  }
  return {};
}

Status check_expect(const NodeOptions& options) {
  if (options.expect == 0) return {};
  if (options.expect > kMembersMax) {
    return Status::invalid("expect: " + std::to_string(options.expect) + " nodes; a cluster has " +
                           std::to_string(kMembersMax) + " at most");
  }
  if (options.join.empty()) {
    return Status::invalid(
        "expect: there is no join list (--join HOST:PORT), so this node would be a cluster of one; "
        "name the nodes that found the cluster, or the name that stands for them");
  }
  // An IP address with a port is one node's; a name may stand for any number.
  std::set<std::string> nodes;
  for (const std::string& item : options.join) {
    const std::vector<net::Endpoint> endpoint = net::Endpoint::literal(*net::Address::parse(item));
    if (endpoint.empty()) return {};
    nodes.insert(endpoint.front().text());
  }
  if (nodes.size() < options.expect) {
    return Status::invalid("expect: the join list (--join) has the addresses of " +
                           std::to_string(nodes.size()) + " of the " +
                           std::to_string(options.expect) +
                           " nodes that are to found the cluster; list all of them, or a name that "
                           "stands for them, or leave expect out to join a cluster that is there");
  }
  return {};
}

Status check_numbers(const NodeOptions& options) {
  if (options.request_timeout <= 0ns || options.request_timeout > kRequestTimeoutMax) {
    return Status::invalid("request-timeout: out of range; it must be above 0 and at most 24h");
  }
  if (options.failover_after < kFailoverMin || options.failover_after > kFailoverMax) {
    return Status::invalid("failover-after: out of range; it must be from 20ms to 1m");
  }
  if (options.leave_timeout < 0ns || options.leave_timeout > kLeaveTimeoutMax) {
    return Status::invalid("leave-timeout: out of range; it must be from 0 (stop at once) to 10m");
  }
  if (options.evict_after < options.failover_after || options.evict_after > kEvictAfterMax) {
    return Status::invalid("evict-after: out of range; it must be from failover-after to 24h");
  }
  if (options.voters_max < 1 || options.voters_max > kVotersMax) {
    return Status::invalid("max-voters: " + std::to_string(options.voters_max) +
                           " is out of range; it must be from 1 to " + std::to_string(kVotersMax) +
                           " (nodes beyond it are standbys, which hold all data too)");
  }
  if (!(options.clock_drift >= 0 && options.clock_drift <= kClockDriftMax)) {
    return Status::invalid(
        "clock-drift: out of range; it must be from 0 to 1, and 0.2 means that clocks may differ "
        "by 20 %");
  }
  if (options.reads == Reads::kStale) {
    return Status::invalid(
        "reads: stale is never a node's default; ask for it by connection or by call");
  }
  if (options.memory_bytes_max < kMemoryBytesMin) {
    return Status::invalid("max-memory: " + std::to_string(options.memory_bytes_max) +
                           " bytes; at least 1MiB is needed, write for example 512MiB or 4GiB");
  }
  return {};
}

}  // namespace

Status check_options(const NodeOptions& options) {
  if (Status status = check_name(options.name); !status.ok()) return status;
  if (Status status = check_listen(options); !status.ok()) return status;
  if (!options.advertise_client.empty()) {
    const Result<net::Address> client = net::Address::parse(options.advertise_client);
    if (!client.ok()) return Status::invalid("advertise-client: " + client.status().message());
  }
  if (Status status = check_join(options.join); !status.ok()) return status;
  if (Status status = check_expect(options); !status.ok()) return status;
  return check_numbers(options);
}

}  // namespace ram::node
