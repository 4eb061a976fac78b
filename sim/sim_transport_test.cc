#include "sim/sim_transport.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace ram::sim {
namespace {

using namespace std::chrono_literals;

// Three places; what arrives is kept.
class Hosts {
 public:
  explicit Hosts(bool ordered)
      : network(
            world, ordered, {"a:1", "b:1", "c:1"},
            [this](size_t place, const node::Peer& from, const SharedBytes& frame) {
              EXPECT_EQ(from.address, from.id == NodeId(7) ? "a:1" : "c:1");
              arrived.push_back({place, std::string(frame.view())});
            },
            [this](size_t place, const std::string& address) {
              ups.push_back({place, address});
            },
            [](size_t) { return true; }) {}

  void send(const std::string& text, size_t from = 0, const std::string& to = "b:1") {
    network.send(from, NodeId(from == 0 ? 7 : 9), to, node::Lane::kControl,
                 {SharedBytes(text.substr(0, 1)), SharedBytes(text.substr(1))});
  }
  void pass(Duration span) { world.run_until(world.now() + span); }

  World world{1, nullptr};
  std::vector<std::pair<size_t, std::string>> arrived;
  std::vector<std::pair<size_t, std::string>> ups;
  SimNetwork network;
};

using Arrived = std::vector<std::pair<size_t, std::string>>;

TEST(SimNetwork, CarriesAFrameWholeToItsAddress) {
  Hosts hosts(/*ordered=*/false);
  hosts.send("frame");
  hosts.send("other", 2, "a:1");
  hosts.send("nobody", 0, "x:1");
  EXPECT_TRUE(hosts.arrived.empty());
  hosts.pass(1s);
  std::sort(hosts.arrived.begin(), hosts.arrived.end());
  EXPECT_EQ(hosts.arrived, (Arrived{{0, "other"}, {1, "frame"}}));
}

TEST(SimNetwork, LooseLosesRepeatsAndOvertakes) {
  Hosts hosts(/*ordered=*/false);
  hosts.network.set_weather({.overtaken = 1, .loss = 0.2, .repeat = 0.2});
  for (int i = 0; i < 1'000; ++i) hosts.send(std::to_string(1'000 + i));
  hosts.pass(10s);
  const SimNetwork::Counters& counters = hosts.network.counters();
  EXPECT_GT(counters.lost, 100u);
  EXPECT_GT(counters.repeated, 100u);
  EXPECT_EQ(hosts.arrived.size(), 1'000 - counters.lost + counters.repeated);
  EXPECT_FALSE(std::is_sorted(hosts.arrived.begin(), hosts.arrived.end()));
}

TEST(SimNetwork, OrderedKeepsTheOrderUntilAStreamBreaks) {
  Hosts hosts(/*ordered=*/true);
  for (int i = 0; i < 1'000; ++i) {
    hosts.send(std::to_string(1'000 + i));
    if (i % 10 == 0) hosts.pass(1ms);
  }
  hosts.pass(1s);
  EXPECT_EQ(hosts.arrived.size(), 1'000u);
  EXPECT_TRUE(std::is_sorted(hosts.arrived.begin(), hosts.arrived.end()));
  EXPECT_EQ(hosts.ups, (Arrived{{0, "b:1"}}));
}

TEST(SimNetwork, ABrokenStreamLosesWhatIsUnderWayAndIsMadeAnew) {
  Hosts hosts(/*ordered=*/true);
  hosts.send("first");
  hosts.pass(1s);
  hosts.send("lost");
  hosts.network.break_streams(0, 1);
  hosts.send("lost, too");
  hosts.pass(1s);
  EXPECT_EQ(hosts.ups.size(), 2u);
  hosts.send("last");
  hosts.pass(1s);
  EXPECT_EQ(hosts.arrived, (Arrived{{1, "first"}, {1, "last"}}));
}

TEST(SimNetwork, ACutIsOneWayAndEnds) {
  for (const bool ordered : {false, true}) {
    Hosts hosts(ordered);
    hosts.network.cut(0, 1);
    hosts.send("held or lost");
    hosts.send("back", 2, "a:1");
    hosts.pass(1s);
    EXPECT_EQ(hosts.arrived, (Arrived{{0, "back"}}));
    hosts.network.mend_all();
    hosts.pass(2s);
    hosts.send("after");
    hosts.pass(1s);
    EXPECT_EQ(hosts.arrived.back().second, "after");
  }
}

TEST(SimNetwork, WhatACrashedProcessHadUnderWayIsGoneInStreamsOnly) {
  for (const bool ordered : {false, true}) {
    Hosts hosts(ordered);
    hosts.send("from a");
    hosts.network.on_crash(0);
    hosts.pass(1s);
    EXPECT_EQ(hosts.arrived.size(), ordered ? 0u : 1u);
  }
}

}  // namespace
}  // namespace ram::sim
