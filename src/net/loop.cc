#include "net/loop.h"

#include <uv.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <csignal>
#include <mutex>
#include <utility>
#include <vector>

#include "base/check.h"
#include "net/clock_boot.h"

namespace ram::net {
namespace {

// One read takes at most this; a bigger one saves few calls and leaves the cache.
constexpr size_t kScratchBytes = size_t{64} << 10;

// A library has no business with the signals of a process, save this one: its default is death.
void ignore_sigpipe() {
  struct sigaction action {};
  RAM_CHECK(sigaction(SIGPIPE, nullptr, &action) == 0);
  if ((action.sa_flags & SA_SIGINFO) != 0 || action.sa_handler != SIG_DFL) return;
  action.sa_handler = SIG_IGN;
  RAM_CHECK(sigaction(SIGPIPE, &action, nullptr) == 0);
}

uint64_t whole_ms(Duration delay) {
  if (delay <= Duration::zero()) return 0;
  return static_cast<uint64_t>(std::chrono::ceil<std::chrono::milliseconds>(delay).count());
}

}  // namespace

struct Loop::Inside {
  uv_loop_t uv;
  uv_async_t async;
  // Runs after timers and closings, just before waiting: the end of a pass.
  uv_prepare_t prepare;
  // Active while there is more to do than this pass did: then the loop does not wait.
  uv_idle_t idle;
  uv_timer_t timer;
  // Runs after all that one look at the kernel found was dispatched.
  uv_check_t check;

  BootClock clock;
  TimerQueue timers;
  Instant timer_at = kNever;      // what `timer` is started for
  Instant ripe_at = kNever;       // timers up to this are due, once the kernel was asked again
  Instant asked_at;               // when the kernel was last asked for events, or before
  Instant dispatched = asked_at;  // Loop::dispatched_until

  std::function<void()> pass;
  std::function<void()> woken;
  std::array<std::vector<Deferred*>, 2> deferred;
  bool by_hand = false;  // run_once() ends the pass
  std::unique_ptr<char[]> scratch = std::make_unique_for_overwrite<char[]>(kScratchBytes);

  // Shared with other threads.
  std::atomic<bool> stop{false};
  std::atomic<bool> wake{false};
  std::mutex inbox_mutex;
  std::vector<std::function<void()>> inbox;

  // What the loop thread is calling just now; kept for its memory.
  std::vector<std::function<void()>> taken;

  void on_async();
  void on_prepare();
  void on_check();
  void end_pass();
  void run_deferred(Deferred::When when);
  void arm_timer();
  std::vector<Deferred*>& list(Deferred::When when) { return deferred[static_cast<size_t>(when)]; }

