// Decimal numbers in words of a request, as strictly as Redis reads them: no blanks, no plus sign,
// no leading zeros, nothing behind the digits.
#pragma once

#include <charconv>
#include <cstdint>
#include <optional>
#include <string_view>

namespace ram::resp {

template <class Number>
std::optional<Number> parse_decimal(std::string_view text) {
  const bool negative = !text.empty() && text.front() == '-';
  const std::string_view digits = text.substr(negative ? 1 : 0);
  if (digits.empty() || digits.front() < '0' || digits.front() > '9') return std::nullopt;
  if (digits.front() == '0' && (digits.size() > 1 || negative)) return std::nullopt;
  Number number = 0;
  const char* end = text.data() + text.size();
  const auto [stopped, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || stopped != end) return std::nullopt;
  return number;
}

inline std::optional<int64_t> parse_i64(std::string_view text) {
  return parse_decimal<int64_t>(text);
}
inline std::optional<uint64_t> parse_u64(std::string_view text) {
  return parse_decimal<uint64_t>(text);
}

}  // namespace ram::resp
