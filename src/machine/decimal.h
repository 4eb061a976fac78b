// Decimal numbers of 64 bits in their one canonical form, as Redis counts.
//
// "0", or digits without a leading zero, with '-' before them if negative: no '+', no spaces, no
// "-0". So a number has exactly one form, and adding 0 to it changes no byte.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>
#include <system_error>

namespace ram::machine {

inline std::optional<int64_t> parse_decimal(std::string_view text) {
  const std::string_view digits = text.starts_with('-') ? text.substr(1) : text;
  if (digits.empty() || digits.size() > 19) return std::nullopt;
  if (digits.front() == '0' && text.size() > 1) return std::nullopt;
  int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

// The canonical form of a number, in a buffer of its own.
class Decimal {
 public:
  explicit Decimal(int64_t number)
      : end_(std::to_chars(buffer_, buffer_ + sizeof buffer_, number).ptr) {}
  Decimal(const Decimal&) = delete;
  Decimal& operator=(const Decimal&) = delete;

  std::string_view text() const {
    return std::string_view(buffer_, static_cast<size_t>(end_ - buffer_));
  }

 private:
  char buffer_[20];
  const char* end_;
};

}  // namespace ram::machine
