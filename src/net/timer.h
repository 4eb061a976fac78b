// Calls a function at an Instant, or a Duration from now; never early.
//
//   Timer timer(loop);
//   timer.start(50ms, [this] { beat(); });
//   timer.restart(50ms);    // the same function, later
//
// A Timer is no libuv handle: it may be destroyed at any moment, also from its own function. Moving
// one to a later Instant, which is what most restarts do, costs one store.
//
// Loop thread only. Destroyed before its Loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <set>

#include "base/clock.h"

namespace ram::net {

class Loop;
class TimerQueue;

class Timer {
 public:
  explicit Timer(Loop& loop);
  // For tests: a queue whose time someone else tells.
  explicit Timer(TimerQueue& queue);
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  // Calls `fn` once, at `at` or soon after. Whatever was started before is forgotten.
  void start(Instant at, std::function<void()> fn);
  void start(Duration from_now, std::function<void()> fn);
  // As start, with the function of the last start. Requires: there was one.
  void restart(Instant at);
  void restart(Duration from_now);
  void cancel();

  bool running() const { return due_ != kNever; }
  // kNever unless running.
  Instant due() const { return due_; }

 private:
  friend class TimerQueue;

  TimerQueue& queue_;
  Loop* loop_ = nullptr;
  Instant due_ = kNever;
  // Where the queue has this; no later than due_. kNever: nowhere.
  Instant queued_at_ = kNever;
  uint64_t queued_number_ = 0;
  // Shared, so that it outlives a Timer that is destroyed by it.
  std::shared_ptr<const std::function<void()>> fn_;
};

// The timers of one loop, in order of time; among equals, of their start. Knows no clock.
class TimerQueue {
 public:
  // When run() should be called next; kNever: no timer runs.
  Instant next() const { return entries_.empty() ? kNever : entries_.begin()->at; }
  // Calls what is due at `now`. What those functions start waits for the next run.
  void run(Instant now);
  size_t size() const { return entries_.size(); }

 private:
  friend class Timer;
  struct Entry {
    Instant at;
    uint64_t number;
    Timer* timer;
    bool operator<(const Entry& other) const {
      return at != other.at ? at < other.at : number < other.number;
    }
  };

  void place(Timer& timer, Instant at);
  void remove(Timer& timer);

  std::set<Entry> entries_;
  uint64_t last_number_ = 0;
  Instant started_from_ = Instant::min();  // within run: just past its `now`
};

}  // namespace ram::net
