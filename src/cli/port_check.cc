#include "cli/port_check.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <string_view>

#include "base/host.h"

namespace ram::cli {
namespace {

// Whether whoever listens at the one is in the way of who listens at the other.
bool overlap(std::string_view a, std::string_view b) {
  const auto named = [](std::string_view host) { return host == "localhost" ? "127.0.0.1" : host; };
  return named(a) == named(b) || is_wildcard(a) || is_wildcard(b);
}

}  // namespace

Status check_ports_differ(const std::string& listen, const std::string& cluster_listen) {
  const std::optional<HostPort> clients = split_host_port(listen);
  const std::optional<HostPort> peers = split_host_port(cluster_listen);
  if (!clients || !peers || clients->port != peers->port || clients->port == "0") return {};
  if (!overlap(clients->host, peers->host)) return {};
  return Status::invalid("listen: " + listen + " is where --cluster-listen (" + cluster_listen +
                         ") has peers reach this node; clients need a port of their own");
}

Status check_port_is_free(const std::string& address, const std::string& flag) {
  const std::optional<HostPort> parts = split_host_port(address);
  if (!parts) return {};
  const addrinfo hints{.ai_flags = AI_PASSIVE, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  const std::string host(parts->host), port(parts->port);
  if (getaddrinfo(host.c_str(), port.c_str(), &hints, &found) != 0) return {};
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  for (const addrinfo* at = found; at != nullptr; at = at->ai_next) {
    const int fd = socket(at->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    const int yes = 1;
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    const bool in_use = bind(fd, at->ai_addr, at->ai_addrlen) != 0 && errno == EADDRINUSE;
    close(fd);
    if (in_use) {
      return Status::unavailable(flag + ": " + address +
                                 " is in use by another process; name a free port");
    }
  }
  return {};
}

}  // namespace ram::cli
