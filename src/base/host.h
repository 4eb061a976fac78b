// HOST:PORT, and what a host name may stand for.
//
// Pure functions.
#pragma once

#include <optional>
#include <string_view>

namespace ram {

struct HostPort {
  std::string_view host;  // without brackets
  std::string_view port;
  bool bracketed = false;
};

// The parts of HOST:PORT or [V6]:PORT, neither of them checked. Nothing: it has no colon.
constexpr std::optional<HostPort> split_host_port(std::string_view text) {
  const size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  HostPort parts{.host = text.substr(0, colon), .port = text.substr(colon + 1)};
  parts.bracketed = parts.host.size() >= 2 && parts.host.front() == '[' && parts.host.back() == ']';
  if (parts.bracketed) parts.host = parts.host.substr(1, parts.host.size() - 2);
  return parts;
}

// True if it is every interface of the machine: to listen on, and nobody's to dial.
constexpr bool is_wildcard(std::string_view host) {
  return host == "0.0.0.0" || host == "::" || host == "*";
}

}  // namespace ram
