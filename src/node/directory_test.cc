#include "node/directory.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "net/test_support.h"

namespace ram::node {
namespace {

using List = std::vector<std::string>;

std::vector<net::Endpoint> endpoints(const List& addresses) {
  std::vector<net::Endpoint> endpoints;
  for (const std::string& address : addresses) {
    endpoints.push_back(net::Endpoint::literal(*net::Address::parse(address)).front());
  }
  return endpoints;
}

TEST(Directory, AnAddressOfEachKindIsOneHost) {
  EXPECT_EQ(Directory::hosts("ram:7", endpoints({"10.0.0.1:7"})), List{"ram:7"});
  EXPECT_EQ(Directory::hosts("ram:7", endpoints({"[::1]:7", "127.0.0.1:7"})), List{"ram:7"});
}

TEST(Directory, MoreOfOneKindAreSeveralHosts) {
  EXPECT_EQ(Directory::hosts("ram:7", endpoints({"10.0.0.2:7", "10.0.0.1:7"})),
            (List{"10.0.0.1:7", "10.0.0.2:7"}));
  EXPECT_EQ(Directory::hosts("ram:7", endpoints({"[fd00::2]:7", "10.0.0.1:7", "[fd00::1]:7"})),
            (List{"10.0.0.1:7", "[fd00::1]:7", "[fd00::2]:7"}));
}

TEST(Directory, IpAddressesAreNoNames) {
  EXPECT_EQ(Directory::names_in({"10.0.0.1:7", "ram:7", "[::1]:7"}), List{"ram:7"});
}

TEST(Directory, AsksAgainAndAgain) {
  net::Loop loop;
  size_t answers = 0;
  const Directory directory(loop, {"localhost:7"},
                            [&](const std::string& name, const List& addresses) {
                              EXPECT_EQ(name, "localhost:7");
                              EXPECT_FALSE(addresses.empty());
                              ++answers;
                            });
  ASSERT_TRUE(net::run_until(loop, [&] { return answers == 3; }));
}

}  // namespace
}  // namespace ram::node
