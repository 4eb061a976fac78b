#include "consensus/entry_log.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <string>

#include "base/random.h"

namespace ram::consensus {
namespace {

LogEntry entry(uint64_t term, size_t size) {
  return {Term(term), EntryKind::kRecord, SharedBytes(std::string(size, 'x'))};
}

TEST(EntryLog, BehavesAsADequeOfEntries) {
  Random random(7);
  EntryLog log;
  std::deque<std::pair<uint64_t, size_t>> model;  // term, size
  uint64_t offset = 0;
  for (int step = 0; step < 5'000; ++step) {
    switch (random.below(9)) {
      case 0: {
        const uint64_t from = offset + random.below(model.size() + 3);
        if (from <= offset) break;
        log.truncate_from(LogIndex(from));
        while (offset + model.size() >= from && !model.empty()) model.pop_back();
        break;
      }
      case 1: {
        const uint64_t up_to = offset + random.below(model.size() + 1);
        log.forget_up_to(LogIndex(up_to));
        for (; offset < up_to; ++offset) model.pop_front();
        break;
      }
      case 2:
        if (!random.one_in(50)) break;
        offset += random.below(1000);
        log.restart_after(LogIndex(offset));
        model.clear();
        break;
      case 3:
        log.give_back(random.below(20));
        break;
      default:
        for (uint64_t i = random.below(8); i > 0; --i) {
          const uint64_t term = random.below(1000);
          const size_t size = random.below(20);
          log.push(entry(term, size));
          model.emplace_back(term, size);
        }
    }
    size_t bytes = 0;
    ASSERT_EQ(log.offset().value, offset);
    ASSERT_EQ(log.size(), model.size());
    ASSERT_EQ(log.last().value, offset + model.size());
    for (size_t i = 0; i < model.size(); ++i) {
      const LogEntry& at = log.at(LogIndex(offset + 1 + i));
      ASSERT_EQ(at.term.value, model[i].first);
      ASSERT_EQ(at.payload.size(), model[i].second);
      bytes += model[i].second;
    }
    ASSERT_EQ(log.bytes(), bytes);
    const uint64_t from = random.below(model.size() + 1);
    size_t after = 0;
    for (size_t i = from; i < model.size(); ++i) after += model[i].second;
    ASSERT_EQ(log.bytes_after(LogIndex(offset + from)), after);
    const size_t entries_max = random.below(40), bytes_max = random.below(200);
    size_t newest = 0, sum = 0;
    while (newest < std::min(entries_max, model.size())) {
      const size_t next = model[model.size() - newest - 1].second;
      if (sum + next > bytes_max) break;
      sum += next;
      ++newest;
    }
    ASSERT_EQ(log.start_of_newest(entries_max, bytes_max), log.last() - newest);
    ASSERT_FALSE(log.has(LogIndex(offset)));
    ASSERT_FALSE(log.has(log.last().next()));
  }
}

// Payloads that count how many of them are held.
TEST(EntryLog, FreesWhatItForgotAFewAtATime) {
  EntryLog log;
  const auto block = std::make_shared<const std::string>("block");
  const auto push = [&] {
    log.push({Term(1), EntryKind::kRecord, SharedBytes(block, std::string_view(*block))});
  };
  const auto held = [&] { return block.use_count() - 1; };
  for (int i = 0; i < 100; ++i) push();
  log.truncate_from(LogIndex(91));
  EXPECT_EQ(held(), 90);
  log.forget_up_to(LogIndex(60));
  EXPECT_EQ(held(), 90) << "not at once";
  EXPECT_EQ(log.size(), 30u);
  EXPECT_EQ(log.bytes(), 30 * block->size());
  push();
  EXPECT_EQ(held(), 89) << "two for each that comes";
  EXPECT_TRUE(log.give_back(10));
  EXPECT_EQ(held(), 79);
  log.restart_after(LogIndex(500));
  EXPECT_EQ(log.bytes(), 0u);
  EXPECT_TRUE(log.give_back(78));
  EXPECT_FALSE(log.give_back(78));
  EXPECT_EQ(held(), 0);
}

}  // namespace
}  // namespace ram::consensus
