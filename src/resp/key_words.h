// Which words of a request are keys: what a row of the table says (KeyWords), applied.
#pragma once

#include <cstddef>
#include <string_view>

#include "resp/command.h"

namespace ram::resp {

// Calls `each` with the words that are keys.
template <class Each>
void for_each_key(const Command& command, Words words, Each each) {
  const KeyWords& keys = command.keys;
  if (keys.first == 0) return;
  const auto count = static_cast<int>(words.size());
  const int last = keys.last < 0 ? count + keys.last : keys.last;
  for (int i = keys.first; i <= last && i < count; i += keys.step) {
    each(words[static_cast<size_t>(i)]);
  }
}

inline size_t count_keys(const Command& command, Words words) {
  size_t count = 0;
  for_each_key(command, words, [&](std::string_view) { ++count; });
  return count;
}

}  // namespace ram::resp
