#include "cli/log_lines.h"

#include <memory>

#include "base/stderr_log.h"

namespace ram::cli {
namespace {

LogLevel level_of(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return LogLevel::kDebug;
    case Severity::kInfo:
      return LogLevel::kInfo;
    case Severity::kWarning:
      return LogLevel::kWarning;
    case Severity::kError:
      return LogLevel::kError;
  }
  return LogLevel::kError;
}

}  // namespace

std::function<void(Severity, std::string_view)> log_to_stderr(Severity least) {
  const auto log = std::make_shared<StderrLog>(level_of(least));
  return [log](Severity severity, std::string_view line) { log->write(level_of(severity), line); };
}

}  // namespace ram::cli
