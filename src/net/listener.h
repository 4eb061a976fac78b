// Accepts TCP connections at an address.
//
// A name may stand for several IP addresses (localhost: 127.0.0.1 and ::1): all of them are
// listened at, with one port. A connection that cannot be accepted, because no descriptor is free,
// is dropped and logged, at most once a second.
//
// Loop thread only. May be destroyed at any moment, also from on_accept; before its Loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "net/address.h"
#include "net/stream.h"

namespace ram::net {

class Loop;

class Listener {
 public:
  using OnAccept = std::function<void(std::unique_ptr<Stream>)>;

  // `option` is what people give the address with, "--listen": errors name it in their remedy. With
  // port 0 the system chooses; port() tells.
  //
  // Blocks while a name is resolved: for start-up.
  // Errors: kUnavailable, one line: the address, why it cannot be had, and what to do.
  static Result<std::unique_ptr<Listener>> open(Loop& loop, Log& log, const Address& address,
                                                std::string_view option, OnAccept on_accept);
  ~Listener();
  Listener(const Listener&) = delete;
  Listener& operator=(const Listener&) = delete;

  uint16_t port() const { return endpoints_.front().port(); }
  // Where it listens: one or more, with the port that was chosen.
  const std::vector<Endpoint>& endpoints() const { return endpoints_; }

 private:
  struct Socket;
  Listener(Loop& loop, Log& log, OnAccept on_accept);
  int listen_at(const Endpoint& endpoint);
  void accept(uv_stream_s* socket, int error);
  void complain(std::string_view what);

  Loop& loop_;
  Log& log_;
  std::shared_ptr<const OnAccept> on_accept_;  // shared: outlives a Listener that it destroys
  std::vector<Socket*> sockets_;               // each deletes itself when libuv is done with it
  std::vector<Endpoint> endpoints_;
  Instant quiet_until_ = Instant::min();
};

}  // namespace ram::net
