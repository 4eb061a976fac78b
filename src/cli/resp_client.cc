#include "cli/resp_client.h"

#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <memory>
#include <optional>
#include <utility>

#include "base/host.h"
#include "resp/server.h"

namespace ram::cli {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr size_t kReplyBytesMax = size_t{64} << 20;
constexpr int kDepthMax = 16;

// Waits until `socket` is ready for `events`; false when the time is over.
bool wait_for(int socket, short events, steady_clock::time_point until) {
  while (true) {
    const auto left = std::chrono::ceil<milliseconds>(until - steady_clock::now()).count();
    if (left <= 0) return false;
    pollfd entry{.fd = socket, .events = events, .revents = 0};
    const int ready = poll(&entry, 1, static_cast<int>(left));
    if (ready > 0) return true;
    if (ready < 0 && errno != EINTR) return false;
  }
}

// Connects to the first of `candidates` that answers; -1 with errno of the last otherwise.
int connect_any(const addrinfo* candidates, milliseconds timeout) {
  int error = EHOSTUNREACH;
  for (const addrinfo* at = candidates; at != nullptr; at = at->ai_next) {
    const int fd = socket(at->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) {
      error = errno;
      continue;
    }
    error = connect(fd, at->ai_addr, at->ai_addrlen) == 0 ? 0 : errno;
    if (error == EINPROGRESS) {
      error = ETIMEDOUT;
      socklen_t size = sizeof error;
      if (wait_for(fd, POLLOUT, steady_clock::now() + timeout)) {
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
      }
    }
    if (error == 0) return fd;
    close(fd);
  }
  errno = error;
  return -1;
}

}  // namespace

// Reads one reply from the socket, piece by piece.
class RespClient::Reply {
 public:
  Reply(int socket, steady_clock::time_point until) : socket_(socket), until_(until) {}

  // Nothing: the stream ended, was no RESP, or the time is over (timed_out()).
  std::optional<RespValue> read(int depth = 0) {
    const std::optional<std::string> line = read_line();
    if (!line || line->empty() || depth > kDepthMax) return std::nullopt;
    RespValue value;
    const std::string_view rest = std::string_view(*line).substr(1);
    switch (line->front()) {
      case '+':
        value.kind = RespValue::Kind::kText;
        value.text = rest;
        return value;
      case '-':
        value.kind = RespValue::Kind::kError;
        value.text = rest;
        return value;
      case ':':
        value.kind = RespValue::Kind::kInteger;
        if (!parse(rest, value.integer)) return std::nullopt;
        return value;
      case '$':
        return read_bulk(rest);
      case '*':
        return read_array(rest, depth);
      default:
        return std::nullopt;
    }
  }

  bool timed_out() const { return timed_out_; }
  bool ended() const { return ended_; }

 private:
  static bool parse(std::string_view text, int64_t& number) {
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    return error == std::errc() && end == text.data() + text.size();
  }

  std::optional<RespValue> read_bulk(std::string_view size_text) {
    int64_t size = 0;
    if (!parse(size_text, size)) return std::nullopt;
    if (size == -1) return RespValue{};
    if (size < 0 || static_cast<size_t>(size) > kReplyBytesMax) return std::nullopt;
    const size_t wanted = static_cast<size_t>(size) + 2;
    while (input_.size() - at_ < wanted) {
      if (!receive()) return std::nullopt;
    }
    RespValue value{.kind = RespValue::Kind::kText, .text = input_.substr(at_, wanted - 2)};
    at_ += wanted;
    return value;
  }

  std::optional<RespValue> read_array(std::string_view count_text, int depth) {
    int64_t count = 0;
    if (!parse(count_text, count)) return std::nullopt;
    if (count == -1) return RespValue{};
    // Every element takes at least three bytes.
    if (count < 0 || static_cast<size_t>(count) > kReplyBytesMax / 3) return std::nullopt;
    RespValue value{.kind = RespValue::Kind::kArray};
    for (int64_t i = 0; i < count; ++i) {
      std::optional<RespValue> item = read(depth + 1);
      if (!item) return std::nullopt;
      value.items.push_back(std::move(*item));
    }
    return value;
  }

  std::optional<std::string> read_line() {
    size_t end = 0;
    while ((end = input_.find("\r\n", at_)) == std::string::npos) {
      if (!receive()) return std::nullopt;
    }
    std::string line = input_.substr(at_, end - at_);
    at_ = end + 2;
    return line;
  }

