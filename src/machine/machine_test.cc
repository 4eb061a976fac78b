#include "machine/machine.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "machine/testing.h"

namespace ram::machine {
namespace {

using testing::Node;
using testing::record_of;
using testing::Transaction;

using Lines = std::vector<std::string>;
constexpr NodeId kMine{7};
constexpr NodeId kOther{8};

std::string put(std::string_view key, std::string_view value) {
  return Transaction().put(key, value).bytes();
}

// ---- operations ----

TEST(Machine, EachOperationAnswers) {
  Node node;
  EXPECT_EQ(node.run(Transaction().put("k", "a")), "r1 -");
  EXPECT_EQ(node.run(Transaction().get("k")), "r0 =a");
  EXPECT_EQ(node.run(Transaction().get("no")), "r0 -");
  EXPECT_EQ(node.run(Transaction().exchange("k", "b")), "r2 =a");
  EXPECT_EQ(node.run(Transaction().exchange("new", "c")), "r3 -");
  EXPECT_EQ(node.run(Transaction().append("k", "cd")), "r4 #3");
  EXPECT_EQ(node.value("k"), "bcd");
  EXPECT_EQ(node.run(Transaction().append("log", "x")), "r5 #1");
  EXPECT_EQ(node.run(Transaction().add("n", 5)), "r6 #5");
  EXPECT_EQ(node.run(Transaction().add("n", -7)), "r7 #-2");
  EXPECT_EQ(node.value("n"), "-2");
  EXPECT_EQ(node.run(Transaction().take("k")), "r8 =bcd");
  EXPECT_EQ(node.run(Transaction().take("k")), "r0 -");
  EXPECT_EQ(node.run(Transaction().erase("n")), "r9 #1");
  EXPECT_EQ(node.run(Transaction().erase("n")), "r0 #0");
  EXPECT_EQ(node.value("n"), std::nullopt);
  EXPECT_EQ(node.run(Transaction().clear()), "r10 -");
  EXPECT_EQ(node.run(Transaction().clear()), "r0 -");
  EXPECT_EQ(node.value("log"), std::nullopt);
  EXPECT_EQ(node.run(Transaction()), "r0");
}

TEST(Machine, OperationsSeeTheOnesBeforeThem) {
  Node node;
  EXPECT_EQ(node.run(Transaction()
                         .put("k", "1")
                         .get("k")
                         .add("k", 1)
                         .append("k", "0")
                         .append("k", "0")
                         .exchange("k", "x")
                         .erase("k")
                         .erase("k")
                         .get("k")
                         .append("k", "")
                         .get("k")),
            "r1 - =1 #2 #2 #3 =200 #1 #0 - #0 =");
  EXPECT_EQ(node.value("k"), "");
}

TEST(Machine, ClearHidesWhatWasBeforeItAndNothingAfter) {
  Node node;
  node.run(Transaction().put("a", "1").put("b", "2").in("u").put("c", "3"));
  EXPECT_EQ(node.run(Transaction()
                         .put("b", "x")
                         .clear()
                         .get("a")
                         .get("b")
                         .put("b", "4")
                         .append("a", "5")
                         .in("u")
                         .get("c")),
            "r2 - - - - - #1 =3");
  EXPECT_EQ(node.value("a"), "5");
  EXPECT_EQ(node.value("b"), "4");
  EXPECT_EQ(node.run(Transaction().put("a", "6").in("u").clear_all().get("c").in("t").get("a")),
            "r3 - - - -");
  EXPECT_EQ(node.machine().tables().entries(), 0u);
  EXPECT_EQ(node.machine().tables().count(), 2u);
}

TEST(Machine, WhatIsUndoneWithinATransactionChangesNothing) {
  Node node;
  EXPECT_EQ(node.run(Transaction().put("k", "1").erase("k")), "r0 - #1");
  EXPECT_EQ(node.run(Transaction().put("k", "1").clear()), "r0 - -");
  EXPECT_EQ(node.machine().tables().count(), 0u);
  EXPECT_EQ(node.run(Transaction().put("k", "1")), "r1 -");
  // To put what is there already is a change; to erase and put it again, too.
  EXPECT_EQ(node.run(Transaction().put("k", "1")), "r2 -");
  EXPECT_EQ(node.run(Transaction().erase("k").put("k", "1")), "r3 #1 -");
  EXPECT_EQ(node.run(Transaction().if_revision("k", 3).get("k")), "r0 =1");
}

TEST(Machine, ManyKeysInOneTransactionAreToldApart) {
  Node node;
  Transaction transaction;
  for (int table = 0; table < 20; ++table) {
    transaction.in("t" + std::to_string(table));
    for (int key = 0; key < 50; ++key) transaction.add(std::to_string(key), table + 1);
  }
  for (int table = 0; table < 20; ++table) {
    transaction.in("t" + std::to_string(table));
    for (int key = 0; key < 50; ++key) transaction.add(std::to_string(key), 1000 * key);
  }
  node.run(transaction);
  EXPECT_EQ(node.machine().revision(), Revision(1));
  for (int table = 0; table < 20; ++table) {
    for (int key = 0; key < 50; ++key) {
      EXPECT_EQ(node.value("t" + std::to_string(table), std::to_string(key)),
                std::to_string(table + 1 + 1000 * key));
    }
  }
  // The next, small one finds a clean table.
  EXPECT_EQ(node.run(Transaction().in("t0").get("7").get("8")), "r0 =7001 =8001");
  EXPECT_EQ(node.machine().digest(), node.recomputed_digest());
}

// ---- atomicity ----

TEST(Machine, AFailedConditionUndoesNothingAndDoesNothing) {
  Node node;
  node.run(Transaction().put("k", "1"));
  const uint64_t digest = node.machine().digest() - node.machine().sessions().digest();
  EXPECT_EQ(node.run(Transaction().if_absent("k").put("k", "2")), "condition failed");
  EXPECT_EQ(node.run(Transaction().if_present("no").put("k", "2")), "condition failed");
  EXPECT_EQ(node.run(Transaction().if_revision("k", 2).put("k", "2")), "condition failed");
  EXPECT_EQ(node.run(Transaction().if_revision("no", 0).put("k", "2")), "condition failed");
  EXPECT_EQ(node.run(Transaction().if_present("k").if_absent("k").clear_all()), "condition failed");
  EXPECT_EQ(node.machine().digest() - node.machine().sessions().digest(), digest);
  EXPECT_EQ(node.machine().revision(), Revision(1));
  EXPECT_EQ(
      node.run(Transaction().if_present("k").if_absent("no").if_revision("k", 1).put("k", "2")),
      "r2 -");
}

TEST(Machine, AFailingOperationUndoesThoseBeforeIt) {
  Node node;
  node.run(Transaction().put("text", "abc").put("most", "9223372036854775807").put("k", "1"));
  const uint64_t digest = node.machine().digest() - node.machine().sessions().digest();
  EXPECT_EQ(node.run(Transaction()
                         .put("k", "2")
                         .in("new")
                         .put("x", "y")
                         .in("t")
                         .clear()
                         .put("text", "abc")
                         .add("text", 1)),
            "not a number");
  EXPECT_EQ(node.run(Transaction().erase("k").add("most", 1)), "overflow");
  EXPECT_EQ(node.run(Transaction().put("k", "-9223372036854775808").add("k", -1)), "overflow");
  EXPECT_EQ(node.machine().digest() - node.machine().sessions().digest(), digest);
  EXPECT_EQ(node.machine().revision(), Revision(1));
  EXPECT_EQ(node.value("k"), "1");
  EXPECT_EQ(node.machine().tables().count(), 1u);
}

TEST(Machine, CountsAsRedisDoes) {
  Node node;
  for (const char* text : {" 1", "01", "+1", "-0", "", "1.5", "9223372036854775808"}) {
    node.run(Transaction().put("k", text));
    EXPECT_EQ(node.run(Transaction().add("k", 1)), "not a number") << '"' << text << '"';
    EXPECT_EQ(node.value("k"), text);
  }
  node.run(Transaction().put("k", "9223372036854775806"));
  node.run(Transaction().add("k", 1));
  EXPECT_EQ(node.value("k"), "9223372036854775807");
  EXPECT_EQ(node.run(Transaction().add("k", 1)), "overflow");
  EXPECT_EQ(node.run(Transaction().add("k", INT64_MIN)).substr(0, 1), "r");
  EXPECT_EQ(node.value("k"), "-1");
}

TEST(Machine, AValueNeverOutgrowsItsLimit) {
  Node node;
  node.run(Transaction().put("k", std::string(kValueBytesMax - 1, 'x')));
  EXPECT_EQ(node.run(Transaction().append("k", "y")), "r2 #" + std::to_string(kValueBytesMax));
  EXPECT_EQ(node.run(Transaction().append("k", "z")), "overflow");
  EXPECT_EQ(node.value("k")->size(), kValueBytesMax);
}

TEST(Machine, ATransactionMayNotAskForMoreThanItsLimit) {
  Node node;
  node.run(Transaction().put("k", std::string(kValueBytesMax, 'x')));
  EXPECT_EQ(node.run(Transaction().get("k").get("k")), "too large");
  EXPECT_EQ(node.run(Transaction().exchange("k", "").get("k")).substr(0, 3), "r2 ");
  // Appending in small steps copies the value once.
  Transaction transaction;
  for (int i = 0; i < 10'000; ++i) transaction.append("log", "0123456789");
  EXPECT_EQ(node.run(transaction).substr(0, 7), "r3 #10 ");
}

TEST(Machine, ARecordMayNotAskForMoreThanItsLimit) {
  Node node;
  node.run(Transaction().put("k", std::string(kValueBytesMax, 'x')));
  std::vector<std::string> gets(17, Transaction().get("k").bytes());
  node.log().clear();
  ASSERT_TRUE(node.apply(record_of(kOther, 1, 0, gets)));
  const Session* session = node.machine().sessions().find(kOther);
  EXPECT_EQ(session->last(), Sequence(17));
  EXPECT_EQ(session->reply(Sequence(17))->outcome, Outcome::kOverloaded);
  // And what is kept of it is bounded, too.
  EXPECT_EQ(session->reply(Sequence(12)), nullptr);
  EXPECT_EQ(session->reply(Sequence(15))->outcome, Outcome::kApplied);
}

TEST(Machine, TheNumberOfTablesIsBounded) {
  Node node;
  for (size_t made = 0; made < kTablesMax - 2;) {
    Transaction transaction;
    for (int i = 0; i < 1000 && made < kTablesMax - 2; ++i) {
      transaction.in(std::to_string(made++)).put("k", "v");
    }
    node.run(transaction);
  }
  EXPECT_EQ(node.machine().tables().count(), kTablesMax - 2);
  Transaction three;
  EXPECT_EQ(node.run(Transaction().in("x").put("k", "").in("y").put("k", "").in("z").put("k", "")),
            "too many tables");
  EXPECT_EQ(node.machine().tables().count(), kTablesMax - 2);
  EXPECT_EQ(
      node.run(Transaction().in("x").put("k", "").in("y").put("k", "").in("z").put("k", "").erase(
          "k"))[0],
      'r');
  EXPECT_EQ(node.machine().tables().count(), kTablesMax);
  EXPECT_EQ(node.run(Transaction().in("z").put("k", "")), "too many tables");
  EXPECT_EQ(node.run(Transaction().clear_all())[0], 'r');
  EXPECT_EQ(node.run(Transaction().in("z").put("k", "")), "too many tables");
}

// ---- records and sessions ----

TEST(Machine, ARecordIsPublishedOnceAndAnsweredAfterwards) {
  Node node;
  ASSERT_TRUE(node.apply(record_of(kMine, 1, 0, {put("a", "1"), put("b", "2"), put("a", "3")})));
  EXPECT_EQ(node.log(), (Lines{"1: r1 -", "2: r2 -", "3: r3 -"}));
  EXPECT_EQ(node.store().revision(), Revision(3));
  EXPECT_EQ(node.store().applied(), LogIndex(1));
  node.machine().apply_barrier(LogIndex(2));
  EXPECT_EQ(node.store().applied(), LogIndex(2));
  EXPECT_EQ(node.store().revision(), Revision(3));
  // What others' records answer is not for our ears.
  node.log().clear();
  ASSERT_TRUE(node.apply(record_of(kOther, 1, 0, {put("a", "4")})));
  EXPECT_EQ(node.log(), Lines{});
  EXPECT_EQ(node.machine().applied(), LogIndex(3));
}

TEST(Machine, ARepeatHasNoEffect) {
  Node node;
  const std::string record = record_of(
      kMine, 1, 0, {Transaction().add("n", 1).bytes(), Transaction().add("n", 1).bytes()});
  ASSERT_TRUE(node.apply(record));
  const uint64_t digest = node.machine().digest();
  node.log().clear();
  ASSERT_TRUE(node.apply(record));
  EXPECT_EQ(node.log(), Lines{"repeat 1-2"});
  EXPECT_EQ(node.value("n"), "2");
  EXPECT_EQ(node.machine().digest(), digest);
  EXPECT_EQ(node.machine().applied(), LogIndex(2));
  // One that begins with repeats goes on with what is new.
  node.log().clear();
  ASSERT_TRUE(node.apply(record_of(
      kMine, 2, 0, {Transaction().add("n", 1).bytes(), Transaction().add("n", 10).bytes()})));
  EXPECT_EQ(node.log(), (Lines{"repeat 2-2", "3: r3 #12"}));
}

TEST(Machine, AGapHasNoEffect) {
  Node node;
  ASSERT_TRUE(node.apply(record_of(kMine, 2, 0, {put("a", "1")})));
  EXPECT_EQ(node.log(), Lines{"gap 2-2"});
  EXPECT_EQ(node.machine().sessions().find(kMine), nullptr);
  ASSERT_TRUE(node.apply(record_of(kMine, 1, 0, {put("a", "1")})));
  const uint64_t digest = node.machine().digest();
  node.log().clear();
  ASSERT_TRUE(node.apply(record_of(kMine, 3, 1, {put("a", "2"), put("a", "3")})));
  EXPECT_EQ(node.log(), Lines{"gap 3-4"});
  EXPECT_EQ(node.machine().digest(), digest);
  EXPECT_EQ(node.value("a"), "1");
}

TEST(Machine, RepliesStayUntilTheOriginHasSeenThem) {
  Node node;
  ASSERT_TRUE(node.apply(record_of(kOther, 1, 0, {put("a", "1"), Transaction().get("a").bytes()})));
  const Session* session = node.machine().sessions().find(kOther);
  ASSERT_NE(session->reply(Sequence(2)), nullptr);
  EXPECT_EQ(testing::text_of(*session->reply(Sequence(2))), "r0 =1");
  ASSERT_TRUE(node.apply(record_of(kOther, 3, 1, {put("a", "2")})));
  EXPECT_EQ(session->reply(Sequence(1)), nullptr);
  EXPECT_NE(session->reply(Sequence(2)), nullptr);
}

TEST(Machine, AClosedSessionIsGone) {
  Node node;
  ASSERT_TRUE(node.apply(record_of(kOther, 1, 0, {put("a", "1")})));
  ASSERT_TRUE(node.apply(encode_close_session(kOther)));
  EXPECT_EQ(node.machine().sessions().size(), 0u);
  ASSERT_TRUE(node.apply(encode_close_session(kOther)));
  EXPECT_EQ(node.machine().applied(), LogIndex(3));
  EXPECT_EQ(node.store().applied(), LogIndex(3));
}

TEST(Machine, TimeNeverFalls) {
  Node node;
  ASSERT_TRUE(node.apply(record_of(kOther, 1, 0, {put("a", "1")}, 500)));
  ASSERT_TRUE(node.apply(record_of(kOther, 2, 0, {put("a", "1")}, 400)));
  EXPECT_EQ(node.machine().time(), static_cast<WallMs>(500));
}

TEST(Machine, ARecordThatCannotBeDecodedDoesNothing) {
  Node node;
  ASSERT_TRUE(node.apply(record_of(kMine, 1, 0, {put("a", "1")})));
  const uint64_t digest = node.machine().digest();
  const std::string bad = record_of(kMine, 2, 0, {put("a", "2"), "no transaction"});
  EXPECT_FALSE(node.apply(bad));
  EXPECT_FALSE(node.apply(""));
  EXPECT_EQ(node.machine().digest(), digest);
  EXPECT_EQ(node.machine().applied(), LogIndex(1));
  EXPECT_EQ(node.value("a"), "1");
}

TEST(MachineDeathTest, AnIndexIsAppliedOnce) {
  Node node;
  const std::string record = record_of(kMine, 1, 0, {put("a", "1")});
  ASSERT_TRUE(node.apply(record));
  EXPECT_DEATH(static_cast<void>(node.machine().apply(LogIndex(1), record, nullptr, kMine)),
               "applied_");
  EXPECT_DEATH(node.machine().apply_barrier(LogIndex(3)), "applied_");
}

// ---- digest ----

TEST(Machine, TheDigestTellsStatesApart) {
  const auto digest_after = [](const Transaction& transaction) {
    Node node;
    node.run(transaction);
    EXPECT_EQ(node.machine().digest(), node.recomputed_digest());
    return node.machine().digest();
  };
  const uint64_t digest = digest_after(Transaction().put("k", "v"));
  EXPECT_EQ(digest, digest_after(Transaction().put("k", "v")));
  EXPECT_EQ(digest, digest_after(Transaction().put("k", "x").put("k", "v").get("k")));
  EXPECT_NE(digest, digest_after(Transaction().put("k", "w")));
  EXPECT_NE(digest, digest_after(Transaction().put("kv", "")));
  EXPECT_NE(digest, digest_after(Transaction().in("u").put("k", "v")));
  EXPECT_NE(digest, digest_after(Transaction().in("tk").put("", "v")));
  EXPECT_NE(digest, digest_after(Transaction().put("k", "v").in("u").put("k", "v")));
  EXPECT_EQ(digest_after(Transaction().put("a", "1").put("b", "2")),
            digest_after(Transaction().put("b", "2").put("a", "1")));
}

TEST(Machine, AnEmptyTableIsPartOfTheState) {
  Node one;
  Node two;
  one.run(Transaction().put("k", "v"));
  one.run(Transaction().clear());
  two.run(Transaction().in("u").put("k", "v"));
  two.run(Transaction().in("u").clear());
  EXPECT_NE(one.machine().digest(), two.machine().digest());
}

// ---- what tests break on purpose ----

TEST(MachineFaults, ARepeatThatAppliesShows) {
  Node node(1, kMine, {.apply_repeats = true});
  const std::string record = record_of(kMine, 1, 0, {Transaction().add("n", 1).bytes()});
  ASSERT_TRUE(node.apply(record));
  ASSERT_TRUE(node.apply(record));
  EXPECT_EQ(node.value("n"), "2");
  EXPECT_EQ(node.machine().sessions().find(kMine)->last(), Sequence(1));
}

TEST(MachineFaults, AGapThatAppliesShows) {
  Node node(1, kMine, {.apply_gaps = true});
  ASSERT_TRUE(node.apply(record_of(kMine, 1, 0, {put("a", "1")})));
  ASSERT_TRUE(node.apply(record_of(kMine, 5, 1, {put("a", "2")})));
  EXPECT_EQ(node.value("a"), "2");
  EXPECT_EQ(node.log(), (Lines{"1: r1 -", "5: r2 -"}));
}

}  // namespace
}  // namespace ram::machine
