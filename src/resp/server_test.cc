// The server on real sockets, over the stand-in of a node.
#include "resp/server.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "resp/fake_node.h"
#include "resp/test_support.h"

namespace ram::resp {
namespace {

// A blocking client. The timeout ends only a test that hangs.
class Socket {
 public:
  explicit Socket(uint16_t port, int receive_buffer = 0) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    if (receive_buffer > 0) {
      ::setsockopt(fd_, SOL_SOCKET, SO_RCVBUF, &receive_buffer, sizeof receive_buffer);
    }
    const timeval watchdog{.tv_sec = 30, .tv_usec = 0};
    ::setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &watchdog, sizeof watchdog);
    ::setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &watchdog, sizeof watchdog);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
  }
  ~Socket() { ::close(fd_); }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;

  bool connected() const { return connected_; }
  // False: the server closed.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(sent));
    }
    return true;
  }
  void send_no_more() { ::shutdown(fd_, SHUT_WR); }

  // Exactly `size` bytes, fewer if the connection ends first.
  std::string receive(size_t size) {
    std::string got(size, '\0');
    size_t have = 0;
    while (have < size) {
      const ssize_t count = ::recv(fd_, got.data() + have, size - have, 0);
      if (count <= 0) break;
      have += static_cast<size_t>(count);
    }
    got.resize(have);
    return got;
  }
  std::string receive_bulk() {
    std::string size;
    for (std::string next = receive(1); !next.empty(); next = receive(1)) {
      size += next;
      if (next == "\n") return receive(std::stoul(size.substr(1)) + 2);
    }
    return size;
  }
  std::string receive_all() {
    std::string got;
    for (std::string piece = receive(65'536); !piece.empty(); piece = receive(65'536)) got += piece;
    return got;
  }
  std::string ask(std::string_view bytes, std::string_view expected) {
    send(bytes);
    return receive(expected.size());
  }

 private:
  int fd_;
  bool connected_ = false;
};

