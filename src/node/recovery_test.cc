#include "node/recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "node/member_description.h"

namespace ram::node {
namespace {

using consensus::Role;
using testing::HasSubstr;

// Of five voters and a standby, ids 1 to 6; the first asks, with 10 entries of term 3.
Recovery recovery(bool others_are_dead, std::string complete_until = "noon") {
  Recovery::Self self{NodeId(1), Term(3), LogIndex(10), {}, std::move(complete_until)};
  for (uint64_t id = 1; id <= 6; ++id) {
    self.members.servers.push_back({NodeId(id),
                                    encode_description({"n" + std::to_string(id), "h:1", "", "1"}),
                                    id == 6 ? Role::kStandby : Role::kVoter});
  }
  return Recovery(Nonce(7), std::move(self), others_are_dead, Instant(), {});
}

RecoveryAnswer has(Term term, LogIndex last) {
  return {.nonce = Nonce(7), .last_term = term, .last = last};
}

TEST(Recovery, GoesOnWhenTheOthersAreDead) {
  Recovery alone = recovery(true);
  EXPECT_TRUE(alone.verdict().ok());
  EXPECT_EQ(alone.missing(), "n2, n3, n4, n5, n6");
  alone.on_answer(NodeId(6), has(Term(3), LogIndex(10)));
  alone.on_answer(NodeId(2), has(Term(2), LogIndex(99)));
  EXPECT_TRUE(alone.verdict().ok()) << alone.verdict().message();
  EXPECT_EQ(alone.missing(), "n3, n4, n5");
}

TEST(Recovery, WithoutTheOperatorsWordItSaysWhatIsAtStake) {
  Recovery asked = recovery(false);
  asked.on_answer(NodeId(2), has(Term(3), LogIndex(10)));
  const Status verdict = asked.verdict();
  EXPECT_EQ(verdict.code(), Code::kInvalid);
  EXPECT_THAT(verdict.message(), HasSubstr("missing: n3, n4, n5, n6;"));
  EXPECT_THAT(verdict.message(), HasSubstr("until noon"));
  EXPECT_THAT(recovery(false, "").verdict().message(), HasSubstr("is not known"));
}

TEST(Recovery, ASurvivorWithMoreIsNamed) {
  for (const RecoveryAnswer& more : {has(Term(3), LogIndex(11)), has(Term(4), LogIndex(1))}) {
    Recovery asked = recovery(true);
    asked.on_answer(NodeId(3), more);
    EXPECT_THAT(asked.verdict().message(), HasSubstr("n3 has more of the log"));
  }
}

TEST(Recovery, IsRefusedWhereTheClusterLives) {
  Recovery led = recovery(true);
  led.on_answer(NodeId(3), {.nonce = Nonce(7), .quorum = true, .last_term = Term(1)});
  EXPECT_THAT(led.verdict().message(), HasSubstr("n3 has a leader"));
  Recovery majority = recovery(true);
  majority.on_answer(NodeId(3), has(Term(3), LogIndex(10)));
  majority.on_answer(NodeId(4), has(Term(3), LogIndex(10)));
  EXPECT_THAT(majority.verdict().message(), HasSubstr("3 of 5 voters are there"));
  Recovery again = recovery(true);
  again.on_answer(NodeId(3), {.nonce = Nonce(7), .recovered = true});
  EXPECT_THAT(again.verdict().message(), HasSubstr("n3 was recovered already"));
}

TEST(Recovery, OfTwoThatHaveAsMuchTheLowerIdGoesOn) {
  RecoveryAnswer other = has(Term(3), LogIndex(10));
  other.recovering = true;
  Recovery first = recovery(true);
  first.on_answer(NodeId(2), other);
  EXPECT_TRUE(first.verdict().ok());
  Recovery second({Nonce(7), {NodeId(2), Term(3), LogIndex(10), {}, ""}, true, Instant(), {}});
  second.on_answer(NodeId(1), other);
  EXPECT_THAT(second.verdict().message(), HasSubstr("is being recovered"));
}

TEST(Recovery, WhoeverLivesWhereAMemberDidMaySayThatTheClusterLives) {
  Recovery asked = recovery(true);
  for (uint64_t id = 96; id < 99; ++id) asked.on_answer(NodeId(id), has(Term(3), LogIndex(10)));
  EXPECT_TRUE(asked.verdict().ok()) << "they have no vote that we know of";
  asked.on_answer(NodeId(99), {.nonce = Nonce(7), .quorum = true});
  EXPECT_THAT(asked.verdict().message(), HasSubstr("has a leader"));
}

TEST(Recovery, OnlyAnswersToThisQuestionCount) {
  Recovery asked = recovery(true);
  RecoveryAnswer late = has(Term(9), LogIndex(99));
  late.nonce = Nonce(6);
  asked.on_answer(NodeId(2), late);
  EXPECT_TRUE(asked.verdict().ok());
}

}  // namespace
}  // namespace ram::node
