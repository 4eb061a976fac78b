#include "net/loop.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "net/test_support.h"

namespace ram::net {
namespace {

using namespace std::chrono_literals;

TEST(Loop, RunsWhatOtherThreadsPostInTheOrderOfEach) {
  constexpr int kThreads = 4;
  constexpr int kPosts = 20'000;
  Loop loop;
  std::vector<int> last(kThreads, -1);
  int total = 0;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < kPosts; ++i) {
        loop.post([&, t, i] {
          EXPECT_EQ(last[static_cast<size_t>(t)], i - 1);
          last[static_cast<size_t>(t)] = i;
          if (++total == kThreads * kPosts) loop.stop();
        });
      }
    });
  }
  const Instant start = loop.now();
  loop.run();
  const auto us = std::chrono::duration_cast<std::chrono::microseconds>(loop.now() - start).count();
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(total, kThreads * kPosts);
  std::printf("[ rate     ] %.0f posts per second\n", total * 1e6 / static_cast<double>(us + 1));
}

TEST(Loop, AWakeUpIsNeverLost) {
  // A mailbox of the user's own: each round trip hangs for ever if one wake-up is lost.
  constexpr int kRounds = 20'000;
  Loop loop;
  std::mutex mutex;
  std::deque<int> mailbox;
  std::atomic<int> taken{0};
  loop.on_wake([&] {
    const std::lock_guard lock(mutex);
    while (!mailbox.empty()) {
      taken.store(mailbox.front());
      mailbox.pop_front();
    }
    if (taken.load() == kRounds) loop.stop();
  });
  std::thread other([&] {
    for (int i = 1; i <= kRounds; ++i) {
      {
        const std::lock_guard lock(mutex);
        mailbox.push_back(i);
      }
      loop.wake();
      if (i % 3 != 0) continue;  // else several gather
      while (taken.load() < i) std::this_thread::yield();
    }
  });
  loop.run();
  other.join();
  EXPECT_EQ(taken.load(), kRounds);
}

TEST(Loop, WakesOnceForManyRequests) {
  Loop loop;
  int woken = 0;
  loop.on_wake([&] { ++woken; });
  for (int i = 0; i < 1000; ++i) loop.wake();
  ASSERT_TRUE(run_until(loop, [&] { return woken > 0; }));
  EXPECT_EQ(woken, 1);
}

TEST(Loop, CallsOnPassOnceAfterAllThatThePassDispatched) {
  Loop loop;
  std::string order;
  loop.on_pass([&] { order += "|"; });
  loop.post([&] { order += "a"; });
  loop.post([&] { order += "b"; });
  Timer timer(loop);
  timer.start(Duration::zero(), [&] { order += "t"; });
  ASSERT_TRUE(run_until(loop, [&] { return order.find('t') != std::string::npos; }));
  run_passes(loop, 2);
  // Each group of events is followed by one call, and there is never a pass without.
  EXPECT_NE(order.find("ab"), std::string::npos) << order;
  EXPECT_NE(order.find("|", order.find("ab")), std::string::npos) << order;
  EXPECT_NE(order.find("|", order.find("t")), std::string::npos) << order;
}

TEST(Loop, WhatOnPassStartsHappensWithoutWaiting) {
  Loop loop;
  int passes = 0;
  int deferred = 0;
  Deferred more(loop, Deferred::When::kBeforeOnPass, [&] { ++deferred; });
  loop.on_pass([&] {
    if (++passes < 100) {
      more.ask();
    } else {
      loop.stop();
    }
  });
  Timer watchdog(loop);  // nothing else would ever end the wait of a pass
  watchdog.start(60s, [&] { loop.stop(); });
  loop.run();
  EXPECT_EQ(deferred, 99);
  EXPECT_TRUE(watchdog.running());
}

TEST(Loop, DeferredWorkRunsOnceAroundOnPass) {
  Loop loop;
  std::string order;
  Deferred after(loop, Deferred::When::kAfterOnPass, [&] { order += "c"; });
  Deferred before(loop, Deferred::When::kBeforeOnPass, [&] { order += "a"; });
  Deferred cancelled(loop, Deferred::When::kBeforeOnPass, [&] { order += "x"; });
  loop.on_pass([&] {
    order += "b";
    loop.stop();
  });
  after.ask();
  after.ask();
  cancelled.ask();
  before.ask();
  before.ask();
  cancelled.cancel();
  loop.run();
  EXPECT_EQ(order, "abc");
}

TEST(Loop, TimersAreNeverEarlyOnTheClockOfTheLoop) {
  Loop loop;
  std::vector<std::unique_ptr<Timer>> timers;
  int fired = 0;
  for (int i = 0; i < 50; ++i) {
    timers.push_back(std::make_unique<Timer>(loop));
    const Instant due = loop.now() + i * 333us;
    timers.back()->start(due, [&, due] {
      EXPECT_GE(loop.now(), due);
      ++fired;
    });
  }
  ASSERT_TRUE(run_until(loop, [&] { return fired == 50; }));
}

TEST(Loop, ItsOwnStandstillIsNotTakenForTheSilenceOfOthers) {
  Loop loop;
  std::string order;
  loop.on_wake([&] { order += "heard "; });
  Timer silence(loop);
  const Instant due = loop.now() + 10ms;
  Instant until;
  silence.start(due, [&] {
    order += "silence ";
    until = loop.dispatched_until();
    loop.stop();
  });
  loop.post([&] {
    // In time, while we stand still; seen only afterwards.
    std::thread([&] { loop.wake(); }).join();
    while (loop.now() < due + 10ms) std::this_thread::yield();
  });
  loop.run();
  EXPECT_EQ(order, "heard silence ");
  EXPECT_GE(until, due);
}

TEST(Loop, DoesNotSpinWhileNothingHappens) {
  Loop loop;
  int passes = 0;
  int ticks = 0;
  loop.on_pass([&] { ++passes; });
  Timer tick(loop);
  tick.start(20ms, [&] {
    if (++ticks == 5) return loop.stop();
    tick.restart(20ms);
  });
  loop.run();
  EXPECT_LE(passes, 5 * 4);
}

TEST(Loop, StopIsNoticedWheneverItComes) {
  Loop loop;
  loop.stop();
  loop.run();  // returns at once
  for (int i = 0; i < 200; ++i) {
    std::thread other([&] { loop.stop(); });
    loop.run();
    other.join();
  }
  int passes = 0;
  loop.on_pass([&] {
    if (++passes == 3) loop.stop();
    loop.wake();
  });
  loop.run();
  EXPECT_GE(passes, 3);
}

TEST(Loop, DestroysWhatItDidNotCall) {
  auto kept = std::make_shared<int>(1);
  {
    Loop loop;
    loop.post([kept] { FAIL(); });
    EXPECT_EQ(kept.use_count(), 2);
  }
  EXPECT_EQ(kept.use_count(), 1);
}

TEST(Loop, ReadsTheClockThatCountsSuspend) {
  Loop loop;
  timespec time{};
  ASSERT_EQ(clock_gettime(CLOCK_BOOTTIME, &time), 0);
  const Instant before = loop.now();
  EXPECT_GE(before.time_since_epoch(), std::chrono::seconds(time.tv_sec));
  EXPECT_GE(loop.now(), before);
  EXPECT_GT(static_cast<int64_t>(loop.clock().wall()), int64_t{1'600'000'000'000});
}

}  // namespace
}  // namespace ram::net
