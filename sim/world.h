// Virtual time and what happens in it: one queue of events, of one seed.
//
// Events of the same time run in the order in which they were put in. Nothing that happens depends
// on anything but the seed: no real clock, no pointer order, no hash order. Each purpose has a
// stream of chance of its own, so that a change in one place leaves the others as they were.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "base/random.h"
#include "sim/checkers/linearizable.h"
#include "sim/time.h"
#include "sim/trace.h"

namespace ram::sim {

class World {
 public:
  using Event = std::function<void()>;

  World(uint64_t seed, std::ostream* trace_to, bool trace_frames = false)
      : seed_(seed), trace_(trace_to, trace_frames) {}

  WorldTime now() const { return now_; }
  // The next number of what happens; never the same twice.
  Tick tick() { return ++ticks_; }

  void at(WorldTime time, Event event);
  void after(Duration delay, Event event) { at(now_ + delay, std::move(event)); }
  // Runs events until none is left before `end`, or something failed (which more events in a second
  // than anything but a loop without end makes also is). Time is `end` then.
  void run_until(WorldTime end);

  // A stream of chance that no one else draws from.
  Random stream(std::string_view purpose, uint64_t number = 0) const;

  Trace& trace() { return trace_; }
  template <class... Parts>
  void line(const Parts&... parts) {
    trace_.line(now_, parts...);
  }

  // The run has failed; only the first failure counts.
  void fail(std::string why);
  bool failed() const { return !failure_.empty(); }
  const std::string& failure() const { return failure_; }

  uint64_t events() const { return events_; }

 private:
  struct Item {
    WorldTime time;
    uint64_t number;
    Event event;
  };
  static bool later(const Item& a, const Item& b) {
    return a.time != b.time ? a.time > b.time : a.number > b.number;
  }

  const uint64_t seed_;
  Trace trace_;
  WorldTime now_{};
  std::vector<Item> queue_;  // a heap
  uint64_t events_put_ = 0;
  uint64_t events_ = 0;
  WorldTime second_{};  // the current one, and the events before it
  uint64_t events_before_ = 0;
  Tick ticks_ = 0;
  std::string failure_;
};

}  // namespace ram::sim
