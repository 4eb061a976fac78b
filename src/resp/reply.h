// Replies in RESP2 and RESP3, appended to a connection's output.
//
// What RESP2 has no type for becomes what Redis makes of it there: a map is a flat array, a null is
// a bulk of size -1, text is a bulk.
//
// Not thread-safe; borrows the output.
#pragma once

#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "ram/status.h"

namespace ram::resp {

enum class Version : uint8_t { k2 = 2, k3 = 3 };

class Reply {
 public:
  Reply(std::string& out, Version version) : out_(out), version_(version) {}

  // A short line of ours: "OK", "PONG". Requires: neither CR nor LF in it.
  void simple(std::string_view line) {
    out_.push_back('+');
    out_.append(line);
    crlf();
  }
  void ok() { simple("OK"); }

  // `line` begins with the error word: "ERR no such thing". What clients sent may be part of it: CR
  // and LF become blanks.
  void error(std::string_view line);
  // The error word that `status` stands for, and its message. Requires: not ok.
  void error(const Status& status);

  void integer(int64_t number) { header(':', number); }
  // Beyond 2^63 the largest there is: RESP has no unsigned numbers.
  void integer(uint64_t number) {
    integer(static_cast<int64_t>(number > kIntegerMax ? kIntegerMax : number));
  }

  void bulk(std::string_view bytes) {
    header('$', static_cast<int64_t>(bytes.size()));
    out_.append(bytes);
    crlf();
  }
  // Text for people: INFO. RESP3 says so.
  void text(std::string_view lines);

  void null();

  // Then `count` replies, or pairs of them, or members.
  void array(size_t count) { header('*', static_cast<int64_t>(count)); }
  void map(size_t pairs);
  void set(size_t count);

  // Elements that were written apart, by a Reply of the same version.
  void raw(std::string_view encoded) { out_.append(encoded); }

  // A field of a map.
  void field(std::string_view name, std::string_view value) {
    bulk(name);
    bulk(value);
  }
  void field(std::string_view name, uint64_t value) {
    bulk(name);
    integer(value);
  }

  Version version() const { return version_; }
  // From here on. HELLO.
  void set_version(Version version) { version_ = version; }

 private:
  static constexpr uint64_t kIntegerMax = INT64_MAX;

  void crlf() { out_.append("\r\n", 2); }
  void header(char type, int64_t number) {
    char line[24];
    line[0] = type;
    char* end = std::to_chars(line + 1, line + sizeof line - 2, number).ptr;
    *end++ = '\r';
    *end++ = '\n';
    out_.append(line, static_cast<size_t>(end - line));
  }

  std::string& out_;
  Version version_;
};

// The error line for a call that failed: "CLUSTERDOWN no leader is known". The words are the
// contract (docs/commands.md), the rest is for people.
std::string error_line(const Status& status);

}  // namespace ram::resp
