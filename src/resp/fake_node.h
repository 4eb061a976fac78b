// For tests: ram::Node without a cluster, a thread or time. Linked instead of the api layer.
//
// What is asked for waits until the test lets it happen, so every order of answers can be had. Or a
// thread answers as it comes (serve()), for tests with sockets and for measuring the front alone.
//
// Node::start makes one; fake_node() is the one made last.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "ram/node.h"

namespace ram {

class FakeNode {
 public:
  struct Value {
    std::string bytes;
    uint64_t revision = 0;
  };
  struct State {
    uint64_t revision = 0;
    std::map<std::string, std::map<std::string, Value, std::less<>>, std::less<>> tables;
  };

  ~FakeNode();

  // Answers what waits: at most so many, in order; returns how many.
  size_t run_writes(size_t max = SIZE_MAX) { return run(writes_, max); }
  size_t run_fences(size_t max = SIZE_MAX) { return run(fences_, max); }
  size_t run_calls(size_t max = SIZE_MAX) { return run(calls_, max); }
  size_t run_all() { return run_writes() + run_fences() + run_calls(); }

  // From now on a thread answers everything.
  void serve();

  // Failures: each write (fence, look at the node) that is answered asks.
  std::function<Status()> write_status;
  std::function<Status()> fence_status;
  std::function<Status()> look_status;
  NodeStatus status;
  std::atomic<bool> lease = false;  // reads may be answered at once
  size_t copies = 2;

  // What was asked for so far.
  size_t commits = 0;  // calls of commit()
  size_t fences = 0;
  Reads fenced_as = Reads::kLocal;  // the last of them

  // ---- for ram::Node ----

  using Task = std::function<void()>;
  void add_write(Task task) { add(writes_, std::move(task)); }
  void add_fence(Task task) { add(fences_, std::move(task)); }
  void add_call(Task task) { add(calls_, std::move(task)); }
  Result<BatchResult> apply(const std::string& conditions, const std::string& edits);
  std::shared_ptr<const State> state() const;
  void let_go(std::shared_ptr<const State>& state) const;

 private:
  void add(std::deque<Task>& to, Task task);
  size_t run(std::deque<Task>& from, size_t max);
  void serve_until_stopped();

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<Task> writes_;
  std::deque<Task> fences_;
  std::deque<Task> calls_;
  std::shared_ptr<State> state_ = std::make_shared<State>();
  bool serving_ = false;
  bool stopping_ = false;
  std::thread thread_;
};

FakeNode& fake_node();

}  // namespace ram
