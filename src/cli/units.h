// Values as people write them on a command line: durations (500ms, 5s, 2m), sizes (512MiB, 4GiB),
// lists (a,b,c).
//
// Total: whatever the text, a value or nothing. Pure functions.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace ram::cli {

// A number, with a fraction if need be, and one of us ms s m h. Nothing: it is no such text, or
// beyond 292 years.
std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text);

// A number and one of B KiB MiB GiB TiB, or kB MB GB TB (powers of 1000), or nothing: bytes.
std::optional<size_t> parse_size(std::string_view text);

// What stands between commas, spaces and all: "a,,b" has three items, "" one.
std::vector<std::string> split_list(std::string_view text);

// For people: 3d 4h, 5m 10s, 1.5s, 250ms.
std::string format_duration(std::chrono::milliseconds duration);

// For people: 1.5 GiB.
std::string format_size(size_t bytes);

}  // namespace ram::cli
