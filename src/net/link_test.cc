#include "net/link.h"

#include <gtest/gtest.h>

#include <chrono>
#include <ctime>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "net/inbound.h"
#include "net/test_support.h"

namespace ram::net {
namespace {

using namespace std::chrono_literals;

constexpr NodeId kAlice{0xa};
constexpr NodeId kBob{0xb};

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr size_t kFewer = 8;  // of what only measures a rate
#else
constexpr size_t kFewer = 1;
#endif

// Bob, to whom links go.
struct Bob {
  explicit Bob(Loop& loop, TestLog& log, InboundOptions options = {.self = kBob},
               const char* address = "127.0.0.1:0") {
    InboundEvents events;
    events.admit = [this](const PeerInfo&) { return admit; };
    events.on_up = [this](const PeerInfo& peer) { ups.push_back(peer); };
    events.on_frame = [this](const PeerInfo&, SharedBytes body) {
      ++frames;
      bytes += body.size();
      if (keep) bodies.push_back(std::move(body));
    };
    events.on_down = [this](const PeerInfo&, std::string_view reason) {
      downs.emplace_back(reason);
    };
    inbound = std::make_unique<Inbound>(loop, log, options, std::move(events));
    const Status status = inbound->listen(*Address::parse(address), "--cluster-listen");
    EXPECT_TRUE(status.ok()) << status.message();
  }
  Address address() const { return {"127.0.0.1", inbound->port()}; }
  Endpoint endpoint() const { return Endpoint::literal(address()).front(); }

  Status admit;
  std::vector<PeerInfo> ups;
  std::vector<std::string> downs;
  bool keep = true;
  std::deque<SharedBytes> bodies;
  size_t frames = 0;
  size_t bytes = 0;
  std::unique_ptr<Inbound> inbound;
};

class LinkTest : public testing::Test {
 protected:
  LinkOptions options(const Address& to, Lane lane = Lane::kControl) {
    return {.to = to,
            .self = {.source = kAlice, .lane = lane, .address = "127.0.0.1:1", .name = "alice"},
            .retry_min = 1ms,
            .retry_max = 20ms,
            .refused_retry = 30ms};
  }
  std::unique_ptr<Link> dial(LinkOptions with) {
    LinkEvents events;
    events.on_up = [this](NodeId peer) {
      ++ups;
      up_peer = peer;
    };
    events.on_down = [this](std::string_view reason) { downs.emplace_back(reason); };
    return std::make_unique<Link>(loop, random, log, std::move(with), std::move(events));
  }
  static bool send(Link& link, std::string body) {
    const SharedBytes piece(std::move(body));
    return link.send({&piece, 1});
  }
  bool until(const std::function<bool()>& condition) { return run_until(loop, condition); }

