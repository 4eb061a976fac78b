// What the node answered, on its way from the node's thread to the loop's.
//
// The node's callbacks only move their result in here; the loop is woken by the first of them and
// takes all there are. A hop between threads costs more than most commands, so it is shared by as
// many as possible.
//
// The node may answer after the server is gone: while answers are outstanding a Completions keeps
// itself alive (shared_ptr for that reason). A callback so needs only a plain pointer and a number,
// which std::function stores without an allocation.
//
// push and push_fence are thread-safe, the rest is for the loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "ram/batch.h"
#include "ram/status.h"
#include "resp/reply.h"

namespace ram::resp {

// Writes the reply of a call; runs on the loop thread.
using AnswerFunction = std::function<void(Reply&)>;

// Everything that was answered since the last take().
struct Completed {
  struct Write {
    uint32_t call;
    Result<BatchResult> result;
  };
  struct Call {
    uint32_t call;
    AnswerFunction answer;
  };
  struct Fence {
    uint64_t number;
    Status status;
  };
  std::vector<Write> writes;
  std::vector<Call> calls;
  std::vector<Fence> fences;

  bool empty() const { return writes.empty() && calls.empty() && fences.empty(); }
  void clear();
};

class Completions {
 public:
  // `wake` is called from any thread, when there was nothing to take and now there is.
  static std::shared_ptr<Completions> create(std::function<void()> wake);

  // `count` more answers will come, one push for each.
  void expect(size_t count);
  // One of those expected will not come.
  void expect_one_less();

  void push(uint32_t call, Result<BatchResult> result);
  void push(uint32_t call, AnswerFunction answer);
  void push_fence(uint64_t number, Status status);

  // Moves everything to `out`, whose memory is used for what comes next. Requires: `out` is empty.
  void take(Completed& out);

  // Nobody will take any more: what comes is dropped, and `wake` is not called again.
  void close();

 private:
  explicit Completions(std::function<void()> wake) : wake_(std::move(wake)) {}

  // Adds by `add` to what waits.
  template <class Add>
  void push_one(Add add);

  std::mutex mutex_;
  // Under mutex_, wake_ while it is called as well: so that it is not called after close().
  std::function<void()> wake_;
  bool closed_ = false;
  Completed waiting_;
  size_t expected_ = 0;
  std::shared_ptr<Completions> self_;  // while expected_ > 0
  std::weak_ptr<Completions> weak_;    // for self_
};

// The promise of one answer to a call, kept by whoever the node calls back.
class Finish {
 public:
  Finish(Completions* completions, uint32_t call) : completions_(completions), call_(call) {}
  // Once; from any thread.
  void operator()(AnswerFunction answer) const { completions_->push(call_, std::move(answer)); }

 private:
  Completions* completions_;
  uint32_t call_;
};

// A callback of a Result: `write` replies with its value; without one, its error is the reply.
template <class Write>
auto answer_with(Finish finish, Write write) {
  return [finish, write = std::move(write)](auto result) {
    finish([result = std::move(result), write](Reply& reply) {
      result.ok() ? write(*result, reply) : reply.error(result.status());
    });
  };
}

}  // namespace ram::resp
