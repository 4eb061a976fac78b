#include "node/operations.h"

#include <gtest/gtest.h>

#include <optional>
#include <vector>

namespace ram::node {
namespace {

using namespace std::chrono_literals;

class OperationsTest : public testing::Test {
 protected:
  void add(OperationKind kind, NodeId target) {
    operations_.add({kind, target, NodeId(), "n", Instant(1s),
                     [this](const Status& status) { ended_ = status; }});
  }
  size_t asked(uint64_t leader) {
    size_t count = 0;
    operations_.ask(NodeId(leader), [&](const OperationRequest&) { ++count; });
    return count;
  }

  Operations operations_;
  std::optional<Status> ended_;
};

TEST_F(OperationsTest, AreAskedAgainUntilTheyAreDone) {
  add(OperationKind::kEvict, NodeId(3));
  EXPECT_EQ(asked(1), 1u);
  EXPECT_EQ(asked(2), 1u) << "of a new leader, too";
  operations_.settle([](const Operations::Operation&) { return false; });
  EXPECT_FALSE(ended_);
  operations_.settle(
      [](const Operations::Operation& operation) { return operation.target == NodeId(3); });
  ASSERT_TRUE(ended_);
  EXPECT_TRUE(ended_->ok());
  EXPECT_EQ(asked(2), 0u);
}

TEST_F(OperationsTest, LeadershipThatHasMovedIsNotMovedOn) {
  add(OperationKind::kTransfer, NodeId());
  EXPECT_EQ(asked(1), 1u);
  EXPECT_EQ(asked(1), 1u);
  EXPECT_EQ(asked(2), 0u);
}

TEST_F(OperationsTest, ARefusalEndsOnlyWhatItIsOf) {
  add(OperationKind::kEvict, NodeId(3));
  operations_.on_refusal(Nonce(99), "no");
  EXPECT_FALSE(ended_);
  operations_.ask(NodeId(1),
                  [&](const OperationRequest& request) { EXPECT_EQ(request.target, NodeId(3)); });
  operations_.on_refusal(Nonce(1), "no");
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->code(), Code::kInvalid);
}

TEST_F(OperationsTest, WhatALeaderWasAskedForMayBeDoneAfterItsDeadline) {
  add(OperationKind::kEvict, NodeId(3));
  EXPECT_EQ(asked(1), 1u);
  operations_.expire(Instant(1s));
  ASSERT_TRUE(ended_);
  EXPECT_TRUE(ended_->perhaps_applied());
  ended_.reset();
  add(OperationKind::kTransfer, NodeId(3));
  EXPECT_EQ(asked(1), 1u);
  operations_.stop();
  ASSERT_TRUE(ended_);
  EXPECT_TRUE(ended_->perhaps_applied());
}

TEST_F(OperationsTest, EndAtTheirDeadline) {
  add(OperationKind::kTransfer, NodeId(3));
  EXPECT_EQ(operations_.expire(Instant(999ms)), Instant(1s));
  EXPECT_FALSE(ended_);
  EXPECT_EQ(operations_.expire(Instant(1s)), kNever);
  ASSERT_TRUE(ended_);
  EXPECT_EQ(ended_->code(), Code::kUnavailable);
}

}  // namespace
}  // namespace ram::node
