#include "resp/completions.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace ram::resp {
namespace {

TEST(Completions, WakesOnceForAllThatGathers) {
  int wakes = 0;
  const auto completions = Completions::create([&] { ++wakes; });
  completions->expect(3);
  completions->push(1, BatchResult{.revision = 7});
  completions->push_fence(5, Status::unavailable("x"));
  EXPECT_EQ(wakes, 1);
  Completed taken;
  completions->take(taken);
  ASSERT_EQ(taken.writes.size(), 1U);
  EXPECT_EQ(taken.writes[0].result->revision, 7U);
  ASSERT_EQ(taken.fences.size(), 1U);
  taken.clear();
  completions->push(2, [](Reply& reply) { reply.ok(); });
  EXPECT_EQ(wakes, 2);
}

TEST(Completions, OutlivesItsOwnerWhileAnswersAreOutstanding) {
  int wakes = 0;
  auto completions = Completions::create([&] { ++wakes; });
  const std::weak_ptr<Completions> watch = completions;
  Completions* const late = completions.get();
  completions->expect(2);
  completions->close();
  completions.reset();
  EXPECT_FALSE(watch.expired());
  late->push(1, BatchResult());
  EXPECT_FALSE(watch.expired());
  late->push_fence(1, Status());
  EXPECT_TRUE(watch.expired()) << "the last answer lets go of it";
  EXPECT_EQ(wakes, 0);
}

TEST(Completions, TakesFromManyThreads) {
  std::atomic<int> wakes = 0;
  const auto completions = Completions::create([&] { ++wakes; });
  constexpr uint32_t kThreads = 4;
  constexpr uint32_t kEach = 10'000;
  completions->expect(kThreads * kEach);
  std::vector<std::thread> threads;
  for (uint32_t thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (uint32_t i = 0; i < kEach; ++i) completions->push(thread * kEach + i, BatchResult());
    });
  }
  std::vector<bool> seen(kThreads * kEach);
  size_t count = 0;
  Completed taken;
  while (count < seen.size()) {
    completions->take(taken);
    for (const Completed::Write& write : taken.writes) {
      EXPECT_FALSE(seen[write.call]);
      seen[write.call] = true;
      ++count;
    }
    taken.clear();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_GT(wakes, 0);
}

}  // namespace
}  // namespace ram::resp
