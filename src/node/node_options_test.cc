#include "node/node_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>

namespace ram::node {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;

std::string refusal(const NodeOptions& options) {
  const Status status = check_options(options);
  EXPECT_NE(status.code(), Code::kOk);
  EXPECT_THAT(status.message(), testing::Not(HasSubstr("\n")));
  return status.message();
}

TEST(NodeOptions, TheDefaultsAreInRange) {
  EXPECT_TRUE(check_options({}).ok());
}

TEST(NodeOptions, ListeningBeyondLoopbackMustBeSaidAloud) {
  EXPECT_THAT(refusal({.cluster_listen = "192.0.2.1:7379"}), HasSubstr("insecure"));
  EXPECT_TRUE(check_options({.cluster_listen = "192.0.2.1:7379", .insecure = true}).ok());
  EXPECT_TRUE(check_options({.cluster_listen = "localhost:7379"}).ok());
  EXPECT_TRUE(check_options({.cluster_listen = "[::1]:7379"}).ok());
}

TEST(NodeOptions, AWildcardAddressNeedsOneToAdvertise) {
  EXPECT_THAT(refusal({.cluster_listen = "0.0.0.0:7379", .insecure = true}),
              HasSubstr("advertise"));
  EXPECT_THAT(refusal({.cluster_listen = "[::]:7379", .insecure = true}), HasSubstr("advertise"));
  EXPECT_TRUE(
      check_options(
          {.cluster_listen = "0.0.0.0:7379", .advertise = "192.0.2.1:7379", .insecure = true})
          .ok());
  EXPECT_THAT(refusal({.advertise = "0.0.0.0:7379"}), HasSubstr("nobody can dial"));
}

TEST(NodeOptions, BadAddressesAreNamedWithTheirOption) {
  EXPECT_THAT(refusal({.cluster_listen = "nonsense"}), HasSubstr("cluster-listen"));
  EXPECT_THAT(refusal({.advertise = "here:0"}), HasSubstr("advertise"));
  EXPECT_THAT(refusal({.advertise_client = "x:y:z"}), HasSubstr("advertise-client"));
  EXPECT_THAT(refusal({.join = {"127.0.0.1:7371", "127.0.0.1"}}), HasSubstr("join"));
  EXPECT_THAT(refusal({.join = {"127.0.0.1:0"}}), HasSubstr("port 0"));
}

TEST(NodeOptions, AListNamesEachNodeOnce) {
  EXPECT_THAT(refusal({.join = {"127.0.0.1:7371", "127.0.0.1:7371"}}), HasSubstr("twice"));
  EXPECT_THAT(refusal({.join = std::vector<std::string>(100, "127.0.0.1:7371")}),
              HasSubstr("at most"));
}

TEST(NodeOptions, WhoExpectsOthersSaysWhereTheyAre) {
  EXPECT_THAT(refusal({.expect = 3}), HasSubstr("--join"));
  EXPECT_THAT(refusal({.join = {"ram:7379"}, .expect = 65}), HasSubstr("64 at most"));
  EXPECT_TRUE(check_options({.join = {"ram:7379"}, .expect = 3}).ok());
}

TEST(NodeOptions, AListOfIPAddressesHasAsManyNodesAsAreExpected) {
  EXPECT_THAT(refusal({.join = {"10.0.0.1:7379", "10.0.0.2:7379"}, .expect = 3}),
              StartsWith("expect: the join list (--join) has the addresses of 2 of the 3 nodes"));
  EXPECT_THAT(refusal({.join = {"[::1]:7379", "[0:0::1]:7379"}, .expect = 2}),
              HasSubstr("of 1 of"));
  EXPECT_TRUE(check_options({.join = {"10.0.0.1:7379", "10.0.0.1:7380"}, .expect = 2}).ok());
  EXPECT_TRUE(check_options({.join = {"10.0.0.1:7379", "ram:7379"}, .expect = 3}).ok());
}

TEST(NodeOptions, NumbersHaveARange) {
  EXPECT_THAT(refusal({.request_timeout = 0ns}), HasSubstr("request-timeout"));
  EXPECT_THAT(refusal({.failover_after = 1ms}), HasSubstr("failover-after"));
  EXPECT_THAT(refusal({.failover_after = 1h}), HasSubstr("failover-after"));
  EXPECT_THAT(refusal({.voters_max = 0}), HasSubstr("max-voters"));
  EXPECT_THAT(refusal({.voters_max = 16}), HasSubstr("max-voters"));
  EXPECT_THAT(refusal({.memory_bytes_max = 0}), HasSubstr("max-memory"));
}

TEST(NodeOptions, AMemoryLimitWithoutItsUnitIsRefused) {
  EXPECT_THAT(refusal({.memory_bytes_max = 10}), StartsWith("max-memory: 10 bytes; at least 1MiB"));
  EXPECT_THAT(refusal({.memory_bytes_max = (1 << 20) - 1}), HasSubstr("512MiB"));
  EXPECT_TRUE(check_options({.memory_bytes_max = 1 << 20}).ok());
}

// The command line puts two dashes before it.
TEST(NodeOptions, EveryRefusalBeginsWithItsOption) {
  const std::map<std::string, NodeOptions> wrong = {
      {"name: ", {.name = "two words"}},
      {"cluster-listen: ", {.cluster_listen = "0.0.0.0:7379"}},
      {"advertise: ", {.advertise = "here:0"}},
      {"advertise-client: ", {.advertise_client = "here"}},
      {"join: ", {.join = {"a:1", "a:1"}}},
      {"expect: ", {.expect = 3}},
      {"request-timeout: ", {.request_timeout = 25h}},
      {"failover-after: ", {.failover_after = 1h}},
      {"max-voters: ", {.voters_max = 99}},
      {"max-memory: ", {.memory_bytes_max = 10}},
  };
  for (const auto& [beginning, options] : wrong) {
    EXPECT_THAT(refusal(options), StartsWith(beginning));
  }
}

TEST(NodeOptions, NamesAreOneWord) {
  EXPECT_THAT(refusal({.name = "two words"}), HasSubstr("name"));
  EXPECT_THAT(refusal({.name = "line\nbreak"}), HasSubstr("name"));
  EXPECT_THAT(refusal({.name = std::string(300, 'x')}), HasSubstr("name"));
  EXPECT_TRUE(check_options({.name = "rack-7/n_1.example.org:7379"}).ok());
}

}  // namespace
}  // namespace ram::node
