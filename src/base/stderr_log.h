// Log lines of a process for people: time, level, line, on standard error, which may be blocked
// (base/line_writer.h).
#pragma once

#include <string>
#include <string_view>

#include "base/log.h"

namespace ram {

// Thread-safe. All of a process share a queue.
class StderrLog final : public Log {
 public:
  explicit StderrLog(Severity least) : least_(least) {}
  ~StderrLog() override;  // flushes

  void write(Severity severity, std::string_view line) override;
  bool enabled(Severity severity) const override { return severity >= least_; }

 private:
  const Severity least_;
};

// A line as it is, with its newline, after those of the log.
void write_to_stderr(std::string line);
// What waits is written, unless standard error is blocked for longer than kLogFlushMax: to be
// called before a process ends.
void flush_stderr();

}  // namespace ram
