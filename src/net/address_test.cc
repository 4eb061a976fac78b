#include "net/address.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/test_support.h"

namespace ram::net {
namespace {

TEST(Address, ReadsWhatPeopleWrite) {
  for (const char* text : {"127.0.0.1:7379", "0.0.0.0:0", "[::1]:7379", "[fe80::1:2]:65535",
                           "node-1.example.org:7379", "localhost:1", "my_container:80", "a.b.:9"}) {
    const Result<Address> address = Address::parse(text);
    ASSERT_TRUE(address.ok()) << address.status().message();
    EXPECT_EQ(address->text(), text);
  }
  EXPECT_EQ(Address::parse("[::1]:7379")->host, "::1");
  EXPECT_EQ(Address::parse("[::1]:7379")->port, 7379);
}

TEST(Address, RefusesTheRestWithOneLine) {
  const std::string long_name = std::string(300, 'a') + ":1";
  const std::string long_label = std::string(64, 'a') + ":1";
  using namespace std::literals;
  for (std::string_view text : {""sv,
                                ":"sv,
                                "7379"sv,
                                ":7379"sv,
                                "host"sv,
                                "host:"sv,
                                "host:x"sv,
                                "host:65536"sv,
                                "host:-1"sv,
                                "host:+1"sv,
                                "host: 1"sv,
                                "host:1 "sv,
                                "::1:7379"sv,
                                "[::1]"sv,
                                "[::1:7379"sv,
                                "::1]:7379"sv,
                                "[]:1"sv,
                                "[127.0.0.1]:1"sv,
                                "1.2.3:1"sv,
                                "256.1.1.1:1"sv,
                                "1:1"sv,
                                "1.2.3.4.5:1"sv,
                                "a..b:1"sv,
                                ".a:1"sv,
                                "-a:1"sv,
                                "a b:1"sv,
                                "a/b:1"sv,
                                "a\0b:1"sv,
                                "[::1\0]:1"sv,
                                "[fe80::1%a\nb]:1"sv,
                                "\xff:1"sv,
                                std::string_view(long_name),
                                std::string_view(long_label)}) {
    const Result<Address> address = Address::parse(text);
    ASSERT_FALSE(address.ok()) << text;
    EXPECT_EQ(address.status().code(), Code::kInvalid);
    EXPECT_EQ(address.status().message().find('\n'), std::string::npos);
    EXPECT_NE(address.status().message().find("is not HOST:PORT"), std::string::npos);
  }
}

TEST(Address, ParseIsTotalAndReadsBackWhatItWrites) {
  Random random(1);
  constexpr std::string_view kAlphabet = "019.:[]-_aZ%f\n \xff/";
  for (int i = 0; i < 200'000; ++i) {
    std::string text;
    for (uint64_t size = random.below(24); size > 0; --size) {
      text += kAlphabet[random.below(kAlphabet.size())];
    }
    const Result<Address> address = Address::parse(text);
    if (!address.ok()) continue;
    const Result<Address> again = Address::parse(address->text());
    ASSERT_TRUE(again.ok()) << text;
    ASSERT_EQ(*again, *address);
  }
}

TEST(Address, KnowsLoopback) {
  for (const char* text : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1", "LocalHost.:1",
                           "db.localhost:1", "[::ffff:127.0.0.1]:1"}) {
    EXPECT_TRUE(Address::parse(text)->is_loopback()) << text;
  }
  for (const char* text : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "notlocalhost:1",
                           "localhost.example.org:1", "128.0.0.1:1", "[::ffff:10.0.0.1]:1"}) {
    EXPECT_FALSE(Address::parse(text)->is_loopback()) << text;
  }
}

TEST(Endpoint, KeepsAddressAndPort) {
  for (const char* text : {"127.0.0.1:7379", "[::1]:80"}) {
    const std::vector<Endpoint> endpoints = Endpoint::literal(*Address::parse(text));
    ASSERT_EQ(endpoints.size(), 1U);
    EXPECT_EQ(endpoints[0].text(), text);
    EXPECT_EQ(endpoints[0].with_port(9).port(), 9);
  }
  EXPECT_TRUE(Endpoint::literal(*Address::parse("localhost:1")).empty());
  EXPECT_EQ(Endpoint().text(), "none");
}

TEST(Resolver, AnswersLaterForAnIpAddressAndForAName) {
  Loop loop;
  Resolver resolver(loop);
  for (const char* text : {"127.0.0.1:7379", "localhost:7379"}) {
    std::vector<Endpoint> found;
    resolver.ask(*Address::parse(text), [&](Result<std::vector<Endpoint>> answer) {
      ASSERT_TRUE(answer.ok()) << answer.status().message();
      found = *answer;
    });
    EXPECT_TRUE(found.empty());
    ASSERT_TRUE(run_until(loop, [&] { return !resolver.asking(); }));
    ASSERT_FALSE(found.empty());
    EXPECT_EQ(found[0].port(), 7379);
  }
}

TEST(Resolver, SaysWhichNameItDoesNotFind) {
  Loop loop;
  Resolver resolver(loop);
  std::string message;
  resolver.ask(*Address::parse("no-such-host.invalid:1"),
               [&](Result<std::vector<Endpoint>> answer) { message = answer.status().message(); });
  ASSERT_TRUE(run_until(loop, [&] { return !resolver.asking(); }));
  EXPECT_EQ(message.rfind("cannot resolve no-such-host.invalid: ", 0), 0U) << message;
}

TEST(Resolver, MayBeDestroyedWhileItAsksAndFromItsAnswer) {
  Loop loop;
  for (const char* text : {"127.0.0.1:1", "localhost:1"}) {
    auto asking = std::make_unique<Resolver>(loop);
    asking->ask(*Address::parse(text), [](Result<std::vector<Endpoint>>) { FAIL(); });
    asking.reset();

    auto answered = std::make_unique<Resolver>(loop);
    answered->ask(*Address::parse(text), [&](Result<std::vector<Endpoint>>) { answered.reset(); });
    ASSERT_TRUE(run_until(loop, [&] { return answered == nullptr; }));
  }
}

}  // namespace
}  // namespace ram::net
