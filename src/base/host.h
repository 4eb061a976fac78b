// What a host name may stand for.
//
// Pure functions.
#pragma once

#include <string_view>

namespace ram {

// True if it is every interface of the machine: to listen on, and nobody's to dial.
constexpr bool is_wildcard(std::string_view host) {
  return host == "0.0.0.0" || host == "::" || host == "*";
}

}  // namespace ram
