#include "net/timer.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "net/loop.h"

namespace ram::net {

Timer::Timer(Loop& loop) : queue_(loop.timers()), loop_(&loop) {}

Timer::Timer(TimerQueue& queue) : queue_(queue) {}

void Timer::start(Instant at, std::function<void()> fn) {
  fn_ = std::make_shared<const std::function<void()>>(std::move(fn));
  restart(at);
}

void Timer::start(Duration from_now, std::function<void()> fn) {
  start(loop_->now() + from_now, std::move(fn));
}

void Timer::restart(Instant at) {
  RAM_CHECK(fn_ != nullptr);
  RAM_CHECK(at != kNever);
  due_ = std::max(at, queue_.started_from_);
  // Standing earlier in the queue is harmless: run() moves it on.
  if (queued_at_ <= due_) return;
  queue_.remove(*this);
  queue_.place(*this, due_);
}

void Timer::restart(Duration from_now) {
  restart(loop_->now() + from_now);
}

void Timer::cancel() {
  due_ = kNever;
  queue_.remove(*this);
}

void TimerQueue::place(Timer& timer, Instant at) {
  timer.queued_at_ = at;
  timer.queued_number_ = ++last_number_;
  entries_.insert({at, timer.queued_number_, &timer});
}

void TimerQueue::remove(Timer& timer) {
  if (timer.queued_at_ == kNever) return;
  entries_.erase({timer.queued_at_, timer.queued_number_, &timer});
  timer.queued_at_ = kNever;
}

void TimerQueue::run(Instant now) {
  started_from_ = now + Duration(1);
  while (!entries_.empty() && entries_.begin()->at <= now) {
    Timer& timer = *entries_.begin()->timer;
    remove(timer);
    if (timer.due_ > now) {
      place(timer, timer.due_);
      continue;
    }
    timer.due_ = kNever;
    const auto fn = timer.fn_;
    (*fn)();
  }
  started_from_ = Instant::min();
}

}  // namespace ram::net
