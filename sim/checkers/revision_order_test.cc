#include "sim/checkers/revision_order.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/random.h"

namespace ram::sim {
namespace {

using Ending = StoreOperation::Ending;
using machine::ConditionKind;
using machine::OperationKind;

const KeyName kA{"t", "a"}, kB{"t", "b"};

// Builds histories by doing them: a write takes effect at the next revision, a read sees the model.
class Story {
 public:
  // References to operations stay valid while a story has no more than these.
  Story() { operations.reserve(100); }

  // Begins at `begun`, ends at `ended`.
  StoreOperation& put(Tick begun, Tick ended, KeyName key, std::string value) {
    return write(begun, ended,
                 {.edits = {{OperationKind::kPut, std::move(key), std::move(value)}}});
  }
  StoreOperation& write(Tick begun, Tick ended, Transaction transaction) {
    StoreOperation operation{
        .is_write = true, .ending = Ending::kDone, .begun = begun, .ended = ended, .tracked = true};
    operation.token = "w" + std::to_string(operations.size());
    transaction.edits.push_back(
        {.kind = OperationKind::kAdd, .key = {"tokens", operation.token}, .delta = 1});
    operation.transaction = transaction;
    operation.revision = ++final_state.revision;
    EXPECT_TRUE(model.apply(transaction, operation.revision, operation.answers));
    final_state.tokens[operation.token] = {operation.revision, "1"};
    operations.push_back(operation);
    return operations.back();
  }
  StoreOperation& read(Tick begun, Tick ended, std::vector<KeyName> keys, uint64_t revision) {
    StoreOperation operation{.ending = Ending::kDone,
                             .begun = begun,
                             .ended = ended,
                             .revision = revision,
                             .tracked = true};
    for (const KeyName& key : keys) operation.seen.push_back(model.at(key, revision));
    operation.keys = std::move(keys);
    operations.push_back(operation);
    return operations.back();
  }
  // The write of unknown outcome that it was from its origin's view; it has taken effect.
  void forget_outcome(StoreOperation& operation) {
    operation.ending = Ending::kUnknown;
    operation.ended = kNoTick;
    operation.answers.clear();
    operation.revision = 0;
  }

  void expect_good() const {
    const auto violations = check_revision_order(operations, final_state);
    EXPECT_TRUE(violations.empty()) << violations.front();
  }
  void expect_bad(const std::string& word) const {
    const auto violations = check_revision_order(operations, final_state);
    ASSERT_FALSE(violations.empty());
    EXPECT_TRUE(std::any_of(violations.begin(), violations.end(), [&](const std::string& line) {
      return line.find(word) != std::string::npos;
    })) << violations.front();
  }

