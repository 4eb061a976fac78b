// Which commands of one connection touch the same keys.
//
// The commands of a connection are numbered. Each cell holds the number of the last read, and of
// the last write, of any key that falls into it; a command conflicts with one that is not done yet
// if the cell says so. There is no counter to take back when a command is done, and keys that share
// a cell only wait longer than they must.
//
// Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <string_view>

namespace ram::resp {

class Conflicts {
 public:
  // Whether a read (write) of `key` must wait, when all up to `done` are done: a read for writes, a
  // write for reads. Writes are ordered among each other by the log, reads need no order.
  bool read_waits(std::string_view key, uint64_t done) const { return writes_[cell(key)] > done; }
  bool write_waits(std::string_view key, uint64_t done) const { return reads_[cell(key)] > done; }

  void on_read(std::string_view key, uint64_t number) { reads_[cell(key)] = number; }
  void on_write(std::string_view key, uint64_t number) { writes_[cell(key)] = number; }

 private:
  static constexpr size_t kCells = 256;

  static size_t cell(std::string_view key) { return std::hash<std::string_view>()(key) % kCells; }

  std::array<uint64_t, kCells> reads_{};
  std::array<uint64_t, kCells> writes_{};
};

}  // namespace ram::resp
