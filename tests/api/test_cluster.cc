#include "tests/api/test_cluster.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <thread>

namespace ram::testing {

using namespace std::chrono_literals;

std::vector<uint16_t> free_ports(size_t count) {
  std::vector<uint16_t> ports;
  std::vector<int> sockets;  // held until all are found, so that they differ
  for (size_t i = 0; i < count; ++i) {
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* const generic = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(fd, generic, size), 0);
    EXPECT_EQ(getsockname(fd, generic, &size), 0);
    ports.push_back(ntohs(address.sin_port));
    sockets.push_back(fd);
  }
  for (const int fd : sockets) close(fd);
  return ports;
}

bool eventually(const std::function<bool()>& holds) {
  const auto end = std::chrono::steady_clock::now() + kPatience;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > end) return false;
    std::this_thread::sleep_for(5ms);  // tidy: sleep: between two looks at the condition
  }
  return true;
}

// ---- LogLines ----

std::function<void(Severity, std::string_view)> LogLines::sink(const std::string& name) {
  return [this, name](Severity, std::string_view line) {
    const std::lock_guard lock(mutex_);
    lines_.push_back(name + " | " + std::string(line));
  };
}

bool LogLines::contain(std::string_view words) const {
  const std::lock_guard lock(mutex_);
  for (const std::string& line : lines_) {
    if (line.find(words) != std::string::npos) return true;
  }
  return false;
}

LogLines::~LogLines() {
  if (!::testing::Test::HasFailure()) return;
  for (const std::string& line : lines_) std::fprintf(stderr, "%s\n", line.c_str());
}

// ---- TestCluster ----

TestCluster::TestCluster(size_t size) {
  for (const uint16_t port : free_ports(size)) {
    addresses_.push_back("127.0.0.1:" + std::to_string(port));
  }
  for (size_t i = 0; i < size; ++i) {
    Result<std::unique_ptr<Node>> node = Node::start(options(i));
    EXPECT_TRUE(node.ok()) << node.status().message();
    nodes_.push_back(node.ok() ? std::move(*node) : nullptr);
  }
  for (const std::unique_ptr<Node>& node : nodes_) {
    if (node == nullptr) continue;
    const Status ok = node->wait_until_ok(kPatience);
    EXPECT_TRUE(ok.ok()) << ok.message();
  }
}

NodeOptions TestCluster::options(size_t i) {
  const std::string name = "n" + std::to_string(i + 1);
  NodeOptions options;
  options.name = name;
  options.cluster_listen = addresses_[i];
  options.join = addresses_;
  options.request_timeout = kPatience;
  // A busy machine pauses everyone; no test here measures how fast a failover is.
  options.failover_after = 1s;
  options.leave_timeout = 0s;  // kill() is no farewell
  options.log_from = Severity::kDebug;
  options.log = log_.sink(name);
  return options;
}

void TestCluster::restart(size_t i) {
  Result<std::unique_ptr<Node>> node = Node::start(options(i));
  ASSERT_TRUE(node.ok()) << node.status().message();
  nodes_[i] = std::move(*node);
  const Status ok = nodes_[i]->wait_until_ok(kPatience);
  EXPECT_TRUE(ok.ok()) << ok.message();
}

size_t TestCluster::leader() {
  size_t leader = nodes_.size();
  EXPECT_TRUE(eventually([&] {
    for (size_t i = 0; i < nodes_.size(); ++i) {
      if (runs(i) && nodes_[i]->status()->role == NodeRole::kLeader) leader = i;
    }
    return leader < nodes_.size();
  }));
  return leader;
}

void TestCluster::expect_equal_digests() {
  std::vector<Digest> digests;
  EXPECT_TRUE(eventually([&] {
    digests.clear();
    for (const std::unique_ptr<Node>& node : nodes_) {
      if (node != nullptr) digests.push_back(*node->digest());
    }
    for (const Digest& digest : digests) {
      if (digest.applied != digests.front().applied) return false;
    }
    return true;
  }));
  for (const Digest& digest : digests) {
    EXPECT_EQ(digest.digest, digests.front().digest) << "applied " << digest.applied;
    EXPECT_EQ(digest.revision, digests.front().revision);
  }
}

}  // namespace ram::testing
