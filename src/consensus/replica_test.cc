#include "consensus/replica.h"

#include <gtest/gtest.h>

#include "consensus/engine.h"
#include "consensus/test_cluster.h"

namespace ram::consensus {
namespace {

using namespace std::chrono_literals;

TEST(Replica, ThreeElectALeaderAndReplicate) {
  TestCluster c;
  c.found(3);
  ASSERT_TRUE(c.elect(1, {2}));
  c.settle({1, 2, 3});
  c.beat(1, {1, 2, 3});
  const LogIndex a = c.submit(1, "a");
  const LogIndex b = c.submit(1, "b");
  c.settle({1, 2, 3});
  c.beat(1, {1, 2, 3});
  for (const uint64_t id : {1, 2, 3}) {
    EXPECT_EQ(c[id]->commit(), b);
    EXPECT_EQ(c[id]->verified(), b);
    EXPECT_EQ(c[id]->leader(), NodeId(1));
    EXPECT_EQ(c[id].record(a), "a");
    EXPECT_EQ(c[id].record(b), "b");
    EXPECT_EQ(c[id].commits.back(), b);
  }
  EXPECT_TRUE(c[1]->barrier_committed());
  EXPECT_EQ(c[1]->match(NodeId(3)), b);
}

}  // namespace
}  // namespace ram::consensus
