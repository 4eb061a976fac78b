#include "cli/units.h"

#include <gtest/gtest.h>

namespace ram::cli {
namespace {

using namespace std::chrono_literals;

TEST(Units, DurationsAsPeopleWriteThem) {
  EXPECT_EQ(parse_duration("500ms"), 500ms);
  EXPECT_EQ(parse_duration("5s"), 5s);
  EXPECT_EQ(parse_duration("1.5s"), 1500ms);
  EXPECT_EQ(parse_duration("2m"), 2min);
  EXPECT_EQ(parse_duration("1h"), 1h);
  EXPECT_EQ(parse_duration("250us"), 250us);
  EXPECT_EQ(parse_duration("0s"), 0s);
  EXPECT_EQ(parse_duration("0"), 0s);
}

TEST(Units, WhatIsNoDurationIsNothing) {
  for (const char* text : {"", "5", "s", "-5s", "5 s", "5sec", "5s ", "inf", "nans", "1e300s",
                           "99999999999h", "0x5s", "5S"}) {
    EXPECT_EQ(parse_duration(text), std::nullopt) << text;
  }
}

TEST(Units, SizesAsPeopleWriteThem) {
  EXPECT_EQ(parse_size("4GiB"), size_t{4} << 30);
  EXPECT_EQ(parse_size("512MiB"), size_t{512} << 20);
  EXPECT_EQ(parse_size("1.5KiB"), 1536);
  EXPECT_EQ(parse_size("2GB"), 2'000'000'000);
  EXPECT_EQ(parse_size("1048576"), 1'048'576);
  EXPECT_EQ(parse_size("12B"), 12);
}

TEST(Units, WhatIsNoSizeIsNothing) {
  for (const char* text : {"", "GiB", "-1GiB", "4 GiB", "4gib", "4G", "99999999TiB", "nan"}) {
    EXPECT_EQ(parse_size(text), std::nullopt) << text;
  }
}

TEST(Units, ListsKeepWhatIsEmpty) {
  using List = std::vector<std::string>;
  EXPECT_EQ(split_list("a"), List({"a"}));
  EXPECT_EQ(split_list("a:1,b:2"), List({"a:1", "b:2"}));
  EXPECT_EQ(split_list("a,,b,"), List({"a", "", "b", ""}));
  EXPECT_EQ(split_list(""), List({""}));
}

TEST(Units, DurationsForPeople) {
  EXPECT_EQ(format_duration(250ms), "250ms");
  EXPECT_EQ(format_duration(1500ms), "1.5s");
  EXPECT_EQ(format_duration(59s), "59s");
  EXPECT_EQ(format_duration(5min + 10s), "5m 10s");
  EXPECT_EQ(format_duration(5min), "5m");
  EXPECT_EQ(format_duration(25h + 30min), "1d 1h");
}

TEST(Units, SizesForPeople) {
  EXPECT_EQ(format_size(12), "12 B");
  EXPECT_EQ(format_size(1536), "1.5 KiB");
  EXPECT_EQ(format_size(size_t{4} << 30), "4.0 GiB");
}

}  // namespace
}  // namespace ram::cli
