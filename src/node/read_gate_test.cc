// What the loop notes for readers on other threads, and when they see it.
#include "node/read_gate.h"

#include <gtest/gtest.h>
#include <pthread.h>
#include <sched.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

namespace ram::node {
namespace {

// Each on a line of its own.
constexpr uint64_t kKeys = 32;
constexpr uint64_t key(uint64_t number) {
  return number * 16 << 40;
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr uint64_t kRounds = 5'000;
#else
constexpr uint64_t kRounds = 50'000;
#endif

// Two threads that begin each round at one moment, as far as two can.
class Meeting {
 public:
  void await(uint64_t round) {
    arrived_.fetch_add(1);
    for (int spins = 0; arrived_.load(std::memory_order_acquire) < 2 * round; ++spins) {
      if (spins > 1'000) std::this_thread::yield();
    }
  }

 private:
  std::atomic<uint64_t> arrived_{0};
};

// Those that this process may run on.
std::vector<int> processors() {
  cpu_set_t allowed;
  std::vector<int> found;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return found;
  for (int number = 0; number < CPU_SETSIZE; ++number) {
    if (CPU_ISSET(number, &allowed)) found.push_back(number);
  }
  return found;
}

void stay_on(int processor) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(processor, &only);
  (void)pthread_setaffinity_np(pthread_self(), sizeof only, &only);
}

// Of a message that leaves after barrier() and a reader, one is first: a reader that had not begun
// when the message left sees what was noted. Stores that wait in the processor's own buffer, as
// those of x86 may, would let both miss each other; many of them wait longer.
TEST(ReadGate, AReaderThatBeginsAfterABarrierSeesWhatWasNotedBefore) {
  const std::vector<int> on = processors();
  if (on.size() < 2) GTEST_SKIP() << "two threads of one processor see the same";
  ReadGate gate;
  Meeting begins, ends;
  std::atomic<uint64_t> reader_began{0}, seen{0};
  uint64_t missed = 0;
  std::thread reader([&] {
    stay_on(on[0]);
    for (uint64_t round = 1; round <= kRounds; ++round) {
      begins.await(round);
      reader_began.store(round, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_seq_cst);
      seen.store(gate.pending(key(kKeys - 1)).value, std::memory_order_relaxed);
      for (uint64_t i = 0; i < kKeys; ++i) (void)gate.pending(key(i));  // their lines move here
      ends.await(round);
    }
  });
  std::thread loop([&] {
    stay_on(on[1]);
    for (uint64_t round = 1; round <= kRounds; ++round) {
      begins.await(round);
      for (uint64_t i = 0; i < kKeys; ++i) gate.touch(key(i), LogIndex(round));
      ReadGate::barrier();
      const bool reader_was_first = reader_began.load(std::memory_order_relaxed) == round;
      ends.await(round);
      if (!reader_was_first && seen.load(std::memory_order_relaxed) != round) ++missed;
    }
  });
  reader.join();
  loop.join();
  EXPECT_EQ(missed, 0U) << "of " << kRounds;
}

}  // namespace
}  // namespace ram::node
