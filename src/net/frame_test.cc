#include "net/frame.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/random.h"
#include "net/hello.h"

namespace ram::net {
namespace {

std::string hex(std::string_view bytes) {
  std::string out;
  char two[3];
  for (const char c : bytes) {
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += two;
  }
  return out;
}

std::string body_of(size_t size, uint64_t seed) {
  Random random(seed);
  std::string body(size, '\0');
  for (char& c : body) c = static_cast<char>(random.next());
  return body;
}

// Feeds `bytes` as a connection would, in portions that `random` chooses; returns the bodies.
std::vector<std::string> read_in_portions(FrameReader& reader, std::string_view bytes,
                                          Random& random, size_t portion_max) {
  std::vector<std::string> bodies;
  std::string unread;
  while (!bytes.empty() && reader.status().ok()) {
    const std::span<char> space = reader.space();
    size_t portion = std::min<size_t>(1 + random.below(portion_max), bytes.size());
    if (!space.empty() && unread.empty()) {
      portion = std::min(portion, space.size());
      std::copy_n(bytes.data(), portion, space.data());
      reader.filled(portion);
    } else {
      unread.append(bytes.substr(0, portion));
    }
    bytes.remove_prefix(portion);
    std::string_view view = unread;
    while (std::optional<Frame> frame = reader.next(view)) bodies.emplace_back(frame->body.view());
    unread.erase(0, unread.size() - view.size());
    EXPECT_TRUE(unread.empty() || reader.space().empty());
  }
  return bodies;
}

TEST(Frame, HasTheBytesOfVersionOne) {
  EXPECT_EQ(hex(preamble()), "52414d5003000000");
  EXPECT_EQ(hex(frame_bytes(FrameKind::kMessage, "")), "0000000001030000a6dda53b");
  EXPECT_EQ(hex(frame_bytes(FrameKind::kMessage, "hello")), "0500000001030000b808ecda68656c6c6f");
  const Hello hello{.source = NodeId(0x0807060504030201),
                    .lane = Lane::kBulk,
                    .address = "10.0.0.1:7379",
                    .name = "a"};
  EXPECT_EQ(hex(frame_bytes(FrameKind::kHello, encode(hello))),
            "1900000001010000f5220cd00102030405060708020d31302e302e302e313a373337390161");
  EXPECT_EQ(hex(frame_bytes(FrameKind::kAnswer, encode(HelloAnswer{.source = NodeId(9)}))),
            "09000000010200008bbce2e5000900000000000000");
  EXPECT_EQ(hex(frame_bytes(FrameKind::kAnswer, encode(HelloAnswer{.reason = "no"}))),
            "0400000001020000049d43b001026e6f");
}

TEST(Frame, OfPiecesIsTheFrameOfTheirConcatenation) {
  Random random(1);
  for (int i = 0; i < 500; ++i) {
    std::vector<SharedBytes> pieces;
    std::string body;
    for (uint64_t count = random.below(6); count > 0; --count) {
      std::string piece = body_of(random.below(random.one_in(10) ? 5000 : 40), random.next());
      body += piece;
      pieces.emplace_back(std::move(piece));
    }
    const auto head = frame_head(FrameKind::kMessage, pieces);
    EXPECT_EQ(std::string(head.data(), head.size()) + body, frame_bytes(FrameKind::kMessage, body));
  }
}

TEST(FrameReader, FindsTheFramesWhateverThePortions) {
  for (uint64_t seed = 1; seed <= 60; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    std::vector<std::string> bodies;
    std::string bytes;
    for (int i = 0; i < 30; ++i) {
      const size_t size = random.below(random.one_in(5) ? 100'000 : 300);
      bodies.push_back(body_of(size, random.next()));
      bytes += frame_bytes(FrameKind::kMessage, bodies.back());
    }
    FrameReader reader(kFrameBytesMax);
    const size_t portion_max = size_t{1} << random.below(18);
    EXPECT_TRUE(read_in_portions(reader, bytes, random, portion_max) == bodies);
    EXPECT_TRUE(reader.status().ok());
  }
}

TEST(FrameReader, FindsThemByteByByte) {
  Random random(1);
  std::string bytes;
  std::vector<std::string> bodies = {"", "x", body_of(300, 1), body_of(40'000, 2), ""};
  for (const std::string& body : bodies) bytes += frame_bytes(FrameKind::kMessage, body);
  FrameReader reader(kFrameBytesMax);
  EXPECT_TRUE(read_in_portions(reader, bytes, random, 1) == bodies);
}

TEST(FrameReader, ABodyHoldsBackNothingButItself) {
  std::string bytes;
  for (int i = 0; i < 100; ++i) bytes += frame_bytes(FrameKind::kMessage, std::string(100, 'x'));
  FrameReader reader(kFrameBytesMax);
  std::string_view unread = bytes;
  std::vector<SharedBytes> bodies;
  while (std::optional<Frame> frame = reader.next(unread)) bodies.push_back(std::move(frame->body));
  ASSERT_EQ(bodies.size(), 100U);
  for (const SharedBytes& body : bodies) EXPECT_EQ(body.block().use_count(), 1);
}

TEST(FrameReader, ALargeBodyIsReadIntoItsOnlyBlock) {
  const std::string body = body_of(1'000'000, 1);
  const std::string bytes = frame_bytes(FrameKind::kMessage, body);
  FrameReader reader(kFrameBytesMax);
  std::string_view unread(bytes.data(), 100);
  EXPECT_FALSE(reader.next(unread));
  EXPECT_TRUE(unread.empty());
  const char* const place = reader.space().data();
  ASSERT_EQ(reader.space().size(), body.size() - (100 - kFrameHeadBytes));
  std::copy_n(bytes.data() + 100, bytes.size() - 100, reader.space().data());
  reader.filled(bytes.size() - 100);
  const std::optional<Frame> frame = reader.next(unread);
  ASSERT_TRUE(frame);
  EXPECT_TRUE(frame->body.view() == body);
  EXPECT_EQ(frame->body.view().data(), place - (100 - kFrameHeadBytes));
}

TEST(FrameReader, EveryDamagedBitIsNoticed) {
  const std::string good = frame_bytes(FrameKind::kMessage, body_of(50, 1));
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bytes = good;
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ (1 << (bit % 8)));
    bytes += std::string(300, '\0');
    FrameReader reader(200);
    std::string_view unread = bytes;
    EXPECT_FALSE(reader.next(unread)) << bit;
    EXPECT_FALSE(reader.status().ok()) << bit;
  }
}

TEST(FrameReader, SaysWhatIsWrongInOneLineAndForEver) {
  const auto complaint = [](std::string bytes, size_t at, char value) {
    bytes[at] = value;
    FrameReader reader(100);
    std::string_view unread = bytes;
    EXPECT_FALSE(reader.next(unread));
    const std::string message = reader.status().message();
    const std::string good = frame_bytes(FrameKind::kMessage, "good");
    std::string_view more = good;
    EXPECT_FALSE(reader.next(more));
    EXPECT_TRUE(reader.space().empty());
    EXPECT_EQ(reader.status().message(), message);
    return message;
  };
  const std::string frame = frame_bytes(FrameKind::kMessage, "body");
  EXPECT_EQ(complaint(frame, 4, 2), "it sent a frame of version 2, this node reads 1");
  EXPECT_EQ(complaint(frame, 5, 9), "it sent a frame of unknown kind 9");
  EXPECT_EQ(complaint(frame, 0, 101),
            "it sent a frame of 101 bytes, more than the 100 allowed here");
  EXPECT_EQ(complaint(frame, 12, 'x'), "it sent a frame of 4 bytes whose checksum does not match");
}

TEST(FrameReader, IsTotalOnNoise) {
  Random random(7);
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes = body_of(random.below(64), random.next());
    if (bytes.size() > 8 && random.one_in(2)) {  // reach past the first checks
      bytes[2] = bytes[3] = bytes[6] = bytes[7] = 0;
      bytes[4] = 1;
      bytes[5] = 3;
    }
    FrameReader reader(1000);
    EXPECT_TRUE(read_in_portions(reader, bytes, random, 20).empty());
  }
}

TEST(Preamble, IsTakenWhenItIsThere) {
  for (size_t size = 0; size < kPreambleBytes; ++size) {
    std::string_view bytes = preamble().substr(0, size);
    const Result<bool> taken = take_preamble(bytes);
    ASSERT_TRUE(taken.ok());
    EXPECT_FALSE(*taken);
    EXPECT_EQ(bytes.size(), size);
  }
  const std::string with_rest = std::string(preamble()) + "rest";
  std::string_view bytes = with_rest;
  EXPECT_TRUE(*take_preamble(bytes));
  EXPECT_EQ(bytes, "rest");
}

TEST(Preamble, OfAnotherVersionOrNoneIsToldApart) {
  std::string_view newer = "RAMP\xc8";
  EXPECT_EQ(take_preamble(newer).status().message(),
            "it speaks wire version 200, this node speaks 3; run the same release on all nodes");
  std::string_view redis = "*1\r\n$4\r\nPING\r\n";
  EXPECT_EQ(take_preamble(redis).status().message(),
            "it sent \"*1\\x0d\\x0a$4\\x0d\\x0aPING\\x0d\\x0a\" where a node begins with \"RAMP\"");
  std::string_view http = "G";
  EXPECT_FALSE(take_preamble(http).ok());
}

TEST(Hello, ReadsBackWhatItWrites) {
  const Hello hello{NodeId(7), Lane::kBulk, "[::1]:7379", std::string(255, 'n')};
  EXPECT_EQ(*decode_hello(encode(hello)), hello);
  const HelloAnswer accepted{.source = NodeId(9)};
  EXPECT_EQ(*decode_answer(encode(accepted)), accepted);
  const HelloAnswer refused{.reason = "no"};
  EXPECT_EQ(*decode_answer(encode(refused)), refused);
  EXPECT_LE(encode(Hello{NodeId(~0ULL), Lane::kBulk, std::string(kAddressBytesMax, 'a'),
                         std::string(kNodeNameBytesMax, 'n')})
                .size(),
            kHelloBytesMax);
  EXPECT_LE(encode(HelloAnswer{.reason = std::string(10'000, 'r')}).size(), kHelloBytesMax);
}

TEST(Hello, RefusesWhatIsNotWhole) {
  const Hello hello{NodeId(7), Lane::kControl, "10.0.0.1:7379", "a"};
  const std::string body = encode(hello);
  for (size_t size = 0; size < body.size(); ++size) {
    EXPECT_FALSE(decode_hello(std::string_view(body).substr(0, size)).ok());
  }
  EXPECT_FALSE(decode_hello(body + "x").ok());

  std::string other_lane = body;
  other_lane[8] = 4;
  EXPECT_EQ(decode_hello(other_lane).status().message(),
            "it asked for lane 4, which is unknown here");
  Hello nowhere = hello;
  nowhere.address = "10.0.0.1:0";
  EXPECT_EQ(decode_hello(encode(nowhere)).status().message(),
            "it advertises \"10.0.0.1:0\", which is not HOST:PORT");
}

TEST(Hello, DecodersAreTotalOnNoise) {
  Random random(3);
  for (int i = 0; i < 50'000; ++i) {
    std::string body = body_of(random.below(40), random.next());
    static_cast<void>(decode_hello(body).ok());
    static_cast<void>(decode_answer(body).ok());
    std::string_view bytes = body;
    static_cast<void>(take_preamble(bytes).ok());
  }
}

}  // namespace
}  // namespace ram::net
