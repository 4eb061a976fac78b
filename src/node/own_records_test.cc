#include "node/own_records.h"

#include <gtest/gtest.h>

#include "machine/command_codec.h"

namespace ram::node {
namespace {

using namespace std::chrono_literals;

constexpr Instant at(Duration time) {
  return Instant(time);
}

struct Origin {
  explicit Origin(CoreLimits limits = {}) : own(NodeId(7), limits) {}

  // What became of write `index`, in words.
  void add(Instant deadline = at(5s), std::string transaction = "transaction") {
    const size_t index = ended.size();
    ended.push_back("waits");
    own.add(std::move(transaction), deadline,
            [this, index](const Status& status, const machine::Reply* reply) {
              EXPECT_EQ(ended[index], "waits") << "told twice";
              EXPECT_EQ(status.ok(), reply != nullptr);
              ended[index] = status.ok() ? "applied" : std::string(code_name(status.code()));
            });
  }
  void pack(size_t records_max = kRecordsInFlightMax) {
    own.pack(at(0s), records_max, [this](const SharedBytes& record) { sent.push_back(record); });
    own.check_invariants();
  }
  void reply(uint64_t sequence) {
    own.on_reply(Sequence(sequence), machine::Reply());
    own.check_invariants();
  }
  machine::RecordHeader header(size_t index) {
    return machine::RecordReader(sent.at(index).view()).header();
  }

  OwnRecords own;
  std::vector<std::string> ended;
  std::vector<SharedBytes> sent;
};

TEST(OwnRecords, PacksAllThatWaitsIntoOneRecord) {
  Origin origin;
  for (int i = 0; i < 3; ++i) origin.add();
  origin.pack();
  ASSERT_EQ(origin.sent.size(), 1u);
  EXPECT_EQ(origin.header(0).origin, NodeId(7));
  EXPECT_EQ(origin.header(0).first, Sequence(1));
  EXPECT_EQ(origin.header(0).count, 3u);
}

TEST(OwnRecords, NumbersWithoutGapsAndTellsWhatItHasRepliesFor) {
  Origin origin;
  origin.add();
  origin.add();
  origin.pack();
  origin.reply(1);
  origin.add();
  origin.pack();
  EXPECT_EQ(origin.header(1).first, Sequence(3));
  EXPECT_EQ(origin.header(1).floor, Sequence(1));
}

TEST(OwnRecords, ClosesARecordAtItsSize) {
  CoreLimits limits;
  limits.record_bytes = 100;
  Origin origin(limits);
  for (int i = 0; i < 4; ++i) origin.add(at(5s), std::string(40, 'x'));
  origin.add(at(5s), std::string(400, 'x'));  // larger than a record is wanted: alone
  origin.pack();
  EXPECT_GT(origin.sent.size(), 2u);
  EXPECT_EQ(origin.header(origin.sent.size() - 1).count, 1u);
}

TEST(OwnRecords, KeepsWaitingWhatExceedsTheWindow) {
  CoreLimits limits;
  limits.transactions_in_flight = 2;
  Origin origin(limits);
  for (int i = 0; i < 5; ++i) origin.add();
  origin.pack();
  EXPECT_EQ(origin.own.in_flight(), 2u);
  EXPECT_EQ(origin.own.waiting(), 3u);
  origin.reply(1);
  origin.reply(2);
  origin.pack();
  EXPECT_EQ(origin.own.in_flight(), 2u);
}

TEST(OwnRecords, SendsAgainWhatIsNotApplied) {
  CoreLimits limits;
  limits.record_bytes = 1;
  Origin origin(limits);
  for (int i = 0; i < 3; ++i) origin.add();
  origin.pack();
  origin.reply(1);
  origin.sent.clear();
  origin.own.resend(at(1s), [&](const SharedBytes& record) { origin.sent.push_back(record); });
  ASSERT_EQ(origin.sent.size(), 2u);
  EXPECT_EQ(origin.header(0).first, Sequence(2));
  EXPECT_EQ(origin.own.oldest_sent(), at(1s));
}

TEST(OwnRecords, AtItsDeadlineAWriteIsNotAppliedOnlyIfItWasNotSent) {
  Origin origin;
  origin.add(at(1s));
  origin.pack();
  origin.add(at(1s));
  origin.add(at(2s));
  EXPECT_EQ(origin.own.expire(at(1s)), at(2s));
  EXPECT_EQ(origin.ended, (std::vector<std::string>{"unknown outcome", "unavailable", "waits"}));
  origin.reply(1);  // comes after all: no one is told twice
  origin.pack();
  EXPECT_EQ(origin.header(1).first, Sequence(2)) << "what was withdrawn took no number";
}

TEST(OwnRecords, RefusesBeyondItsLimit) {
  CoreLimits limits;
  limits.mailbox_calls = 2;
  Origin origin(limits);
  for (int i = 0; i < 3; ++i) origin.add();
  EXPECT_EQ(origin.ended, (std::vector<std::string>{"waits", "waits", "overloaded"}));
}

TEST(OwnRecords, EndsEverythingWhenTheNodeStops) {
  Origin origin;
  origin.add();
  origin.pack();
  origin.add();
  origin.own.fail_all(Status::unavailable("stopped"));
  EXPECT_EQ(origin.ended, (std::vector<std::string>{"unknown outcome", "unavailable"}));
}

}  // namespace
}  // namespace ram::node
