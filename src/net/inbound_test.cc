#include "net/inbound.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "net/frame.h"
#include "net/loop.h"
#include "net/test_support.h"

namespace ram::net {
namespace {

using namespace std::chrono_literals;

constexpr NodeId kAlice{0xa};
constexpr NodeId kBob{0xb};
constexpr NodeId kCarol{0xc};

std::string hello_of(NodeId source, Lane lane = Lane::kControl) {
  return std::string(preamble()) +
         frame_bytes(FrameKind::kHello, encode(Hello{source, lane, "127.0.0.1:1", "some node"}));
}

std::string message(std::string_view body) {
  return frame_bytes(FrameKind::kMessage, body);
}

std::string accepted() {
  return std::string(preamble()) +
         frame_bytes(FrameKind::kAnswer, encode(HelloAnswer{.source = kBob}));
}

class InboundTest : public testing::Test {
 protected:
  void open(InboundOptions options = {.self = kBob}) {
    InboundEvents events;
    events.on_up = [this](const PeerInfo& peer) { ups.push_back(peer.source); };
    events.on_frame = [this](const PeerInfo& peer, SharedBytes body) {
      frames.emplace_back(peer.source, std::string(body.view()));
      if (on_frame) on_frame();
    };
    events.on_down = [this](const PeerInfo& peer, std::string_view reason) {
      downs.emplace_back(peer.source, reason);
      if (on_down) on_down();
    };
    inbound = std::make_unique<Inbound>(loop, log, options, std::move(events));
    ASSERT_TRUE(inbound->listen(*Address::parse("127.0.0.1:0"), "--cluster-listen").ok());
    endpoint = Endpoint::literal({"127.0.0.1", inbound->port()}).front();
  }
  std::unique_ptr<RawPeer> connect() { return std::make_unique<RawPeer>(endpoint); }
  bool until(const std::function<bool()>& condition) { return run_until(loop, condition); }
  bool until_closed(RawPeer& peer) {
    return until([&] {
      loop.wake();  // its end is no event of ours
      return !peer.receive();
    });
  }

