// Words for people: libuv's errors, and bytes of strangers made fit for a line of log.
//
// Thread-safe.
#pragma once

#include <string>
#include <string_view>

namespace ram::net {

// What a negative result of libuv means: "connection refused".
std::string reason_of(int uv_error);

// The first `bytes_max` of `bytes`, in quotes, with all but printable ASCII as \xNN.
std::string quoted(std::string_view bytes, size_t bytes_max = 64);

// A sentence by a stranger: `bytes` with '?' for all but printable ASCII.
std::string one_line(std::string_view bytes);

}  // namespace ram::net