  Model model;
  FinalState final_state;
  std::vector<StoreOperation> operations;
};

TEST(RevisionOrder, AcceptsAGoodStory) {
  Story story;
  story.read(1, 2, {kA, kB}, 0);
  story.put(3, 10, kA, "1");
  story.read(4, 5, {kA, kB}, 0);  // either is fine while the write is under way
  story.read(6, 7, {kA, kB}, 1);
  story.put(11, 12, kB, "2");
  story.read(13, 14, {kA, kB}, 2);
  story.expect_good();
}

TEST(RevisionOrder, RejectsAStaleRead) {
  Story story;
  story.put(1, 2, kA, "1");
  story.put(3, 4, kA, "2");
  story.read(5, 6, {kA}, 1);
  story.expect_bad("stale");
}

TEST(RevisionOrder, RejectsThatTwoReadsSeeNewThenOld) {
  Story story;
  story.put(1, 100, kA, "1");
  story.read(2, 3, {kA}, 1);
  story.read(4, 5, {kA}, 0);
  story.expect_bad("stale");
}

TEST(RevisionOrder, RejectsAReadOfWhatHasNotBegun) {
  Story story;
  story.put(1, 2, kA, "1");
  story.put(10, 12, kA, "2");
  story.read(3, 4, {kA}, 2);
  story.expect_bad("from the future");
}

TEST(RevisionOrder, RejectsKeysOfTwoMoments) {
  Story story;
  story.put(1, 2, kA, "1");
  story.put(3, 10, kB, "2");
  StoreOperation& read = story.read(4, 5, {kA, kB}, 1);
  read.seen[1] = {2, "2"};
  story.expect_bad("one of 2 keys");
}

TEST(RevisionOrder, RejectsALostWrite) {
  Story story;
  story.put(1, 2, kA, "1");
  story.final_state.tokens.clear();
  story.expect_bad("acknowledged and lost");
}

TEST(RevisionOrder, RejectsALostUpdate) {
  Story story;
  story.write(1, 2, {.edits = {{.kind = OperationKind::kAdd, .key = kA, .delta = 1}}});
  StoreOperation& second =
      story.write(3, 4, {.edits = {{.kind = OperationKind::kAdd, .key = kA, .delta = 1}}});
  second.answers[0].number = 1;
  story.expect_bad("answers of");
}

TEST(RevisionOrder, RejectsADoubleIncrement) {
  Story story;
  story.put(1, 2, kA, "1");
  story.final_state.tokens.begin()->second.value = "2";
  story.expect_bad("applied more than once");
}

TEST(RevisionOrder, RejectsRevisionsThatNobodyMade) {
  Story story;
  story.put(1, 2, kA, "1");
  story.final_state.revision = 2;
  story.expect_bad("applied twice");
}

TEST(RevisionOrder, RejectsAReadOfAValueNeverWritten) {
  Story story;
  story.put(1, 2, kA, "1");
  story.read(3, 4, {kA}, 1).seen[0].value = "9";
  story.expect_bad("was seen as");
}

TEST(RevisionOrder, RejectsAFork) {
  Story story;
  story.put(1, 2, kA, "1");
  StoreOperation& other = story.put(3, 4, kB, "2");
  other.revision = 1;
  story.final_state.tokens[other.token].revision = 1;
  story.expect_bad("two writes of one revision");
}

TEST(RevisionOrder, RejectsWhatTookEffectBeforeItBegan) {
  Story story;
  StoreOperation& first = story.put(10, 11, kA, "1");
  StoreOperation& second = story.put(1, 2, kB, "2");
  EXPECT_LT(first.revision, second.revision);
  story.expect_bad("takes effect before it began");
}

TEST(RevisionOrder, RejectsARefusalThatTookEffect) {
  Story story;
  story.put(1, 2, kA, "1").ending = Ending::kRefused;
  story.expect_bad("refused, yet applied");
}

TEST(RevisionOrder, AcceptsUnknownOutcomesThatHappenedLateOrNever) {
  Story story;
  story.put(1, 2, kA, "1");
  story.forget_outcome(story.put(3, 0, kA, "2"));
  story.put(20, 21, kB, "3");
  StoreOperation never{.is_write = true, .begun = 5, .tracked = true, .token = "never"};
  never.transaction.edits = {{OperationKind::kPut, kA, "4"}};
  story.operations.push_back(never);
  story.read(8, 9, {kA, kB}, 1);
  story.read(10, 11, {kA, kB}, 2);
  story.read(22, 23, {kA, kB}, 3);
  story.expect_good();
}

TEST(RevisionOrder, RejectsAnUnknownOutcomeSeenBeforeItBegan) {
  Story story;
  story.put(1, 2, kA, "1");
  story.forget_outcome(story.put(10, 0, kA, "2"));
  story.read(3, 4, {kA}, 2);
  story.expect_bad("from the future");
}

TEST(RevisionOrder, RejectsAConditionThatFailsWithoutCause) {
  Story story;
  story.put(1, 2, kA, "1");
  StoreOperation write{
      .is_write = true, .ending = Ending::kDone, .begun = 3, .ended = 4, .tracked = true};
  write.transaction.conditions = {{ConditionKind::kRevisionIs, kA, 1}};
  write.transaction.edits = {{OperationKind::kPut, kA, "2"}};
  write.outcome = machine::Outcome::kConditionFailed;
  write.token = "failed";
  story.operations.push_back(write);
  story.expect_bad("refused although");
  story.operations.back().transaction.conditions[0].revision = 7;
  story.expect_good();
}

TEST(RevisionOrder, RejectsAnEffectThoughAConditionDoesNotHold) {
  Story story;
  story.put(1, 2, kA, "1");
  StoreOperation& write = story.put(3, 4, kA, "2");
  write.transaction.conditions = {{ConditionKind::kAbsent, kA}};
  story.expect_bad("although a condition");
}

TEST(RevisionOrder, RejectsRandomHarmToRandomGoodStories) {
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    Story story;
    const std::vector<KeyName> keys = {kA, kB, {"u", "a"}, {"u", "c"}};
    Tick tick = 0;
    for (int i = 0; i < 60; ++i) {
      const Tick begun = ++tick;
      const Tick ended = ++tick;
      if (random.one_in(2)) {
        Transaction transaction;
        for (const KeyName& key : keys) {
          if (!random.one_in(2)) continue;
          const bool add = key.table == "u";
          transaction.edits.push_back({.kind = add ? OperationKind::kAdd : OperationKind::kAppend,
                                       .key = key,
                                       .value = std::to_string(i) + ",",
                                       .delta = i + 1});
        }
        StoreOperation& write = story.write(begun, ended, transaction);
        if (random.one_in(10)) story.forget_outcome(write);
      } else {
        story.read(begun, ended, keys, story.final_state.revision);
      }
    }
    story.expect_good();
    // One key of one read from another moment; unless it is the same there.
    for (StoreOperation& operation : story.operations) {
      if (operation.is_write || operation.revision == 0 || !random.one_in(5)) continue;
      const Version old = story.model.at(operation.keys[0], operation.revision / 2);
      if (old == operation.seen[0]) continue;
      operation.seen[0] = old;
      story.expect_bad("was seen as");
      break;
    }
  }
}

}  // namespace
}  // namespace ram::sim
