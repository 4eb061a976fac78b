#include "node/peer_links.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "net/test_support.h"

namespace ram::node {
namespace {

using namespace std::chrono_literals;

constexpr NodeId kAlice{0xa};
constexpr NodeId kBob{0xb};
constexpr NodeId kBobAgain{0xb1};  // who starts again is another incarnation
constexpr NodeId kCarol{0xc};

// Links of one node, and what they brought.
struct End {
  End(net::Loop& loop, NodeId id, const std::string& listen, Duration unused_max = 1min)
      : links(
            loop, log, 1, 10s,
            {.on_frame = [this](const Peer& from, const SharedBytes&) { heard.push_back(from.id); },
             .on_link_up = [this](const std::string& address) { ups.push_back(address); }},
            unused_max) {
    const Status status = links.listen(*net::Address::parse(listen));
    EXPECT_TRUE(status.ok()) << status.message();
    become(id);
  }
  void become(NodeId id) { links.become(id, "127.0.0.1:" + std::to_string(links.port()), "node"); }
  std::string at(const std::string& host) const {
    return host + ":" + std::to_string(links.port());
  }

  net::TestLog log;
  std::vector<NodeId> heard;
  std::vector<std::string> ups;
  PeerLinks links;
};

void send(End& from, const std::string& address) {
  from.links.send(address, Lane::kControl, {SharedBytes(std::string("frame"))});
}

TEST(PeerLinks, TwoAddressesOfOnePeerShareALinkInsteadOfFightingForIt) {
  net::Loop loop;
  End alice(loop, kAlice, "127.0.0.1:0"), bob(loop, kBob, "0.0.0.0:0");
  const std::vector<std::string> addresses = {bob.at("127.0.0.1"), bob.at("127.0.0.2"),
                                              bob.at("127.0.0.3")};
  const auto send_to_all = [&] {
    for (const std::string& address : addresses) send(alice, address);
  };
  ASSERT_TRUE(net::run_until(loop, [&] {
    send_to_all();
    return std::all_of(addresses.begin(), addresses.end(), [&](const std::string& address) {
      return std::count(alice.ups.begin(), alice.ups.end(), address) > 0;
    });
  }));
  // From now on no stream takes another's place: nothing is lost, and nobody dials.
  const size_t replaced = bob.log.count("replaced by a new connection");
  const size_t ups = alice.ups.size(), heard = bob.heard.size();
  EXPECT_LE(replaced, 2 * addresses.size());
  size_t rounds = 0;
  const Instant end = loop.now() + 2s;  // links that fight are dialled anew every second, at least
  ASSERT_TRUE(net::run_until(loop, [&] {
    send_to_all();
    ++rounds;
    return loop.now() >= end;
  }));
  ASSERT_TRUE(
      net::run_until(loop, [&] { return bob.heard.size() - heard >= rounds * addresses.size(); }));
  EXPECT_EQ(bob.log.count("replaced by a new connection"), replaced);
  EXPECT_EQ(alice.ups.size(), ups);
}

// Bob's second address becomes Carol's.
TEST(PeerLinks, AnAddressThatBecomesAnothersIsDialledAnew) {
  net::Loop loop;
  End alice(loop, kAlice, "127.0.0.1:0");
  auto bob = std::make_unique<End>(loop, kBob, "0.0.0.0:0");
  const std::string first = bob->at("127.0.0.1"), second = bob->at("127.0.0.2");
  ASSERT_TRUE(net::run_until(loop, [&] {
    send(alice, first);
    send(alice, second);
    return bob->log.count("replaced by a new connection") > 0 && bob->heard.size() > 100;
  }));
  bob.reset();
  End bob_again(loop, kBobAgain, first), carol(loop, kCarol, second);
  ASSERT_TRUE(net::run_until(loop, [&] {
    send(alice, first);
    send(alice, second);
    return bob_again.heard.size() > 100 && carol.heard.size() > 100;
  }));
}

// The same, while Bob lives on at his first.
TEST(PeerLinks, AnAddressThatBecomesAnothersIsDialledAnewWhileItsFormerOwnerLives) {
  net::Loop loop;
  End alice(loop, kAlice, "127.0.0.1:0"), bob(loop, kBob, "127.0.0.1:0");
  auto bob_elsewhere = std::make_unique<End>(loop, kBob, "127.0.0.2:0");
  const std::string first = bob.at("127.0.0.1"), second = bob_elsewhere->at("127.0.0.2");
  ASSERT_TRUE(net::run_until(loop, [&] {
    send(alice, second);
    return !bob_elsewhere->heard.empty();
  }));
  ASSERT_TRUE(net::run_until(loop, [&] {
    send(alice, first);
    return !bob.heard.empty();
  }));
  bob_elsewhere.reset();  // his second address is not dialled: his first has the link
  End carol(loop, kCarol, second);
  carol.links.become(kCarol, second, "carol");
  ASSERT_TRUE(net::run_until(loop, [&] {
    send(carol, alice.at("127.0.0.1"));
    return !alice.heard.empty();
  }));
  const size_t heard = bob.heard.size();
  ASSERT_TRUE(net::run_until(loop, [&] {
    send(alice, first);
    send(alice, second);
    return carol.heard.size() > 100 && bob.heard.size() > heard + 100;
  }));
}

// As where a name stands for another node than it did: the stream to the former one would stay up.
TEST(PeerLinks, AnAddressThatAnotherClaimsIsDialledAnewThoughItsLinkIsUp) {
  net::Loop loop;
  End alice(loop, kAlice, "127.0.0.1:0"), bob(loop, kBob, "127.0.0.1:0");
  const std::string address = bob.at("127.0.0.1");
  ASSERT_TRUE(net::run_until(loop, [&] {
    send(alice, address);
    return !alice.ups.empty();
  }));
  End carol(loop, kCarol, "127.0.0.1:0");
  carol.links.become(kCarol, address, "carol");
  ASSERT_TRUE(net::run_until(loop, [&] {
    send(carol, alice.at("127.0.0.1"));
    return alice.ups.size() > 1;
  }));
}

// As to a member that was removed, when no other is dialled any more.
TEST(PeerLinks, WhoIsGoneIsDialledNoMoreUnlessSomethingIsToBeSent) {
  net::Loop loop;
  End alice(loop, kAlice, "127.0.0.1:0", /*unused_max=*/1s);
  auto bob = std::make_unique<End>(loop, kBob, "127.0.0.1:0");
  End carol(loop, kCarol, "127.0.0.1:0"), dave(loop, NodeId(9), "127.0.0.1:0");
  const std::string to_bob = bob->at("127.0.0.1"), to_carol = carol.at("127.0.0.1");
  const std::string to_dave = dave.at("127.0.0.1");
  const auto ups = [&](const std::string& to) {
    return std::count(alice.ups.begin(), alice.ups.end(), to);
  };
  ASSERT_TRUE(net::run_until(loop, [&] {
    send(alice, to_bob);
    send(alice, to_dave);
    return ups(to_bob) == 1 && ups(to_dave) == 1;
  }));
  bob.reset();
  const Instant end = loop.now() + 2100ms;
  ASSERT_TRUE(net::run_until(loop, [&] {
    send(alice, to_carol);
    return loop.now() >= end;
  }));
  End back(loop, kBob, to_bob);
  const Instant later = loop.now() + 1500ms;
  ASSERT_TRUE(net::run_until(loop, [&] { return loop.now() >= later; }));
  EXPECT_EQ(ups(to_bob), 1) << "though he is back";
  EXPECT_EQ(ups(to_carol), 1);
  EXPECT_EQ(ups(to_dave), 1) << "one that is up stays";
  ASSERT_TRUE(net::run_until(
      loop,
      [&] {
        send(alice, to_bob);
        return ups(to_bob) == 2;
      },
      5s));
}

// Another of Alice's name takes her place at Bob on the control lane, as if that link were cut.
TEST(PeerLinks, WithTheControlLinkTheOthersAreDialledAnew) {
  net::Loop loop;
  End alice(loop, kAlice, "127.0.0.1:0"), twin(loop, kAlice, "127.0.0.1:0");
  End bob(loop, kBob, "127.0.0.1:0");
  const std::string to = bob.at("127.0.0.1");
  ASSERT_TRUE(net::run_until(loop, [&] {
    for (const Lane lane : {Lane::kControl, Lane::kLog, Lane::kBulk}) {
      alice.links.send(to, lane, {SharedBytes(std::string("frame"))});
    }
    return alice.ups.size() == 2 && alice.log.count("(bulk): up") == 1;
  }));
  ASSERT_TRUE(net::run_until(loop, [&] {
    send(twin, to);
    return alice.log.count("(log): down") > 0 && alice.log.count("(bulk): down") > 0;
  }));
}

}  // namespace
}  // namespace ram::node
