#include "machine/decimal.h"

#include <limits>

#include <gtest/gtest.h>

namespace ram::machine {
namespace {

constexpr int64_t kMin = std::numeric_limits<int64_t>::min();
constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

TEST(Decimal, CanonicalNumbersAreRead) {
  EXPECT_EQ(parse_decimal("0"), 0);
  EXPECT_EQ(parse_decimal("7"), 7);
  EXPECT_EQ(parse_decimal("-1"), -1);
  EXPECT_EQ(parse_decimal("10"), 10);
  EXPECT_EQ(parse_decimal("9223372036854775807"), kMax);
  EXPECT_EQ(parse_decimal("-9223372036854775808"), kMin);
}

TEST(Decimal, EverythingElseIsNoNumber) {
  for (const char* text :
       {"", " 1", "1 ", "01", "00", "+1", "-", "-0", "-01", "--1", "1.0", "1e3", "0x10", "a",
        "9223372036854775808", "-9223372036854775809", "99999999999999999999", "1\n"}) {
    EXPECT_EQ(parse_decimal(text), std::nullopt) << '"' << text << '"';
  }
  EXPECT_EQ(parse_decimal(std::string_view("1\0", 2)), std::nullopt);
}

TEST(Decimal, WhatIsWrittenIsReadBack) {
  for (const int64_t number : {int64_t{0}, int64_t{-1}, int64_t{42}, kMin, kMax}) {
    EXPECT_EQ(parse_decimal(Decimal(number).text()), number);
  }
}

}  // namespace
}  // namespace ram::machine
