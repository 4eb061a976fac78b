#include "cli/units.h"

#include <charconv>
#include <cstdint>
#include <cstdio>
#include <limits>

namespace ram::cli {
namespace {

struct Unit {
  std::string_view name;
  double factor;
};

// `text` is a number that is not negative and one of `units`; its value in units of factor 1.
template <size_t kUnits>
std::optional<double> parse_with_unit(std::string_view text, const Unit (&units)[kUnits]) {
  double number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number, std::chars_format::fixed);
  if (error != std::errc() || text.starts_with('-')) return std::nullopt;
  const std::string_view name = text.substr(static_cast<size_t>(end - text.data()));
  for (const Unit& unit : units) {
    if (unit.name == name) return number * unit.factor;
  }
  return std::nullopt;
}

std::string format(const char* pattern, double number) {
  char text[64];
  std::snprintf(text, sizeof text, pattern, number);
  return text;
}

}  // namespace

std::optional<std::chrono::nanoseconds> parse_duration(std::string_view text) {
  static constexpr Unit kUnits[] = {
      {"us", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 60e9}, {"h", 3600e9}};
  if (text == "0") return std::chrono::nanoseconds(0);
  const std::optional<double> nanoseconds = parse_with_unit(text, kUnits);
  // !(a < b), so that what is no number is refused too.
  if (!nanoseconds || !(*nanoseconds < 9.2e18)) return std::nullopt;
  return std::chrono::nanoseconds(static_cast<int64_t>(*nanoseconds));
}

std::optional<size_t> parse_size(std::string_view text) {
  static constexpr Unit kUnits[] = {
      {"", 1},         {"B", 1},    {"KiB", 0x1p10}, {"MiB", 0x1p20}, {"GiB", 0x1p30},
      {"TiB", 0x1p40}, {"kB", 1e3}, {"MB", 1e6},     {"GB", 1e9},     {"TB", 1e12}};
  const std::optional<double> bytes = parse_with_unit(text, kUnits);
  if (!bytes || !(*bytes < 0x1p63)) return std::nullopt;
  return static_cast<size_t>(*bytes);
}

std::vector<std::string> split_list(std::string_view text) {
  std::vector<std::string> items;
  while (true) {
    const size_t comma = text.find(',');
    items.emplace_back(text.substr(0, comma));
    if (comma == std::string_view::npos) return items;
    text.remove_prefix(comma + 1);
  }
}

std::string format_duration(std::chrono::milliseconds duration) {
  const int64_t ms = duration.count();
  if (ms < 1000) return std::to_string(ms) + "ms";
  if (ms < 10'000) return format("%.1fs", static_cast<double>(ms) / 1e3);
  const int64_t seconds = ms / 1000;
  const auto two = [](int64_t large, const char* large_unit, int64_t small,
                      const char* small_unit) {
    std::string text = std::to_string(large) + large_unit;
    if (small > 0) text += " " + std::to_string(small) + small_unit;
    return text;
  };
  if (seconds < 60) return std::to_string(seconds) + "s";
  if (seconds < 3600) return two(seconds / 60, "m", seconds % 60, "s");
  if (seconds < 86'400) return two(seconds / 3600, "h", seconds % 3600 / 60, "m");
  return two(seconds / 86'400, "d", seconds % 86'400 / 3600, "h");
}

std::string format_size(size_t bytes) {
  static constexpr const char* kNames[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  double number = static_cast<double>(bytes);
  size_t unit = 0;
  while (number >= 1024 && unit + 1 < std::size(kNames)) {
    number /= 1024;
    ++unit;
  }
  return format(unit == 0 ? "%.0f " : "%.1f ", number) + kNames[unit];
}

}  // namespace ram::cli
