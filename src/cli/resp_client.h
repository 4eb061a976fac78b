// A small client of the Redis protocol, for the verbs that ask a running node.
//
// Blocking, one request at a time, RESP2. Every wait is bounded by the timeout. Total on whatever
// the other side sends: replies are bounded in size and depth. Not thread-safe.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "ram/status.h"

namespace ram::cli {

struct RespValue {
  enum class Kind : uint8_t { kText, kError, kInteger, kNull, kArray };
  Kind kind = Kind::kNull;
  std::string text;  // kText, kError
  int64_t integer = 0;
  std::vector<RespValue> items;
};

class RespClient {
 public:
  // `address` is HOST:PORT. The Status of a failure says what and what to do.
  static Result<RespClient> connect(const std::string& address, std::chrono::milliseconds timeout);
  RespClient(RespClient&& other) noexcept;
  RespClient& operator=(RespClient&&) = delete;
  ~RespClient();

  // Of each call from now on.
  void set_timeout(std::chrono::milliseconds timeout) { timeout_ = timeout; }
  // Sends `words` and returns the reply; kUnavailable also if the reply is an error.
  Result<RespValue> call(const std::vector<std::string_view>& words);
  // Waits until the other side closes; false after the timeout.
  bool wait_until_closed();

 private:
  RespClient(int socket, std::string address, std::chrono::milliseconds timeout)
      : socket_(socket), address_(std::move(address)), timeout_(timeout) {}

  class Reply;
  Status closed() const;

  int socket_;
  std::string address_;
  std::chrono::milliseconds timeout_;
  bool answered_ = false;  // it is a ram node, then
};

}  // namespace ram::cli
