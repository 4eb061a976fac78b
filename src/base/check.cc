#include "base/check.h"

#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "base/limits.h"
#include "base/line_writer.h"

namespace ram {
namespace {

std::atomic<void (*)()> flush_log{nullptr};

}  // namespace

void before_abort(void (*flush)()) {
  flush_log = flush;
}

void check_failed(const char* condition, const char* file, int line) {
  if (void (*const flush)() = flush_log) flush();
  // Not through a queue: in a fork of the process there is no thread that empties it.
  write_within(kLogFlushMax, STDERR_FILENO,
               std::string("ram: internal error: ") + condition + " does not hold at " + file +
                   ":" + std::to_string(line) + "\n");
  std::abort();
}

}  // namespace ram
