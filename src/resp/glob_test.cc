#include "resp/glob.h"

#include <gtest/gtest.h>

#include <string>

#include "base/random.h"

namespace ram::resp {
namespace {

TEST(Glob, MatchesAsRedisDoes) {
  const std::pair<const char*, const char*> yes[] = {{"*", ""},
                                                     {"*", "abc"},
                                                     {"a*c", "abbc"},
                                                     {"a?c", "abc"},
                                                     {"h[ae]llo", "hallo"},
                                                     {"h[^e]llo", "hbllo"},
                                                     {"h[a-c]llo", "hbllo"},
                                                     {"h[c-a]llo", "hbllo"},
                                                     {"a\\*b", "a*b"},
                                                     {"[\\]]", "]"},
                                                     {"", ""},
                                                     {"**a**", "bab"},
                                                     {"a[", "a["},
                                                     {"x[a-", "xa"},
                                                     {"user:*:name", "user:7:name"}};
  for (const auto& [pattern, text] : yes) {
    if (std::string_view(pattern) == "a[") continue;  // an empty class matches nothing
    EXPECT_TRUE(glob_match(pattern, text)) << pattern << " " << text;
  }
  const std::pair<const char*, const char*> no[] = {
      {"", "a"},        {"a", ""},  {"a?c", "ac"}, {"h[^e]llo", "hello"}, {"a*c", "abd"},
      {"a\\*b", "axb"}, {"A", "a"}, {"a[", "a["},  {"[a-c]", "d"},        {"*a", "ab"}};
  for (const auto& [pattern, text] : no) {
    EXPECT_FALSE(glob_match(pattern, text)) << pattern << " " << text;
  }
  EXPECT_TRUE(glob_match_nocase("MAX[m]em*", "maxmemory"));
}

// The plainest matcher of stars and question marks there is.
bool plain_match(std::string_view pattern, std::string_view text) {
  if (pattern.empty()) return text.empty();
  if (pattern.front() == '*') {
    for (size_t i = 0; i <= text.size(); ++i) {
      if (plain_match(pattern.substr(1), text.substr(i))) return true;
    }
    return false;
  }
  if (text.empty()) return false;
  if (pattern.front() != '?' && pattern.front() != text.front()) return false;
  return plain_match(pattern.substr(1), text.substr(1));
}

TEST(Glob, AgreesWithAPlainerMatcher) {
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Random random(seed);
    std::string pattern;
    std::string text;
    for (uint64_t i = random.below(8); i > 0; --i) pattern.push_back("ab*?"[random.below(4)]);
    for (uint64_t i = random.below(8); i > 0; --i) text.push_back("ab"[random.below(2)]);
    ASSERT_EQ(glob_match(pattern, text), plain_match(pattern, text)) << pattern << " " << text;
  }
}

TEST(Glob, IsNotMadeSlowByItsPattern) {
  // Time that doubles with each star would not end.
  std::string pattern;
  for (int i = 0; i < 64; ++i) pattern += "*a";
  pattern += "*b";
  EXPECT_FALSE(glob_match(pattern, std::string(20'000, 'a')));
}

TEST(Glob, SurvivesAnyPattern) {
  for (uint64_t seed = 0; seed < 20'000; ++seed) {
    Random random(seed);
    std::string pattern;
    std::string text;
    for (uint64_t i = random.below(12); i > 0; --i)
      pattern.push_back("[]^-\\*?ab"[random.below(9)]);
    for (uint64_t i = random.below(12); i > 0; --i) text.push_back("[]^-\\*?ab"[random.below(9)]);
    glob_match(pattern, text);
    glob_match_nocase(pattern, text);
  }
}

}  // namespace
}  // namespace ram::resp
