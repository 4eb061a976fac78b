#include "sim/runner.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <optional>

namespace ram::sim {

namespace {

using Watch = std::chrono::steady_clock;  // of the one who waits, not of the world

// A run in a process of its own.
class Child {
 public:
  explicit Child(const Job& job) : job_(job), begun_(Watch::now()), errors_(std::tmpfile()) {
    int ends[2];
    if (errors_ == nullptr || pipe(ends) != 0) die("no pipe");
    std::fflush(stdout);
    process_ = fork();
    if (process_ < 0) die("no process");
    if (process_ == 0) {
      close(ends[0]);
      dup2(fileno(errors_), STDERR_FILENO);
      const RunResult result = run_job(job_);
      write_all(ends[1], &result.counters, sizeof(result.counters));
      write_all(ends[1], &result.trace_hash, sizeof(result.trace_hash));
      write_all(ends[1], result.failure.data(), std::min<size_t>(result.failure.size(), 30'000));
      _exit(0);
    }
    close(ends[1]);
    pipe_ = ends[0];
  }
  Child(const Child&) = delete;
  ~Child() {
    close(pipe_);
    std::fclose(errors_);
  }

  const Job& job() const { return job_; }
  int pipe_end() const { return pipe_; }

  // Reads what there is; true when it has ended.
  bool read_on() {
    char buffer[4096];
    const ssize_t size = read(pipe_, buffer, sizeof(buffer));
    if (size > 0) answer_.append(buffer, static_cast<size_t>(size));
    return size <= 0;
  }
  void end_if_longer_than(std::chrono::seconds run_max) {
    if (Watch::now() - begun_ > run_max && !ended_by_us_) {
      ended_by_us_ = true;
      kill(process_, SIGKILL);
    }
  }

  RunResult result() {
    int status = 0;
    waitpid(process_, &status, 0);
    RunResult result;
    const size_t head = sizeof(result.counters) + sizeof(result.trace_hash);
    if (WIFEXITED(status) && WEXITSTATUS(status) == 0 && answer_.size() >= head) {
      std::memcpy(&result.counters, answer_.data(), sizeof(result.counters));
      std::memcpy(&result.trace_hash, answer_.data() + sizeof(result.counters),
                  sizeof(result.trace_hash));
      result.failure = answer_.substr(head);
      return result;
    }
    result.counters.runs = 1;
    if (ended_by_us_) {
      result.failure = "took too long";
    } else if (WIFSIGNALED(status)) {
      result.failure = "died of signal " + std::to_string(WTERMSIG(status));
    } else {
      result.failure = "exited with " + std::to_string(WEXITSTATUS(status));
    }
    std::rewind(errors_);
    char line[512];
    for (int lines = 0; lines < 30 && std::fgets(line, sizeof(line), errors_) != nullptr; ++lines) {
      result.failure += std::string("\n  ") + line;
      if (result.failure.back() == '\n') result.failure.pop_back();
    }
    return result;
  }

 private:
  [[noreturn]] static void die(const char* why) {
    std::perror(why);
    _exit(3);
  }
  static void write_all(int to, const void* data, size_t size) {
    const char* from = static_cast<const char*>(data);
    while (size > 0) {
      const ssize_t written = write(to, from, size);
      if (written <= 0) _exit(3);
      from += written;
      size -= static_cast<size_t>(written);
    }
  }

  const Job job_;
  const Watch::time_point begun_;
  std::FILE* errors_;
  pid_t process_ = -1;
  int pipe_ = -1;
  bool ended_by_us_ = false;
  std::string answer_;
};

}  // namespace

RunResult run_job(const Job& job) {
  const std::clock_t begun = std::clock();
  RunResult result = run(job.options);
  result.counters.cpu_us = static_cast<uint64_t>(std::clock() - begun) * 1'000'000 / CLOCKS_PER_SEC;
  if (job.twice && result.failure.empty()) {
    const RunResult again = run(job.options);
    if (again.trace_hash != result.trace_hash || !again.failure.empty()) {
      result.failure = "the same seed gave another trace";
    }
  }
  return result;
}

RunnerResult run_all(const std::vector<Job>& jobs, const RunnerOptions& options,
                     const JobEnded& ended) {
  const auto begun = Watch::now();
  RunnerResult total;
  std::vector<std::unique_ptr<Child>> children;
  size_t next = 0;
  bool go_on = true;
  while (true) {
    const bool in_time = options.budget.count() == 0 || Watch::now() - begun < options.budget;
    while (go_on && in_time && next < jobs.size() && children.size() < options.processes) {
      children.push_back(std::make_unique<Child>(jobs[next++]));
    }
    if (children.empty()) return total;
    std::vector<pollfd> polled;
    for (const auto& child : children) polled.push_back({child->pipe_end(), POLLIN, 0});
    poll(polled.data(), polled.size(), 1'000);
    for (size_t i = polled.size(); i-- > 0;) {
      children[i]->end_if_longer_than(options.run_max);
      if (polled[i].revents == 0 || !children[i]->read_on()) continue;
      const RunResult result = children[i]->result();
      ++total.runs;
      if (!result.failure.empty()) ++total.failed;
      total.counters.add(result.counters);
      go_on = ended(children[i]->job(), result) && go_on;
      children.erase(children.begin() + static_cast<std::ptrdiff_t>(i));
    }
  }
}

}  // namespace ram::sim
