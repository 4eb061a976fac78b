// The links that peers dial to us: checks who is there, and hands over their frames, in order.
//
// A connection says who it is within hello_timeout and kHelloBytesMax, or is closed; so is one that
// sends anything malformed; a client of the Redis protocol is told where it is. Each time one line
// of log names the address and says why (few lines a second, however many connections), and nobody
// else is affected. There is one link per source and lane: a new one replaces the old, which is
// what a peer does that dials again.
//
// Who has too much to do pauses a source: its frames then wait with its kernel and with itself, and
// none is dropped. A pause outlasts a new connection.
//
// Nobody proves here to be who he says he is; TLS will.
//
// Loop thread only. May be destroyed at any moment, also from its callbacks; before its Loop.
#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "base/bytes.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/log.h"
#include "net/address.h"
#include "net/hello.h"
#include "net/listener.h"
#include "net/stream.h"

namespace ram::net {

struct Frame;
class Loop;

struct PeerInfo {
  NodeId source;
  Lane lane = Lane::kControl;
  std::string address;  // that it advertises
  std::string name;
  Endpoint from;  // of the connection
};

struct InboundOptions {
  NodeId self;
  Duration hello_timeout = std::chrono::seconds(2);
  // Zero: only the kernel notices that a peer is gone without a word, after hours.
  Duration dead_after = Duration::zero();
  size_t links_max = kPeerLinksMax;
};

struct InboundEvents {
  // Optional: may refuse a peer, with a line for the people there, which goes on from "it" or
  // "this".
  std::function<Status(const PeerInfo&)> admit;
  std::function<void(const PeerInfo&)> on_up;  // optional
  std::function<void(const PeerInfo&, SharedBytes body)> on_frame;
  // Optional; after on_up, once, whatever the reason. Not for links closed by the destructor.
  std::function<void(const PeerInfo&, std::string_view reason)> on_down;
};

class Inbound {
 public:
  // `log` outlives this.
  Inbound(Loop& loop, Log& log, InboundOptions options, InboundEvents events);
  ~Inbound();
  Inbound(const Inbound&) = delete;
  Inbound& operator=(const Inbound&) = delete;

  // Accepts connections at `address`, as Listener::open. Once.
  Status listen(const Address& address, std::string_view option);
  uint16_t port() const { return listener_->port(); }
  // Takes a connection that someone else accepted.
  void add(std::unique_ptr<Stream> stream);

  // The id that later hellos are answered with.
  void set_self(NodeId self) { options_.self = self; }

  // No on_frame for this source and lane until resume(), from the next frame on.
  void pause(NodeId source, Lane lane);
  void resume(NodeId source, Lane lane);
  bool paused(NodeId source, Lane lane) const { return paused_.contains({source, lane}); }
  // Closes the links of `source`, if any; on_down is called before this returns.
  void cut(NodeId source, std::string_view reason);

  // That are up.
  size_t links() const { return peers_.size(); }

 private:
  struct Connection;
  struct LogGate {
    int left = 0;
    uint64_t dropped = 0;
    Instant refill_at = Instant::min();
  };
  using Key = std::pair<NodeId, Lane>;
  using Handle = std::shared_ptr<Connection>;

  size_t read(Connection& connection, std::string_view unread);
  bool take(Connection& connection, Frame frame);
  void greet(Connection& connection, const Hello& hello);
  void refuse(Connection& connection, const std::string& reason);
  // Closes it once `last_word` is sent.
  void end(Connection& connection, std::string_view why, std::string_view last_word);
  void close(Connection& connection, std::string_view reason);
  void remove(Connection& connection);
  void complain(const Connection& connection, std::string_view what);

  Loop& loop_;
  Log& log_;
  InboundOptions options_;
  const std::shared_ptr<const InboundEvents> events_;  // shared: outlive us if they destroy us
  std::unique_ptr<Listener> listener_;

  // shared_ptr: whoever calls out holds on to the connection at hand, which may be closed
  // meanwhile.
  std::list<Handle> strangers_;  // that said no hello yet, or were refused; the oldest first
  std::map<Key, Handle> peers_;
  std::set<Key> paused_;
  LogGate gate_;
};

}  // namespace ram::net
