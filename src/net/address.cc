#include "net/address.h"

#include <netinet/in.h>
#include <uv.h>

#include <algorithm>
#include <charconv>
#include <cstring>

#include "base/ascii.h"
#include "base/check.h"
#include "base/host.h"
#include "base/limits.h"
#include "net/text.h"

namespace ram::net {
namespace {

constexpr size_t kHostBytesMax = 255;

Status bad_address(std::string_view text, std::string_view why) {
  return Status::invalid(quoted(text) + " is not HOST:PORT: " + std::string(why));
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

// Looks like an IPv4 address: then it must be one. Resolvers read "127.1" or "1" in ways that
// surprise people.
bool is_numeric(std::string_view host) {
  return std::all_of(host.begin(), host.end(), [](char c) { return is_digit(c) || c == '.'; });
}

bool is_ipv4(const std::string& host) {
  sockaddr_in address;
  return uv_ip4_addr(host.c_str(), 0, &address) == 0;
}

bool is_ipv6_literal(const std::string& host) {
  // libuv takes any bytes for the zone, behind a '%'.
  const bool plain = std::all_of(host.begin(), host.end(), [](char c) {
    return is_letter(c) || is_digit(c) ||
           std::string_view(":.%-_").find(c) != std::string_view::npos;
  });
  sockaddr_in6 address;
  if (!plain) return false;
  return uv_ip6_addr(host.c_str(), 0, &address) == 0;
}

// Letters, digits, '-', and '_', which container names have, in labels of 1 to 63.
bool is_name(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  size_t label = 0;
  for (const char c : host) {
    if (c == '.') {
      if (label == 0) return false;
      label = 0;
    } else if (is_letter(c) || is_digit(c) || c == '_' || (c == '-' && label > 0)) {
      if (++label > 63) return false;
    } else {
      return false;
    }
  }
  return label > 0;
}

std::string lower_without_dot(std::string_view host) {
  if (!host.empty() && host.back() == '.') host.remove_suffix(1);
  return to_lower(host);
}

// Those of an IPv6 address that is an IPv4 one in disguise.
constexpr unsigned char kMappedPrefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  if (text.size() > kAddressBytesMax) return bad_address(text, "it is too long");
  const std::optional<HostPort> parts = split_host_port(text);
  if (!parts) {
    return bad_address(text, "the port is missing; write for example 127.0.0.1:7379");
  }
  const std::string_view digits = parts->port;
  uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) {
    return bad_address(text, "the port must be a number from 0 to 65535");
  }

  if (parts->host.empty()) {
    return bad_address(text, "the host is missing; 0.0.0.0 means every address of this machine");
  }
  if (parts->host.size() > kHostBytesMax) return bad_address(text, "the host is too long");
  if (parts->host.find('\0') != std::string_view::npos) {
    return bad_address(text, "it has a zero byte");
  }

  const std::string host(parts->host);
  if (parts->bracketed) {
    if (!is_ipv6_literal(host)) return bad_address(text, "no IPv6 address is between the brackets");
  } else if (host.find(':') != std::string::npos) {
    return bad_address(text, "an IPv6 address goes into brackets, for example [::1]:7379");
  } else if (is_numeric(host)) {
    if (!is_ipv4(host)) return bad_address(text, "an IPv4 address has four numbers from 0 to 255");
  } else if (!is_name(host)) {
    return bad_address(text, "a host name has letters, digits, '-', '_' and '.'");
  }
  return Address{host, port};
}

std::string Address::text() const {
  const std::string port_text = std::to_string(port);
  if (host.find(':') == std::string::npos) return host + ":" + port_text;
  return "[" + host + "]:" + port_text;
}

bool Address::is_loopback() const {
  sockaddr_in v4;
  if (uv_ip4_addr(host.c_str(), 0, &v4) == 0) return (ntohl(v4.sin_addr.s_addr) >> 24) == 127;
  sockaddr_in6 v6;
  if (uv_ip6_addr(host.c_str(), 0, &v6) == 0) {
    const unsigned char* bytes = v6.sin6_addr.s6_addr;
    if (std::memcmp(bytes, kMappedPrefix, sizeof kMappedPrefix) == 0) return bytes[12] == 127;
    return std::memcmp(bytes, in6addr_loopback.s6_addr, 16) == 0;
  }
  const std::string name = lower_without_dot(host);
  return name == "localhost" || name.ends_with(".localhost");
}

Endpoint::Endpoint(const sockaddr& address) {
  static_assert(sizeof(sockaddr_in6) <= sizeof bytes_);
  const bool known = address.sa_family == AF_INET || address.sa_family == AF_INET6;
  RAM_CHECK(known);
  std::memcpy(bytes_.data(), &address,
              address.sa_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6));
}

std::vector<Endpoint> Endpoint::literal(const Address& address) {
  sockaddr_in v4;
  if (uv_ip4_addr(address.host.c_str(), address.port, &v4) == 0) {
    return {Endpoint(reinterpret_cast<const sockaddr&>(v4))};
  }
  sockaddr_in6 v6;
  if (uv_ip6_addr(address.host.c_str(), address.port, &v6) == 0) {
    return {Endpoint(reinterpret_cast<const sockaddr&>(v6))};
  }
  return {};
}

const sockaddr& Endpoint::raw() const {
  return *reinterpret_cast<const sockaddr*>(bytes_.data());
}

bool Endpoint::is_ipv6() const {
  return raw().sa_family == AF_INET6;
}

uint16_t Endpoint::port() const {
  // The port stands at the same place in both.
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  return ntohs(reinterpret_cast<const sockaddr_in*>(bytes_.data())->sin_port);
}

Endpoint Endpoint::with_port(uint16_t port) const {
  Endpoint other = *this;
  reinterpret_cast<sockaddr_in*>(other.bytes_.data())->sin_port = htons(port);
  return other;
}

std::string Endpoint::text() const {
  char host[64] = "";
  if (raw().sa_family == AF_INET) {
    uv_ip4_name(reinterpret_cast<const sockaddr_in*>(bytes_.data()), host, sizeof host);
  } else if (raw().sa_family == AF_INET6) {
    uv_ip6_name(reinterpret_cast<const sockaddr_in6*>(bytes_.data()), host, sizeof host);
  } else {
    return "none";
  }
  return Address{host, port()}.text();
}

}  // namespace ram::net
