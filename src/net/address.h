// Where something listens: HOST:PORT as people write it (Address), and as the kernel wants it
// (Endpoint).
//
//   HOST:PORT   127.0.0.1:7379   [::1]:7379   node-1.example.org:7379
//
// Values; thread-safe as any value is.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ram/status.h"

struct sockaddr;

namespace ram::net {

struct Address {
  std::string host;  // without brackets: a name, an IPv4 or an IPv6 address
  uint16_t port = 0;

  // Total, whatever the bytes. Port 0 is accepted: for a listener it means "any free one".
  // Errors: kInvalid, one line that quotes `text` and shows how to write it.
  static Result<Address> parse(std::string_view text);

  // As parse() reads it.
  std::string text() const;
  // True for 127.0.0.0/8, ::1, and the name localhost and those below it (RFC 6761).
  bool is_loopback() const;

  auto operator<=>(const Address&) const = default;
};

// An IP address with a port.
class Endpoint {
 public:
  Endpoint() = default;
  // Requires: AF_INET or AF_INET6.
  explicit Endpoint(const sockaddr& address);
  // Nothing unless `address.host` is an IP address: that of a name is a Resolver's to find.
  static std::vector<Endpoint> literal(const Address& address);

  const sockaddr& raw() const;
  uint16_t port() const;
  Endpoint with_port(uint16_t port) const;
  bool is_ipv6() const;
  // "127.0.0.1:7379", "[::1]:7379"; "none" by default.
  std::string text() const;

  bool operator==(const Endpoint&) const = default;

 private:
  // A sockaddr_in6, the larger of the two, hidden from who includes this.
  alignas(8) std::array<unsigned char, 28> bytes_{};
};

}  // namespace ram::net
