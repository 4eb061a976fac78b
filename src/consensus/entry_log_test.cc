#include "consensus/entry_log.h"

#include <gtest/gtest.h>

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
    switch (random.below(8)) {
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
    ASSERT_FALSE(log.has(LogIndex(offset)));
    ASSERT_FALSE(log.has(log.last().next()));
  }
}

TEST(EntryLog, LetsGoOfPayloadsAtOnce) {
  EntryLog log;
  const auto block = std::make_shared<const std::string>("block");
  for (int i = 0; i < 3; ++i) {
    log.push({Term(1), EntryKind::kRecord, SharedBytes(block, std::string_view(*block))});
  }
  EXPECT_EQ(block.use_count(), 4);
  log.truncate_from(LogIndex(3));
  EXPECT_EQ(block.use_count(), 3);
  log.forget_up_to(LogIndex(1));
  EXPECT_EQ(block.use_count(), 2);
  log.restart_after(LogIndex(9));
  EXPECT_EQ(block.use_count(), 1);
}

}  // namespace
}  // namespace ram::consensus
