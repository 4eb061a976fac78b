// How a call ended: Status, and Result<T> for calls that return something.
//
// A code exists only where a caller would act differently. Each says whether what was asked for
// took effect: *not applied*, or *perhaps applied*. An outcome that the caller asked about ("no
// such key", "revision does not match") is a value, not a Status.
//
// Values; thread-safe as any value is.
#pragma once

#include <cstdint>
#include <cstdlib>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace ram {

enum class Code : uint8_t {
  kOk = 0,
  // Not applied. An argument, option or size is out of range; the same call fails again.
  kInvalid,
  // Not applied. No majority, or no answer before the deadline; try again later.
  kUnavailable,
  // Not applied. This node is not yet (or no longer) part of a cluster; try another node, or later.
  kJoining,
  // Not applied. A queue is full; try again after a pause.
  kOverloaded,
  // Not applied. The node's memory limit is reached; erase something first.
  kOutOfMemory,
  // Perhaps applied. The write was sent and its outcome did not become known before the deadline.
  kUnknownOutcome,
};

// "ok", "invalid", "unavailable", "joining", "overloaded", "out of memory", "unknown outcome".
std::string_view code_name(Code code);

class [[nodiscard]] Status {
 public:
  Status() = default;
  Status(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  static Status invalid(std::string message) { return {Code::kInvalid, std::move(message)}; }
  static Status unavailable(std::string message) {
    return {Code::kUnavailable, std::move(message)};
  }
  static Status joining(std::string message) { return {Code::kJoining, std::move(message)}; }
  static Status overloaded(std::string message) { return {Code::kOverloaded, std::move(message)}; }
  static Status out_of_memory(std::string message) {
    return {Code::kOutOfMemory, std::move(message)};
  }
  static Status unknown_outcome(std::string message) {
    return {Code::kUnknownOutcome, std::move(message)};
  }

  bool ok() const { return code_ == Code::kOk; }
  Code code() const { return code_; }
  // One line for people; empty if ok.
  const std::string& message() const { return message_; }
  // True if a write that ended so may have taken effect, now or later.
  bool perhaps_applied() const { return code_ == Code::kUnknownOutcome; }

 private:
  Code code_ = Code::kOk;
  std::string message_;
};

// A T, or the Status that says why there is none. Reading the value of a failed Result stops the
// process.
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : value_(std::move(value)) {}         // NOLINT: implicit on purpose
  Result(Status status) : status_(std::move(status)) {  // NOLINT: implicit on purpose
    if (status_.ok()) std::abort();
  }

  bool ok() const { return value_.has_value(); }
  const Status& status() const { return status_; }

  T& value() & { return checked(); }
  const T& value() const& { return const_cast<Result*>(this)->checked(); }
  T&& value() && { return std::move(checked()); }
  T& operator*() & { return checked(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(checked()); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &value(); }

 private:
  T& checked() {
    if (!value_.has_value()) std::abort();
    return *value_;
  }

  Status status_;
  std::optional<T> value_;
};

}  // namespace ram
