// A configuration as the payload of a kChange entry. The format is libraft's own, version 1, since
// the engine reads these payloads itself:
//
//   configuration := 1:u8 count:u64 server* zeros to a multiple of 8 bytes
//   server        := id:u64 address role:u8      role: 0 standby, 1 voter
//   address       := sixteen hex digits of the id, '/', description, 0:u8
//
// The engine reads past the end of what is cut short, and refuses two servers of one address: so
// nothing reaches it that decode() below has not accepted as a whole, and addresses start with the
// id. What decode() accepts, encode() writes back byte for byte.
//
// Pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "consensus/configuration.h"

namespace ram::consensus {

// At least one voter, at most kMembersMax servers, ids set and distinct, descriptions within bounds
// and without NUL.
bool is_valid(const Configuration& configuration);

// Requires: is_valid(configuration).
SharedBytes encode(const Configuration& configuration);

// Total. What it returns is valid.
std::optional<Configuration> decode_configuration(std::string_view bytes);

// What the engine has for a description, and back.
std::string engine_address(const Server& server);
std::string_view description_of(std::string_view engine_address);

}  // namespace ram::consensus
