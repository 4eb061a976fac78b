#include "node/runtime_log.h"

#include "base/callback_log.h"
#include "base/stderr_log.h"

namespace ram::node {

std::unique_ptr<Log> make_log(const NodeOptions& options) {
  if (options.log) return std::make_unique<CallbackLog>(options.log_from, options.log);
  return std::make_unique<StderrLog>(options.log_from);
}

}  // namespace ram::node
