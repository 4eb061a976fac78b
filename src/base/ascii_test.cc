#include "base/ascii.h"

#include <gtest/gtest.h>

namespace ram {
namespace {

constexpr std::string_view kSmall = "abcdefghijklmnopqrstuvwxyz";
constexpr std::string_view kLarge = "ABCDEFGHIJKLMNOPQRSTUVWXYZ";

TEST(Ascii, OnlyLettersChange) {
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool is_lower = kSmall.find(c) != std::string_view::npos;
    const bool is_upper = kLarge.find(c) != std::string_view::npos;
    EXPECT_EQ(to_lower(c) != c, is_upper) << byte;
    EXPECT_EQ(to_upper(c) != c, is_lower) << byte;
    EXPECT_EQ(to_lower(to_upper(c)), to_lower(c)) << byte;
  }
  EXPECT_EQ(to_lower("Az@[`{\xc4"), "az@[`{\xc4");
  EXPECT_EQ(to_upper("aZ@[`{\xe4"), "AZ@[`{\xe4");
}

TEST(Ascii, AWordIsTheSameInEitherCase) {
  EXPECT_TRUE(is_word("Keyspace", "kEYSPACE"));
  EXPECT_TRUE(is_word("", ""));
  EXPECT_FALSE(is_word("key", "keys"));
  EXPECT_FALSE(is_word("@", "`"));  // 0x20 apart, as letters of two cases are
}

}  // namespace
}  // namespace ram