  Loop loop;
  TestLog log;
  std::unique_ptr<Inbound> inbound;
  Endpoint endpoint;
  std::vector<NodeId> ups;
  std::vector<std::pair<NodeId, std::string>> frames;
  std::vector<std::pair<NodeId, std::string>> downs;
  std::function<void()> on_frame;
  std::function<void()> on_down;
};

TEST_F(InboundTest, ItsOwnLinkIsNoPeerThatIsGone) {
  open();
  const auto self = connect();
  self->send(hello_of(kBob));
  ASSERT_TRUE(until([&] { return !ups.empty(); }));
  // A new incarnation of us is not the one that dialled.
  inbound->set_self(kCarol);
  self->close();
  ASSERT_TRUE(until([&] { return !downs.empty(); }));
  EXPECT_EQ(log.count("is gone"), 0U) << log.all();
}

TEST_F(InboundTest, ReadsHelloAndFramesByteByByte) {
  open();
  const auto peer = connect();
  for (const char c : hello_of(kAlice) + message("one") + message("") + message("three")) {
    peer->send({&c, 1});
    run_passes(loop, 1);
  }
  ASSERT_TRUE(until([&] { return frames.size() == 3; }));
  EXPECT_EQ(frames[0].second + "," + frames[1].second + "," + frames[2].second, "one,,three");
  peer->receive();
  EXPECT_EQ(peer->got, accepted());
}

TEST_F(InboundTest, ReadsHelloAndFramesThatComeAtOnce) {
  open();
  const auto peer = connect();
  peer->send(hello_of(kAlice) + message("one") + message("two"));
  ASSERT_TRUE(until([&] { return frames.size() == 2; }));
}

TEST_F(InboundTest, ClosesNonsenseWithOneLineThatNamesTheAddress) {
  open();
  const auto good = connect();
  good->send(hello_of(kAlice));
  ASSERT_TRUE(until([&] { return ups.size() == 1; }));

  const auto http = connect();
  http->send("GET / HTTP/1.1\r\n\r\n");
  ASSERT_TRUE(until_closed(*http));
  EXPECT_EQ(log.lines.size(), 1U) << log.all();
  EXPECT_EQ(log.count("connection from 127.0.0.1:"), 1U);
  EXPECT_EQ(
      log.count(" closed: it sent \"GET / HTTP/1.1\\x0d\\x0a\\x0d\\x0a\" where a node begins with "
                "\"RAMP\""),
      1U)
      << log.all();
  EXPECT_TRUE(http->got.starts_with("-ERR ") && http->got.ends_with("--listen\r\n")) << http->got;

  good->send(message("still here"));
  ASSERT_TRUE(until([&] { return frames.size() == 1; }));
}

TEST_F(InboundTest, TellsAnotherVersionWhichOneItSpeaks) {
  open();
  const auto peer = connect();
  peer->send("RAMP\xc8");
  ASSERT_TRUE(until([&] {
    peer->receive();
    loop.wake();
    return peer->got.size() >= kPreambleBytes;
  }));
  EXPECT_EQ(peer->got.substr(0, kPreambleBytes), preamble());
  peer->close();
  EXPECT_EQ(log.count("refused: it speaks wire version 200, this node speaks 3"), 1U) << log.all();
}

TEST_F(InboundTest, RefusesWithAReasonWhatIsNoHello) {
  open();
  const std::string strange_lane = frame_bytes(
      FrameKind::kHello, std::string(8, 'x') + "\x07" + "\x0b" + "127.0.0.1:1" + "\x01" + "n");
  struct Case {
    std::string bytes;
    std::string reason;
  };
  for (const Case& one :
       {Case{message("x"), "it did not say who it is"},
        Case{frame_bytes(FrameKind::kHello, "short"), "it sent a malformed hello"},
        Case{strange_lane, "it asked for lane 7, which is unknown here"}}) {
    const auto peer = connect();
    peer->send(std::string(preamble()) + one.bytes);
    const std::string wanted =
        std::string(preamble()) +
        frame_bytes(FrameKind::kAnswer, encode(HelloAnswer{.reason = one.reason}));
    ASSERT_TRUE(until([&] {
      peer->receive();
      loop.wake();
      return peer->got.size() >= wanted.size();
    }));
    EXPECT_EQ(peer->got, wanted);
    EXPECT_EQ(log.count("refused: " + one.reason), 1U) << log.all();
  }
  EXPECT_TRUE(ups.empty());
}

TEST_F(InboundTest, ClosesWhoDoesNotSayHelloInTime) {
  open({.self = kBob, .hello_timeout = 20ms});
  const auto silent = connect();
  const auto slow = connect();
  slow->send(hello_of(kAlice).substr(0, 20));
  ASSERT_TRUE(until_closed(*silent));
  ASSERT_TRUE(until_closed(*slow));
  EXPECT_EQ(log.count("it did not say who it is in time"), 2U) << log.all();
}

TEST_F(InboundTest, ClosesAtAMalformedFrameAndNobodyElseNotices) {
  open();
  const auto good = connect();
  good->send(hello_of(kCarol));
  ASSERT_TRUE(until([&] { return ups.size() == 1; }));

  std::string damaged = message("some body");
  damaged[14] = '?';
  std::string too_long = message("x");
  too_long[3] = 0x7f;
  std::string strange = message("x");
  strange[5] = 9;
  struct Case {
    std::string bytes;
    const char* reason;
  };
  for (const Case& one :
       {Case{damaged, "it sent a frame of 9 bytes whose checksum does not match"},
        Case{too_long, "it sent a frame of 2130706433 bytes, more than the 35651584 allowed here"},
        Case{strange, "it sent a frame of unknown kind 9"},
        Case{frame_bytes(FrameKind::kAnswer, "x"), "it sent a second hello"}}) {
    const size_t before = frames.size();
    const size_t downs_before = downs.size();
    const auto peer = connect();
    peer->send(hello_of(kAlice) + message("fine") + one.bytes + message("never read"));
    ASSERT_TRUE(until_closed(*peer));
    ASSERT_EQ(downs.size(), downs_before + 1);
    EXPECT_EQ(downs.back().second, one.reason);
    EXPECT_EQ(frames.size(), before + 1);
    EXPECT_EQ(log.count(one.reason), 1U) << log.all();
  }
  const size_t before = frames.size();
  good->send(message("still here"));
  ASSERT_TRUE(until([&] { return frames.size() == before + 1; }));
}

TEST_F(InboundTest, APeerThatDiesWithinAFrameLeavesNothingBehind) {
  open();
  for (const size_t size : {size_t{100}, size_t{1} << 20}) {
    for (const size_t cut : {size_t{1}, kFrameHeadBytes, kFrameHeadBytes + 50, size + 11}) {
      const size_t before = downs.size();
      const auto peer = connect();
      peer->send(hello_of(kAlice));
      const std::string frame = message(std::string(size, 'x'));
      std::string_view rest = std::string_view(frame).substr(0, cut);
      while (!rest.empty()) {
        rest.remove_prefix(peer->send(rest));
        run_passes(loop, 1);
      }
      peer->close();
      ASSERT_TRUE(until([&] { return downs.size() == before + 1; }));
    }
  }
  EXPECT_TRUE(frames.empty());
  EXPECT_EQ(inbound->links(), 0U);
}

TEST_F(InboundTest, ANewConnectionOfTheSameSourceAndLaneReplacesTheOld) {
  open();
  const auto first = connect();
  first->send(hello_of(kAlice));
  const auto bulk = connect();
  bulk->send(hello_of(kAlice, Lane::kBulk));
  ASSERT_TRUE(until([&] { return ups.size() == 2; }));
  const auto second = connect();
  second->send(hello_of(kAlice) + message("second"));
  ASSERT_TRUE(until([&] { return frames.size() == 1; }));
  ASSERT_TRUE(until_closed(*first));
  EXPECT_EQ(
      downs,
      (std::vector<std::pair<NodeId, std::string>>{{kAlice, "replaced by a new connection"}}));
  bulk->send(message("bulk"));
  ASSERT_TRUE(until([&] { return frames.size() == 2; }));
  EXPECT_EQ(inbound->links(), 2U);
}

TEST_F(InboundTest, APausedSourceWaitsAndLosesNothing) {
  open();
  const auto alice = connect();
  alice->send(hello_of(kAlice));
  const auto carol = connect();
  carol->send(hello_of(kCarol));
  ASSERT_TRUE(until([&] { return ups.size() == 2; }));

  // In the middle of what was read at once.
  on_frame = [this] {
    if (frames.size() == 3) inbound->pause(kAlice, Lane::kControl);
  };
  std::string bytes;
  for (int i = 0; i < 10'000; ++i) bytes += message(std::to_string(i));
  std::string_view rest = bytes;
  rest.remove_prefix(alice->send(rest));
  ASSERT_TRUE(until([&] { return frames.size() == 3; }));
  run_passes(loop, 10);
  EXPECT_EQ(frames.size(), 3U);

  carol->send(message("carol"));
  ASSERT_TRUE(until([&] { return frames.size() == 4; }));
  EXPECT_EQ(frames.back().second, "carol");

  on_frame = nullptr;
  inbound->resume(kAlice, Lane::kControl);
  ASSERT_TRUE(until([&] {
    rest.remove_prefix(alice->send(rest));
    loop.wake();
    return frames.size() == 10'001;
  }));
  int next = 0;
  for (const auto& [source, body] : frames) {
    if (source != kAlice) continue;
    EXPECT_EQ(body, std::to_string(next++));
  }
}

TEST_F(InboundTest, APauseOutlastsANewConnection) {
  open();
  inbound->pause(kAlice, Lane::kControl);
  EXPECT_TRUE(inbound->paused(kAlice, Lane::kControl));
  const auto alice = connect();
  alice->send(hello_of(kAlice) + message("one"));
  ASSERT_TRUE(until([&] { return ups.size() == 1; }));
  alice->send(message("two"));
  run_passes(loop, 20);
  EXPECT_TRUE(frames.empty());
  inbound->resume(kAlice, Lane::kControl);
  ASSERT_TRUE(until([&] { return frames.size() == 2; }));
}

TEST_F(InboundTest, TakesNoMoreLinksThanItsLimit) {
  open({.self = kBob, .links_max = 2});
  std::vector<std::unique_ptr<RawPeer>> peers;
  for (uint64_t i = 1; i <= 2; ++i) {
    peers.push_back(connect());
    peers.back()->send(hello_of(NodeId(i)));
  }
  ASSERT_TRUE(until([&] { return ups.size() == 2; }));
  const auto third = connect();
  third->send(hello_of(NodeId(3)));
  ASSERT_TRUE(until([&] { return log.count("this node has 2 links, the most it takes") == 1; }));
  // A known one may always come anew.
  const auto again = connect();
  again->send(hello_of(NodeId(1)));
  ASSERT_TRUE(until([&] { return ups.size() == 3; }));
}

TEST_F(InboundTest, ACrowdThatSaysNothingKeepsNobodyOut) {
  open();
  std::vector<std::unique_ptr<RawPeer>> crowd;
  for (int i = 0; i < 300; ++i) {
    crowd.push_back(connect());
    if (i % 50 == 0) run_passes(loop, 2);
  }
  const auto peer = connect();
  peer->send(hello_of(kAlice) + message("here"));
  ASSERT_TRUE(until([&] { return frames.size() == 1; }));
  // Few lines, however large the crowd.
  EXPECT_LE(log.lines.size(), 30U) << log.all();
}

TEST_F(InboundTest, CutClosesBothLanes) {
  open();
  const auto control = connect();
  control->send(hello_of(kAlice));
  const auto bulk = connect();
  bulk->send(hello_of(kAlice, Lane::kBulk));
  ASSERT_TRUE(until([&] { return ups.size() == 2; }));
  inbound->cut(kAlice, "removed");
  EXPECT_EQ(downs.size(), 2U);
  EXPECT_EQ(inbound->links(), 0U);
  ASSERT_TRUE(until_closed(*control));
  ASSERT_TRUE(until_closed(*bulk));
  inbound->cut(kAlice, "again");
  EXPECT_EQ(downs.size(), 2U);
}

TEST_F(InboundTest, MayBeDestroyedFromItsCallbacks) {
  for (const bool from_frame : {true, false}) {
    open();
    const size_t before = frames.size();
    (from_frame ? on_frame : on_down) = [this] { inbound.reset(); };
    const auto alice = connect();
    alice->send(hello_of(kAlice) + message("1") + message("2"));
    const auto bulk = connect();
    bulk->send(hello_of(kAlice, Lane::kBulk));
    if (!from_frame) {
      ASSERT_TRUE(until([&] { return inbound->links() == 2 && frames.size() == before + 2; }));
      inbound->cut(kAlice, "removed");
    }
    ASSERT_TRUE(until([&] { return inbound == nullptr; }));
    EXPECT_EQ(frames.size(), before + (from_frame ? 1 : 2));
    on_frame = on_down = nullptr;
    ASSERT_TRUE(until_closed(*alice));
  }
}

TEST_F(InboundTest, MayCutTheSourceOfTheFrameAtHand) {
  open();
  on_frame = [this] { inbound->cut(kAlice, "enough"); };
  const auto alice = connect();
  alice->send(hello_of(kAlice) + message("1") + message("2"));
  ASSERT_TRUE(until([&] { return downs.size() == 1; }));
  EXPECT_EQ(frames.size(), 1U);
}

TEST_F(InboundTest, IsTotalOnHostileBytes) {
  open();
  Random random(11);
  const auto good = connect();
  good->send(hello_of(kCarol));
  ASSERT_TRUE(until([&] { return ups.size() == 1; }));
  for (int i = 0; i < 300; ++i) {
    std::string bytes = hello_of(kAlice) + message("one") + message(std::string(200, 'x'));
    for (uint64_t damage = 1 + random.below(3); damage > 0; --damage) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    }
    bytes.resize(random.below(bytes.size()) + 1);
    RawPeer peer(endpoint);
    peer.send(bytes);
    run_passes(loop, 1 + static_cast<int>(random.below(3)));
  }
  const size_t before = frames.size();
  good->send(message("still here"));
  ASSERT_TRUE(until([&] { return frames.size() > before && frames.back().first == kCarol; }));
}

}  // namespace
}  // namespace ram::net
