#include "net/timer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <map>
#include <memory>
#include <vector>

#include "base/random.h"

namespace ram::net {
namespace {

using namespace std::chrono_literals;

constexpr Instant at(Duration t) {
  return Instant(t);
}

TEST(Timer, FiresOnceAndNeverEarly) {
  TimerQueue queue;
  Timer timer(queue);
  int fired = 0;
  timer.start(at(10ms), [&] { ++fired; });
  queue.run(at(10ms) - Duration(1));
  EXPECT_EQ(fired, 0);
  EXPECT_TRUE(timer.running());
  queue.run(at(10ms));
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(timer.running());
  queue.run(at(1s));
  EXPECT_EQ(fired, 1);
  EXPECT_EQ(queue.next(), kNever);
}

TEST(Timer, FiresInOrderOfTimeThenOfStart) {
  TimerQueue queue;
  Timer a(queue), b(queue), c(queue);
  std::string order;
  b.start(at(2ms), [&] { order += "b"; });
  c.start(at(2ms), [&] { order += "c"; });
  a.start(at(1ms), [&] { order += "a"; });
  queue.run(at(5ms));
  EXPECT_EQ(order, "abc");
}

TEST(Timer, RestartingLaterLeavesTheQueueAlone) {
  TimerQueue queue;
  Timer timer(queue);
  int fired = 0;
  timer.start(at(10ms), [&] { ++fired; });
  for (int i = 11; i <= 20; ++i) timer.restart(at(i * 1ms));
  EXPECT_EQ(queue.next(), at(10ms));
  queue.run(at(10ms));
  EXPECT_EQ(fired, 0);
  EXPECT_EQ(queue.next(), at(20ms));
  queue.run(at(20ms));
  EXPECT_EQ(fired, 1);
}

TEST(Timer, MayDestroyItself) {
  TimerQueue queue;
  auto timer = std::make_unique<Timer>(queue);
  int fired = 0;
  timer->start(at(1ms), [&timer, &fired, big = std::vector<int>(100, 7)] {
    timer.reset();
    fired += big[99];
  });
  queue.run(at(1ms));
  EXPECT_EQ(fired, 7);
}

TEST(Timer, StartedFromAFunctionWaitsForTheNextRun) {
  TimerQueue queue;
  Timer timer(queue);
  int fired = 0;
  timer.start(at(1ms), [&] {
    ++fired;
    timer.restart(at(0ms));
  });
  queue.run(at(5ms));
  EXPECT_EQ(fired, 1);
  queue.run(at(6ms));
  EXPECT_EQ(fired, 2);
}

TEST(Timer, AgreesWithAPlainListOfDeadlines) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    SCOPED_TRACE(seed);
    Random random(seed);
    TimerQueue queue;
    constexpr size_t kTimers = 8;
    std::vector<std::unique_ptr<Timer>> timers(kTimers);
    std::map<size_t, Instant> model;
    std::vector<size_t> fired;
    for (auto& timer : timers) timer = std::make_unique<Timer>(queue);
    Instant now = at(0ms);
    for (int step = 0; step < 500; ++step) {
      const size_t i = random.below(kTimers);
      switch (random.below(4)) {
        case 0:
        case 1: {
          const Instant due = now + Duration(random.between(1, 20));
          timers[i]->start(due, [&fired, i] { fired.push_back(i); });
          model[i] = due;
          break;
        }
        case 2:
          timers[i]->cancel();
          model.erase(i);
          break;
        default: {
          now += Duration(random.below(10));
          fired.clear();
          queue.run(now);
          std::vector<size_t> expected;
          for (const auto& [k, due] : model) {
            if (due <= now) expected.push_back(k);
          }
          std::erase_if(model, [now](const auto& item) { return item.second <= now; });
          std::sort(fired.begin(), fired.end());
          ASSERT_EQ(fired, expected);
        }
      }
      ASSERT_EQ(timers[i]->running(), model.contains(i));
      ASSERT_LE(queue.size(), kTimers);
    }
  }
}

}  // namespace
}  // namespace ram::net
