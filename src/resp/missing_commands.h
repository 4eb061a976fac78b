// What people try because Redis has it, and why ram does not.
//
// Thread-safe: constant.
#pragma once

#include <span>
#include <string_view>

namespace ram::resp {

struct MissingCommands {
  std::string_view why;                     // in parentheses, for the end of an error line
  std::span<const std::string_view> names;  // in upper case
};

std::span<const MissingCommands> missing_commands();

// Of `name`, in letters of either case; empty if nobody would expect it.
std::string_view why_missing(std::string_view name);

}  // namespace ram::resp
