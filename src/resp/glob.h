// Patterns as KEYS, SCAN MATCH and CONFIG GET have them: * ? [abc] [^a-z] and \ before a plain
// character.
#pragma once

#include <string_view>

namespace ram::resp {

// Cost: at most the product of the lengths, never more, whatever the pattern (clients choose it).
bool glob_match(std::string_view pattern, std::string_view text);
// The same for ASCII letters of either case.
bool glob_match_nocase(std::string_view pattern, std::string_view text);

}  // namespace ram::resp
