// Redis requests, from bytes that anyone may have sent.
//
//   request   = multibulk | inline
//   multibulk = "*" count CRLF, count times "$" size CRLF, size bytes, CRLF
//   inline    = words between blanks, LF or CRLF; "..." with \n \r \t \b \a \xHH and '...' with \'
//   as
//               Redis has them
//
// Total: whatever the input, next() ends and reads nothing outside it. Incremental: what was looked
// at is not looked at again when more has come, so a large request in small pieces costs its size.
// Nothing is copied: a word is a Span of the input; quoted inline words are unescaped in place,
// which never lengthens them.
//
// Stricter than Redis where Redis shrugs: a bulk must end with CRLF, and numbers are canonical.
//
// Not thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"

namespace ram::resp {

// A word of a request, counted from the request's first byte.
struct Span {
  uint32_t offset = 0;
  uint32_t size = 0;
};

class Parser {
 public:
  struct Limits {
    size_t arguments_max = kClientArgumentsMax;
    size_t bulk_bytes_max = kValueBytesMax;
    size_t inline_bytes_max = kInlineBytesMax;
    // A whole request. Below 4 GiB: spans are 32 bits.
    size_t request_bytes_max = kClientInputBytesMax;
  };

  enum class Outcome : uint8_t {
    kRequest,     // words() and size() tell which; no words: an empty request, to be ignored
    kIncomplete,  // more input is needed
    kMalformed,   // error() says why; nothing after it can be understood
  };

  Parser() : Parser(Limits()) {}
  explicit Parser(Limits limits) : limits_(limits) {}

  // `input` begins with the first byte of a request. While the outcome is kIncomplete, the next
  // call must show the same bytes again, and more behind them; after kRequest, accept() comes
  // first.
  Outcome next(std::span<char> input);

  // After kRequest, until accept().
  std::span<const Span> words() const { return words_; }
  size_t size() const { return at_; }
  void accept();

  // After kMalformed: a line without its end, "Protocol error: ...".
  const std::string& error() const { return error_; }

 private:
  enum class State : uint8_t { kStart, kInline, kCount, kBulkSize, kBulk, kDone, kMalformed };

  Outcome step_start(std::string_view input);
  Outcome step_inline(std::span<char> input);
  Outcome step_count(std::string_view input);
  Outcome step_bulk_size(std::string_view input);
  Outcome step_bulk(std::string_view input);
  // Reads "<digits>CRLF" at at_ + 1 and moves behind it.
  Outcome read_number(std::string_view input, const char* what, int64_t& number);
  bool split_words(std::span<char> line, size_t offset);
  Outcome malformed(std::string why);

  Limits limits_;
  State state_ = State::kStart;
  size_t at_ = 0;       // first byte not understood yet
  size_t scanned_ = 0;  // kInline: no line end before this
  size_t words_left_ = 0;
  size_t bulk_bytes_ = 0;
  std::vector<Span> words_;
  std::string error_;
};

}  // namespace ram::resp
