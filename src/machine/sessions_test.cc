#include "machine/sessions.h"

#include <string>

#include <gtest/gtest.h>

namespace ram::machine {
namespace {

using Verdict = Session::Verdict;

Reply reply_of(uint64_t revision, std::string bytes = "") {
  return {.revision = Revision(revision), .answer_bytes = std::move(bytes)};
}

Session session_with(uint64_t replies) {
  Session session;
  for (uint64_t i = 1; i <= replies; ++i) session.add(reply_of(100 + i));
  session.check_invariants();
  return session;
}

TEST(Sessions, OnlyTheNextSequenceApplies) {
  Session session;
  EXPECT_EQ(session.judge(Sequence(1)), Verdict::kApply);
  EXPECT_EQ(session.judge(Sequence(2)), Verdict::kGap);
  session.add(reply_of(1));
  EXPECT_EQ(session.judge(Sequence(1)), Verdict::kRepeat);
  EXPECT_EQ(session.judge(Sequence(2)), Verdict::kApply);
  EXPECT_EQ(session.judge(Sequence(3)), Verdict::kGap);
}

TEST(Sessions, RepliesAreKeptUntilTheyAreAcknowledged) {
  Session session = session_with(5);
  ASSERT_NE(session.reply(Sequence(1)), nullptr);
  EXPECT_EQ(session.reply(Sequence(1))->revision, Revision(101));
  session.acknowledge(Sequence(3));
  session.check_invariants();
  EXPECT_EQ(session.reply(Sequence(3)), nullptr);
  ASSERT_NE(session.reply(Sequence(4)), nullptr);
  EXPECT_EQ(session.reply(Sequence(4))->revision, Revision(104));
  EXPECT_EQ(session.reply(Sequence(6)), nullptr);
}

TEST(Sessions, TheFloorNeverFallsAndNeverPassesTheLast) {
  Session session = session_with(5);
  session.acknowledge(Sequence(3));
  session.acknowledge(Sequence(1));
  EXPECT_EQ(session.floor(), Sequence(3));
  session.acknowledge(Sequence(900));
  EXPECT_EQ(session.floor(), Sequence(5));
  EXPECT_EQ(session.last(), Sequence(5));
  session.add(reply_of(106));
  EXPECT_NE(session.reply(Sequence(6)), nullptr);
  session.check_invariants();
}

TEST(Sessions, TheOldestRepliesGoWhenThereAreTooMany) {
  Session session = session_with(10);
  session.trim(/*replies_max=*/4);
  session.check_invariants();
  EXPECT_EQ(session.floor(), Sequence(6));
  EXPECT_EQ(session.last(), Sequence(10));
}

TEST(Sessions, TheOldestRepliesGoWhenTheyAreTooLarge) {
  Session session;
  for (int i = 0; i < 10; ++i) session.add(reply_of(1, std::string(100, 'x')));
  session.trim(1000, /*answer_bytes_max=*/350);
  session.check_invariants();
  EXPECT_EQ(session.floor(), Sequence(7));
}

TEST(Sessions, ManyRepliesComeAndGo) {
  Session session;
  uint64_t last = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 1000; ++i) session.add(reply_of(++last));
    session.acknowledge(Sequence(last - 10));
    for (uint64_t sequence = last - 9; sequence <= last; ++sequence) {
      ASSERT_EQ(session.reply(Sequence(sequence))->revision, Revision(sequence));
    }
  }
  session.check_invariants();
}

TEST(Sessions, AClosedSessionBeginsAnew) {
  Sessions sessions;
  sessions.open(NodeId(1)).add(reply_of(1));
  sessions.open(NodeId(2)).add(reply_of(1));
  EXPECT_EQ(sessions.size(), 2u);
  EXPECT_TRUE(sessions.close(NodeId(1)));
  EXPECT_FALSE(sessions.close(NodeId(1)));
  EXPECT_EQ(sessions.find(NodeId(1)), nullptr);
  EXPECT_EQ(sessions.open(NodeId(1)).last(), Sequence());
}

TEST(Sessions, TheDigestTellsOriginsAndCountsApart) {
  const auto digest = [](uint64_t origin, int replies) {
    Sessions sessions;
    for (int i = 0; i < replies; ++i) sessions.open(NodeId(origin)).add(reply_of(1));
    return sessions.digest();
  };
  EXPECT_EQ(digest(1, 2), digest(1, 2));
  EXPECT_NE(digest(1, 2), digest(1, 3));
  EXPECT_NE(digest(1, 2), digest(2, 2));
  EXPECT_NE(digest(1, 2), digest(2, 1));
}

}  // namespace
}  // namespace ram::machine
