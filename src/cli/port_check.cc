#include "cli/port_check.h"

#include <netdb.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <memory>
#include <optional>
#include <utility>

#include "base/host.h"

namespace ram::cli {
namespace {

struct Place {
  std::string host;  // without brackets
  std::string port;
};

std::optional<Place> place_of(const std::string& address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string::npos) return std::nullopt;
  std::string host = address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return Place{std::move(host), address.substr(colon + 1)};
}

}  // namespace

Status check_ports_differ(const std::string& listen, const std::string& cluster_listen) {
  const std::optional<Place> clients = place_of(listen);
  const std::optional<Place> peers = place_of(cluster_listen);
  if (!clients || !peers || clients->port != peers->port || clients->port == "0") return {};
  const auto named = [](const std::string& host) {
    return host == "localhost" ? std::string("127.0.0.1") : host;
  };
  if (named(clients->host) != named(peers->host) && !is_wildcard(clients->host) &&
      !is_wildcard(peers->host)) {
    return {};
  }
  return Status::invalid("listen: " + listen + " is where --cluster-listen (" + cluster_listen +
                         ") has peers reach this node; clients need a port of their own");
}

Status check_port_is_free(const std::string& address, const std::string& flag) {
  const std::optional<Place> place = place_of(address);
  if (!place) return {};
  const addrinfo hints{.ai_flags = AI_PASSIVE, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  if (getaddrinfo(place->host.c_str(), place->port.c_str(), &hints, &found) != 0) return {};
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
