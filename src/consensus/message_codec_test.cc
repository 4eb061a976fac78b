#include "consensus/message_codec.h"

#include <gtest/gtest.h>

#include "base/limits.h"
#include "base/random.h"
#include "consensus/configuration_codec.h"

namespace ram::consensus {
namespace {

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out.push_back(kDigits[static_cast<uint8_t>(c) >> 4]);
    out.push_back(kDigits[static_cast<uint8_t>(c) & 15]);
  }
  return out;
}

std::string bytes_of(const Message& message) {
  std::string out;
  encode(message, out);
  return out;
}

std::string bytes_of_pieces(const Message& message) {
  std::vector<SharedBytes> pieces;
  encode(message, pieces);
  std::string out;
  for (const SharedBytes& piece : pieces) out += piece.view();
  return out;
}

LogEntry record(uint64_t term, std::string payload) {
  return {Term(term), EntryKind::kRecord, SharedBytes(std::move(payload))};
}

Configuration two() {
  return {{{NodeId(0x1122334455667788), "ada", Role::kVoter}, {NodeId(2), "", Role::kStandby}}};
}

// The bytes of version 1, each message once.
struct Golden {
  Message message;
  std::string_view bytes;
};
std::vector<Golden> golden() {
  return {
      {AppendEntries{
           .term = Term(300),
           .previous = LogIndex(7),
           .previous_term = Term(2),
           .commit = LogIndex(6),
           .entries = {record(2, "ab"), {Term(3), EntryKind::kBarrier, {}}, record(300, "c")},
           .version = 0},
       "010100ac02070206030201020302"
       "00ac020101616263"},
      {AppendEntriesResult{.term = Term(5),
                           .rejected = LogIndex(200),
                           .last = LogIndex(199),
                           .features = 1,
                           .capacity = 0xffff,
                           .version = 2},
       "01020205c801c70101ffff03"},
      {RequestVote{.term = Term(5),
                   .last = LogIndex(9),
                   .last_term = Term(4),
                   .disrupt_leader = true,
                   .pre_vote = false,
                   .version = 2},
       "0103020509040100"},
      {RequestVoteResult{.term = Term(6),
                         .granted = true,
                         .pre_vote = true,
                         .features = 1,
                         .capacity = 0,
                         .version = 2},
       "01040206010101"
       "00"},
      {InstallSnapshot{.term = Term(9),
                       .token = {.index = LogIndex(1000),
                                 .term = Term(8),
                                 .configuration = two(),
                                 .configuration_index = LogIndex(3)},
                       .version = 0},
       "01050009e807080348"
       // libraft's own format of a configuration
       "010200000000000000"
       "8877665544332211"
       "313132323333343435353636373738382f616461"
       "0001"
       "0200000000000000"
       "303030303030303030303030303030322f"
       "0000"
       "000000000000"},
      {TimeoutNow{.term = Term(4), .last = LogIndex(20), .last_term = Term(4), .version = 0},
       "010600041404"},
  };
}

TEST(MessageCodec, WritesTheGoldenBytes) {
  for (const Golden& g : golden()) {
    EXPECT_EQ(hex(bytes_of(g.message)), g.bytes);
    EXPECT_EQ(hex(bytes_of_pieces(g.message)), g.bytes);
  }
}

TEST(MessageCodec, ReadsBackWhatItWrote) {
  for (const Golden& g : golden()) {
    const SharedBytes frame(bytes_of(g.message));
    const std::optional<Message> read = decode(frame);
    ASSERT_TRUE(read) << g.bytes;
    EXPECT_EQ(read->index(), g.message.index());
    EXPECT_EQ(bytes_of(*read), frame.view());
  }
  const std::optional<Message> read = decode(SharedBytes(bytes_of(golden()[0].message)));
  const auto& append = std::get<AppendEntries>(*read);
  EXPECT_EQ(append.term, Term(300));
  ASSERT_EQ(append.entries.size(), 3u);
  EXPECT_EQ(append.entries[0].payload.view(), "ab");
  EXPECT_EQ(append.entries[1].kind, EntryKind::kBarrier);
  EXPECT_EQ(append.entries[2].payload.view(), "c");
  const auto install = decode(SharedBytes(bytes_of(golden()[4].message)));
  EXPECT_EQ(std::get<InstallSnapshot>(*install).token.configuration, two());
}

TEST(MessageCodec, CopiesNoPayloadWorthSharing) {
  AppendEntries append{.term = Term(1), .version = 0};
  append.entries = {record(1, "small"), record(1, std::string(4096, 'a')), record(1, "small"),
                    record(1, "small"), record(1, std::string(512, 'b'))};
  std::vector<SharedBytes> pieces;
  encode(append, pieces);
  ASSERT_EQ(pieces.size(), 4u);  // head and small, a, two small, b
  EXPECT_EQ(pieces[1].view().data(), append.entries[1].payload.view().data());
  EXPECT_EQ(pieces[3].view().data(), append.entries[4].payload.view().data());

  const SharedBytes frame(bytes_of(append));
  const std::optional<Message> read = decode(frame);
  for (const LogEntry& entry : std::get<AppendEntries>(*read).entries) {
    EXPECT_EQ(entry.payload.block(), frame.block());
  }
}

