#include "node/peer_links.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "net/loop.h"
#include "net/text.h"

namespace ram::node {
namespace {

using namespace std::chrono_literals;

// A state, or a long entry, may wait for a busy reader longer than a heartbeat may: TCP takes one
// that does not read for dead.
constexpr Duration kPatientDeadAfter = 10s;

net::Lane net_lane(Lane lane) {
  switch (lane) {
    case Lane::kControl:
      return net::Lane::kControl;
    case Lane::kLog:
      return net::Lane::kLog;
    case Lane::kBulk:
      break;
  }
  return net::Lane::kBulk;
}

}  // namespace

PeerLinks::PeerLinks(net::Loop& loop, Log& log, uint64_t seed, Duration dead_after, Events events,
                     Duration unused_max)
    : loop_(loop),
      log_(log),
      random_(seed),
      dead_after_(dead_after),
      unused_max_(unused_max),
      events_(std::move(events)),
      inbound_(loop, log, {.dead_after = std::max<Duration>(kPatientDeadAfter, dead_after)},
               {.on_up = [this](const net::PeerInfo& from) { lives_at(from.source, from.address); },
                .on_frame =
                    [this](const net::PeerInfo& from, SharedBytes frame) {
                      events_.on_frame({from.source, from.address}, frame);
                    }}),
      sweeper_(loop) {
  sweep();
}

Status PeerLinks::listen(const net::Address& address) {
  return inbound_.listen(address, "--cluster-listen");
}

void PeerLinks::become(NodeId self, const std::string& address, const std::string& name) {
  for (ByAddress& links : links_) links.clear();
  self_ = {.source = self, .address = address, .name = name};
  inbound_.set_self(self);
}

void PeerLinks::send(const std::string& address, Lane lane, Pieces frame) {
  // Lost if the link is not there.
  if (net::Link* link = link_to(address, lane)) (void)link->send(frame);
}

net::Link* PeerLinks::link_to(const std::string& address, Lane lane) {
  const Instant now = loop_.now();
  ByAddress& links = lane_of(lane);
  auto found = links.find(address);
  if (found == links.end()) {
    if (links.size() >= kPeerLinksMax) close_unused(now, /*though_up=*/true);
    if (links.size() >= kPeerLinksMax) return nullptr;
    Outbound made{.link = dial(address, lane), .used = now, .peer = {}, .carrier = {}};
    found = links.emplace(address, std::move(made)).first;
  }
  Outbound& to = found->second;
  to.used = now;
  if (to.carrier.empty()) return to.link.get();
  const auto carrier = links.find(to.carrier);
  if (carrier != links.end() && carrier->second.link != nullptr &&
      carrier->second.link->peer() == to.peer) {
    carrier->second.used = now;
    return carrier->second.link.get();
  }
  // Gone, or another lives there now: here as well, perhaps.
  to.carrier.clear();
  to.link = dial(address, lane);
  return to.link.get();
}

void PeerLinks::forget(const std::string& address) {
  for (ByAddress& links : links_) links.erase(address);
}

std::unique_ptr<net::Link> PeerLinks::dial(const std::string& address, Lane lane) {
  const Result<net::Address> to = net::Address::parse(address);
  if (!to.ok() || to->port == 0) {
    log_.warning("a peer gives an address that cannot be dialled: " + net::quoted(address));
    return nullptr;
  }
  net::LinkOptions options{.to = *to, .self = self_};
  options.self.lane = net_lane(lane);
  options.dead_after =
      lane == Lane::kControl ? dead_after_ : std::max<Duration>(kPatientDeadAfter, dead_after_);
  net::LinkEvents events;
  events.on_up = [this, address, lane](NodeId peer) { on_up(address, lane, peer); };
  if (lane == Lane::kControl) {
    events.on_down = [this, address](std::string_view reason) { on_control_down(address, reason); };
  }
  return std::make_unique<net::Link>(loop_, random_, log_, std::move(options), std::move(events));
}

void PeerLinks::on_up(const std::string& address, Lane lane, NodeId peer) {
  std::vector<std::string> addresses = {address};
  for (auto& [other, to] : lane_of(lane)) {
    if (other == address) {
      to.peer = peer;
      to.used = loop_.now();  // it may be for others from here on
    } else if (to.peer == peer) {
      to.carrier = address;
      to.link.reset();
      addresses.push_back(other);
    }
  }
  if (lane == Lane::kBulk) return;
  for (const std::string& one : addresses) events_.on_link_up(one);
}

// A link to whoever was there before may stay up for ever, by another address.
void PeerLinks::lives_at(NodeId peer, const std::string& address) {
  for (const Lane lane : {Lane::kControl, Lane::kLog, Lane::kBulk}) {
    const auto found = lane_of(lane).find(address);
    if (found == lane_of(lane).end()) continue;
    Outbound& to = found->second;
    if (!to.peer || to.peer == peer) continue;
    to.peer = NodeId();
    if (!to.carrier.empty()) {
      to.carrier.clear();
      to.link = dial(address, lane);
    } else if (to.link != nullptr && to.link->up()) {
      to.link->redial("another node says that it lives there now");
    }
  }
}

// A cut is noticed here first; the kernel's back-off on the other lanes would outlast it.
void PeerLinks::on_control_down(const std::string& address, std::string_view reason) {
  const NodeId peer = lane_of(Lane::kControl).at(address).peer;
  for (const Lane lane : {Lane::kLog, Lane::kBulk}) {
    for (auto& [other, to] : lane_of(lane)) {
      const bool same = other == address || (peer && to.peer == peer);
      if (same && to.link != nullptr) to.link->redial(reason);
    }
  }
}

// One that is up costs nothing, and may be needed in a hurry: voters that only listen to their
// leader ask each other when it has died.
void PeerLinks::close_unused(Instant now, bool though_up) {
  const auto unused = [&](const auto& entry) {
    const Outbound& to = entry.second;
    const bool up = to.link != nullptr && to.link->up();
    return now - to.used > unused_max_ && (though_up || !up);
  };
  for (ByAddress& links : links_) std::erase_if(links, unused);
}

void PeerLinks::sweep() {
  sweeper_.start(unused_max_, [this] {
    close_unused(loop_.now(), /*though_up=*/false);
    sweep();
  });
}

}  // namespace ram::node
