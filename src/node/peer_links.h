// The Network of production: one link per peer and lane, dialled when something is first sent to an
// address of it, and the links that peers dial to us.
//
// A peer keeps the newest link of each source and lane (inbound.h). So of several addresses that
// turn out to be one peer's, a name and an IP address say, the one that answered last has the link,
// and carries what is sent to the others. An address is dialled anew when another peer dials us and
// says that it lives there.
//
// What is sent to an address that cannot be dialled, or beyond kPeerLinksMax links, is lost, as the
// core expects of a network. A link that nobody used for a minute or two, and that is not up, is
// dialled no more.
//
// Loop thread only; before the loop runs, the thread that made it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/log.h"
#include "base/random.h"
#include "net/address.h"
#include "net/inbound.h"
#include "net/link.h"
#include "net/timer.h"
#include "node/network.h"
#include "node/node_core.h"
#include "ram/status.h"

namespace ram::node {

class PeerLinks final : public Network {
 public:
  struct Events {
    std::function<void(const Peer& from, const SharedBytes& frame)> on_frame;
    // What was sent to `address` on a lane other than the bulk one before may be lost.
    std::function<void(const std::string& address)> on_link_up;
  };

  static constexpr Duration kUnusedMax = std::chrono::minutes(1);

  // A peer that is silent on the control lane for `dead_after` is dialled anew.
  PeerLinks(net::Loop& loop, Log& log, uint64_t seed, Duration dead_after, Events events,
            Duration unused_max = kUnusedMax);

  // Accepts peers at `address`. Once.
  Status listen(const net::Address& address);
  uint16_t port() const { return inbound_.port(); }

  // From now on we are `self`; links are made anew.
  void become(NodeId self, const std::string& address, const std::string& name);

  void send(const std::string& address, Lane lane, Pieces frame) override;
  void forget(const std::string& address) override;

 private:
  struct Outbound {
    std::unique_ptr<net::Link> link;  // null: there is no way to dial it, or no need to
    Instant used;
    NodeId peer;          // who answered there last
    std::string carrier;  // another address of it, whose link is used; empty: none
  };
  using ByAddress = std::map<std::string, Outbound>;

  ByAddress& lane_of(Lane lane) { return links_[static_cast<size_t>(lane)]; }
  std::unique_ptr<net::Link> dial(const std::string& address, Lane lane);
  // Null: there is no link.
  net::Link* link_to(const std::string& address, Lane lane);
  void on_up(const std::string& address, Lane lane, NodeId peer);
  void lives_at(NodeId peer, const std::string& address);
  void on_control_down(const std::string& address, std::string_view reason);
  void close_unused(Instant now, bool though_up);
  // From now on, once in a while.
  void sweep();

  net::Loop& loop_;
  Log& log_;
  Random random_;
  const Duration dead_after_, unused_max_;
  const Events events_;
  net::Hello self_;
  net::Inbound inbound_;
  std::array<ByAddress, kLaneCount> links_;  // by Lane
  net::Timer sweeper_;
};

}  // namespace ram::node
