#include "resp/parser.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "base/random.h"
#include "resp/numbers.h"

namespace ram::resp {
namespace {

// What a stream of bytes means: its requests, and how it ended.
struct Parsed {
  std::vector<std::vector<std::string>> requests;
  std::string error;
  bool operator==(const Parsed&) const = default;
};

// Feeds `bytes` in pieces whose sizes `next_piece` chooses.
template <class NextPiece>
Parsed parse(std::string bytes, Parser::Limits limits, NextPiece next_piece) {
  Parser parser(limits);
  Parsed parsed;
  size_t begin = 0;
  size_t end = 0;
  for (;;) {
    // A copy of exactly this size, so that the address sanitizer sees one byte too far.
    std::vector<char> shown(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                            bytes.begin() + static_cast<std::ptrdiff_t>(end));
    const Parser::Outcome outcome = parser.next(shown);
    std::copy(shown.begin(), shown.end(), bytes.begin() + static_cast<std::ptrdiff_t>(begin));
    if (outcome == Parser::Outcome::kMalformed) {
      parsed.error = parser.error();
      return parsed;
    }
    if (outcome == Parser::Outcome::kIncomplete) {
      if (end == bytes.size()) return parsed;
      end = std::min(bytes.size(), end + next_piece());
      continue;
    }
    std::vector<std::string> words;
    for (const Span span : parser.words()) {
      words.emplace_back(shown.data() + span.offset, span.size);
    }
    if (!words.empty()) parsed.requests.push_back(std::move(words));
    EXPECT_GT(parser.size(), 0U);
    begin += parser.size();
    parser.accept();
  }
}

Parsed parse(const std::string& bytes, Parser::Limits limits = {}) {
  return parse(bytes, limits, [&] { return bytes.size(); });
}

using Requests = std::vector<std::vector<std::string>>;

TEST(Parser, TakesOneRequestAfterAnother) {
  const Parsed parsed = parse("*2\r\n$3\r\nGET\r\n$1\r\na\r\n*1\r\n$4\r\nPING\r\nPING x\r\n");
  EXPECT_EQ(parsed.requests, (Requests{{"GET", "a"}, {"PING"}, {"PING", "x"}}));
  EXPECT_EQ(parsed.error, "");
}

TEST(Parser, KeepsEveryByteOfABulk) {
  const std::string bulk("\0\r\n$5*\xff", 7);
  const Parsed parsed = parse("*2\r\n$4\r\nECHO\r\n$7\r\n" + bulk + "\r\n");
  EXPECT_EQ(parsed.requests, (Requests{{"ECHO", bulk}}));
}

TEST(Parser, IgnoresEmptyRequests) {
  const Parsed parsed = parse("\r\n\n   \r\n*0\r\n*-1\r\n*1\r\n$0\r\n\r\nPING\r\n");
  EXPECT_EQ(parsed.requests, (Requests{{""}, {"PING"}}));
}

TEST(Parser, SplitsInlineWordsAsRedisDoes) {
  EXPECT_EQ(parse("set  a\t\"b c\"\r\n").requests, (Requests{{"set", "a", "b c"}}));
  EXPECT_EQ(parse("set a \"\\x41\\n\\\"\\q\\xzz\"\n").requests,
            (Requests{{"set", "a", "A\n\"qxzz"}}));
  EXPECT_EQ(parse("set a 'it\\'s \\n'\n").requests, (Requests{{"set", "a", "it's \\n"}}));
  EXPECT_EQ(parse("set a \"\"\n").requests, (Requests{{"set", "a", ""}}));
  EXPECT_EQ(parse("set a x\"y z\"\n").requests, (Requests{{"set", "a", "xy z"}}));
}

TEST(Parser, RefusesQuotesThatDoNotEnd) {
  for (const char* line : {"set a \"b\n", "set a 'b\n", "set a \"b\"c\n", "set a 'b'c\n"}) {
    EXPECT_EQ(parse(line).error, "Protocol error: unbalanced quotes in request") << line;
  }
}

TEST(Parser, SaysWhatIsMalformed) {
  const std::pair<std::string, std::string> cases[] = {
      {"*x\r\n", "invalid multibulk length"},
      {"*1x\r\n", "invalid multibulk length"},
      {"*01\r\n", "invalid multibulk length"},
      {"*+1\r\n", "invalid multibulk length"},
      {"*\r\n", "invalid multibulk length"},
      {"*1\rx", "invalid multibulk length"},
      {"*99999999999999999999999999999999999", "invalid multibulk length"},
      {"*1048577\r\n", "invalid multibulk length"},
      {"*9223372036854775807\r\n", "invalid multibulk length"},
      {"*1\r\nGET", "expected '$', got 'G'"},
      {"*1\r\n\x01", "expected '$', got '?'"},
      {"*1\r\n$-1\r\n", "invalid bulk length"},
      {"*1\r\n$abc\r\n", "invalid bulk length"},
      {"*1\r\n$16777217\r\n", "invalid bulk length: at most 16777216 bytes"},
      {"*1\r\n$1\r\nab\r\n", "a bulk does not end with CRLF"},
  };
  for (const auto& [bytes, why] : cases) {
    EXPECT_EQ(parse(bytes).error, "Protocol error: " + why) << bytes;
  }
}

TEST(Parser, APeerIsToldThatThisPortIsForClients) {
  const std::string hello("RAMP\1\0\0\0hello", 13);
  const std::string why =
      "Protocol error: this port is for clients; nodes reach each other at --cluster-listen";
  EXPECT_EQ(parse(hello).error, why);
  EXPECT_EQ(parse(hello, {}, [] { return 1; }).error, why);
  EXPECT_EQ(parse("RAMP a\r\nRAMP\r\nRAMP\ta\n").requests,
            (Requests{{"RAMP", "a"}, {"RAMP"}, {"RAMP", "a"}}));
}

TEST(Parser, BoundsEverythingThatIsSent) {
  const Parser::Limits small{
      .arguments_max = 3, .bulk_bytes_max = 8, .inline_bytes_max = 10, .request_bytes_max = 40};
  EXPECT_EQ(parse("*4\r\n", small).error, "Protocol error: invalid multibulk length");
  EXPECT_EQ(parse("*1\r\n$9\r\n", small).error,
            "Protocol error: invalid bulk length: at most 8 bytes");
  EXPECT_EQ(parse("0123456789\n", small).error, "");
  EXPECT_EQ(parse("01234567890", small).error, "Protocol error: too big inline request");
  EXPECT_EQ(parse("01234567890\n", small).error, "Protocol error: too big inline request");
  EXPECT_EQ(parse("*3\r\n$8\r\n12345678\r\n$8\r\n12345678\r\n$8\r\n", small).error,
            "Protocol error: a request is at most 40 bytes");
}

TEST(Parser, LooksAtEachByteOnce) {
  // A million words that come one by one: seconds if each piece were parsed from the start.
  const size_t count = 1'000'000;
  Parser parser;
  std::string bytes = "*" + std::to_string(count) + "\r\n";
  for (size_t i = 0; i < count; ++i) bytes += "$1\r\nx\r\n";
  for (size_t end = 0; end < bytes.size(); end += 7) {
    ASSERT_EQ(parser.next(std::span(bytes.data(), end)), Parser::Outcome::kIncomplete);
  }
  ASSERT_EQ(parser.next(std::span(bytes.data(), bytes.size())), Parser::Outcome::kRequest);
  EXPECT_EQ(parser.words().size(), count);
}

std::string random_stream(Random& random) {
  static const char* const kPieces[] = {"*1\r\n",
                                        "*2\r\n",
                                        "*0\r\n",
                                        "$3\r\nGET\r\n",
                                        "$1\r\na\r\n",
                                        "$0\r\n\r\n",
                                        "PING\r\n",
                                        "get \"a b\"\r\n",
                                        "\r\n",
                                        "$2\r\n",
                                        "*",
                                        "$",
                                        "'",
                                        "\"\\x4",
                                        "12",
                                        "\n",
                                        "\r",
                                        "*2\r\n$3\r\nGET\r\n$1\r\nk\r\n",
                                        "set a 'x y' \"\\n\"\n"};
  std::string bytes;
  for (uint64_t pieces = random.between(1, 12); pieces > 0; --pieces) {
    if (random.one_in(12)) {
      bytes.push_back(static_cast<char>(random.next()));
    } else {
      bytes += kPieces[random.below(std::size(kPieces))];
    }
  }
  return bytes;
}

TEST(Parser, MeansTheSameHoweverTheBytesArrive) {
  const Parser::Limits small{
      .arguments_max = 16, .bulk_bytes_max = 64, .inline_bytes_max = 24, .request_bytes_max = 96};
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Random random(seed);
    const std::string bytes = random_stream(random);
    const Parsed whole = parse(bytes, small, [&] { return bytes.size(); });
    const Parsed single = parse(bytes, small, [] { return size_t{1}; });
    const Parsed pieces = parse(bytes, small, [&] { return random.between(1, 9); });
    ASSERT_EQ(single, whole) << "seed " << seed;
    ASSERT_EQ(pieces, whole) << "seed " << seed;
  }
}

TEST(Numbers, AreReadAsStrictlyAsRedisDoes) {
  EXPECT_EQ(parse_i64("0"), 0);
  EXPECT_EQ(parse_i64("-1"), -1);
  EXPECT_EQ(parse_i64("9223372036854775807"), INT64_MAX);
  EXPECT_EQ(parse_i64("-9223372036854775808"), INT64_MIN);
  EXPECT_EQ(parse_u64("18446744073709551615"), UINT64_MAX);
  for (const char* text : {"", "-", "+1", "01", "-0", " 1", "1 ", "1.0", "0x1", "1e3",
                           "9223372036854775808", "-9223372036854775809"}) {
    EXPECT_EQ(parse_i64(text), std::nullopt) << text;
  }
  EXPECT_EQ(parse_u64("-1"), std::nullopt);
}

}  // namespace
}  // namespace ram::resp
