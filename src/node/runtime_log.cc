#include "node/runtime_log.h"

#include <functional>

#include "base/stderr_log.h"

namespace ram::node {
namespace {

Severity severity_of(LogLevel level) {
  switch (level) {
    case LogLevel::kDebug:
      return Severity::kDebug;
    case LogLevel::kInfo:
      return Severity::kInfo;
    case LogLevel::kWarning:
      return Severity::kWarning;
    case LogLevel::kError:
      return Severity::kError;
  }
  return Severity::kError;
}

class CallbackLog final : public Log {
 public:
  explicit CallbackLog(const NodeOptions& options)
      : least_(options.log_from), callback_(options.log) {}

  void write(LogLevel level, std::string_view line) override {
    if (enabled(level)) callback_(severity_of(level), line);
  }
  bool enabled(LogLevel level) const override { return severity_of(level) >= least_; }

 private:
  const Severity least_;
  const std::function<void(Severity, std::string_view)> callback_;
};

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

std::unique_ptr<Log> make_log(const NodeOptions& options) {
  if (options.log) return std::make_unique<CallbackLog>(options);
  return std::make_unique<StderrLog>(level_of(options.log_from));
}

}  // namespace ram::node
