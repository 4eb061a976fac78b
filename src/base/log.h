// Log lines, as values: whoever owns a Log decides where they go.
//
// Production writes them with spdlog, the simulator into its trace. A line says what happened, with
// `key=value` pairs, and, where something is wrong, what to do; it ends without a newline.
#pragma once

#include <string_view>

#include "ram/severity.h"

namespace ram {

class Log {
 public:
  virtual ~Log() = default;
  virtual void write(Severity severity, std::string_view line) = 0;
  // False: lines of this severity go nowhere, do not build them.
  virtual bool enabled(Severity severity) const = 0;

  void debug(std::string_view line) { write(Severity::kDebug, line); }
  void info(std::string_view line) { write(Severity::kInfo, line); }
  void warning(std::string_view line) { write(Severity::kWarning, line); }
  void error(std::string_view line) { write(Severity::kError, line); }
};

// Everything goes nowhere.
class NoLog final : public Log {
 public:
  void write(Severity, std::string_view) override {}
  bool enabled(Severity) const override { return false; }
};

}  // namespace ram
