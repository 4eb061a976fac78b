#include "node/runtime_log.h"

#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>

#include <functional>
#include <utility>

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

class StderrLog final : public Log {
 public:
  explicit StderrLog(const NodeOptions& options)
      : least_(options.log_from),
        logger_("ram", std::make_shared<spdlog::sinks::stderr_sink_mt>()) {
    logger_.set_level(spdlog::level::trace);
    logger_.set_pattern("%Y-%m-%d %H:%M:%S.%e %-7l %v");
  }

  void write(LogLevel level, std::string_view line) override {
    if (enabled(level)) {
      logger_.log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
    }
  }
  bool enabled(LogLevel level) const override { return severity_of(level) >= least_; }

 private:
  static spdlog::level::level_enum spdlog_level(LogLevel level) {
    switch (level) {
      case LogLevel::kDebug:
        return spdlog::level::debug;
      case LogLevel::kInfo:
        return spdlog::level::info;
      case LogLevel::kWarning:
        return spdlog::level::warn;
      case LogLevel::kError:
        return spdlog::level::err;
    }
    return spdlog::level::err;
  }

  const Severity least_;
  spdlog::logger logger_;
};

}  // namespace

std::unique_ptr<Log> make_log(const NodeOptions& options) {
  if (options.log) return std::make_unique<CallbackLog>(options);
  return std::make_unique<StderrLog>(options);
}

}  // namespace ram::node
