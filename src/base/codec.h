// Reading and writing bytes: little-endian numbers, varints, length-prefixed strings.
//
// Reader is total: it never reads outside its input, whatever that is. The first error latches and
// everything read afterwards is zero or empty, so a decoder reads all its fields and checks ok()
// once. Writer appends to a string that it borrows.
//
//   u8 u16 u32 u64  little-endian, fixed width
//   varint          LEB128, at most 10 bytes, canonical (no trailing zero groups)
//   bytes           varint length, then that many bytes
//
// Not thread-safe.
#pragma once

#include <bit>
#include <concepts>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>

namespace ram {

static_assert(std::endian::native == std::endian::little, "the formats are little-endian");

class Reader {
 public:
  explicit Reader(std::string_view input) : rest_(input) {}

  bool ok() const { return ok_; }
  // True if everything was read, and without an error.
  bool finished() const { return ok_ && rest_.empty(); }
  std::string_view rest() const { return rest_; }
  void fail() {
    ok_ = false;
    rest_ = {};
  }

  uint8_t u8() { return fixed<uint8_t>(); }
  uint16_t u16() { return fixed<uint16_t>(); }
  uint32_t u32() { return fixed<uint32_t>(); }
  uint64_t u64() { return fixed<uint64_t>(); }
  int64_t i64() { return static_cast<int64_t>(fixed<uint64_t>()); }

  // A byte that must be 0 or 1.
  bool flag() {
    const uint8_t value = u8();
    if (value > 1) fail();
    return ok_ && value == 1;
  }

  uint64_t varint() {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      const uint8_t group = u8();
      if (!ok_) return 0;
      if (shift == 63 && group > 1) break;  // past 64 bits
      value |= static_cast<uint64_t>(group & 0x7f) << shift;
      if ((group & 0x80) == 0) {
        if (group == 0 && shift > 0) break;  // not canonical
        return value;
      }
    }
    fail();
    return 0;
  }

  std::string_view raw(size_t size) {
    if (size > rest_.size()) fail();
    if (!ok_) return {};
    const std::string_view taken = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return taken;
  }

  std::string_view bytes() {
    const uint64_t size = varint();
    if (size > rest_.size()) fail();
    return raw(ok_ ? static_cast<size_t>(size) : 0);
  }

 private:
  template <std::unsigned_integral T>
  T fixed() {
    const std::string_view taken = raw(sizeof(T));
    T value = 0;
    if (ok_) std::memcpy(&value, taken.data(), sizeof(T));
    return value;
  }

  std::string_view rest_;
  bool ok_ = true;
};

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}

  void u8(uint8_t value) { out_.push_back(static_cast<char>(value)); }
  void u16(uint16_t value) { fixed(value); }
  void u32(uint32_t value) { fixed(value); }
  void u64(uint64_t value) { fixed(value); }
  void i64(int64_t value) { fixed(static_cast<uint64_t>(value)); }
  void flag(bool value) { u8(value ? 1 : 0); }

  void varint(uint64_t value) {
    while (value >= 0x80) {
      u8(static_cast<uint8_t>(value | 0x80));
      value >>= 7;
    }
    u8(static_cast<uint8_t>(value));
  }

  void raw(std::string_view bytes) { out_.append(bytes); }
  void bytes(std::string_view bytes) {
    varint(bytes.size());
    raw(bytes);
  }

  size_t size() const { return out_.size(); }

 private:
  template <std::unsigned_integral T>
  void fixed(T value) {
    char buffer[sizeof(T)];
    std::memcpy(buffer, &value, sizeof(T));
    out_.append(buffer, sizeof(T));
  }

  std::string& out_;
};

}  // namespace ram
