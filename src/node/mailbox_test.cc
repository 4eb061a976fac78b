#include "node/mailbox.h"

#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <string>
#include <thread>

namespace ram::node {
namespace {

struct Letter {
  int from = 0;
  int number = 0;
};

std::vector<int> numbers(const std::vector<Letter>& letters) {
  std::vector<int> all;
  for (const Letter& letter : letters) all.push_back(letter.number);
  return all;
}

// A mailbox whose wake-ups are counted.
struct Counted {
  explicit Counted(size_t items_max = 1000, size_t bytes_max = 1000)
      : mailbox(items_max, bytes_max, [this] { ++wakes; }) {}

  Pushed push(int number, size_t bytes = 1) {
    Letter letter{.number = number};
    return mailbox.push(letter, bytes);
  }
  std::vector<int> take() {
    std::vector<Letter> out;
    mailbox.take(out);
    return numbers(out);
  }

  std::atomic<int> wakes = 0;
  Mailbox<Letter> mailbox;
};

TEST(Mailbox, KeepsTheOrder) {
  Counted counted;
  for (int i = 0; i < 5; ++i) EXPECT_EQ(counted.push(i), Pushed::kYes);
  EXPECT_EQ(counted.take(), (std::vector{0, 1, 2, 3, 4}));
  EXPECT_EQ(counted.take(), std::vector<int>());
}

TEST(Mailbox, WakesOnlyWhenItWasEmpty) {
  Counted counted;
  for (int i = 0; i < 5; ++i) (void)counted.push(i);
  EXPECT_EQ(counted.wakes, 1);
  counted.take();
  EXPECT_EQ(counted.wakes, 1);
  (void)counted.push(5);
  (void)counted.push(6);
  EXPECT_EQ(counted.wakes, 2);
}

TEST(Mailbox, RefusesItemsBeyondItsBoundAndTakesThemAgainLater) {
  Counted counted(/*items_max=*/2);
  EXPECT_EQ(counted.push(1), Pushed::kYes);
  EXPECT_EQ(counted.push(2), Pushed::kYes);
  EXPECT_EQ(counted.push(3), Pushed::kFull);
  EXPECT_EQ(counted.take(), (std::vector{1, 2}));
  EXPECT_EQ(counted.push(3), Pushed::kYes);
}

TEST(Mailbox, RefusesBytesBeyondItsBound) {
  Counted counted(/*items_max=*/100, /*bytes_max=*/10);
  EXPECT_EQ(counted.push(1, 6), Pushed::kYes);
  EXPECT_EQ(counted.push(2, 5), Pushed::kFull);
  EXPECT_EQ(counted.push(3, 4), Pushed::kYes);
  EXPECT_EQ(counted.push(4, 0), Pushed::kFull);
  EXPECT_EQ(counted.take(), (std::vector{1, 3}));
}

TEST(Mailbox, TakesOneThingThatIsLargerThanItsBound) {
  Counted counted(/*items_max=*/100, /*bytes_max=*/10);
  EXPECT_EQ(counted.push(1, 50), Pushed::kYes);
  EXPECT_EQ(counted.push(2, 1), Pushed::kFull);
  counted.take();
  EXPECT_EQ(counted.push(2, 1), Pushed::kYes);
}

TEST(Mailbox, TakesABatchWhollyOrNotAtAll) {
  Counted counted(/*items_max=*/3);
  (void)counted.push(1);
  std::vector<Letter> batch = {{.number = 2}, {.number = 3}, {.number = 4}};
  EXPECT_EQ(counted.mailbox.push(batch, 3), Pushed::kFull);
  EXPECT_EQ(numbers(batch), (std::vector{2, 3, 4}));
  batch.pop_back();
  EXPECT_EQ(counted.mailbox.push(batch, 2), Pushed::kYes);
  EXPECT_EQ(counted.take(), (std::vector{1, 2, 3}));
}

TEST(Mailbox, AClosedOneHandsOutWhatItHasAndTakesNothing) {
  Counted counted;
  (void)counted.push(1);
  std::vector<Letter> out;
  counted.mailbox.close(out);
  EXPECT_EQ(numbers(out), std::vector{1});
  EXPECT_EQ(counted.push(2), Pushed::kClosed);
  EXPECT_EQ(counted.take(), std::vector<int>());
}

// A consumer that sleeps until it is woken, as the loop does: were a wake-up lost, this would hang.
TEST(Mailbox, ManyProducersLoseNothingAndKeepTheirOrder) {
  constexpr int kProducers = 4;
  constexpr int kEach = 20'000;
  std::mutex mutex;
  std::condition_variable woken;
  bool awake = false;
  int wakes = 0;
  Mailbox<Letter> mailbox(1024, 1'000'000, [&] {
    const std::lock_guard lock(mutex);
    awake = true;
    ++wakes;
    woken.notify_one();
  });

  std::vector<std::thread> producers;
  for (int producer = 0; producer < kProducers; ++producer) {
    producers.emplace_back([&mailbox, producer] {
      for (int i = 0; i < kEach;) {
        Letter letter{.from = producer, .number = i};
        if (mailbox.push(letter, 1) == Pushed::kYes) {
          ++i;
        } else {
          std::this_thread::yield();
        }
      }
    });
  }

  int next[kProducers] = {};
  int taken = 0;
  std::vector<Letter> letters;
  while (taken < kProducers * kEach) {
    {
      std::unique_lock lock(mutex);
      woken.wait(lock, [&] { return awake; });
      awake = false;
    }
    mailbox.take(letters);
    for (const Letter& letter : letters) ASSERT_EQ(letter.number, next[letter.from]++);
    taken += static_cast<int>(letters.size());
    letters.clear();
  }
  for (std::thread& producer : producers) producer.join();
  EXPECT_LE(wakes, taken);
  std::printf("wake-ups per 1000 calls, 4 producers: %.1f\n", 1000.0 * wakes / taken);
}

}  // namespace
}  // namespace ram::node