TEST(MessageCodec, RefusesEveryPrefixAndEverySuffix) {
  for (const Golden& g : golden()) {
    const std::string whole = bytes_of(g.message);
    for (size_t size = 0; size < whole.size(); ++size) {
      EXPECT_FALSE(decode(SharedBytes(whole.substr(0, size)))) << g.bytes << " cut at " << size;
    }
    EXPECT_FALSE(decode(SharedBytes(whole + '\0')));
  }
}

TEST(MessageCodec, RefusesOtherVersionsKindsAndFlags) {
  std::string vote = bytes_of(golden()[2].message);
  const auto with = [&](size_t at, char byte) {
    std::string changed = vote;
    changed[at] = byte;
    return SharedBytes(changed);
  };
  EXPECT_TRUE(decode(with(0, 1)));
  EXPECT_FALSE(decode(with(0, 0)));
  EXPECT_FALSE(decode(with(0, 2)));
  EXPECT_FALSE(decode(with(1, 0)));
  EXPECT_FALSE(decode(with(1, 7)));
  EXPECT_FALSE(decode(with(6, 2)));
}

TEST(MessageCodec, BoundsTheNumberOfEntries) {
  AppendEntries append{.term = Term(1), .version = 0};
  append.entries.resize(kMessageEntriesMax, {Term(1), EntryKind::kBarrier, {}});
  EXPECT_TRUE(decode(SharedBytes(bytes_of(append))));
  append.entries.push_back({Term(1), EntryKind::kBarrier, {}});
  EXPECT_FALSE(decode(SharedBytes(bytes_of(append))));
}

// Whatever decodes is written back byte for byte; nothing reads outside (address sanitizer).
TEST(MessageCodec, IsTotalAndCanonical) {
  Random random(3);
  const std::vector<Golden> seeds = golden();
  size_t accepted = 0;
  for (int round = 0; round < 50'000; ++round) {
    std::string input = bytes_of(seeds[random.below(seeds.size())].message);
    for (uint64_t edits = random.below(4); edits > 0; --edits) {
      const size_t at = random.below(input.size());
      switch (random.below(4)) {
        case 0:
          input[at] = static_cast<char>(random.next());
          break;
        case 1:
          input[at] = static_cast<char>(input[at] ^ (1 << random.below(8)));
          break;
        case 2:
          input.erase(at, 1 + random.below(3));
          break;
        default:
          input.insert(at, 1, static_cast<char>(random.next()));
      }
      if (input.empty()) input = "\x01";
    }
    if (const std::optional<Message> message = decode(SharedBytes(input))) {
      ++accepted;
      ASSERT_EQ(hex(bytes_of(*message)), hex(input));
    }
  }
  EXPECT_GT(accepted, 5'000u);
}

TEST(ConfigurationCodec, RefusesWhatTheEngineWouldMisread) {
  const SharedBytes good = encode(two());
  EXPECT_EQ(decode_configuration(good.view()), two());
  for (size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(decode_configuration(good.view().substr(0, size)));
  }
  const auto edited = [&](size_t at, char byte) {
    std::string bytes(good.view());
    bytes[at] = byte;
    return decode_configuration(bytes);
  };
  EXPECT_FALSE(edited(0, 2));                // format
  EXPECT_FALSE(edited(1, 3));                // more servers than there are
  EXPECT_FALSE(edited(1, 1));                // fewer
  EXPECT_FALSE(edited(8, 1));                // 2^56 of them
  EXPECT_FALSE(edited(9, 0x77));             // an id that is not its address's
  EXPECT_FALSE(edited(good.size() - 1, 1));  // padding
  EXPECT_FALSE(decode_configuration(std::string_view(good.view()).substr(0, 9)));
}

TEST(ConfigurationCodec, KnowsWhatIsValid) {
  const Server a{NodeId(1), "a", Role::kVoter};
  EXPECT_TRUE(is_valid(Configuration{{a}}));
  EXPECT_TRUE(is_valid(Configuration{{a, {NodeId(2), "a", Role::kVoter}}}));  // same description
  EXPECT_FALSE(is_valid(Configuration{}));
  EXPECT_FALSE(is_valid(Configuration{{{NodeId(1), "a", Role::kStandby}}}));
  EXPECT_FALSE(is_valid(Configuration{{a, a}}));
  EXPECT_FALSE(is_valid(Configuration{{{NodeId(), "x", Role::kVoter}}}));
  EXPECT_FALSE(is_valid(Configuration{{{NodeId(1), std::string("a\0b", 3), Role::kVoter}}}));
  EXPECT_FALSE(is_valid(Configuration{{{NodeId(1), std::string(1 << 20, 'x'), Role::kVoter}}}));
  Configuration many;
  for (uint64_t i = 1; i <= kMembersMax + 1; ++i) {
    many.servers.push_back({NodeId(i), "", Role::kVoter});
  }
  EXPECT_FALSE(is_valid(many));
  many.servers.pop_back();
  EXPECT_TRUE(is_valid(many));
}

}  // namespace
}  // namespace ram::consensus
