// The order that matters: publish, seal, barrier, scan, free.
#include "store/limbo.h"

#include <gtest/gtest.h>

#include "store/test_support.h"

namespace ram::store {
namespace {

// A value is replaced, and a reader begins before that is published. Enough other writes follow to
// free whatever may be freed.
void read_beside_a_write(bool seal_early) {
  Subject s;
  const std::string old(500, 'o');  // a block that no later write takes again
  s.put("a", old);
  s.drain();
  s.store().put(*s.table, s.store().key("a"), "new", s.next());
  if (seal_early) StorePeer::seal(s.store());
  Holder reader(s.slot);
  for (int i = 0; i < 100; ++i) {
    s.store().put(*s.table, s.store().key("b" + std::to_string(i)), "", s.next());
  }
  RAM_CHECK(reader.get("a") == old);
  s.publish();
  EXPECT_EQ(s.get("a"), "new");
}

TEST(Limbo, AReaderBesideAWriteFindsTheOldVersion) {
  read_beside_a_write(/*seal_early=*/false);
}

// The test above has teeth: this is what it finds when a batch is sealed between a write and its
// publish. The old version is freed under the reader.
TEST(LimboDeathTest, SealingBeforePublishIsCaught) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_DEATH(read_beside_a_write(/*seal_early=*/true),
               "kFreed\\) == 0 does not hold|use-after-free");
}

TEST(Limbo, HoldsABatchUntilItsReadersAreGone) {
  Blocks blocks;
  Limbo limbo(blocks);
  auto reader = std::make_unique<Puppet>();
  EpochDomain::Slot* slot = nullptr;
  reader->run([&] { slot = &epochs.enter(); });
  limbo.retire(Retired(Retired::Kind::kOverflow, reinterpret_cast<void*>(64)), 1);
  EXPECT_FALSE(limbo.ready(true));  // not sealed
  limbo.seal();
  EXPECT_FALSE(limbo.ready(true));
  limbo.retire(Retired(Retired::Kind::kArray, reinterpret_cast<void*>(128), 7), 1);
  reader->run([&] { epochs.exit(*slot); });
  EXPECT_FALSE(limbo.ready(false));  // it was not asked to look
  EXPECT_TRUE(limbo.ready(true));
  EXPECT_EQ(limbo.next().kind(), Retired::Kind::kOverflow);
  EXPECT_FALSE(limbo.ready(true));  // the second was not sealed
  EXPECT_TRUE(limbo.anything_unsealed());
  limbo.seal();
  EXPECT_TRUE(limbo.ready(true));
  const Retired last = limbo.next();
  EXPECT_EQ(last.kind(), Retired::Kind::kArray);
  EXPECT_EQ(last.more(), 7u);
  EXPECT_EQ(limbo.size(), 0u);
}

}  // namespace
}  // namespace ram::store
