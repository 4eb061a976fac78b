#include "machine/sessions.h"

#include <deque>
#include <string>

#include <gtest/gtest.h>

#include "base/random.h"

namespace ram::machine {
namespace {

using Verdict = Session::Verdict;

Reply reply_of(uint64_t revision, std::string bytes = "") {
  return {.revision = Revision(revision), .answer_bytes = std::move(bytes)};
}

void add(Session& session, uint64_t replies) {
  for (uint64_t i = 1; i <= replies; ++i) session.add(reply_of(100 + i));
  session.check_invariants();
}

TEST(Sessions, OnlyTheNextSequenceApplies) {
  ReplyLimbo limbo;
  Session session(limbo);
  EXPECT_EQ(session.judge(Sequence(1)), Verdict::kApply);
  EXPECT_EQ(session.judge(Sequence(2)), Verdict::kGap);
  session.add(reply_of(1));
  EXPECT_EQ(session.judge(Sequence(1)), Verdict::kRepeat);
  EXPECT_EQ(session.judge(Sequence(2)), Verdict::kApply);
  EXPECT_EQ(session.judge(Sequence(3)), Verdict::kGap);
}

TEST(Sessions, RepliesAreKeptUntilTheyAreAcknowledged) {
  ReplyLimbo limbo;
  Session session(limbo);
  add(session, 5);
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
  ReplyLimbo limbo;
  Session session(limbo);
  add(session, 5);
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
  ReplyLimbo limbo;
  Session session(limbo);
  add(session, 10);
  session.trim(/*replies_max=*/4);
  session.check_invariants();
  EXPECT_EQ(session.floor(), Sequence(6));
  EXPECT_EQ(session.last(), Sequence(10));
}

TEST(Sessions, TheOldestRepliesGoWhenTheyAreTooLarge) {
  ReplyLimbo limbo;
  Session session(limbo);
  for (int i = 0; i < 10; ++i) session.add(reply_of(1, std::string(100, 'x')));
  session.trim(1000, /*answer_bytes_max=*/350);
  session.check_invariants();
  EXPECT_EQ(session.floor(), Sequence(7));
}

TEST(Sessions, ManyRepliesComeAndGo) {
  ReplyLimbo limbo;
  Session session(limbo);
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

// Against a deque of replies; frozen states hold on to what they began with.
TEST(Sessions, WhatIsHeldStaysAsItWasWhateverIsDropped) {
  struct Frozen {
    Sequence at;
    boost::intrusive_ptr<ReplyChunk> chunk;
    std::deque<Reply> left;
  };
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Random random(seed);
    ReplyLimbo limbo;
    Session session(limbo);
    std::deque<Reply> model;
    std::deque<Frozen> frozen;
    const size_t replies_max = random.between(1, 500);
    const size_t bytes_max = random.between(1, 1'000'000);
    size_t bytes = 0;
    uint64_t added = 0;
    for (int step = 0; step < 2'000; ++step) {
      for (uint64_t i = random.below(random.one_in(20) ? 200 : 4); i > 0; --i) {
        const size_t size = random.one_in(50) ? 100'000 : random.below(2'000);
        ++added;
        model.push_back(reply_of(added, std::string(size, static_cast<char>(added))));
        session.add(model.back());
        bytes += size;
      }
      const auto drop = [&] {
        bytes -= model.front().answer_bytes.size();
        model.pop_front();
      };
      if (random.one_in(3)) {
        const uint64_t gone = random.below(model.size() + 1);
        session.acknowledge(Sequence(added - model.size() + gone));
        for (uint64_t i = 0; i < gone; ++i) drop();
      }
      if (random.one_in(3)) {
        session.trim(replies_max, bytes_max);
        while (model.size() > replies_max || bytes > bytes_max) drop();
      }
      if (random.one_in(10)) frozen.push_back({session.floor(), session.oldest(), model});
      if (random.one_in(20) && !frozen.empty()) frozen.pop_back();
      if (random.one_in(10)) limbo.give_back(random.below(3));
      session.check_invariants();
      ASSERT_EQ(session.last(), Sequence(added));
      ASSERT_EQ(session.replies(), model.size());
      ASSERT_EQ(session.answer_bytes(), bytes);
      ASSERT_EQ(session.reply(session.floor()), nullptr);
      if (!model.empty()) {
        const size_t any = random.below(model.size());
        ASSERT_EQ(*session.reply(session.floor() + any + 1), model[any]);
      }
      for (Frozen& one : frozen) {
        if (one.left.empty()) continue;
        ++one.at;
        if (one.at - one.chunk->first == one.chunk->size) one.chunk = one.chunk->next;
        ASSERT_EQ(one.chunk->at(one.at), one.left.front());
        one.left.pop_front();
      }
    }
  }
}

TEST(Sessions, WhatWasDroppedIsFreedInPieces) {
  constexpr uint64_t kChunks = 100;
  Sessions sessions;
  Session& session = sessions.open(NodeId(1));
  add(session, kChunks * ReplyChunk::kReplies);
  add(sessions.open(NodeId(2)), kChunks * ReplyChunk::kReplies);
  boost::intrusive_ptr<ReplyChunk> held = session.oldest();
  const auto chunks_given_back = [&] {
    uint64_t chunks = 1;
    while (sessions.give_back(1)) ++chunks;
    return chunks;
  };
  EXPECT_FALSE(sessions.give_back(1));
  session.acknowledge(session.last());
  EXPECT_FALSE(sessions.give_back(1)) << "somebody holds them";
  held.reset();
  EXPECT_EQ(chunks_given_back(), kChunks);
  sessions.close(NodeId(2));
  EXPECT_EQ(chunks_given_back(), kChunks);
}

TEST(Sessions, WhatOthersHoldOfThemIsCounted) {
  Sessions sessions;
  Session& session = sessions.open(NodeId(1));
  const auto add_answers = [&] {
    for (size_t i = 0; i < 10 * ReplyChunk::kReplies; ++i) {
      session.add({.answer_bytes = std::string(100, 'x')});
    }
  };
  add_answers();
  EXPECT_EQ(sessions.kept_bytes(), 0u);
  boost::intrusive_ptr<ReplyChunk> held = session.oldest();
  add_answers();
  session.acknowledge(session.last());
  EXPECT_EQ(sessions.kept_bytes(), 20 * ReplyChunk::kReplies * 100);
  held.reset();
  while (sessions.give_back(1)) {
  }
  EXPECT_EQ(sessions.kept_bytes(), 0u);
}

TEST(Sessions, WhatWasDroppedIsFreedAsOthersCome) {
  Sessions sessions;
  Session& session = sessions.open(NodeId(1));
  add(session, 100 * ReplyChunk::kReplies);
  session.acknowledge(session.last());
  add(session, 50 * ReplyChunk::kReplies);
  EXPECT_FALSE(sessions.give_back(1)) << "nothing is left";
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
