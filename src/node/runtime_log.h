// The Log of a process: NodeOptions::log, or standard error.
//
// Loop thread only.
#pragma once

#include <memory>

#include "base/log.h"
#include "ram/options.h"

namespace ram::node {

std::unique_ptr<Log> make_log(const NodeOptions& options);

}  // namespace ram::node