class LogLines {
 public:
  void add(std::string_view line) {
    const std::lock_guard lock(mutex_);
    lines_.append(line).push_back('\n');
    added_.notify_all();
  }
  // The timeout ends only a test that hangs.
  bool wait_for(std::string_view words) {
    std::unique_lock lock(mutex_);
    return added_.wait_for(lock, std::chrono::seconds(30),
                           [&] { return lines_.find(words) != std::string::npos; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable added_;
  std::string lines_;
};

class ServerTest : public testing::Test {
 protected:
  ServerTest() : node_(std::move(*Node::start({.name = "n1"}))) {}

  void start(FrontOptions limits = {}) {
    auto started =
        Server::start(*node_, {.listen = "127.0.0.1:0",
                               .limits = std::move(limits),
                               .log = [this](Severity, std::string_view line) { log_.add(line); }});
    ASSERT_TRUE(started.ok()) << started.status().message();
    server_ = std::move(*started);
  }
  uint16_t port() const { return server_->port(); }

  LogLines log_;  // outlives the server
  std::unique_ptr<Node> node_;
  std::unique_ptr<Server> server_;
};

void expect_talk(Socket& socket, std::string_view bytes, std::string_view expected) {
  EXPECT_EQ(socket.ask(bytes, expected), expected) << bytes;
}

TEST_F(ServerTest, ServesOverASocket) {
  fake_node().serve();
  start();
  Socket socket(port());
  expect_talk(socket, "PING\r\n", "+PONG\r\n");
  expect_talk(socket, "SET a 1\r\nGET a\r\nINCR a\r\nGET a\r\n",
              "+OK\r\n$1\r\n1\r\n:2\r\n$1\r\n2\r\n");
  EXPECT_EQ(server_->address(), "127.0.0.1:" + std::to_string(port()));
}

TEST_F(ServerTest, AnswersDeepPipelinesOfManyClients) {
  fake_node().serve();
  start();
  std::vector<std::thread> threads;
  for (int t = 0; t < 8; ++t) {
    threads.emplace_back([this, t] {
      Socket socket(port());
      const std::string key = "k" + std::to_string(t);
      for (int round = 0; round < 20; ++round) {
        std::string bytes;
        std::string expected;
        for (int i = 1; i <= 200; ++i) {
          bytes += request({"INCR", key}) + request({"GET", "other"});
          expected += ":" + std::to_string(round * 200 + i) + "\r\n$-1\r\n";
        }
        expect_talk(socket, bytes, expected);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(ServerTest, CarriesTheLargestValue) {
  fake_node().serve();
  start();
  Socket socket(port());
  const std::string value(kValueBytesMax, 'v');
  expect_talk(socket, request({"SET", "a", value}), "+OK\r\n");
  EXPECT_TRUE(socket.ask(request({"GET", "a"}), "$16777216\r\n" + value + "\r\n") ==
              "$16777216\r\n" + value + "\r\n");
}

TEST_F(ServerTest, SaysWhyBeforeItClosesEvenIfTheClientIsStillSending) {
  fake_node().serve();
  start();
  Socket socket(port());
  socket.send("PING\r\n*2\r\n$3\r\nSET\r\n$99999999\r\n" + std::string(1 << 20, 'x'));
  EXPECT_EQ(socket.receive_all(),
            "+PONG\r\n-ERR Protocol error: invalid bulk length: at most 16777216 bytes\r\n");
}

TEST_F(ServerTest, RefusesOneClientTooMany) {
  fake_node().serve();
  start({.clients_max = 2});
  Socket first(port());
  expect_talk(first, "PING\r\n", "+PONG\r\n");
  {
    Socket second(port());
    expect_talk(second, "PING\r\n", "+PONG\r\n");
    Socket third(port());
    EXPECT_EQ(third.receive_all(), "-ERR max number of clients reached\r\n");
    EXPECT_TRUE(log_.wait_for("clients_max=2 refused=1"));
    expect_talk(second, "QUIT\r\n", "+OK\r\n");
    EXPECT_EQ(second.receive_all(), "");
  }
  // The place is free once the server has noticed.
  for (bool served = false; !served;) {
    Socket again(port());
    served = again.ask("PING\r\n", "+PONG\r\n") == "+PONG\r\n";
  }
}

TEST_F(ServerTest, ClosesWithoutAWordThoseBeyondTheOnesThatItTells) {
  fake_node().serve();
  start({.clients_max = 0, .clients_rejected_max = 0});
  EXPECT_EQ(Socket(port()).receive_all(), "");
  EXPECT_TRUE(log_.wait_for("clients_max=0 refused=1"));
}

TEST_F(ServerTest, AnswersAClientThatSendsNoMore) {
  fake_node().serve();
  start();
  Socket socket(port());
  socket.send("SET a 1\r\nGET a\r\nGET a\r\n");
  socket.send_no_more();
  EXPECT_EQ(socket.receive_all(), "+OK\r\n$1\r\n1\r\n$1\r\n1\r\n");
}

TEST_F(ServerTest, ClosesAClientThatNeverReads) {
  fake_node().serve();
  start({.output_bytes_max = 1 << 20, .unread_max = std::chrono::milliseconds(100)});
  Socket other(port());
  expect_talk(other, request({"SET", "a", std::string(1 << 20, 'x')}), "+OK\r\n");
  Socket deaf(port());
  std::string gets;
  for (int i = 0; i < 1000; ++i) gets += "GET a\r\n";
  // Until the server has closed it.
  while (deaf.send(gets)) expect_talk(other, "PING\r\n", "+PONG\r\n");
  expect_talk(other, "PING\r\n", "+PONG\r\n");
}

TEST_F(ServerTest, ACrowdThatDoesNotReadIsBoundedAndHarmsNobody) {
  constexpr size_t kValue = size_t{256} << 10;
  constexpr size_t kTurn = size_t{64} << 10;
  constexpr size_t kBound = size_t{8} << 20;
  fake_node().serve();
  fake_node().lease = true;
  start({.output_bytes_max = kBound / 4, .all_unread_bytes_max = kBound, .turn_bytes_max = kTurn});
  Socket healthy(port());
  expect_talk(healthy, request({"SET", "a", std::string(kValue, 'x')}), "+OK\r\n");
  const std::string reply = "$262144\r\n" + std::string(kValue, 'x') + "\r\n";
  std::string gets;
  for (int i = 0; i < 50; ++i) gets += "GET a\r\n";
  const auto number = [&](const std::string& field) {
    healthy.send("INFO\r\n");
    const std::string info = healthy.receive_bulk();
    const size_t at = info.find("\r\n" + field + ":");
    return at == std::string::npos ? 0 : std::stoull(info.substr(at + field.size() + 3));
  };

  std::vector<std::unique_ptr<Socket>> deaf;
  const auto crowd = [&](size_t count) {
    for (size_t i = 0; i < count; ++i) {
      deaf.push_back(std::make_unique<Socket>(port(), /*receive_buffer=*/4096));
      ASSERT_TRUE(deaf.back()->send(gets));
      ASSERT_TRUE(healthy.ask("GET a\r\n", reply) == reply) << i;
      // What the bound allows, and what one client's turn makes beyond it.
      EXPECT_LE(number("ram_unread_bytes"), kBound + kTurn + reply.size());
    }
  };
  // Too few to be closed, enough to be made to wait; one that reads gets all it asks for.
  crowd(10);
  while (number("ram_unread_bytes") <= kBound / 4) std::this_thread::yield();
  EXPECT_EQ(number("evicted_clients"), 0U);
  ASSERT_TRUE(healthy.send(gets));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(healthy.receive(reply.size()) == reply) << i;

  crowd(150);
  while (number("evicted_clients") == 0) std::this_thread::yield();
  ASSERT_TRUE(healthy.send(gets));
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(healthy.receive(reply.size()) == reply) << i;
  EXPECT_TRUE(log_.wait_for("closed clients="));
}

TEST_F(ServerTest, KillClosesAnotherConnection) {
  fake_node().serve();
  start();
  Socket one(port());
  Socket two(port());
  expect_talk(one, "CLIENT ID\r\n", ":1\r\n");
  expect_talk(two, "CLIENT ID\r\n", ":2\r\n");
  expect_talk(one, "CLIENT KILL ID 2\r\n", ":1\r\n");
  EXPECT_EQ(two.receive_all(), "");
  expect_talk(one, "PING\r\n", "+PONG\r\n");
}

TEST_F(ServerTest, StopAnswersWhatIsUnderWay) {
  start();
  Socket socket(port());
  expect_talk(socket, "PING\r\n", "+PONG\r\n");
  socket.send("SET a 1\r\n");
  // The write is taken, and answered only once the server is stopping.
  std::thread answering([] {
    while (fake_node().run_writes() == 0) std::this_thread::yield();
  });
  answering.join();
  server_->stop(std::chrono::seconds(30));
  EXPECT_EQ(socket.receive_all(), "+OK\r\n");
}

TEST_F(ServerTest, StopDoesNotWaitForEver) {
  start();
  Socket socket(port());
  socket.send("SET a 1\r\n");
  expect_talk(socket, "", "");
  server_->stop(std::chrono::milliseconds(50));
  EXPECT_EQ(socket.receive_all(), "");
  server_.reset();
  // The node answers when the server is gone: nobody is there to hear it.
  fake_node().run_all();
}

TEST_F(ServerTest, SaysWhyItCannotStart) {
  start();
  const auto taken = Server::start(*node_, {.listen = server_->address()});
  EXPECT_EQ(taken.status().code(), Code::kUnavailable);
  EXPECT_NE(taken.status().message().find("--listen"), std::string::npos);
  const auto open = Server::start(*node_, {.listen = "0.0.0.0:0"});
  EXPECT_EQ(open.status().code(), Code::kInvalid);
  EXPECT_NE(open.status().message().find("--insecure"), std::string::npos);
  EXPECT_EQ(Server::start(*node_, {.listen = "nonsense"}).status().code(), Code::kInvalid);
}

}  // namespace
}  // namespace ram::resp
