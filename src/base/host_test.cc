#include "base/host.h"

#include <gtest/gtest.h>

namespace ram {
namespace {

TEST(HostPort, DividesAtTheLastColon) {
  const struct {
    std::string_view text, host, port;
    bool bracketed;
  } cases[] = {
      {"127.0.0.1:7379", "127.0.0.1", "7379", false},
      {"[::1]:7379", "::1", "7379", true},
      {"::1:7379", "::1", "7379", false},
      {"here:", "here", "", false},
      {":7379", "", "7379", false},
      {"[]:1", "", "1", true},
      {"[:1", "[", "1", false},
  };
  for (const auto& [text, host, port, bracketed] : cases) {
    const auto parts = split_host_port(text);
    ASSERT_TRUE(parts) << text;
    EXPECT_EQ(parts->host, host) << text;
    EXPECT_EQ(parts->port, port) << text;
    EXPECT_EQ(parts->bracketed, bracketed) << text;
  }
}

TEST(HostPort, ThereIsNoneWithoutAColon) {
  EXPECT_FALSE(split_host_port("localhost"));
  EXPECT_FALSE(split_host_port(""));
}

}  // namespace
}  // namespace ram
