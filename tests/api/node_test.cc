// Batches, moments, callbacks and the life of a Node, on a cluster of one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/api/test_cluster.h"

namespace ram {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Optional;
using namespace ram::testing;

class NodeTest : public ::testing::Test {
 protected:
  TestCluster cluster_{1};
  Node& node_ = cluster_[0];
  Table table_ = node_.table("t");
};

TEST_F(NodeTest, ABatchTakesEffectWhollyAndAnswersEachEdit) {
  Batch batch;
  batch.put("t", "a", "1").add("t", "n", 41).add("u", "n", 1).append("t", "a", "23").get("t", "a");
  const Result<BatchResult> done = node_.commit(std::move(batch));
  ASSERT_TRUE(done.ok()) << done.status().message();
  EXPECT_EQ(done->outcome, Outcome::kApplied);
  ASSERT_EQ(done->answers.size(), 5);
  EXPECT_EQ(done->answers[1].number, 41);
  EXPECT_EQ(done->answers[3].number, 3);
  EXPECT_THAT(done->answers[4].value, Optional(std::string("123")));
  EXPECT_EQ(table_.fetch("a").value()->revision, done->revision);
}

TEST_F(NodeTest, ABatchWhoseConditionFailsHasNoEffect) {
  (void)table_.put("a", "1");
  Batch batch;
  batch.if_absent("t", "a").put("t", "b", "2");
  const Result<BatchResult> done = node_.commit(std::move(batch));
  ASSERT_TRUE(done.ok());
  EXPECT_EQ(done->outcome, Outcome::kConditionFailed);
  EXPECT_EQ(done->revision, 0);
  EXPECT_FALSE(*table_.contains("b"));
}

TEST_F(NodeTest, AddSaysWhenTheValueIsNoNumber) {
  (void)table_.put("a", "one");
  Batch batch;
  batch.put("t", "b", "2").add("t", "a", 1);
  EXPECT_EQ(node_.commit(std::move(batch))->outcome, Outcome::kNotANumber);
  EXPECT_FALSE(*table_.contains("b"));
}

TEST_F(NodeTest, ManyCallsHandedOverAtOnceAllEndInTheirOrder) {
  std::vector<int> ended;
  std::promise<void> all;
  std::vector<Node::Call> calls;
  for (int i = 0; i < 1000; ++i) {
    Batch batch;
    batch.add("t", "count", 1);
    calls.push_back({std::move(batch), [&, i](Result<BatchResult> done) {
                       EXPECT_TRUE(done.ok());
                       EXPECT_EQ(done->answers.at(0).number, i + 1);
                       ended.push_back(i);
                       if (i == 999) all.set_value();
                     }});
  }
  node_.commit(std::move(calls), {});
  all.get_future().wait();
  EXPECT_EQ(ended.size(), 1000);
  EXPECT_THAT(table_.get("count").value(), Optional(std::string("1000")));
}

TEST_F(NodeTest, AMomentIsOneStateHoweverLongItIsLookedAt) {
  (void)table_.put("a", "old");
  const Moment moment = node_.moment();
  const uint64_t revision = moment.revision();
  (void)table_.put("a", "new");
  (void)table_.put("b", "new");
  EXPECT_EQ(moment.get("t", "a")->value, "old");
  EXPECT_FALSE(moment.get("t", "b"));
  EXPECT_EQ(moment.revision(), revision);
  EXPECT_EQ(node_.moment().get("t", "a")->value, "new");
}

TEST_F(NodeTest, AScanHandsOutEveryKeyOnce) {
  for (int i = 0; i < 500; ++i) (void)table_.put(std::to_string(i), "v");
  std::vector<int> seen(500);
  const Moment moment = node_.moment();
  uint64_t cursor = 0;
  do {
    cursor = moment.scan("t", cursor, 10, [&](std::string_view key, Found found) {
      EXPECT_EQ(found.value, "v");
      ++seen[std::stoul(std::string(key))];
    });
  } while (cursor != 0);
  EXPECT_THAT(seen, ::testing::Each(1));
  EXPECT_EQ(moment.scan("no such table", 0, 10, [](std::string_view, Found) { FAIL(); }), 0);
}

TEST_F(NodeTest, ABlockingCallFromACallbackIsRefused) {
  std::promise<std::vector<Status>> refused;
  table_.put("a", "1", {}, [&](Result<uint64_t>) {
    Table table = node_.table("t");
    refused.set_value({table.put("b", "2").status(), table.get("a").status(), table.size().status(),
                       node_.fence(), node_.wait_until_ok(1s), node_.status().status(),
                       node_.members().status(), node_.digest().status(), node_.tables().status(),
                       node_.evict("n2"), node_.transfer(), node_.recover(true).status(),
                       table.update("a", "", [](auto) { return "x"; }).status()});
  });
  for (const Status& status : refused.get_future().get()) {
    EXPECT_EQ(status.code(), Code::kInvalid);
    EXPECT_THAT(status.message(), HasSubstr("callback form"));
  }
}

TEST_F(NodeTest, CallbacksMayCallOn) {
  std::promise<std::string> end;
  const auto read = [&](Result<std::string> updated) {
    ASSERT_TRUE(updated.ok());
    table_.get("a", {}, [&, updated = *updated](Result<std::optional<std::string>> value) {
      EXPECT_THAT(*value, Optional(updated));
      end.set_value(updated);
    });
  };
  const auto append = [](std::string_view value) { return std::string(value) + "2"; };
  table_.put("a", "1", {}, [&](Result<uint64_t>) { table_.update("a", "", append, {}, read); });
  EXPECT_EQ(end.get_future().get(), "12");
}

TEST_F(NodeTest, SeveralThreadsWriteAndReadTheirOwn) {
  constexpr int kThreads = 4;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this, t] {
      Table mine = node_.table("table" + std::to_string(t % 2));
      for (int i = 0; i < 200; ++i) {
        const std::string key = std::to_string(t) + "/" + std::to_string(i);
        EXPECT_TRUE(mine.put(key, key).ok());
        EXPECT_EQ(*mine.get(key).value(), key);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(*node_.table("table0").size() + *node_.table("table1").size(), kThreads * 200);
}

TEST_F(NodeTest, StatusMembersDigestAndTablesSayWhatThereIs) {
  (void)table_.put("a", "1");
  const NodeStatus status = *node_.status();
  EXPECT_EQ(status.name, "n1");
  EXPECT_EQ(status.state, NodeState::kOk);
  EXPECT_EQ(status.role, NodeRole::kLeader);
  EXPECT_EQ(status.leader, "n1");
  EXPECT_EQ(status.cluster.size(), 32);
  EXPECT_EQ(status.members, 1);
  EXPECT_EQ(status.voters, 1);
  EXPECT_EQ(status.revision, 1);
  EXPECT_EQ(status.writes, 1);
  EXPECT_EQ(status.version, kVersion);
  EXPECT_GE(status.commit, status.applied);

  const std::vector<Member> members = *node_.members();
  ASSERT_EQ(members.size(), 1);
  EXPECT_EQ(members[0].name, "n1");
  EXPECT_EQ(members[0].id, status.id);
  EXPECT_EQ(members[0].address, node_.address());
  EXPECT_TRUE(members[0].leader);

  EXPECT_EQ(node_.digest()->revision, 1);
  EXPECT_FALSE(node_.digest()->digest.empty());
  const std::vector<TableInfo> tables = *node_.tables();
  ASSERT_EQ(tables.size(), 1);
  EXPECT_EQ(tables[0].name, "t");
  EXPECT_EQ(tables[0].size, 1);
}

// What status, members, digest and tables end as, and that both forms of each end so.
std::vector<Code> looks(const Node& node) {
  std::vector<Code> codes = {node.status().status().code(), node.members().status().code(),
                             node.digest().status().code(), node.tables().status().code()};
  std::vector<std::promise<Code>> told(4);
  const auto tell = [&](size_t i) {
    return [&told, i](const auto& result) { told[i].set_value(result.status().code()); };
  };
  node.status(tell(0));
  node.members(tell(1));
  node.digest(tell(2));
  node.tables(tell(3));
  for (std::promise<Code>& one : told) codes.push_back(one.get_future().get());
  return codes;
}

TEST_F(NodeTest, ANodeWhoseMailboxIsFullSaysSoInsteadOfWhatItDoesNotKnow) {
  std::promise<void> stopped;
  std::promise<void> go_on;
  node_.status([&](const Result<NodeStatus>&) {
    stopped.set_value();
    go_on.get_future().wait();
  });
  stopped.get_future().wait();  // its thread takes nothing from the mailbox
  Code refused = Code::kOk;
  size_t begun = 0;
  std::atomic<size_t> ended = 0;
  while (refused == Code::kOk) {
    ++begun;
    node_.fence({.reads = Reads::kQuorum}, [&](const Status& status) {
      if (status.code() == Code::kOverloaded) refused = status.code();
      ++ended;
    });
  }
  EXPECT_THAT(looks(node_), ::testing::Each(Code::kOverloaded));
  go_on.set_value();
  EXPECT_TRUE(eventually([&] { return ended == begun; }));
  EXPECT_THAT(looks(node_), ::testing::Each(Code::kOk));
}

TEST_F(NodeTest, ANodeThatHasStoppedSaysSo) {
  EXPECT_TRUE(node_.stop().ok());
  EXPECT_THAT(looks(node_), ::testing::Each(Code::kUnavailable));
  // A thread that comes later may get the name of the node's own.
  std::vector<Code> codes;
  std::thread([&] { codes = looks(node_); }).join();
  EXPECT_THAT(codes, ::testing::Each(Code::kUnavailable));
}

TEST_F(NodeTest, NobodyElseHoldsACopyInAClusterOfOne) {
  std::promise<Result<size_t>> copies;
  node_.wait_for_copies(1, 50ms, [&](Result<size_t> count) { copies.set_value(std::move(count)); });
  const Result<size_t> count = copies.get_future().get();
  ASSERT_TRUE(count.ok());
  EXPECT_EQ(*count, 0);
}

TEST_F(NodeTest, CallsUnderWayEndWhenTheNodeStops) {
  std::atomic<int> begun = 0;
  std::atomic<int> ended = 0;
  for (int i = 0; i < 500; ++i) {
    begun += 2;
    table_.put(std::to_string(i), "v", {}, [&](Result<uint64_t> done) {
      if (!done.ok()) {
        EXPECT_THAT(done.status().code(),
                    ::testing::AnyOf(Code::kUnavailable, Code::kUnknownOutcome));
      }
      ++ended;
    });
    table_.get("0", {}, [&](auto) { ++ended; });
  }
  cluster_.kill(0);
  EXPECT_EQ(ended, begun);
}

TEST(NodeStart, BadOptionsAreRefusedWithARemedy) {
  const Result<std::unique_ptr<Node>> node = Node::start({.cluster_listen = "0.0.0.0:0"});
  ASSERT_FALSE(node.ok());
  EXPECT_EQ(node.status().code(), Code::kInvalid);
  EXPECT_THAT(node.status().message(), HasSubstr("insecure"));
}

TEST(NodeStart, AnAddressThatIsTakenIsUnavailable) {
  TestCluster cluster(1);
  NodeOptions options = cluster.options(0);
  options.name = "other";
  const Result<std::unique_ptr<Node>> second = Node::start(options);
  ASSERT_FALSE(second.ok());
  EXPECT_EQ(second.status().code(), Code::kUnavailable);
  EXPECT_THAT(second.status().message(), HasSubstr("cluster-listen"));
}

TEST(NodeStart, PortZeroPicksOneAndTheNameIsTheAddress) {
  LogLines log;
  Result<std::unique_ptr<Node>> node =
      Node::start({.cluster_listen = "127.0.0.1:0", .log = log.sink("n")});
  ASSERT_TRUE(node.ok()) << node.status().message();
  EXPECT_THAT((*node)->address(), ::testing::StartsWith("127.0.0.1:"));
  EXPECT_NE((*node)->address(), "127.0.0.1:0");
  EXPECT_EQ((*node)->name(), (*node)->address());
  EXPECT_TRUE((*node)->wait_until_ok(kPatience).ok());
}

TEST(NodeStart, ANodeThatIsAloneOfItsListSaysWhomItWaitsFor) {
  const std::vector<uint16_t> ports = free_ports(2);
  const std::string self = "127.0.0.1:" + std::to_string(ports[0]);
  const std::string other = "127.0.0.1:" + std::to_string(ports[1]);
  LogLines log;
  Result<std::unique_ptr<Node>> node =
      Node::start({.cluster_listen = self, .join = {self, other}, .log = log.sink("n")});
  ASSERT_TRUE(node.ok());
  const Status waited = (*node)->wait_until_ok(300ms);
  EXPECT_EQ(waited.code(), Code::kUnavailable);
  EXPECT_THAT(waited.message(), HasSubstr("joining"));
  EXPECT_THAT(waited.message(), HasSubstr(other));
  EXPECT_EQ((*node)->table("t").put("a", "1").status().code(), Code::kJoining);
  EXPECT_EQ((*node)->table("t").get("a").status().code(), Code::kJoining);
}

}  // namespace
}  // namespace ram
