#include "node/peer_message.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "node/member_description.h"

namespace ram::node {
namespace {

using namespace std::chrono_literals;

constexpr Instant at(Duration time) {
  return Instant(time);
}
constexpr Heading kHeading{{0x0102030405060708, 0x1112131415161718}, NodeId(1), NodeId(2)};

SharedBytes flat(const Pieces& pieces) {
  std::string bytes;
  for (const SharedBytes& piece : pieces) bytes += piece.view();
  return SharedBytes(std::move(bytes));
}

std::string hex(std::string_view bytes) {
  std::string text;
  for (const char c : bytes) {
    char two[3];
    std::snprintf(two, sizeof two, "%02x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    text += two;
  }
  return text;
}

consensus::Configuration configuration() {
  consensus::Configuration members;
  members.servers.push_back(
      {NodeId(1), encode_description({"a", "h:1", "h:2", "0.1.0"}), consensus::Role::kVoter});
  members.servers.push_back(
      {NodeId(2), encode_description({"b", "h:3", "", "0.1.0"}), consensus::Role::kStandby});
  return members;
}

// One of each kind, no field zero.
std::vector<PeerMessage> all_kinds() {
  consensus::AppendEntries append;
  append.term = Term(3);
  append.previous = LogIndex(4);
  append.previous_term = Term(2);
  append.commit = LogIndex(4);
  append.version = 1;
  append.entries.push_back(
      {Term(3), consensus::EntryKind::kRecord, SharedBytes(std::string("payload"))});
  Standing standing{Nonce(8),
                    Nonce(9),
                    Phase::kAccepted,
                    encode_description({"a", "h:1", "", "1"}),
                    {"h:1", "h:3"},
                    3,
                    "h:3"};
  FoundingNote note{Phase::kWithdrawn, {{1, 2}, "parameters", configuration()}, {NodeId(2)}};
  StatePiece first{Nonce(5),
                   0,
                   {LogIndex(9), Term(2), LogIndex(10), LogIndex(1), configuration()},
                   SharedBytes(std::string("state"))};
  StatePiece second{Nonce(5), 1, {}, SharedBytes(std::string("more"))};
  const LeaderNews leader_news{at(1s), Round(1), LogIndex(2),
                               lease::Grant{at(2s), 250ms, lease::Epoch(3)}};
  const MemberNews member_news{{at(1s), at(2s), LogIndex(3), lease::Epoch(4), true}, Round(5)};
  const consensus::AppendEntriesResult result{
      .term = Term(3), .rejected = {}, .last = LogIndex(5), .version = 2};
  const consensus::RequestVoteResult vote{.term = Term(3), .granted = true, .version = 2};
  return {RaftMessage{{}, append},
          RaftMessage{leader_news, append},
          RaftMessage{member_news, result},
          RaftMessage{VoteNews{600ms}, vote},
          Ping{Term(3), true, leader_news},
          Ping{Term(3), false, {at(1s), Round(300), LogIndex(70'000), {}}},
          Pong{Term(3), member_news},
          RecordForward{SharedBytes(std::string("record"))},
          FenceRequest{Nonce(11), true},
          FenceAnswer{Nonce(11), LogIndex(12)},
          standing,
          note,
          JoinRequest{encode_description({"a", "h:1", "", "1"}), LogIndex(6), true},
          JoinAnswer{JoinAnswer::Kind::kRefused, "h:1", "why", LogIndex(4)},
          StateRequest{Nonce(5), 3, LogIndex(9), true},
          first,
          second,
          StateRefusal{Nonce(5), "busy"},
          CopiesRequest{LogIndex(4)},
          CopiesAnswer{LogIndex(4), 2},
          MembershipQuery{LogIndex(7), Leaving::kNow},
          Removed{LogIndex(8)},
          OperationRequest{Nonce(5), OperationKind::kTransfer, NodeId(9)},
          OperationRefusal{Nonce(5), "why"},
          Relay{{SharedBytes(std::string("frame"))}},
          RecoveryQuestion{Nonce(5)},
          RecoveryAnswer{Nonce(5), true, false, true, Term(3), LogIndex(9)},
          Refounded{ClusterId{5, 6}},
          TransferReport{Nonce(5), NodeId(3), LogIndex(9), 512, 1'024, 70},
          Pace{Term(3), 40, LogIndex(7)},
          StateComing{Nonce(5)}};
}

TEST(PeerMessage, ReadsBackWhatItWrote) {
  for (const PeerMessage& message : all_kinds()) {
    const SharedBytes bytes = flat(encode_frame(kHeading, message));
    const std::optional<Frame> frame = decode_frame(bytes);
    ASSERT_TRUE(frame) << "kind " << message.index() + 1;
    EXPECT_EQ(frame->heading.cluster, kHeading.cluster);
    EXPECT_EQ(frame->heading.source, kHeading.source);
    EXPECT_EQ(frame->heading.destination, kHeading.destination);
    EXPECT_EQ(frame->message.index(), message.index());
    EXPECT_EQ(flat(encode_frame(frame->heading, frame->message)).view(), bytes.view());
  }
}

// The bytes of wire version 3, as they were first shipped: other versions must not change them.
TEST(PeerMessage, GoldenBytes) {
  const Ping ping{Term(3),
                  true,
                  {Instant(Duration(0x0102030405060708)), Round(300), LogIndex(70'000),
                   lease::Grant{Instant(Duration(9)), 250ms, lease::Epoch(4)}}};
  EXPECT_EQ(hex(flat(encode_frame(kHeading, ping)).view()),
            "03"  // wire version
            "0807060504030201"
            "1817161514131211"  // cluster
            "0100000000000000"
            "0200000000000000"  // source, destination
            "02"                // kind: ping
            "03"
            "01"  // term, answer
            "0807060504030201"
            "ac02"
            "f0a204"  // sent, round, stable
            "01"
            "0900000000000000"
            "80e59a77"
            "04");  // granted: time, length, epoch
  const Pong pong{
      Term(3),
      {{Instant::min(), Instant(Duration(9)), LogIndex(5), lease::Epoch(4), true}, Round(300)}};
  EXPECT_EQ(hex(flat(encode_frame({}, pong)).view()),
            "03"
            "0000000000000000"
            "0000000000000000"
            "0000000000000000"
            "0000000000000000"
            "03"
            "03"                // term
            "0000000000000080"  // echo: none
            "ac02"
            "0900000000000000"
            "05"
            "04"
            "01");  // round, time, verified, epoch, wants a lease
  EXPECT_EQ(hex(flat(encode_frame({}, FenceAnswer{Nonce(11), LogIndex(12)})).view()),
            "03"
            "0000000000000000"
            "0000000000000000"
            "0000000000000000"
            "0000000000000000"
            "06"
            "0b"
            "0c");
}

TEST(PeerMessage, EveryPrefixAndEveryOtherVersionIsRefused) {
  for (const PeerMessage& message : all_kinds()) {
    const SharedBytes bytes = flat(encode_frame(kHeading, message));
    // Kinds that end in free bytes may lose some of them and still be frames.
    const bool open_ended = std::holds_alternative<RecordForward>(message) ||
                            std::holds_alternative<StatePiece>(message) ||
                            std::holds_alternative<Relay>(message);
    for (size_t size = 0; size < bytes.size(); ++size) {
      const bool decoded = decode_frame(bytes.part(0, size)).has_value();
      EXPECT_TRUE(!decoded || open_ended) << "kind " << message.index() + 1 << " size " << size;
    }
    std::string other(bytes.view());
    other[0] = 1;
    EXPECT_FALSE(decode_frame(SharedBytes(other)));
  }
}

TEST(PeerMessage, IsTotalOnMutatedFrames) {
  Random random(7);
  const std::vector<PeerMessage> kinds = all_kinds();
  for (int round = 0; round < 50'000; ++round) {
    std::string bytes(flat(encode_frame(kHeading, kinds[random.below(kinds.size())])).view());
    for (uint64_t i = random.between(1, 4); i > 0; --i) {
      bytes[random.below(bytes.size())] = static_cast<char>(random.next());
    }
    if (const auto frame = decode_frame(SharedBytes(bytes))) {
      (void)encode_frame(frame->heading, frame->message);
    }
  }
}

TEST(MemberDescription, RefusesWhatIsNoDescription) {
  const MemberDescription good{"a", "h:1", "", "1"};
  EXPECT_EQ(decode_description(encode_description(good)), good);
  for (const std::string bad : {"", "a",
                                "a\x1f"
                                "b\x1f"
                                "c",
                                "\x1fh:1\x1f\x1f"
                                "1",
                                "a\x1f\x1f\x1f"
                                "1",
                                "a\x1fh:1\x1f\x1f"
                                "1\x1f",
                                "a\nb\x1fh:1\x1f\x1f"
                                "1"}) {
    EXPECT_FALSE(decode_description(bad)) << bad;
  }
}

TEST(PeerMessage, WhatMayBeLongKeepsOffTheLaneOfHeartbeats) {
  RaftMessage heartbeat{.message = consensus::AppendEntries{}};
  RaftMessage entries = heartbeat;
  std::get<consensus::AppendEntries>(entries.message).entries.emplace_back();
  EXPECT_EQ(lane_of(heartbeat), Lane::kControl);
  EXPECT_EQ(lane_of(RaftMessage{.message = consensus::AppendEntriesResult{}}), Lane::kControl);
  EXPECT_EQ(lane_of(Ping{}), Lane::kControl);
  EXPECT_EQ(lane_of(entries), Lane::kLog);
  EXPECT_EQ(lane_of(RecordForward{}), Lane::kLog);
  EXPECT_EQ(lane_of(StatePiece{}), Lane::kBulk);
  EXPECT_EQ(lane_of(Relay{{SharedBytes(std::string(100, 'x'))}}), Lane::kControl);
  EXPECT_EQ(lane_of(Relay{{SharedBytes(std::string(100'000, 'x'))}}), Lane::kLog);
}

}  // namespace
}  // namespace ram::node
