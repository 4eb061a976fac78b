// Lines to a descriptor that may be blocked: a pipe that nobody reads, a terminal at Ctrl-S.
//
// They wait in a bounded queue for a thread of their own, so that nobody else ever does. Beyond the
// bound they are dropped until the queue is empty; then one line says how many were.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>

namespace ram {

// Thread-safe.
class LineWriter {
 public:
  // `lost_line` makes the line that says how many were dropped. Lines end with their newline.
  LineWriter(int descriptor, size_t queue_bytes_max,
             std::function<std::string(uint64_t lost)> lost_line);
  // Waits until all is written, or its reader is gone.
  ~LineWriter();
  LineWriter(const LineWriter&) = delete;
  LineWriter& operator=(const LineWriter&) = delete;

  void write(std::string line);
  // True once all is written; false after `patience`.
  bool flush(std::chrono::milliseconds patience);

 private:
  void run();
  void push(std::string line);

  const int descriptor_;
  const size_t queue_bytes_max_;
  const std::function<std::string(uint64_t lost)> lost_line_;
  std::mutex mutex_;
  std::condition_variable filled_;
  std::condition_variable emptied_;
  std::deque<std::string> lines_;  // the first is being written
  size_t bytes_ = 0;
  uint64_t lost_ = 0;
  bool ending_ = false;
  std::thread thread_;
};

// For a line of up to PIPE_BUF bytes. False after `patience`: the descriptor takes nothing.
bool write_within(std::chrono::milliseconds patience, int descriptor, std::string_view line);

}  // namespace ram
