// Letters of ASCII, whatever the locale; other bytes stay as they are.
//
// Pure functions.
#pragma once

#include <algorithm>
#include <string>
#include <string_view>

namespace ram {

constexpr char to_lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

constexpr char to_upper(char c) {
  return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
}

inline std::string to_lower(std::string_view text) {
  std::string lower(text);
  for (char& c : lower) c = to_lower(c);
  return lower;
}

inline std::string to_upper(std::string_view text) {
  std::string upper(text);
  for (char& c : upper) c = to_upper(c);
  return upper;
}

// Whether `word` is `name`, letters of either case.
constexpr bool is_word(std::string_view word, std::string_view name) {
  return std::equal(word.begin(), word.end(), name.begin(), name.end(),
                    [](char a, char b) { return to_lower(a) == to_lower(b); });
}

}  // namespace ram