  Loop loop;
  Random random{1};
  TestLog log;
  int ups = 0;
  NodeId up_peer;
  std::vector<std::string> downs;
};

TEST_F(LinkTest, TellsEachWhoTheOtherIs) {
  Bob bob(loop, log);
  const auto link = dial(options(bob.address(), Lane::kBulk));
  EXPECT_FALSE(link->up());
  ASSERT_TRUE(until([&] { return link->up() && !bob.ups.empty(); }));
  EXPECT_EQ(up_peer, kBob);
  EXPECT_EQ(link->peer(), kBob);
  EXPECT_EQ(bob.ups[0].source, kAlice);
  EXPECT_EQ(bob.ups[0].lane, Lane::kBulk);
  EXPECT_EQ(bob.ups[0].address, "127.0.0.1:1");
  EXPECT_EQ(bob.ups[0].name, "alice");
  EXPECT_EQ(bob.inbound->links(), 1U);
  EXPECT_EQ(log.count("(bulk): up"), 1U) << log.all();
}

TEST_F(LinkTest, DeliversFramesOfAnySizeWholeAndInOrder) {
  Bob bob(loop, log);
  const auto link = dial(options(bob.address()));
  std::vector<std::string> sent;
  for (size_t size : {size_t{0}, size_t{1}, size_t{1000}, size_t{1} << 14, (size_t{1} << 14) + 1,
                      size_t{300'000}, size_t{5}, size_t{32} << 20, size_t{7}, kFrameBytesMax}) {
    std::string body(size, '\0');
    for (size_t i = 0; i < size; i += 97) body[i] = static_cast<char>(mix64(i ^ size));
    // In pieces, and the first before the link is up.
    const std::vector<SharedBytes> pieces = {SharedBytes(body.substr(0, size / 3)),
                                             SharedBytes(body.substr(size / 3))};
    ASSERT_TRUE(sent.size() != 5 || until([&] { return link->up(); }));
    EXPECT_TRUE(link->send(pieces));
    sent.push_back(std::move(body));
  }
  ASSERT_TRUE(until([&] { return bob.bodies.size() == sent.size(); }));
  for (size_t i = 0; i < sent.size(); ++i) EXPECT_TRUE(bob.bodies[i].view() == sent[i]) << i;
  EXPECT_TRUE(downs.empty());
  EXPECT_EQ(ups, 1);
}

TEST_F(LinkTest, DialsAgainWhenThePeerComesBackAndSaysSo) {
  auto bob = std::make_unique<Bob>(loop, log);
  const Address address = bob->address();
  const auto link = dial(options(address));
  for (int round = 1; round <= 5; ++round) {
    ASSERT_TRUE(until([&] { return ups == round; }));
    EXPECT_TRUE(send(*link, "x"));
    ASSERT_TRUE(until([&] { return bob->frames == 1; }));
    bob.reset();
    ASSERT_TRUE(until([&] { return downs.size() == static_cast<size_t>(round); }));
    EXPECT_FALSE(link->up());
    EXPECT_FALSE(send(*link, "lost") && link->up());
    ASSERT_TRUE(until([&] { return link->trouble() == "connection refused"; }));
    bob = std::make_unique<Bob>(loop, log, InboundOptions{.self = kBob}, address.text().c_str());
  }
  EXPECT_EQ(log.count("connection refused; trying again"), 5U) << log.all();
}

TEST_F(LinkTest, AnAbsentPeerIsLoggedOnceHoweverOftenItIsDialled) {
  Address nowhere;
  {
    RawListener listener;
    nowhere = listener.address();
  }
  const auto link = dial(options(nowhere));
  const Instant start = loop.now();
  ASSERT_TRUE(until([&] { return loop.now() - start > 300ms; }));
  EXPECT_EQ(log.lines.size(), 1U) << log.all();
  EXPECT_EQ(link->trouble(), "connection refused");
}

TEST_F(LinkTest, GivesUpOnAPeerThatDoesNotAnswerAndTriesAgain) {
  RawListener listener;
  LinkOptions with = options(listener.address());
  with.connect_timeout = 20ms;
  const auto link = dial(with);
  std::vector<std::unique_ptr<RawPeer>> peers;
  ASSERT_TRUE(until([&] {
    if (auto peer = listener.accept()) peers.push_back(std::move(peer));
    return peers.size() == 3;
  }));
  EXPECT_EQ(link->trouble(), "it does not answer");
  EXPECT_EQ(log.count("it does not answer; trying again"), 1U) << log.all();
  EXPECT_EQ(ups, 0);
}

TEST_F(LinkTest, SaysThatThePeerIsOfAnotherVersion) {
  RawListener listener;
  const auto link = dial(options(listener.address()));
  std::unique_ptr<RawPeer> peer;
  ASSERT_TRUE(until([&] { return peer != nullptr || (peer = listener.accept()) != nullptr; }));
  peer->send(std::string_view("RAMP\xc8\0\0\0", 8));
  ASSERT_TRUE(until([&] { return !link->trouble().empty(); }));
  EXPECT_EQ(link->trouble(),
            "it speaks wire version 200, this node speaks 3; run the same release on all nodes");
}

TEST_F(LinkTest, SaysThatItWasGivenAPortForClients) {
  RawListener listener;
  const auto link = dial(options(listener.address()));
  std::unique_ptr<RawPeer> peer;
  ASSERT_TRUE(until([&] { return peer != nullptr || (peer = listener.accept()) != nullptr; }));
  peer->send("-ERR Protocol error: this port is for clients\r\n");
  ASSERT_TRUE(until([&] { return !link->trouble().empty(); }));
  EXPECT_NE(link->trouble().find("--cluster-listen"), std::string::npos) << link->trouble();
}

TEST_F(LinkTest, SurvivesAnyAnswer) {
  RawListener listener;
  LinkOptions with = options(listener.address());
  with.refused_retry = 1ms;
  const auto link = dial(with);
  Random noise(5);
  const std::string good = std::string(preamble()) +
                           frame_bytes(FrameKind::kAnswer, encode(HelloAnswer{.source = kBob}));
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (int i = 0; i < 100; ++i) {
    std::unique_ptr<RawPeer> peer;
    ASSERT_TRUE(until([&] { return (peer = listener.accept()) != nullptr; }));
    std::string bytes = good;
    bytes[noise.below(bytes.size())] = static_cast<char>(noise.next());
    bytes.resize(noise.below(bytes.size() + 1));
    if (noise.one_in(3)) bytes = "HTTP/1.1 400 Bad Request\r\n\r\n";
    peer->send(bytes);
    peer->close();
  }
  // Sane again after all that.
  std::unique_ptr<RawPeer> peer;
  const int ups_before = ups;
  ASSERT_TRUE(until([&] {
    if (auto next = listener.accept()) {
      peer = std::move(next);
      peer->send(good);
    }
    return ups > ups_before && link->up();
  }));
  // And a peer that talks on is cut.
  const size_t downs_before = downs.size();
  peer->send("more");
  ASSERT_TRUE(until([&] { return downs.size() > downs_before; }));
  EXPECT_EQ(downs.back(), "it sends where it should only read");
}

TEST_F(LinkTest, ARefusalIsLoggedOnceWithItsReasonAndAskedAgain) {
  Bob bob(loop, log);
  bob.admit = Status::invalid("this is another cluster");
  const auto link = dial(options(bob.address()));
  ASSERT_TRUE(until([&] { return log.count("connection from") >= 3; }));
  EXPECT_EQ(log.count("link to " + bob.address().text() +
                      " (control): refused by it: this is another cluster; trying again"),
            1U)
      << log.all();
  EXPECT_EQ(bob.ups.size(), 0U);
  bob.admit = Status();
  ASSERT_TRUE(until([&] { return link->up(); }));
}

TEST_F(LinkTest, IsCutWhenTooMuchWaits) {
  Bob bob(loop, log);
  LinkOptions with = options(bob.address());
  with.backlog_bytes_max = size_t{8} << 20;
  const auto link = dial(with);
  ASSERT_TRUE(until([&] { return link->up() && !bob.ups.empty(); }));
  bob.inbound->pause(kAlice, Lane::kControl);
  const std::string block(size_t{1} << 20, 'x');
  int sent = 0;
  while (send(*link, block)) {
    ASSERT_LE(link->queued_bytes(), with.backlog_bytes_max);
    if (++sent % 4 == 0) run_passes(loop, 1);
    ASSERT_LT(sent, 1000);
  }
  EXPECT_TRUE(downs.empty());  // not from within send
  ASSERT_TRUE(until([&] { return downs.size() == 1; }));
  EXPECT_EQ(downs[0], "it does not read: more than 8388608 bytes wait for it");
  bob.inbound->resume(kAlice, Lane::kControl);
  ASSERT_TRUE(until([&] { return link->up(); }));
}

TEST_F(LinkTest, RedialMakesItAnewAtOnce) {
  Bob bob(loop, log);
  LinkOptions with = options(bob.address());
  with.retry_min = with.retry_max = 1000s;
  const auto link = dial(with);
  ASSERT_TRUE(until([&] { return link->up() && bob.ups.size() == 1; }));
  link->redial("asked to");
  EXPECT_TRUE(downs.empty());
  ASSERT_TRUE(until([&] { return ups == 2 && link->up() && bob.ups.size() == 2; }));
  EXPECT_EQ(downs, std::vector<std::string>{"asked to"});
  EXPECT_EQ(bob.downs.size(), 1U);
  EXPECT_EQ(bob.inbound->links(), 1U);
  // Also while it is being made.
  link->redial("again");
  link->redial("and again");
  ASSERT_TRUE(until([&] { return ups == 3; }));
  link->redial("while down");
  ASSERT_TRUE(until([&] { return downs.size() == 3; }));
  link->redial("while dialling");
  ASSERT_TRUE(until([&] { return ups == 4 && link->up(); }));
}

TEST_F(LinkTest, FindsAPeerByName) {
  Bob bob(loop, log);
  const auto link = dial(options({"localhost", bob.inbound->port()}));
  ASSERT_TRUE(until([&] { return link->up(); }));
  const auto lost = dial(options({"no-such-host.invalid", 1}));
  ASSERT_TRUE(until([&] { return !lost->trouble().empty(); }));
  EXPECT_EQ(lost->trouble().rfind("cannot resolve no-such-host.invalid: ", 0), 0U);
}

TEST_F(LinkTest, MayBeDestroyedFromItsCallbacksAndAtAnyMoment) {
  Bob bob(loop, log);
  std::unique_ptr<Link> link;
  LinkEvents events;
  events.on_up = [&](NodeId) { link.reset(); };
  link = std::make_unique<Link>(loop, random, log, options(bob.address()), std::move(events));
  ASSERT_TRUE(until([&] { return link == nullptr; }));

  events = {};
  events.on_up = [&](NodeId) { link->redial("now"); };
  events.on_down = [&](std::string_view reason) {
    link.reset();
    EXPECT_EQ(reason, "now");
  };
  link = std::make_unique<Link>(loop, random, log, options(bob.address()), std::move(events));
  ASSERT_TRUE(until([&] { return link == nullptr; }));

  for (int passes = 0; passes < 12; ++passes) {
    const auto short_lived = dial(options(bob.address()));
    const auto by_name = dial(options({"localhost", bob.inbound->port()}));
    send(*short_lived, std::string(100'000, 'x'));
    run_passes(loop, passes);
  }
}

TEST_F(LinkTest, ACutThatSaysNothingIsNoticed) {
  // A peer whose kernel acknowledges until its buffers are full, and then no more: to TCP the same
  // as one that is cut off.
  RawListener listener;
  LinkOptions with = options(listener.address());
  with.dead_after = 200ms;
  const auto link = dial(with);
  std::unique_ptr<RawPeer> peer;
  ASSERT_TRUE(until([&] { return (peer = listener.accept()) != nullptr; }));
  peer->send(std::string(preamble()) +
             frame_bytes(FrameKind::kAnswer, encode(HelloAnswer{.source = kBob})));
  ASSERT_TRUE(until([&] { return link->up(); }));
  const std::string block(size_t{1} << 20, 'x');
  for (int i = 0; i < 64; ++i) ASSERT_TRUE(send(*link, block));
  const Instant start = loop.now();
  ASSERT_TRUE(until([&] { return downs.size() == 1; }));
  EXPECT_EQ(downs[0], "the peer does not answer");
  std::printf("[ time     ] noticed after %lld ms\n",
              static_cast<long long>((loop.now() - start) / 1ms));
}

TEST_F(LinkTest, CarriesManySmallFrames) {
  Bob bob(loop, log);
  bob.keep = false;
  const auto link = dial(options(bob.address()));
  ASSERT_TRUE(until([&] { return link->up(); }));
  const SharedBytes head(std::string(16, 'h'));
  const SharedBytes body(std::string(100, 'b'));
  const std::vector<SharedBytes> pieces = {head, body};
  constexpr size_t kFrames = 300'000 / kFewer;
  const std::clock_t start = std::clock();
  for (size_t i = 0; i < kFrames; ++i) {
    ASSERT_TRUE(link->send(pieces));
    if (i % 64 == 63) run_passes(loop, 1);
  }
  ASSERT_TRUE(until([&] { return bob.frames == kFrames; }));
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf("[ rate     ] %.2f M frames of 116 bytes per second of processor time, both ends\n",
              static_cast<double>(kFrames) / seconds / 1e6);
}

TEST_F(LinkTest, CarriesLargeFrames) {
  Bob bob(loop, log);
  bob.keep = false;
  const auto link = dial(options(bob.address()));
  ASSERT_TRUE(until([&] { return link->up(); }));
  const SharedBytes body(std::string(size_t{32} << 20, 'b'));
  constexpr size_t kFrames = 16 / kFewer;
  const std::clock_t start = std::clock();
  for (size_t sent = 0; sent < kFrames; ++sent) {
    ASSERT_TRUE(until([&] { return link->queued_bytes() < body.size(); }));
    ASSERT_TRUE(link->send({&body, 1}));
  }
  ASSERT_TRUE(until([&] { return bob.frames == kFrames; }));
  const double seconds = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  std::printf("[ rate     ] %.2f GB per second of processor time in frames of 32 MiB, both ends\n",
              static_cast<double>(kFrames * body.size()) / seconds / 1e9);
}

}  // namespace
}  // namespace ram::net
