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

spdlog::level::level_enum spdlog_level(LogLevel level) {
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

std::string with_time(LogLevel level, std::string_view line) {
  thread_local spdlog::pattern_formatter formatter("%Y-%m-%d %H:%M:%S.%e %-7l %v");
  const spdlog::string_view_t text(line.data(), line.size());
  spdlog::memory_buf_t buffer;
  formatter.format(spdlog::details::log_msg("ram", spdlog_level(level), text), buffer);
  return {buffer.data(), buffer.size()};
}

std::string lost_line(uint64_t lost) {
  return with_time(LogLevel::kWarning,
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

void StderrLog::write(LogLevel level, std::string_view line) {
  if (enabled(level)) writer().write(with_time(level, line));
}

void write_to_stderr(std::string line) {
  writer().write(std::move(line));
}

void flush_stderr() {
  writer().flush(kLogFlushMax);
}

}  // namespace ram