  template <class Handle>
  static Inside& of(Handle* handle) {
    return *static_cast<Inside*>(handle->data);
  }
};

void Loop::Inside::on_async() {
  if (stop.load(std::memory_order_acquire)) uv_stop(&uv);
  // Cleared before the call: what comes later asks again. Acquire: see wake().
  if (wake.exchange(false, std::memory_order_acq_rel) && woken) woken();
  {
    const std::lock_guard lock(inbox_mutex);
    taken.swap(inbox);
  }
  for (std::function<void()>& task : taken) {
    task();
    task = nullptr;
  }
  taken.clear();
}

void Loop::Inside::on_check() {
  dispatched = asked_at;
  if (ripe_at != kNever) timers.run(std::exchange(ripe_at, kNever));
}

void Loop::Inside::run_deferred(Deferred::When when) {
  std::vector<Deferred*>& asked = list(when);
  for (size_t i = 0; i < asked.size(); ++i) {  // grows meanwhile
    Deferred* const one = asked[i];
    if (one == nullptr) continue;
    asked[i] = nullptr;
    one->place_ = 0;
    const auto fn = one->fn_;
    (*fn)();
  }
  asked.clear();
}

void Loop::Inside::end_pass() {
  run_deferred(Deferred::When::kBeforeOnPass);
  if (pass) pass();
  run_deferred(Deferred::When::kAfterOnPass);
}

void Loop::Inside::on_prepare() {
  if (!by_hand) end_pass();
  if (ripe_at == kNever) arm_timer();
  if (ripe_at == kNever && list(Deferred::When::kBeforeOnPass).empty()) {
    uv_idle_stop(&idle);
  } else {
    uv_idle_start(&idle, [](uv_idle_t*) {});
  }
  asked_at = clock.now();
}

void Loop::Inside::arm_timer() {
  const Instant next = timers.next();
  if (next == timer_at) return;
  timer_at = next;
  if (next == kNever) {
    uv_timer_stop(&timer);
    return;
  }
  uv_update_time(&uv);  // libuv counts from its last look at the clock
  uv_timer_start(
      &timer,
      [](uv_timer_t* handle) {
        Inside& in = of(handle);
        in.timer_at = kNever;
        in.ripe_at = in.clock.now();
      },
      whole_ms(next - clock.now()), 0);
}

Loop::Loop() : inside_(std::make_unique<Inside>()) {
  ignore_sigpipe();
  Inside& in = *inside_;
  RAM_CHECK(uv_loop_init(&in.uv) == 0);
  in.async.data = in.prepare.data = in.idle.data = in.timer.data = in.check.data = &in;
  RAM_CHECK(uv_async_init(&in.uv, &in.async,
                          [](uv_async_t* handle) { Inside::of(handle).on_async(); }) == 0);
  RAM_CHECK(uv_prepare_init(&in.uv, &in.prepare) == 0);
  RAM_CHECK(uv_prepare_start(&in.prepare,
                             [](uv_prepare_t* handle) { Inside::of(handle).on_prepare(); }) == 0);
  RAM_CHECK(uv_idle_init(&in.uv, &in.idle) == 0);
  RAM_CHECK(uv_timer_init(&in.uv, &in.timer) == 0);
  RAM_CHECK(uv_check_init(&in.uv, &in.check) == 0);
  RAM_CHECK(uv_check_start(&in.check, [](uv_check_t* handle) { Inside::of(handle).on_check(); }) ==
            0);
  in.asked_at = in.dispatched = in.clock.now();
}

Loop::~Loop() {
  Inside& in = *inside_;
  for (uv_handle_t* handle :
       {reinterpret_cast<uv_handle_t*>(&in.async), reinterpret_cast<uv_handle_t*>(&in.prepare),
        reinterpret_cast<uv_handle_t*>(&in.idle), reinterpret_cast<uv_handle_t*>(&in.timer),
        reinterpret_cast<uv_handle_t*>(&in.check)}) {
    uv_close(handle, nullptr);
  }
  uv_walk(
      &in.uv,
      [](uv_handle_t* handle, void*) {
        const bool handle_outlives_its_loop = uv_is_closing(handle) == 0;
        RAM_CHECK(!handle_outlives_its_loop);
      },
      nullptr);
  uv_run(&in.uv, UV_RUN_DEFAULT);  // the close callbacks
  RAM_CHECK(uv_loop_close(&in.uv) == 0);
}

void Loop::run() {
  while (!inside_->stop.exchange(false, std::memory_order_acq_rel)) {
    uv_run(&inside_->uv, UV_RUN_DEFAULT);
  }
}

void Loop::run_once() {
  Inside& in = *inside_;
  in.by_hand = true;
  const bool asked = !in.list(Deferred::When::kBeforeOnPass).empty() ||
                     !in.list(Deferred::When::kAfterOnPass).empty();
  if (asked) in.end_pass();
  uv_run(&in.uv, asked ? UV_RUN_NOWAIT : UV_RUN_ONCE);
  in.end_pass();
  in.by_hand = false;
}

void Loop::stop() {
  inside_->stop.store(true, std::memory_order_release);
  uv_async_send(&inside_->async);
}

void Loop::post(std::function<void()> task) {
  bool first;
  {
    const std::lock_guard lock(inside_->inbox_mutex);
    first = inside_->inbox.empty();
    inside_->inbox.push_back(std::move(task));
  }
  if (first) uv_async_send(&inside_->async);
}

void Loop::wake() {
  // If the flag was set, the loop has yet to clear it, and that exchange reads ours: it sees all
  // that we did before. A load would not do; it might be older than what we did.
  if (!inside_->wake.exchange(true, std::memory_order_acq_rel)) uv_async_send(&inside_->async);
}

void Loop::on_wake(std::function<void()> fn) {
  inside_->woken = std::move(fn);
}
void Loop::on_pass(std::function<void()> fn) {
  inside_->pass = std::move(fn);
}
Instant Loop::now() const {
  return inside_->clock.now();
}
Instant Loop::dispatched_until() const {
  return inside_->dispatched;
}
const Clock& Loop::clock() const {
  return inside_->clock;
}
uv_loop_s* Loop::uv() const {
  return &inside_->uv;
}
TimerQueue& Loop::timers() {
  return inside_->timers;
}
std::span<char> Loop::scratch() {
  return {inside_->scratch.get(), kScratchBytes};
}

Deferred::Deferred(Loop& loop, When when, std::function<void()> fn)
    : loop_(loop), when_(when), fn_(std::make_shared<const std::function<void()>>(std::move(fn))) {}

void Deferred::ask() {
  if (place_ != 0) return;
  std::vector<Deferred*>& asked = loop_.inside_->list(when_);
  asked.push_back(this);
  place_ = asked.size();
}

void Deferred::cancel() {
  if (place_ == 0) return;
  loop_.inside_->list(when_)[place_ - 1] = nullptr;
  place_ = 0;
}

}  // namespace ram::net
