#include "base/line_writer.h"

#include <poll.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <utility>

namespace ram {
namespace {

bool wait_until_writable(int descriptor, int milliseconds) {
  pollfd wanted{.fd = descriptor, .events = POLLOUT, .revents = 0};
  return poll(&wanted, 1, milliseconds) > 0;
}

// What cannot be written, as its reader is gone, is dropped.
void write_all(int descriptor, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t written = ::write(descriptor, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<size_t>(written));
    } else if (errno == EAGAIN) {
      wait_until_writable(descriptor, -1);
    } else if (errno != EINTR) {
      return;
    }
  }
}

// The application's signals are for its own threads, and SIGPIPE is an error of write.
std::thread without_signals(std::function<void()> run) {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  std::thread thread(std::move(run));
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
  return thread;
}

}  // namespace

LineWriter::LineWriter(int descriptor, size_t queue_bytes_max,
                       std::function<std::string(uint64_t lost)> lost_line)
    : descriptor_(descriptor),
      queue_bytes_max_(queue_bytes_max),
      lost_line_(std::move(lost_line)),
      thread_(without_signals([this] { run(); })) {}

LineWriter::~LineWriter() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  filled_.notify_one();
  thread_.join();
}

void LineWriter::write(std::string line) {
  const std::lock_guard lock(mutex_);
  // Once one is lost so are all, until the queue is empty: one line says how many.
  if (lost_ > 0 || bytes_ + line.size() > queue_bytes_max_) {
    ++lost_;
  } else {
    push(std::move(line));
  }
}

void LineWriter::push(std::string line) {
  bytes_ += line.size();
  lines_.push_back(std::move(line));
  filled_.notify_one();
}

bool LineWriter::flush(std::chrono::milliseconds patience) {
  std::unique_lock lock(mutex_);
  return emptied_.wait_for(lock, patience, [this] { return lines_.empty() && lost_ == 0; });
}

void LineWriter::run() {
  std::unique_lock lock(mutex_);
  while (true) {
    filled_.wait(lock, [this] { return !lines_.empty() || ending_; });
    if (lines_.empty()) return;
    const std::string& line = lines_.front();
    lock.unlock();
    write_all(descriptor_, line);
    lock.lock();
    bytes_ -= line.size();
    lines_.pop_front();
    if (lines_.empty() && lost_ > 0) push(lost_line_(std::exchange(lost_, 0)));
    if (lines_.empty()) emptied_.notify_all();
  }
}

bool write_within(std::chrono::milliseconds patience, int descriptor, std::string_view line) {
  if (!wait_until_writable(descriptor, static_cast<int>(patience.count()))) return false;
  write_all(descriptor, line);
  return true;
}

}  // namespace ram
