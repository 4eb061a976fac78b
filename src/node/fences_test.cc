#include "node/fences.h"

#include <gtest/gtest.h>

namespace ram::node {
namespace {

using namespace std::chrono_literals;

constexpr Instant at(Duration time) {
  return Instant(time);
}
constexpr NodeId kAda{1}, kBob{2}, kCarol{3}, kDave{4};

consensus::Configuration voters(std::initializer_list<NodeId> ids) {
  consensus::Configuration configuration;
  for (const NodeId id : ids) {
    configuration.servers.push_back({id, "", consensus::Role::kVoter});
  }
  return configuration;
}

struct Reader {
  FenceAsker asker;
  std::vector<std::string> ended;

  void read(Instant deadline = at(5s)) {
    const size_t index = ended.size();
    ended.push_back("waits");
    asker.add(deadline, /*quorum=*/false, [this, index](const Status& status) {
      EXPECT_EQ(ended[index], "waits") << "told twice";
      ended[index] = status.ok() ? "fenced" : std::string(code_name(status.code()));
    });
  }
};

TEST(FenceAsker, ReadsGoOnWhenTheirIndexIsApplied) {
  Reader reader;
  reader.read();
  const Nonce nonce = reader.asker.ask(at(0s))->nonce;
  reader.asker.on_applied(LogIndex(9));
  EXPECT_EQ(reader.ended[0], "waits") << "no answer yet";
  reader.asker.on_answer(nonce, LogIndex(10));
  reader.asker.on_applied(LogIndex(9));
  EXPECT_EQ(reader.ended[0], "waits");
  reader.asker.on_applied(LogIndex(10));
  EXPECT_EQ(reader.ended[0], "fenced");
  EXPECT_TRUE(reader.asker.idle());
}

TEST(FenceAsker, AReadIsNotServedByAQuestionPutBeforeItBegan) {
  Reader reader;
  reader.read();
  const Nonce first = reader.asker.ask(at(0s))->nonce;
  reader.read();
  reader.asker.on_answer(first, LogIndex(1));
  reader.asker.on_applied(LogIndex(1));
  EXPECT_EQ(reader.ended, (std::vector<std::string>{"fenced", "waits"}));
}

TEST(FenceAsker, AQuestionIsPutAgainAsItIsAndTheAnswerToEitherCounts) {
  Reader reader;
  reader.read();
  const auto first = reader.asker.ask(at(0s));
  EXPECT_FALSE(reader.asker.ask(at(1s))) << "nobody else waits";
  reader.asker.ask_again(at(0s));
  EXPECT_FALSE(reader.asker.ask(at(1s))) << "it was not put before that";
  reader.asker.ask_again(at(1s));
  EXPECT_EQ(reader.asker.ask(at(1s)), first);
  EXPECT_FALSE(reader.asker.ask(at(1s))) << "once is enough";
  reader.asker.on_answer(first->nonce, LogIndex(1));  // to whichever
  reader.asker.on_applied(LogIndex(1));
  EXPECT_EQ(reader.ended[0], "fenced");
  reader.asker.on_answer(first->nonce, LogIndex(1));
  EXPECT_TRUE(reader.asker.idle());
}

TEST(FenceAsker, AQuestionWhoseReadsAreOverIsNotPutAgain) {
  Reader reader;
  reader.read(at(1s));
  ASSERT_TRUE(reader.asker.ask(at(0s)));
  reader.asker.expire(at(1s));
  reader.asker.ask_again(kNever);
  EXPECT_FALSE(reader.asker.ask(at(1s)));
  EXPECT_TRUE(reader.asker.idle());
}

TEST(FenceAsker, EndsAtTheDeadlineWhereverTheReadIs) {
  Reader reader;
  reader.read(at(1s));
  reader.asker.on_answer(reader.asker.ask(at(0s))->nonce, LogIndex(7));  // answered, not applied
  reader.read(at(1s));
  reader.asker.ask(at(0s));  // asked
  reader.read(at(1s));       // waiting
  reader.read(at(2s));
  EXPECT_EQ(reader.asker.expire(at(1s)), at(2s));
  EXPECT_EQ(reader.ended,
            (std::vector<std::string>{"unavailable", "unavailable", "unavailable", "waits"}));
}

struct Leader {
  FenceRounds rounds;
  std::vector<uint64_t> answered;

