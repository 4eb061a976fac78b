#include "resp/reply.h"

#include <algorithm>

#include "base/check.h"

namespace ram::resp {
namespace {

std::string_view error_word(Code code) {
  switch (code) {
    case Code::kOk:
      break;
    case Code::kInvalid:
      return "ERR";
    case Code::kUnavailable:
      return "CLUSTERDOWN";
    case Code::kJoining:
      return "LOADING";
    case Code::kOverloaded:
      return "TRYAGAIN";
    case Code::kOutOfMemory:
      return "OOM";
    case Code::kUnknownOutcome:
      return "INDOUBT";
  }
  RAM_CHECK(false);
}

}  // namespace

std::string error_line(const Status& status) {
  std::string line(error_word(status.code()));
  line.push_back(' ');
  line.append(status.message().empty() ? code_name(status.code())
                                       : std::string_view(status.message()));
  return line;
}

void Reply::error(std::string_view line) {
  out_.push_back('-');
  const size_t begin = out_.size();
  out_.append(line);
  std::replace_if(
      out_.begin() + static_cast<std::ptrdiff_t>(begin), out_.end(),
      [](char c) { return c == '\r' || c == '\n'; }, ' ');
  crlf();
}

void Reply::error(const Status& status) {
  error(error_line(status));
}

void Reply::text(std::string_view lines) {
  if (version_ == Version::k2) return bulk(lines);
  header('=', static_cast<int64_t>(lines.size() + 4));
  out_.append("txt:");
  out_.append(lines);
  crlf();
}

void Reply::null() {
  out_.append(version_ == Version::k2 ? "$-1\r\n" : "_\r\n");
}

void Reply::map(size_t pairs) {
  if (version_ == Version::k2) return array(2 * pairs);
  header('%', static_cast<int64_t>(pairs));
}

void Reply::set(size_t count) {
  header(version_ == Version::k2 ? '*' : '~', static_cast<int64_t>(count));
}

}  // namespace ram::resp
