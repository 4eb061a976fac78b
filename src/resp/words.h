// Small things that handlers do with words, and errors that several of them answer.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "resp/reply.h"

namespace ram::resp {

inline constexpr std::string_view kSyntaxError = "ERR syntax error";
inline constexpr std::string_view kNotAnInteger = "ERR value is not an integer or out of range";

// `text` fit for a line of blank-separated key=value pairs: anything else than printable ASCII, and
// blanks, as '?'.
inline std::string one_word(std::string_view text) {
  std::string word(text);
  for (char& c : word) {
    if (c <= ' ' || c > '~') c = '?';
  }
  return word;
}

// Numbers that name things, not count them: 16 hexadecimal digits.
std::string hex_of(uint64_t number);

}  // namespace ram::resp
