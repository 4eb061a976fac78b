// Ids and times in words, as people and logs read them.
//
// Pure functions.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace ram::node {

std::string hexadecimal(uint64_t value);                    // 16 digits
std::string text_of(ClusterId cluster);                     // 32 hexadecimal digits
std::string text_of(WallMs time);                           // "2026-11-26 10:33:26.123 UTC"
std::string as_line(const std::vector<std::string>& list);  // "a,b,c"

}  // namespace ram::node
