// Finds the IP addresses of a host name without blocking the loop.
//
// The system's resolver works in a thread of libuv's pool, takes as long as it pleases (half a
// minute while a name server is cut off) and cannot be interrupted. So at most one question per
// Resolver is under way, and who asks keeps the last good answer for the time being.
//
// Loop thread only. Destroyed before its Loop, at any moment otherwise.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "net/address.h"

namespace ram::net {

class Loop;

class Resolver {
 public:
  using Answer = std::function<void(Result<std::vector<Endpoint>>)>;

  explicit Resolver(Loop& loop);
  // No answer is given any more.
  ~Resolver();
  Resolver(const Resolver&) = delete;
  Resolver& operator=(const Resolver&) = delete;

  // Calls `answer` later, never from within; an IP address needs no name server. Requires:
  // !asking(). Errors: kUnavailable, "cannot resolve HOST: why".
  void ask(const Address& address, Answer answer);
  bool asking() const;

 private:
  struct Inside;
  std::shared_ptr<Inside> inside_;  // shared with the request that libuv has
};

// All addresses of a host, in the order of preference of the system.
//
// Blocks while a name is asked for: for start-up only.
// Errors: kUnavailable, "cannot resolve HOST: why".
Result<std::vector<Endpoint>> resolve_now(const Address& address);

}  // namespace ram::net
