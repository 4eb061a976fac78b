// Whether a node can listen where it was told to, as far as can be said before it starts.
//
// A node joins its cluster as soon as it starts; that its clients' port is taken should be found
// before. A hint, no promise: someone may take the port a moment later.
#pragma once

#include <string>

#include "ram/status.h"

namespace ram::cli {

// kInvalid, with a line, if the HOST:PORTs of clients and of peers are one: then the node itself
// would be the other process that the port is in use by. OK if they are no HOST:PORTs.
Status check_ports_differ(const std::string& listen, const std::string& cluster_listen);

// kUnavailable, with a line that names `flag`, if HOST:PORT `address` is in use. OK in all other
// cases: who listens there will say what is wrong.
Status check_port_is_free(const std::string& address, const std::string& flag);

}  // namespace ram::cli
