#include "net/text.h"

#include <uv.h>

namespace ram::net {

std::string reason_of(int uv_error) {
  if (uv_error == UV_EOF) return "closed by the peer";
  if (uv_error == UV_ECONNRESET) return "connection reset by the peer";
  if (uv_error == UV_ETIMEDOUT) return "the peer does not answer";
  char text[128];
  return uv_strerror_r(uv_error, text, sizeof text);
}

std::string quoted(std::string_view bytes, size_t bytes_max) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out = "\"";
  for (const char c : bytes.substr(0, bytes_max)) {
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (c >= ' ' && c <= '~') {
      out += c;
    } else {
      const auto byte = static_cast<unsigned char>(c);
      out += "\\x";
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
  }
  out += bytes.size() > bytes_max ? "\"..." : "\"";
  return out;
}

std::string one_line(std::string_view bytes) {
  std::string out(bytes);
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

}  // namespace ram::net
