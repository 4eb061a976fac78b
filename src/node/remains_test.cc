#include "node/remains.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

namespace ram::node {
namespace {

// A log of payloads that all share `block`.
consensus::EntryLog log_of(const std::shared_ptr<const std::string>& block, size_t entries) {
  consensus::EntryLog log;
  for (size_t i = 0; i < entries; ++i) {
    log.push(
        {Term(1), consensus::EntryKind::kRecord, SharedBytes(block, std::string_view(*block))});
  }
  return log;
}

TEST(Remains, AreFreedInPieces) {
  const auto block = std::make_shared<const std::string>("block");
  const auto held = [&] { return block.use_count() - 1; };
  Remains remains;
  EXPECT_FALSE(remains.give_back(1)) << "there is nothing";
  remains.add(log_of(block, 1000));
  remains.add(log_of(block, 500));
  EXPECT_EQ(held(), 1500);
  EXPECT_TRUE(remains.give_back(100));
  EXPECT_EQ(held(), 1300);
  Remains next = std::move(remains);
  EXPECT_TRUE(next.give_back(400));
  EXPECT_EQ(held(), 500);
  EXPECT_FALSE(next.give_back(500));
  EXPECT_EQ(held(), 0);
}

}  // namespace
}  // namespace ram::node
