// Whether a node can be started with some options, and what is missing where not.
//
// Pure functions.
#pragma once

#include "ram/options.h"
#include "ram/status.h"

namespace ram::node {

// kInvalid with one line that names the option and says what to do, unless all is in range.
Status check_options(const NodeOptions& options);

}  // namespace ram::node
