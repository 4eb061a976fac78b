// Three nodes in one process, over loopback.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <future>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "tests/api/test_cluster.h"

namespace ram {
namespace {

using namespace std::chrono_literals;
using ::testing::AnyOf;
using ::testing::Optional;
using namespace ram::testing;

TEST(Cluster, EveryNodeTakesWritesAndSeesThoseOfAll) {
  TestCluster cluster(3);
  for (size_t writer = 0; writer < 3; ++writer) {
    const std::string key = "from" + std::to_string(writer);
    ASSERT_TRUE(cluster[writer].table("t").put(key, key).ok());
    for (size_t reader = 0; reader < 3; ++reader) {
      EXPECT_THAT(cluster[reader].table("t").get(key).value(), Optional(key));
    }
  }
  cluster.expect_equal_digests();
}

TEST(Cluster, EveryNodeNamesTheSameMembersAndLeader) {
  TestCluster cluster(3);
  const std::string leader = cluster[cluster.leader()].name();
  for (size_t i = 0; i < 3; ++i) {
    ASSERT_TRUE(eventually([&] { return cluster[i].status()->voters == 3; }));
    const NodeStatus status = *cluster[i].status();
    EXPECT_EQ(status.leader, leader);
    EXPECT_EQ(status.members, 3);
    EXPECT_EQ(status.cluster, cluster[0].status()->cluster);
    EXPECT_EQ(cluster[i].members()->size(), 3);
  }
}

TEST(Cluster, OneThreadAtEachNodeCountsToOneSum) {
  TestCluster cluster(3);
  constexpr int kEach = 100;
  std::vector<std::thread> threads;
  for (size_t i = 0; i < 3; ++i) {
    threads.emplace_back([&cluster, i] {
      for (int n = 0; n < kEach; ++n) {
        Batch batch;
        batch.add("t", "sum", 1);
        EXPECT_TRUE(cluster[i].commit(std::move(batch)).ok());
        const auto changed = cluster[i].table("t").update(
            "text", "", [](std::string_view value) { return std::string(value) + "x"; });
        EXPECT_TRUE(changed.ok()) << changed.status().message();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(cluster[1].table("t").get("sum").value(), Optional(std::to_string(3 * kEach)));
  EXPECT_EQ(cluster[2].table("t").get("text").value()->size(), 3 * kEach);
  cluster.expect_equal_digests();
}

TEST(Cluster, CopiesAreCounted) {
  TestCluster cluster(3);
  (void)cluster[0].table("t").put("a", "1");
  for (size_t i = 0; i < 3; ++i) {
    std::promise<Result<size_t>> copies;
    cluster[i].wait_for_copies(2, kPatience,
                               [&](Result<size_t> count) { copies.set_value(std::move(count)); });
    const Result<size_t> count = copies.get_future().get();
    ASSERT_TRUE(count.ok());
    EXPECT_EQ(*count, 2);
  }
}

// Writes to one node until it is told to stop, counting what was acknowledged and what may be.
class Load {
 public:
  explicit Load(Node& node)
      : thread_([this, &node] {
          while (!stop_) {
            Batch batch;
            batch.add("t", "sum", 1);
            const Result<BatchResult> done = node.commit(std::move(batch));
            if (done.ok()) {
              ++acknowledged_;
            } else if (done.status().perhaps_applied()) {
              ++perhaps_;
            }
          }
        }) {}
  ~Load() { stop(); }

  void stop() {
    stop_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int acknowledged() const { return acknowledged_; }
  int perhaps() const { return perhaps_; }

 private:
  std::atomic<bool> stop_ = false;
  std::atomic<int> acknowledged_ = 0;
  std::atomic<int> perhaps_ = 0;
  std::thread thread_;
};

// Kills node `victim` of three under load and starts it again; nothing may be lost.
void kill_and_restart(TestCluster& cluster, size_t victim) {
  const size_t other = (victim + 1) % 3;
  Load load(cluster[other]);
  ASSERT_TRUE(eventually([&] { return load.acknowledged() > 20; }));
  cluster.kill(victim);
  const int before = load.acknowledged();
  ASSERT_TRUE(eventually([&] { return load.acknowledged() > before + 20; }));
  cluster.restart(victim);
  const int after = load.acknowledged();
  ASSERT_TRUE(eventually([&] { return load.acknowledged() > after + 20; }));
  load.stop();

  const auto sum = cluster[victim].table("t").get("sum");
  ASSERT_TRUE(sum.ok()) << sum.status().message();
  const int count = std::stoi(**sum);
  EXPECT_GE(count, load.acknowledged());
  EXPECT_LE(count, load.acknowledged() + load.perhaps());
  cluster.expect_equal_digests();
  EXPECT_TRUE(eventually([&] { return cluster[other].status()->members == 3; }));
}

TEST(Cluster, AFollowerThatWasKilledComesBackWhole) {
  TestCluster cluster(3);
  kill_and_restart(cluster, (cluster.leader() + 1) % 3);
}

TEST(Cluster, ALeaderThatWasKilledComesBackWhole) {
  TestCluster cluster(3);
  kill_and_restart(cluster, cluster.leader());
}

TEST(Cluster, WithoutAMajorityCallsEndByTheirDeadline) {
  TestCluster cluster(3);
  const size_t survivor = cluster.leader();
  cluster.kill((survivor + 1) % 3);
  cluster.kill((survivor + 2) % 3);
  const auto start = std::chrono::steady_clock::now();
  const Status put = cluster[survivor].table("t").put("a", "1", {.timeout = 200ms}).status();
  EXPECT_THAT(put.code(), AnyOf(Code::kUnavailable, Code::kUnknownOutcome)) << put.message();
  const Status get = cluster[survivor].table("t").get("a", {.timeout = 200ms}).status();
  EXPECT_EQ(get.code(), Code::kUnavailable) << get.message();
  EXPECT_LT(std::chrono::steady_clock::now() - start, 10s);
  EXPECT_TRUE(cluster[survivor].table("t").get("a", {.reads = Reads::kStale}).ok());
}

TEST(Cluster, CallsThatCannotEndAreEndedByStopping) {
  TestCluster cluster(3);
  const size_t survivor = cluster.leader();
  cluster.kill((survivor + 1) % 3);
  cluster.kill((survivor + 2) % 3);
  std::atomic<int> ended = 0;
  for (int i = 0; i < 100; ++i) {
    cluster[survivor].table("t").put("a", "1", {.timeout = 1h}, [&](Result<uint64_t> done) {
      EXPECT_FALSE(done.ok());
      ++ended;
    });
    // By its lease it might still answer.
    cluster[survivor].table("t").get("a", {.reads = Reads::kQuorum, .timeout = 1h}, [&](auto done) {
      EXPECT_FALSE(done.ok());
      ++ended;
    });
  }
  cluster.kill(survivor);
  EXPECT_EQ(ended, 200);
}

TEST(Cluster, ANameInUseIsRefusedAndNobodyElseIsHarmed) {
  TestCluster cluster(3);
  NodeOptions options = cluster.options(0);
  options.cluster_listen = "127.0.0.1:0";
  Result<std::unique_ptr<Node>> twin = Node::start(options);
  ASSERT_TRUE(twin.ok()) << twin.status().message();
  EXPECT_TRUE(eventually([&] {
    return (*twin)->status()->waiting_for.find("in use") != std::string::npos;
  })) << (*twin)->status()->waiting_for;
  EXPECT_TRUE(cluster[0].table("t").put("a", "1").ok());
  EXPECT_EQ(cluster[0].status()->members, 3);
}

TEST(Cluster, AFourthJoinsThroughOneOfThem) {
  TestCluster cluster(3);
  (void)cluster[0].table("t").put("a", "1");
  NodeOptions options = cluster.options(0);
  options.name = "n4";
  options.cluster_listen = "127.0.0.1:0";
  options.join = {cluster[1].address()};
  Result<std::unique_ptr<Node>> fourth = Node::start(options);
  ASSERT_TRUE(fourth.ok());
  const Status ok = (*fourth)->wait_until_ok(kPatience);
  ASSERT_TRUE(ok.ok()) << ok.message();
  EXPECT_THAT((*fourth)->table("t").get("a").value(), Optional(std::string("1")));
  EXPECT_TRUE((*fourth)->table("t").put("b", "2").ok());
  EXPECT_THAT(cluster[0].table("t").get("b").value(), Optional(std::string("2")));
}

TEST(Cluster, WhoStopsLeavesAndIsNotMissed) {
  TestCluster cluster(3);
  NodeOptions options = cluster.options(0);
  options.name = "n4";
  options.cluster_listen = "127.0.0.1:0";
  options.join = {cluster[1].address()};
  options.leave_timeout = kPatience;
  Result<std::unique_ptr<Node>> fourth = Node::start(options);
  ASSERT_TRUE(fourth.ok());
  ASSERT_TRUE((*fourth)->wait_until_ok(kPatience).ok());
  EXPECT_EQ(cluster[0].status()->members, 4);
  // As the leader, which has most to hand over.
  Status moved = cluster[0].transfer("n4", {.timeout = kPatience});
  EXPECT_TRUE(moved.ok()) << moved.message();
  EXPECT_EQ((*fourth)->status()->role, NodeRole::kLeader);
  EXPECT_TRUE((*fourth)->table("t").put("a", "1").ok());
  EXPECT_TRUE((*fourth)->stop().ok());
  EXPECT_TRUE(cluster.log().contain("left the cluster"));
  EXPECT_EQ(cluster[cluster.leader()].status()->members, 3);
  EXPECT_EQ((*fourth)->table("t").put("a", "2").status().code(), Code::kUnavailable);
  EXPECT_THAT(cluster[2].table("t").get("a").value(), Optional(std::string("1")));
}

TEST(Cluster, WithNobodyToLetItGoANodeStopsWhenItsTimeIsUp) {
  TestCluster cluster(2);
  NodeOptions options = cluster.options(0);
  options.name = "n3";
  options.cluster_listen = "127.0.0.1:0";
  options.join = {cluster[0].address()};
  options.leave_timeout = 200ms;
  Result<std::unique_ptr<Node>> third = Node::start(options);
  ASSERT_TRUE(third.ok());
  ASSERT_TRUE((*third)->wait_until_ok(kPatience).ok());
  cluster.kill(0);
  cluster.kill(1);
  EXPECT_EQ((*third)->stop().code(), Code::kUnavailable);
  EXPECT_TRUE(cluster.log().contain("stopped without having left"));
}

TEST(Cluster, OnlyTheDeadAreEvicted) {
  TestCluster cluster(3);
  EXPECT_EQ(cluster[0].evict("n2").code(), Code::kInvalid);
  EXPECT_EQ(cluster[0].evict("nobody").code(), Code::kInvalid);
  cluster.kill(1);
  EXPECT_TRUE(eventually([&] { return cluster[0].evict("n2").ok(); }));
  EXPECT_EQ(cluster[0].status()->members, 2);
  EXPECT_TRUE(cluster[2].table("t").put("a", "1").ok());
  cluster.restart(1);
  EXPECT_TRUE(eventually([&] { return cluster[0].status()->voters == 3; }));
}

TEST(Cluster, ListenersHearWhatHappens) {
  TestCluster cluster(3);
  std::mutex mutex;
  std::vector<std::string> heard;
  const size_t leader = cluster.leader();
  const Status taken = cluster[leader].on_event([&](const Event& event) {
    const std::lock_guard lock(mutex);
    heard.push_back(std::string(event_name(event.kind)) + " " + event.member);
  });
  ASSERT_TRUE(taken.ok()) << taken.message();
  const auto has = [&](const std::string& line) {
    return eventually([&] {
      const std::lock_guard lock(mutex);
      return std::find(heard.begin(), heard.end(), line) != heard.end();
    });
  };
  const std::string name = "n" + std::to_string(leader + 1);
  EXPECT_TRUE(has("leader-changed " + name));
  EXPECT_TRUE(has("current " + name));
  const size_t victim = (leader + 1) % 3;
  const std::string lost = "n" + std::to_string(victim + 1);
  EXPECT_TRUE(has("member-joined " + lost));
  cluster.kill(victim);
  EXPECT_TRUE(has("member-lost " + lost));
  cluster.restart(victim);
  EXPECT_TRUE(has("member-left " + lost));
  cluster.kill(leader);
}

}  // namespace
}  // namespace ram
