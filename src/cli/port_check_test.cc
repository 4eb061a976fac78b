#include "cli/port_check.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ram::cli {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

TEST(PortCheck, OnePortForClientsAndPeersIsMisuse) {
  const std::pair<const char*, const char*> same[] = {
      {"127.0.0.1:7379", "127.0.0.1:7379"}, {"localhost:7379", "127.0.0.1:7379"},
      {"0.0.0.0:7379", "10.0.0.1:7379"},    {"10.0.0.1:7379", "[::]:7379"},
      {"[::1]:7379", "[::1]:7379"},
  };
  for (const auto& [listen, cluster_listen] : same) {
    const Status status = check_ports_differ(listen, cluster_listen);
    EXPECT_EQ(status.code(), Code::kInvalid) << listen;
    EXPECT_THAT(status.message(), StartsWith(std::string("listen: ") + listen));
    EXPECT_THAT(status.message(), HasSubstr("--cluster-listen"));
  }
}

TEST(PortCheck, DifferentPlacesAreFine) {
  const std::pair<const char*, const char*> different[] = {
      {"127.0.0.1:6379", "127.0.0.1:7379"},
      {"127.0.0.1:7379", "10.0.0.1:7379"},
      {"127.0.0.1:0", "127.0.0.1:0"},
      {"nonsense", "nonsense"},
  };
  for (const auto& [listen, cluster_listen] : different) {
    EXPECT_TRUE(check_ports_differ(listen, cluster_listen).ok()) << listen;
  }
}

}  // namespace
}  // namespace ram::cli
