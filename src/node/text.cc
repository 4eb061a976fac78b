#include "node/text.h"

#include <chrono>
#include <cstdio>

namespace ram::node {

std::string hexadecimal(uint64_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = 0; i < 16; ++i) text[15 - i] = kDigits[(value >> (4 * i)) & 15];
  return text;
}

std::string text_of(ClusterId cluster) {
  return hexadecimal(cluster.high) + hexadecimal(cluster.low);
}

std::string as_line(const std::vector<std::string>& list) {
  std::string line;
  for (const std::string& item : list) {
    if (!line.empty()) line += ',';
    line += item;
  }
  return line;
}

std::string text_of(WallMs time) {
  using std::chrono::days;
  using std::chrono::floor;
  using std::chrono::hh_mm_ss;
  using std::chrono::milliseconds;
  using std::chrono::sys_days;
  using std::chrono::sys_time;
  using std::chrono::year_month_day;
  const sys_time<milliseconds> at{milliseconds(static_cast<int64_t>(time))};
  const sys_days day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss clock(at - day);
  char text[48];
  std::snprintf(
      text, sizeof text, "%04d-%02u-%02u %02d:%02d:%02d.%03d UTC", static_cast<int>(date.year()),
      static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
      static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
      static_cast<int>(clock.seconds().count()), static_cast<int>(clock.subseconds().count()));
  return text;
}

}  // namespace ram::node
