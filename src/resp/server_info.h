// What clients are told about the server: INFO, in the words that Redis' clients look for.
//
// Loop thread only.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ram/node.h"
#include "resp/command.h"

namespace ram::resp {

class Front;

// The version of Redis whose commands and replies ours follow; clients decide by it what to ask.
inline constexpr std::string_view kRedisVersion = "7.0.15";

// The sections that `names` ask for (none: all), as "# Section\r\nfield:value\r\n...".
std::string info_text(const Front& front, const NodeStatus& status,
                      const std::vector<TableInfo>& tables, std::span<const std::string> names);

// "1.50M", as Redis shows sizes to people.
std::string human_bytes(uint64_t bytes);

}  // namespace ram::resp
