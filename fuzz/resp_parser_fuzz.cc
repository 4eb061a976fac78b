// Bytes of any stranger, through the parser: it ends, stays inside its input, and understands the
// same however the bytes were cut into pieces.
#include <algorithm>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "resp/parser.h"

namespace {

using ram::resp::Parser;
using ram::resp::Span;

struct Parsed {
  std::vector<std::vector<std::string>> requests;
  std::string error;
  bool operator==(const Parsed&) const = default;
};

// Small enough that inputs of a fuzzer reach them.
constexpr Parser::Limits kLimits{
    .arguments_max = 64, .bulk_bytes_max = 256, .inline_bytes_max = 128, .request_bytes_max = 512};

// Pieces are 1 to `piece_max` bytes, as `bytes` themselves have it.
Parsed parse(std::string bytes, size_t piece_max) {
  Parser parser(kLimits);
  Parsed parsed;
  size_t begin = 0;
  size_t end = 0;
  for (;;) {
    // A copy of exactly this size, so that the address sanitizer sees one byte too far.
    std::vector<char> shown(bytes.begin() + static_cast<std::ptrdiff_t>(begin),
                            bytes.begin() + static_cast<std::ptrdiff_t>(end));
    const Parser::Outcome outcome = parser.next(shown);
    std::copy(shown.begin(), shown.end(), bytes.begin() + static_cast<std::ptrdiff_t>(begin));
    if (outcome == Parser::Outcome::kMalformed) {
      parsed.error = parser.error();
      return parsed;
    }
    if (outcome == Parser::Outcome::kIncomplete) {
      if (end == bytes.size()) return parsed;
      const size_t piece = 1 + static_cast<unsigned char>(bytes[end]) % piece_max;
      end = std::min(bytes.size(), end + piece);
      continue;
    }
    if (parser.size() == 0 || parser.size() > shown.size()) std::abort();
    std::vector<std::string> words;
    for (const Span span : parser.words()) {
      if (span.offset > shown.size() || span.size > shown.size() - span.offset) std::abort();
      words.emplace_back(shown.data() + span.offset, span.size);
    }
    parsed.requests.push_back(std::move(words));
    begin += parser.size();
    parser.accept();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string bytes(reinterpret_cast<const char*>(data), size);
  const Parsed whole = parse(bytes, std::max<size_t>(size, 1));
  if (!(parse(bytes, 1) == whole)) std::abort();
  if (!(parse(bytes, 16) == whole)) std::abort();
  return 0;
}
