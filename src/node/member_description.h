// What all members know of one another, besides ids and votes: it travels in the configuration that
// consensus agrees on, so that there is one list of members and not two.
//
// Values; pure functions.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace ram::node {

struct MemberDescription {
  std::string name;
  std::string address;  // HOST:PORT, for peers
  std::string client;   // HOST:PORT of the Redis front; may be empty
  std::string version;

  bool operator==(const MemberDescription&) const = default;
};

// The fields, separated by the ASCII unit separator.
// Requires: none of them contains it (valid_text).
std::string encode_description(const MemberDescription& description);
// Total: nothing unless there are four fields within their limits and a name and an address.
std::optional<MemberDescription> decode_description(std::string_view bytes);

// Printable: no control characters, at most `bytes_max`.
bool valid_text(std::string_view text, size_t bytes_max);

}  // namespace ram::node
