// The log of a process that is a node and its front: on standard error (base/stderr_log.h).
#pragma once

#include <functional>
#include <string_view>

#include "ram/severity.h"

namespace ram::cli {

// For NodeOptions::log: lines of `least` and above. Thread-safe; shared by its copies.
std::function<void(Severity, std::string_view)> log_to_stderr(Severity least);

}  // namespace ram::cli
