#include "resp/parser.h"

#include <algorithm>
#include <cstring>
#include <optional>

#include "base/check.h"
#include "resp/numbers.h"

namespace ram::resp {
namespace {

// The longest number that may be meant: a sign, 19 digits, and some slack for a clear error.
constexpr size_t kNumberBytesMax = 32;

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\v' || c == '\f' || c == '\r';
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

char unescaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// What a node says first to another (docs/formats/frame.md): someone gave it our port for a peer's.
bool is_peer(std::string_view input) {
  return input.size() > 4 && input.starts_with("RAMP") && input[4] > 0 && input[4] < '\b';
}

// For an error line: what is not printable is not repeated.
std::string shown(char c) {
  if (c >= ' ' && c <= '~') return std::string(1, c);
  return "?";
}

}  // namespace

void Parser::accept() {
  RAM_CHECK(state_ == State::kDone);
  state_ = State::kStart;
  at_ = 0;
  words_.clear();
  // A request of a million words leaves no million words behind.
  if (words_.capacity() > 4096) words_.shrink_to_fit();
}

Parser::Outcome Parser::next(std::span<char> input) {
  const std::string_view seen(input.data(), input.size());
  for (;;) {
    Outcome outcome = Outcome::kIncomplete;
    switch (state_) {
      case State::kStart:
        outcome = step_start(seen);
        break;
      case State::kInline:
        outcome = step_inline(input);
        break;
      case State::kCount:
        outcome = step_count(seen);
        break;
      case State::kBulkSize:
        outcome = step_bulk_size(seen);
        break;
      case State::kBulk:
        outcome = step_bulk(seen);
        break;
      case State::kDone:
        return Outcome::kRequest;
      case State::kMalformed:
        return Outcome::kMalformed;
    }
    // A step that returns kRequest moved to another state.
    if (outcome != Outcome::kRequest) return outcome;
  }
}

Parser::Outcome Parser::step_start(std::string_view input) {
  if (input.empty()) return Outcome::kIncomplete;
  scanned_ = 0;
  state_ = input.front() == '*' ? State::kCount : State::kInline;
  return Outcome::kRequest;
}

Parser::Outcome Parser::step_inline(std::span<char> input) {
  if (is_peer(std::string_view(input.data(), input.size()))) {
    return malformed("this port is for clients; nodes reach each other at --cluster-listen");
  }
  const size_t end = std::min(input.size(), limits_.inline_bytes_max + 1);
  const void* found =
      scanned_ < end ? std::memchr(input.data() + scanned_, '\n', end - scanned_) : nullptr;
  if (found == nullptr) {
    scanned_ = end;
    if (end > limits_.inline_bytes_max) return malformed("too big inline request");
    return Outcome::kIncomplete;
  }
  const auto line_bytes = static_cast<size_t>(static_cast<const char*>(found) - input.data());
  if (!split_words(input.first(line_bytes), 0)) return malformed("unbalanced quotes in request");
  at_ = line_bytes + 1;
  state_ = State::kDone;
  return Outcome::kRequest;
}

// Splits `line`, which begins `offset` bytes into the request; false: a quote is not closed, or is
// followed by something other than a blank.
bool Parser::split_words(std::span<char> line, size_t offset) {
  size_t from = 0;
  while (true) {
    while (from < line.size() && is_blank(line[from])) ++from;
    if (from == line.size()) return true;
    const size_t begin = from;
    size_t to = begin;  // never ahead of `from`: unescaping only shortens
    char quote = 0;
    while (from < line.size()) {
      const char c = line[from];
      if (quote == 0) {
        if (is_blank(c)) break;
        ++from;
        if (c == '"' || c == '\'') {
          quote = c;
        } else {
          line[to++] = c;
        }
        continue;
      }
      if (c == quote) {
        quote = 0;
        ++from;
        if (from < line.size() && !is_blank(line[from])) return false;
        break;
      }
      const size_t left = line.size() - from;
      if (c == '\\' && quote == '"' && left >= 4 && line[from + 1] == 'x' &&
          hex_digit(line[from + 2]) >= 0 && hex_digit(line[from + 3]) >= 0) {
        line[to++] = static_cast<char>(hex_digit(line[from + 2]) * 16 + hex_digit(line[from + 3]));
        from += 4;
      } else if (c == '\\' && quote == '"' && left >= 2) {
        line[to++] = unescaped(line[from + 1]);
        from += 2;
      } else if (c == '\\' && quote == '\'' && left >= 2 && line[from + 1] == '\'') {
        line[to++] = '\'';
        from += 2;
      } else {
        line[to++] = c;
        ++from;
      }
    }
    if (quote != 0) return false;
    words_.push_back({static_cast<uint32_t>(offset + begin), static_cast<uint32_t>(to - begin)});
  }
}

Parser::Outcome Parser::read_number(std::string_view input, const char* what, int64_t& number) {
  const std::string_view line = input.substr(at_ + 1, kNumberBytesMax + 2);
  const size_t digits = line.find('\r');
  if (digits == std::string_view::npos) {
    if (line.size() > kNumberBytesMax) return malformed(std::string("invalid ") + what);
    return Outcome::kIncomplete;
  }
  if (digits + 1 == line.size()) {
    if (digits >= kNumberBytesMax) return malformed(std::string("invalid ") + what);
    return Outcome::kIncomplete;
  }
  const std::optional<int64_t> parsed = parse_i64(line.substr(0, digits));
  if (digits > kNumberBytesMax || line[digits + 1] != '\n' || !parsed) {
    return malformed(std::string("invalid ") + what);
  }
  number = *parsed;
  at_ += digits + 3;
  return Outcome::kRequest;
}

Parser::Outcome Parser::step_count(std::string_view input) {
  int64_t count = 0;
  const Outcome outcome = read_number(input, "multibulk length", count);
  if (outcome != Outcome::kRequest) return outcome;
  if (count > static_cast<int64_t>(limits_.arguments_max)) {
    return malformed("invalid multibulk length");
  }
  words_left_ = count > 0 ? static_cast<size_t>(count) : 0;
  // Trust no count: room is made for a few words, the rest must be sent first.
  words_.reserve(std::min<size_t>(words_left_, 64));
  state_ = words_left_ > 0 ? State::kBulkSize : State::kDone;
  return Outcome::kRequest;
}

Parser::Outcome Parser::step_bulk_size(std::string_view input) {
  if (at_ >= input.size()) return Outcome::kIncomplete;
  if (input[at_] != '$') return malformed("expected '$', got '" + shown(input[at_]) + "'");
  int64_t bytes = 0;
  const Outcome outcome = read_number(input, "bulk length", bytes);
  if (outcome != Outcome::kRequest) return outcome;
  if (bytes < 0) return malformed("invalid bulk length");
  if (bytes > static_cast<int64_t>(limits_.bulk_bytes_max)) {
    return malformed("invalid bulk length: at most " + std::to_string(limits_.bulk_bytes_max) +
                     " bytes");
  }
  bulk_bytes_ = static_cast<size_t>(bytes);
  if (at_ + bulk_bytes_ + 2 > limits_.request_bytes_max) {
    return malformed("a request is at most " + std::to_string(limits_.request_bytes_max) +
                     " bytes");
  }
  state_ = State::kBulk;
  return Outcome::kRequest;
}

Parser::Outcome Parser::step_bulk(std::string_view input) {
  if (input.size() - at_ < bulk_bytes_ + 2) return Outcome::kIncomplete;
  if (input.substr(at_ + bulk_bytes_, 2) != "\r\n") {
    return malformed("a bulk does not end with CRLF");
  }
  words_.push_back({static_cast<uint32_t>(at_), static_cast<uint32_t>(bulk_bytes_)});
  at_ += bulk_bytes_ + 2;
  state_ = --words_left_ > 0 ? State::kBulkSize : State::kDone;
  return Outcome::kRequest;
}

Parser::Outcome Parser::malformed(std::string why) {
  error_ = "Protocol error: " + std::move(why);
  state_ = State::kMalformed;
  words_.clear();
  return Outcome::kMalformed;
}

}  // namespace ram::resp
