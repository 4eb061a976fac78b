// What the tests of this directory share: a loop driven until something holds.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "base/log.h"
#include "net/loop.h"

namespace ram::net {

// Passes until `condition` holds. The watchdog is no part of any test: it only ends a hopeless one.
[[nodiscard]] inline bool run_until(Loop& loop, const std::function<bool()>& condition,
                                    Duration watchdog = std::chrono::seconds(60)) {
  bool expired = false;
  Timer timer(loop);
  timer.start(watchdog, [&expired] { expired = true; });
  while (!condition()) {
    if (expired) return false;
    loop.run_once();
  }
  return true;
}

// `count` passes, none of which waits.
inline void run_passes(Loop& loop, int count) {
  for (int i = 0; i < count; ++i) {
    loop.wake();
    loop.run_once();
  }
}

class TestLog final : public Log {
 public:
  void write(LogLevel, std::string_view line) override { lines.emplace_back(line); }
  bool enabled(LogLevel) const override { return true; }
  size_t count(std::string_view part) const {
    size_t found = 0;
    for (const std::string& line : lines) found += line.find(part) != std::string::npos ? 1 : 0;
    return found;
  }
  std::string all() const {
    std::string text;
    for (const std::string& line : lines) text += line + "\n";
    return text;
  }

  std::vector<std::string> lines;
};

}  // namespace ram::net
