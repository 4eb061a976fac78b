// One thread's event loop over libuv: timers, work posted by other threads, and an end of each
// pass.
//
// A pass is: wait for events; dispatch all reads, writes and wake-ups that are there; run the
// timers that are due; then, before waiting again, deliver what streams were holding back, call
// on_pass, and hand to the kernel what was written to streams meanwhile. So whoever gathers work
// during a pass and acts on it in on_pass acts once for everything that arrived together, and
// nothing he writes waits.
//
// A thread that stood still for a while (a long pass, a machine under load) must not take its own
// absence for the silence of others. So a timer runs only after everything was dispatched that had
// arrived when it became due.
//
// run() is the loop's thread: everything below is for that thread (before run(), for the one that
// made the loop), except post(), wake() and stop(), which are thread-safe.
//
// Making a Loop sets SIGPIPE to be ignored in the process, unless the process handles it: writing
// to a closed connection is an error like any other.
#pragma once

#include <functional>
#include <memory>
#include <span>

#include "base/clock.h"
#include "net/timer.h"

struct uv_loop_s;

namespace ram::net {

class Loop {
 public:
  Loop();
  // Requires: not running, every stream, listener and resolver on it destroyed. Waits for a name
  // being resolved, which cannot be interrupted. What is still posted is destroyed without a call.
  ~Loop();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;

  // Passes until stop(). May be called again afterwards.
  void run();
  // For tests: one pass, from the wait to on_pass. If streams or others have something to do
  // already, a pass is ended first, and then it does not wait.
  void run_once();
  // Thread-safe. Makes run() return after the pass at hand, or, if it does not run, at once when
  // called next.
  void stop();

  // Thread-safe. Calls `task` on the loop's thread, in order of posting; the loop is woken once for
  // all that gathers until it wakes. Not bounded: what clients or peers can cause in any number
  // belongs into a bounded mailbox of one's own, with wake().
  void post(std::function<void()> task);

  // Thread-safe and cheap. Causes one call of the function given to on_wake. It sees all that this
  // thread did before wake(); calls of wake() before it runs make no further call.
  void wake();
  // Set before other threads call wake().
  void on_wake(std::function<void()> fn);

  // Called once in each pass, after all that the pass dispatched and before waiting.
  void on_pass(std::function<void()> fn);

  // CLOCK_BOOTTIME, read at each call.
  Instant now() const;
  const Clock& clock() const;
  // Everything that had arrived by then was dispatched. Whoever judges the silence of peers in
  // on_pass compares with this instead of now(): it lags while the loop waits, but not behind a
  // Timer's due when that runs.
  Instant dispatched_until() const;

  // ---- for the classes of this directory ----

  uv_loop_s* uv() const;
  TimerQueue& timers();
  // Memory for one read at a time, good until the next one.
  std::span<char> scratch();

 private:
  friend class Deferred;
  struct Inside;
  std::unique_ptr<Inside> inside_;
};

// Something to be done once at the end of the pass, however often it was asked for.
//
// Loop thread only. May be destroyed at any moment, also from its own function; before its Loop.
class Deferred {
 public:
  enum class When { kBeforeOnPass = 0, kAfterOnPass = 1 };

  Deferred(Loop& loop, When when, std::function<void()> fn);
  ~Deferred() { cancel(); }
  Deferred(const Deferred&) = delete;
  Deferred& operator=(const Deferred&) = delete;

  // In this pass if its moment is still to come, else in the next one, which then does not wait.
  void ask();
  void cancel();

 private:
  friend class Loop;
  Loop& loop_;
  const When when_;
  std::shared_ptr<const std::function<void()>> fn_;  // shared: see Timer
  size_t place_ = 0;                                 // in the loop's list, from 1; 0: not asked
};

}  // namespace ram::net
