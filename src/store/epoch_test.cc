#include "store/epoch.h"

#include <gtest/gtest.h>

#include <thread>

#include "store/test_support.h"

namespace ram::store {
namespace {

TEST(Epochs, ReaderHoldsBackWhatWasUnlinkedAfterItBegan) {
  Puppet reader;
  EpochDomain::Slot* slot = nullptr;
  reader.run([&] { slot = &epochs.enter(); });
  const uint64_t epoch = epochs.advance();
  EXPECT_LT(epochs.passed(), epoch);
  reader.run([&] { epochs.exit(*slot); });
  EXPECT_GE(epochs.passed(), epoch);
}

TEST(Epochs, ReaderHoldsNothingBackThatWasUnlinkedBeforeItBegan) {
  Puppet reader;
  EpochDomain::Slot* slot = nullptr;
  const uint64_t epoch = epochs.advance();
  reader.run([&] { slot = &epochs.enter(); });
  EXPECT_GE(epochs.passed(), epoch);
  reader.run([&] { epochs.exit(*slot); });
}

TEST(Epochs, TheFirstOfOverlappingReadingsCounts) {
  EpochDomain::Slot& outer = epochs.enter();
  const uint64_t before = epochs.advance();
  EpochDomain::Slot& inner = epochs.enter();
  EXPECT_EQ(&outer, &inner);
  const uint64_t within = epochs.advance();
  EXPECT_LT(epochs.passed(), before);
  epochs.exit(outer);
  EXPECT_LT(epochs.passed(), before);
  EXPECT_LT(epochs.passed(), within);
  epochs.exit(inner);
  EXPECT_GE(epochs.passed(), before);
  EXPECT_GE(epochs.passed(), within);
}

TEST(Epochs, AThreadThatEndsLeavesItsSlotToTheNext) {
  EpochDomain::Slot* first = nullptr;
  EpochDomain::Slot* second = nullptr;
  const auto read = [](EpochDomain::Slot*& slot) {
    slot = &epochs.enter();
    epochs.exit(*slot);
  };
  std::thread([&] { read(first); }).join();
  std::thread([&] { read(second); }).join();
  EXPECT_EQ(first, second);
  std::thread([&] {
    read(first);
    std::thread([&] { read(second); }).join();
  }).join();
  EXPECT_NE(first, second);
}

}  // namespace
}  // namespace ram::store
