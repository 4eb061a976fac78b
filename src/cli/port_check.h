// Whether something listens at an address already.
//
// A node joins its cluster as soon as it starts; that its clients' port is taken should be found
// before. A hint, no promise: someone may take the port a moment later.
#pragma once

#include <string>

#include "ram/status.h"

namespace ram::cli {

// kUnavailable, with a line that names `flag`, if HOST:PORT `address` is in use. OK in all other
// cases: who listens there will say what is wrong.
Status check_port_is_free(const std::string& address, const std::string& flag);

}  // namespace ram::cli
