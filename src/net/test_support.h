// What the tests of this directory share: a loop driven until something holds.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "net/address.h"
#include "net/loop.h"

namespace ram::net {

// Passes until `condition` holds. The watchdog is no part of any test: it only ends a hopeless one.
[[nodiscard]] inline bool run_until(Loop& loop, const std::function<bool()>& condition,
                                    Duration watchdog = std::chrono::seconds(60)) {
  bool expired = false;
  Timer timer(loop);
  timer.start(watchdog, [&expired] { expired = true; });
  while (!condition()) {
    if (expired) return false;
    loop.run_once();
  }
  return true;
}

// `count` passes, none of which waits.
inline void run_passes(Loop& loop, int count) {
  for (int i = 0; i < count; ++i) {
    loop.wake();
    loop.run_once();
  }
}

class TestLog final : public Log {
 public:
  void write(Severity, std::string_view line) override { lines.emplace_back(line); }
  bool enabled(Severity) const override { return true; }
  size_t count(std::string_view part) const {
    size_t found = 0;
    for (const std::string& line : lines) found += line.find(part) != std::string::npos ? 1 : 0;
    return found;
  }
  std::string all() const {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
  }

  std::vector<std::string> lines;
};

// A peer that keeps to no rule: a bare socket.
class RawPeer {
 public:
  explicit RawPeer(int fd) : fd_(fd) { EXPECT_GE(fd_, 0); }
  explicit RawPeer(const Endpoint& to) : RawPeer(::socket(AF_INET, SOCK_STREAM, 0)) {
    EXPECT_EQ(::connect(fd_, &to.raw(), sizeof(sockaddr_in)), 0);
    EXPECT_EQ(::fcntl(fd_, F_SETFL, O_NONBLOCK), 0);
  }
  ~RawPeer() { close(); }
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  // How much the kernel took.
  size_t send(std::string_view bytes) {
    const ssize_t sent = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    return sent < 0 ? 0 : static_cast<size_t>(sent);
  }
  // All that is there to read, appended to `got`; false once the other side has closed.
  bool receive() {
    char buffer[65536];
    for (;;) {
      const ssize_t size = ::recv(fd_, buffer, sizeof buffer, 0);
      if (size < 0) return errno == EAGAIN;
      if (size == 0) return false;
      got.append(buffer, static_cast<size_t>(size));
    }
  }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

  std::string got;

 private:
  int fd_;
};

// A bare socket that listens, and whatever connects to it.
class RawListener {
 public:
  RawListener() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(::bind(fd_, reinterpret_cast<sockaddr*>(&address), sizeof address), 0);
    EXPECT_EQ(::listen(fd_, 16), 0);
    socklen_t size = sizeof address;
    EXPECT_EQ(::getsockname(fd_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
  }
  ~RawListener() { ::close(fd_); }
  RawListener(const RawListener&) = delete;
  RawListener& operator=(const RawListener&) = delete;

  // Null: nobody is there.
  std::unique_ptr<RawPeer> accept() {
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_NONBLOCK);
    return fd < 0 ? nullptr : std::make_unique<RawPeer>(fd);
  }
  Address address() const { return {"127.0.0.1", port_}; }

 private:
  int fd_;
  uint16_t port_ = 0;
};

}  // namespace ram::net
