// Log lines, as values: whoever owns a Log decides where they go.
//
// Production writes them with spdlog, the simulator into its trace. A line says what happened, with
// `key=value` pairs, and, where something is wrong, what to do; it ends without a newline.
#pragma once

#include <string_view>

namespace ram {

enum class LogLevel { kDebug, kInfo, kWarning, kError };

class Log {
 public:
  virtual ~Log() = default;
  virtual void write(LogLevel level, std::string_view line) = 0;
  // False: lines of this level go nowhere, do not build them.
  virtual bool enabled(LogLevel level) const = 0;

  void debug(std::string_view line) { write(LogLevel::kDebug, line); }
  void info(std::string_view line) { write(LogLevel::kInfo, line); }
  void warning(std::string_view line) { write(LogLevel::kWarning, line); }
  void error(std::string_view line) { write(LogLevel::kError, line); }
};

// Everything goes nowhere.
class NoLog final : public Log {
 public:
  void write(LogLevel, std::string_view) override {}
  bool enabled(LogLevel) const override { return false; }
};

}  // namespace ram