  bool receive() {
    if (input_.size() > kReplyBytesMax) return false;
    if (!wait_for(socket_, POLLIN, until_)) {
      timed_out_ = true;
      return false;
    }
    char buffer[16'384];
    const ssize_t size = recv(socket_, buffer, sizeof buffer, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return true;
    if (size <= 0) {
      ended_ = true;
      return false;
    }
    input_.append(buffer, static_cast<size_t>(size));
    return true;
  }

  const int socket_;
  const steady_clock::time_point until_;
  std::string input_;
  size_t at_ = 0;
  bool timed_out_ = false;
  bool ended_ = false;
};

Result<RespClient> RespClient::connect(const std::string& address, milliseconds timeout) {
  const std::optional<HostPort> parts = split_host_port(address);
  if (!parts || parts->host.empty() || parts->port.empty()) {
    return Status::invalid("'" + address + "' is no HOST:PORT; write for example 127.0.0.1:6379");
  }
  const addrinfo hints{
      .ai_flags = AI_ADDRCONFIG, .ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
  addrinfo* found = nullptr;
  const std::string host(parts->host), port(parts->port);
  const int failed = getaddrinfo(host.c_str(), port.c_str(), &hints, &found);
  if (failed != 0) {
    return Status::unavailable("cannot resolve " + address + ": " + gai_strerror(failed) +
                               "; check the name and the port");
  }
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> owner(found, freeaddrinfo);
  const int fd = connect_any(found, timeout);
  if (fd >= 0) return RespClient(fd, address, timeout);
  if (errno == ECONNREFUSED) {
    return Status::unavailable("nobody listens at " + address +
                               "; start a node there (ram serve --listen " + address +
                               "), or name the client address of one that runs");
  }
  return Status::unavailable("cannot reach " + address + ": " + std::strerror(errno) +
                             "; check the address and the network");
}

RespClient::RespClient(RespClient&& other) noexcept
    : socket_(std::exchange(other.socket_, -1)),
      address_(std::move(other.address_)),
      timeout_(other.timeout_) {}

RespClient::~RespClient() {
  if (socket_ >= 0) close(socket_);
}

Result<RespValue> RespClient::call(const std::vector<std::string_view>& words) {
  std::string request = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string_view word : words) {
    request += "$" + std::to_string(word.size()) + "\r\n";
    request += word;
    request += "\r\n";
  }
  const auto until = steady_clock::now() + timeout_;
  for (std::string_view rest = request; !rest.empty();) {
    const ssize_t sent = send(socket_, rest.data(), rest.size(), MSG_NOSIGNAL);
    if (sent > 0) {
      rest.remove_prefix(static_cast<size_t>(sent));
    } else if (errno != EAGAIN && errno != EINTR) {
      break;  // it may have said why, and closed
    } else if (!wait_for(socket_, POLLOUT, until)) {
      return closed();
    }
  }

  Reply reply(socket_, until);
  std::optional<RespValue> value = reply.read();
  if (!value && reply.timed_out()) {
    return Status::unavailable("no answer from " + address_ + " within " +
                               std::to_string(timeout_.count()) +
                               " ms; it may be stopped or overloaded" +
                               (answered_ ? "" : ", or no ram node's client address (--listen)"));
  }
  if (!value && reply.ended()) return closed();
  if (!value) {
    return Status::unavailable("what listens at " + address_ +
                               " does not speak the Redis protocol; is it a ram node's client "
                               "address (--listen)?");
  }
  if (value->kind == RespValue::Kind::kError && value->text == resp::kTooManyClients) {
    return Status::unavailable(address_ +
                               " has as many clients as it takes (maxclients in INFO); close some, "
                               "or ask another node");
  }
  if (value->kind == RespValue::Kind::kError) {
    return Status::unavailable(address_ + " answers: " + value->text);
  }
  answered_ = true;
  return std::move(*value);
}

Status RespClient::closed() const {
  return Status::unavailable(
      address_ + (answered_ ? " closed the connection and did not answer; its log may say why"
                            : " closed the connection; perhaps it has as many clients as it takes "
                              "(its log says so), or is stopping, or is no ram node's client "
                              "address (--listen)"));
}

bool RespClient::wait_until_closed() {
  const auto until = steady_clock::now() + timeout_;
  char ignored[256];
  while (wait_for(socket_, POLLIN, until)) {
    const ssize_t size = recv(socket_, ignored, sizeof ignored, 0);
    if (size == 0 || (size < 0 && errno != EAGAIN && errno != EINTR)) return true;
  }
  return false;
}

}  // namespace ram::cli