  void answer(const consensus::Configuration& configuration) {
    rounds.answer(configuration, kAda, [&](const FenceRounds::Question& question, LogIndex) {
      answered.push_back(question.nonce.value);
    });
  }
};

TEST(FenceRounds, AnswerNeedsAMajorityThatEchoedALaterRound) {
  const auto configuration = voters({kAda, kBob, kCarol});
  Leader leader;
  leader.rounds.add({kBob, Nonce(1)});
  const Round first = leader.rounds.begin(LogIndex(5));
  leader.answer(configuration);
  EXPECT_TRUE(leader.answered.empty());
  leader.rounds.on_echo(kCarol, first);
  leader.rounds.add({kBob, Nonce(2)});
  leader.rounds.begin(LogIndex(5));
  leader.answer(configuration);
  EXPECT_EQ(leader.answered, (std::vector<uint64_t>{1})) << "the echo says nothing of the second";
}

TEST(FenceRounds, AQuestionThatIsPutAgainIsAnsweredOnce) {
  const auto configuration = voters({kAda, kBob, kCarol});
  Leader leader;
  leader.rounds.add({kBob, Nonce(1)});
  leader.rounds.add({kCarol, Nonce(1)});
  leader.rounds.add({kBob, Nonce(1)});
  const Round round = leader.rounds.begin(LogIndex(5));
  leader.rounds.add({kBob, Nonce(1)});
  EXPECT_FALSE(leader.rounds.may_begin()) << "the round under way answers it";
  leader.rounds.on_echo(kBob, round);
  leader.answer(configuration);
  EXPECT_EQ(leader.answered, (std::vector<uint64_t>{1, 1}));
  leader.rounds.add({kBob, Nonce(1)});
  EXPECT_TRUE(leader.rounds.may_begin()) << "the answer may have been lost";
}

TEST(FenceRounds, StandbysAndStrangersDoNotCount) {
  auto configuration = voters({kAda, kBob, kCarol});
  configuration.servers.push_back({kDave, "", consensus::Role::kStandby});
  Leader leader;
  leader.rounds.add({kBob, Nonce(1)});
  const Round round = leader.rounds.begin(LogIndex(5));
  leader.rounds.on_echo(kDave, round);
  leader.rounds.on_echo(NodeId(99), round);
  leader.answer(configuration);
  EXPECT_TRUE(leader.answered.empty());
}

TEST(FenceRounds, AnEchoOfARoundThatNeverBeganIsNone) {
  Leader leader;
  leader.rounds.on_echo(kBob, Round(50));  // from another's term
  leader.rounds.add({kBob, Nonce(1)});
  leader.rounds.begin(LogIndex(5));
  leader.answer(voters({kAda, kBob, kCarol}));
  EXPECT_TRUE(leader.answered.empty());
}

TEST(FenceRounds, AnAnnouncedRoundIsConfirmedByThoseItIsAskedOf) {
  FenceRounds rounds;
  const auto all = voters({kAda, kBob, kCarol, kDave});
  const auto rest = voters({kAda, kBob, kCarol});
  rounds.on_echo(kBob, rounds.announce());
  const Round round = rounds.announce();
  EXPECT_FALSE(rounds.confirmed(round, rest, kAda)) << "the echo is of an earlier one";
  rounds.on_echo(kDave, round);
  EXPECT_FALSE(rounds.confirmed(round, rest, kAda));
  rounds.on_echo(kBob, round);
  EXPECT_TRUE(rounds.confirmed(round, rest, kAda));
  EXPECT_TRUE(rounds.confirmed(round, all, kAda));
  EXPECT_FALSE(rounds.confirmed(rounds.announce(), rest, kAda));
}

TEST(FenceRounds, WhoIsGoneIsForgotten) {
  FenceRounds rounds;
  const Round round = rounds.announce();
  rounds.on_echo(kBob, round);
  rounds.on_echo(kDave, round);
  rounds.keep(voters({kAda, kBob, kCarol}));
  EXPECT_TRUE(rounds.confirmed(round, voters({kAda, kBob, kCarol}), kAda));
  EXPECT_FALSE(rounds.confirmed(round, voters({kAda, kDave, kCarol}), kAda));
}

TEST(FenceRounds, ALoneVoterConfirmsItself) {
  Leader leader;
  leader.rounds.add({kAda, Nonce(1)});
  leader.rounds.begin(LogIndex(5));
  leader.answer(voters({kAda}));
  EXPECT_EQ(leader.answered.size(), 1u);
}

}  // namespace
}  // namespace ram::node
