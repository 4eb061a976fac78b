// The network between the places of a world: a frame goes to whoever lives at the address when it
// arrives.
//
// Two kinds. *Loose*: each frame for itself, delayed, lost, repeated and overtaken; less than the
// core gets in production, as much as it relies on. *Ordered*: one stream per lane of each
// direction, as TCP; instead of losing a frame the stream breaks, with all that is under way, and
// is made anew some time later, of which the sender is told.
//
// A cut is one-way; in an ordered network what is sent meanwhile waits, and is then delivered late
// or lost with its stream.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "node/network.h"
#include "node/node_core.h"
#include "sim/world.h"

namespace ram::sim {

struct NetworkWeather {
  Duration delay_min = std::chrono::microseconds(100);
  Duration delay_max = std::chrono::milliseconds(3);
  double overtaken = 1;  // share of frames that those behind need not wait for
  double late = 0;       // share of frames that take up to late_max longer
  Duration late_max = std::chrono::seconds(2);
  double loss = 0;    // of frames; ordered: of streams, per frame
  double repeat = 0;  // of frames; not if ordered
  // Of frames of one kind (describe_frame.h), of which a copy comes back up to replay_max later;
  // not if ordered.
  double replay = 0;
  size_t replay_kind = 0;
  Duration replay_max = std::chrono::seconds(5);
  uint64_t bytes_per_ms = 0;  // 0: any number
};

class SimNetwork {
 public:
  using Deliver =
      std::function<void(size_t place, const node::Peer& from, const SharedBytes& frame)>;
  using LinkUp = std::function<void(size_t place, const std::string& address)>;
  using Lives = std::function<bool(size_t place)>;

  SimNetwork(World& world, bool ordered, std::vector<std::string> addresses, Deliver deliver,
             LinkUp link_up, Lives lives);

  void send(size_t from, NodeId source, const std::string& address, node::Lane lane,
            node::Pieces pieces);

  // What is sent to `address` goes to `place`, too.
  void add_address(const std::string& address, size_t place) { by_address_[address] = place; }
  // What is sent to `name` goes to any of these addresses.
  void add_name(const std::string& name, std::vector<std::string> addresses) {
    behind_[name] = std::move(addresses);
  }

  // Sees each frame before it is sent; false: it is lost.
  using Tap = std::function<bool(size_t from, NodeId source, size_t to, const SharedBytes& frame)>;
  void set_tap(Tap tap) { tap_ = std::move(tap); }
  void set_weather(const NetworkWeather& weather) { weather_ = weather; }
  const NetworkWeather& weather() const { return weather_; }
  void cut(size_t from, size_t to) { pair(from, to).cut = true; }
  void mend(size_t from, size_t to);
  void mend_all();
  bool is_cut(size_t from, size_t to) const { return pairs_[from * places_ + to].cut; }
  // The process at `place` is gone, and its streams with it.
  void on_crash(size_t place);
  // Breaks the streams from one to the other.
  void break_streams(size_t from, size_t to);

  struct Counters {
    uint64_t frames = 0, bytes = 0, bulk_frames = 0, bulk_bytes = 0;
    uint64_t lost = 0, repeated = 0, replayed = 0, cut_off = 0, broken = 0;
  };
  const Counters& counters() const { return counters_; }

 private:
  struct Waiting {
    NodeId source;
    SharedBytes frame;
  };
  struct Stream {
    uint64_t epoch = 0;  // what is under way from an older one is lost
    bool down = false;
    bool used = false;
    WorldTime last_arrival{};
    std::vector<Waiting> waiting;  // for the cut to end
  };
  struct Pair {
    bool cut = false;
    Stream streams[node::kLaneCount];  // by lane
  };

  Pair& pair(size_t from, size_t to) { return pairs_[from * places_ + to]; }
  Duration delay(size_t bytes);
  void send_loose(size_t from, size_t to, size_t lane, NodeId source, const SharedBytes& frame);
  void send_ordered(size_t from, size_t to, size_t lane, NodeId source, const SharedBytes& frame);
  void break_stream(size_t from, size_t to, size_t lane);
  void dial_later(size_t from, size_t to, size_t lane);

  World& world_;
  Random random_, resolver_;
  const bool ordered_;
  const std::vector<std::string> addresses_;
  const size_t places_;
  std::map<std::string, size_t, std::less<>> by_address_;
  std::map<std::string, std::vector<std::string>> behind_;
  const Deliver deliver_;
  const LinkUp link_up_;
  const Lives lives_;
  Tap tap_;
  NetworkWeather weather_;
  std::vector<Pair> pairs_;
  Counters counters_;
};

// The network as the process `self` at one place sees it.
class SimTransport final : public node::Network {
 public:
  SimTransport(SimNetwork& network, size_t place, NodeId self)
      : network_(network), place_(place), self_(self) {}

  void send(const std::string& address, node::Lane lane, node::Pieces frame) override {
    network_.send(place_, self_, address, lane, std::move(frame));
  }
  void forget(const std::string&) override {}

 private:
  SimNetwork& network_;
  const size_t place_;
  const NodeId self_;
};

}  // namespace ram::sim
