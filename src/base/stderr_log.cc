#include "base/stderr_log.h"

#include <spdlog/pattern_formatter.h>
#include <unistd.h>

#include <cstdint>
#include <string>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "base/line_writer.h"

namespace ram {
namespace {

spdlog::level::level_enum spdlog_level(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return spdlog::level::debug;
    case Severity::kInfo:
      return spdlog::level::info;
    case Severity::kWarning:
      return spdlog::level::warn;
    case Severity::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

std::string with_time(Severity severity, std::string_view line) {
  thread_local spdlog::pattern_formatter formatter("%Y-%m-%d %H:%M:%S.%e %-7l %v");
  const spdlog::string_view_t text(line.data(), line.size());
  spdlog::memory_buf_t buffer;
  formatter.format(spdlog::details::log_msg("ram", spdlog_level(severity), text), buffer);
  return {buffer.data(), buffer.size()};
}

std::string lost_line(uint64_t lost) {
  return with_time(Severity::kWarning,
                   "log lines lost, as standard error was not read from: " + std::to_string(lost));
}

LineWriter* make_writer() {
  before_abort(flush_stderr);
  return new LineWriter(STDERR_FILENO, kLogQueueBytesMax, lost_line);
}

// Never destroyed: a thread that is blocked cannot be joined.
LineWriter& writer() {
  static LineWriter* const writer = make_writer();
  return *writer;
}

}  // namespace

StderrLog::~StderrLog() {
  flush_stderr();
}

void StderrLog::write(Severity severity, std::string_view line) {
  if (enabled(severity)) writer().write(with_time(severity, line));
}

void write_to_stderr(std::string line) {
  writer().write(std::move(line));
}

void flush_stderr() {
  writer().flush(kLogFlushMax);
}

}  // namespace ram
