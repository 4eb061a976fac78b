#include "resp/glob.h"

#include <cstddef>
#include <utility>

#include "base/ascii.h"

namespace ram::resp {
namespace {

struct Exact {
  static unsigned char fold(char c) { return static_cast<unsigned char>(c); }
};
struct NoCase {
  static unsigned char fold(char c) { return static_cast<unsigned char>(to_lower(c)); }
};

// Matches one character against the element of `pattern` at `at`, which is not a star; returns
// whether it does, and where the next element begins. As in Redis a class that is not closed ends
// with the pattern.
template <class Case>
std::pair<bool, size_t> match_one(std::string_view pattern, size_t at, char c) {
  const unsigned char wanted = Case::fold(c);
  if (pattern[at] == '?') return {true, at + 1};
  if (pattern[at] == '\\' && at + 1 < pattern.size()) {
    return {Case::fold(pattern[at + 1]) == wanted, at + 2};
  }
  if (pattern[at] != '[') return {Case::fold(pattern[at]) == wanted, at + 1};

  ++at;
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  while (at < pattern.size() && pattern[at] != ']') {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) {
      found |= Case::fold(pattern[at + 1]) == wanted;
      at += 2;
    } else if (at + 2 < pattern.size() && pattern[at + 1] == '-') {
      unsigned char low = Case::fold(pattern[at]);
      unsigned char high = Case::fold(pattern[at + 2]);
      if (low > high) std::swap(low, high);
      found |= low <= wanted && wanted <= high;
      at += 3;
    } else {
      found |= Case::fold(pattern[at]) == wanted;
      ++at;
    }
  }
  if (at < pattern.size()) ++at;
  return {found != negated, at};
}

// Only the last star is ever gone back to: what an earlier one could match more of, the last one
// can as well.
template <class Case>
bool match(std::string_view pattern, std::string_view text) {
  constexpr size_t kNone = std::string_view::npos;
  size_t at = 0;
  size_t i = 0;
  size_t star = kNone;  // the element behind the last star
  size_t star_i = 0;    // the text that star has not swallowed yet
  while (i < text.size()) {
    if (at < pattern.size() && pattern[at] == '*') {
      star = ++at;
      star_i = i;
      continue;
    }
    if (at < pattern.size()) {
      const auto [matched, next] = match_one<Case>(pattern, at, text[i]);
      if (matched) {
        at = next;
        ++i;
        continue;
      }
    }
    if (star == kNone) return false;
    at = star;
    i = ++star_i;
  }
  while (at < pattern.size() && pattern[at] == '*') ++at;
  return at == pattern.size();
}

}  // namespace

bool glob_match(std::string_view pattern, std::string_view text) {
  return match<Exact>(pattern, text);
}

bool glob_match_nocase(std::string_view pattern, std::string_view text) {
  return match<NoCase>(pattern, text);
}

}  // namespace ram::resp
