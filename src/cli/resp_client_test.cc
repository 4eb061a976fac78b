#include "cli/resp_client.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <thread>

namespace ram::cli {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

// Listens on loopback; answers the first connection's first bytes with `reply` and closes, or, if
// `reply` is empty, says nothing until it is destroyed.
class OneReplyServer {
 public:
  explicit OneReplyServer(std::string reply) : reply_(std::move(reply)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, generic, size), 0);
    EXPECT_EQ(listen(listener_, 1), 0);
    EXPECT_EQ(getsockname(listener_, generic, &size), 0);
    port_ = ntohs(address.sin_port);
    if (!reply_.empty()) thread_ = std::thread([this] { serve(); });
  }
  ~OneReplyServer() {
    if (thread_.joinable()) thread_.join();
    close(listener_);
  }

  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }
  const std::string& request() const { return request_; }

 private:
  void serve() {
    const int client = accept(listener_, nullptr, nullptr);
    char buffer[1024];
    const ssize_t size = recv(client, buffer, sizeof buffer, 0);
    if (size > 0) request_.assign(buffer, static_cast<size_t>(size));
    (void)send(client, reply_.data(), reply_.size(), MSG_NOSIGNAL);
    close(client);
  }

  const std::string reply_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::string request_;
  std::thread thread_;
};

Result<RespValue> ask(const std::string& reply) {
  OneReplyServer server(reply);
  Result<RespClient> client = RespClient::connect(server.address(), 5s);
  EXPECT_TRUE(client.ok()) << client.status().message();
  return client->call({"RAM.STATUS"});
}

TEST(RespClient, SendsTheWordsAndReadsNestedReplies) {
  const Result<RespValue> value = ask("*3\r\n$4\r\na\r\nb\r\n:-5\r\n*2\r\n$-1\r\n+OK\r\n");
  ASSERT_TRUE(value.ok()) << value.status().message();
  ASSERT_EQ(value->items.size(), 3);
  EXPECT_EQ(value->items[0].text, "a\r\nb");
  EXPECT_EQ(value->items[1].integer, -5);
  EXPECT_EQ(value->items[2].items[0].kind, RespValue::Kind::kNull);
  EXPECT_EQ(value->items[2].items[1].text, "OK");
}

TEST(RespClient, AnErrorReplyIsAFailure) {
  const Result<RespValue> value = ask("-ERR unknown command\r\n");
  ASSERT_FALSE(value.ok());
  EXPECT_THAT(value.status().message(), HasSubstr("ERR unknown command"));
}

TEST(RespClient, ANodeThatTakesNoMoreClientsIsNamedAsSuch) {
  const Result<RespValue> told = ask("-ERR max number of clients reached\r\n");
  ASSERT_FALSE(told.ok());
  EXPECT_THAT(told.status().message(), HasSubstr("has as many clients as it takes"));
  EXPECT_THAT(told.status().message(), HasSubstr("ask another node"));
  const Result<RespValue> closed = ask("+");
  ASSERT_FALSE(closed.ok());
  EXPECT_THAT(closed.status().message(), HasSubstr("perhaps it has as many clients as it takes"));
}

TEST(RespClient, WhatIsNoRespIsSaidToBeSo) {
  for (const char* reply :
       {"HTTP/1.1 400 Bad Request\r\n\r\n", "*99999999999\r\n", "$-7\r\n", ":12x\r\n", "\r\n",
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"
        "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n"}) {
    const Result<RespValue> value = ask(reply);
    ASSERT_FALSE(value.ok()) << reply;
    EXPECT_THAT(value.status().message(), HasSubstr("does not speak the Redis protocol"));
  }
}

TEST(RespClient, ATruncatedReplyIsAClosedConnection) {
  for (const char* reply : {"*3\r\n$4\r\nab", "+O", "$100\r\nabc\r\n"}) {
    const Result<RespValue> value = ask(reply);
    ASSERT_FALSE(value.ok()) << reply;
    EXPECT_THAT(value.status().message(), HasSubstr("closed the connection"));
  }
}

TEST(RespClient, ANodeThatIsKnownAndGoesIsNotTakenForAnotherProgram) {
  OneReplyServer server("+OK\r\n");
  Result<RespClient> client = RespClient::connect(server.address(), 5s);
  ASSERT_TRUE(client.ok());
  ASSERT_TRUE(client->call({"RAM.STATUS"}).ok());
  const Result<RespValue> value = client->call({"RAM.LEAVE"});
  ASSERT_FALSE(value.ok());
  EXPECT_THAT(value.status().message(), HasSubstr("did not answer; its log may say why"));
}

TEST(RespClient, SaysSoWhenNobodyListens) {
  std::string address;
  {
    OneReplyServer gone("+x\r\n");
    address = gone.address();
    (void)RespClient::connect(address, 5s);
  }
  const Result<RespClient> client = RespClient::connect(address, 5s);
  ASSERT_FALSE(client.ok());
  EXPECT_THAT(client.status().message(), HasSubstr("nobody listens at " + address));
}

TEST(RespClient, ASilentServerIsGivenUp) {
  OneReplyServer silent("");
  Result<RespClient> client = RespClient::connect(silent.address(), 100ms);
  ASSERT_TRUE(client.ok());
  const Result<RespValue> value = client->call({"PING"});
  ASSERT_FALSE(value.ok());
  EXPECT_THAT(value.status().message(), HasSubstr("no answer"));
  EXPECT_THAT(value.status().message(), HasSubstr("may be stopped"));
}

TEST(RespClient, BadAddressesAreNamed) {
  for (const char* address : {"", "here", ":6379", "here:"}) {
    const Result<RespClient> client = RespClient::connect(address, 1s);
    ASSERT_FALSE(client.ok()) << address;
    EXPECT_EQ(client.status().code(), Code::kInvalid);
  }
  const Result<RespClient> client = RespClient::connect("no-such-host.invalid:6379", 1s);
  ASSERT_FALSE(client.ok());
  EXPECT_THAT(client.status().message(), HasSubstr("cannot resolve no-such-host.invalid:6379"));
}

}  // namespace
}  // namespace ram::cli
