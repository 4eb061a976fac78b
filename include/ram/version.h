// The version of the library, and of the formats it speaks.
#pragma once

#include <cstdint>
#include <string_view>

namespace ram {

inline constexpr std::string_view kVersion = "0.1.0";
// Between nodes; others are refused.
inline constexpr uint8_t kWireVersion = 3;

}  // namespace ram
