// What the tests of this directory share: a front with clients whose sockets are strings.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "ram/node.h"
#include "resp/connection.h"
#include "resp/fake_node.h"
#include "resp/front.h"

namespace ram::resp {

class TestClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  WallMs wall() const override { return WallMs{1'700'000'000'123}; }
  void pass(Duration time) { now_ += time; }

 private:
  Instant now_{std::chrono::hours(1)};
};

// As clients send commands.
inline std::string request(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return bytes;
}

class TestWire final : public Wire {
 public:
  void send(std::string& output) override {
    unsent += reads ? 0 : output.size();
    sent_total += reads ? output.size() : 0;
    received += output;
    largest = std::max(largest, output.size());
    output.clear();
  }
  size_t unsent_bytes() const override { return unsent; }
  uint64_t sent_bytes() const override { return sent_total; }
  void pause() override { paused = true; }
  void resume() override { paused = false; }
  void finish() override { finished = true; }
  void close() override {
    closed = true;
    unsent = 0;
  }

  std::string received;
  size_t largest = 0;  // that was sent at once
  size_t unsent = 0;
  uint64_t sent_total = 0;
  bool reads = true;  // false: the kernel takes nothing
  bool paused = false;
  bool finished = false;
  bool closed = false;
};

class TestLog final : public Log {
 public:
  void write(Severity, std::string_view line) override { lines.emplace_back(line); }
  bool enabled(Severity) const override { return true; }

  std::vector<std::string> lines;
};

class FrontTest : public testing::Test {
 protected:
  struct TestClient {
    TestClient(Front& front, Client client) : connection(front, wire, std::move(client)) {}

    void type(std::string_view bytes) {
      while (!bytes.empty()) {
        const std::span<char> space = connection.space();
        const size_t count = std::min(space.size(), bytes.size());
        std::copy_n(bytes.begin(), count, space.begin());
        connection.filled(count);
        bytes.remove_prefix(count);
      }
    }
    // What was received since the last call.
    std::string replies() { return std::exchange(wire.received, {}); }

    TestWire wire;
    Connection connection;
  };

  FrontTest() : FrontTest(FrontOptions()) {}
  explicit FrontTest(FrontOptions options) {
    node_ = std::move(*Node::start({.name = "n1"}));
    make_front(std::move(options));
  }
  ~FrontTest() override {
    clients_.clear();
    front_.reset();
  }

  void make_front(FrontOptions options) {
    clients_.clear();
    front_ =
        std::make_unique<Front>(*node_, clock_, log_, std::move(options), [this] { ++wakes_; });
  }

  TestClient& connect() {
    Client client;
    client.id = front_->next_client_id();
    client.address = "127.0.0.1:" + std::to_string(1000 + client.id);
    client.local_address = "127.0.0.1:6379";
    clients_.push_back(std::make_unique<TestClient>(*front_, std::move(client)));
    return *clients_.back();
  }

  // Turns, and answers of the node, until nothing more happens.
  void settle() {
    size_t happened = 1;
    while (happened > 0) {
      wakes_ = 0;
      front_->turn();
      happened = fake_node().run_all() + wakes_;
    }
  }

  // One command, or several, and everything that comes of it.
  std::string ask(TestClient& client, std::string_view bytes) {
    client.type(bytes);
    settle();
    return client.replies();
  }
  std::string ask(std::string_view line) {
    if (clients_.empty()) connect();
    return ask(*clients_.front(), std::string(line) + "\r\n");
  }

  std::unique_ptr<Node> node_;
  TestClock clock_;
  TestLog log_;
  size_t wakes_ = 0;
  std::unique_ptr<Front> front_;
  std::vector<std::unique_ptr<TestClient>> clients_;
};

}  // namespace ram::resp
