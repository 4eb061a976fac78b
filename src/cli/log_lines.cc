#include "cli/log_lines.h"

#include <memory>

#include "base/stderr_log.h"

namespace ram::cli {

std::function<void(Severity, std::string_view)> log_to_stderr(Severity least) {
  const auto log = std::make_shared<StderrLog>(least);
  return [log](Severity severity, std::string_view line) { log->write(severity, line); };
}

}  // namespace ram::cli
