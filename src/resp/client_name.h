// What a client may call itself, and its library: HELLO, CLIENT SETNAME, CLIENT SETINFO.
#pragma once

#include <string_view>

#include "base/limits.h"

namespace ram::resp {

inline bool is_client_name(std::string_view name) {
  for (const char c : name) {
    if (c < '!' || c > '~') return false;
  }
  return name.size() <= kClientNameBytesMax;
}

inline constexpr std::string_view kBadClientName =
    "ERR Client names cannot contain spaces, newlines or special characters.";

}  // namespace ram::resp
