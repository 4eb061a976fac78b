#include "machine/command_codec.h"

#include <limits>
#include <vector>

#include <gtest/gtest.h>

#include "machine/testing.h"

namespace ram::machine {
namespace {

using testing::from_hex;
using testing::record_of;
using testing::to_hex;
using testing::Transaction;

constexpr NodeId kOrigin{0x0807060504030201};

Transaction worked_example() {
  Transaction example;
  example.in("stock").if_revision("pear", 300).put("pear", "3").add("sold", -1);
  return example;
}

// ---- golden: the bytes of version 1, as in docs/formats/record.md ----

TEST(RecordFormat, VersionOneHasTheseBytes) {
  const std::string record = record_of(kOrigin, 5, 3, {worked_example().bytes()}, 1700000000000);
  EXPECT_EQ(to_hex(record),
            "01"                // version
            "01"                // transactions
            "0102030405060708"  // origin
            "0500000000000000"  // first
            "0300000000000000"  // floor
            "0068e5cf8b010000"  // time
            "01000000"          // count
            "25"                // the transaction's length
            "0102"              // one condition, two operations
            "03"
            "0573746f636b"
            "0470656172"
            "ac02"
            "01"
            "0573746f636b"
            "0470656172"
            "0133"
            "26"
            "04736f6c64"
            "01");
}

TEST(RecordFormat, VersionOneOfEveryPart) {
  const std::string all = Transaction()
                              .if_absent("a")
                              .if_present("b")
                              .in("u")
                              .if_revision("c", 1)
                              .in("t")
                              .put("k", "v")
                              .exchange("k", "w")
                              .erase("k")
                              .in("u")
                              .take("k")
                              .append("k", "s")
                              .in("t")
                              .add("k", 64)
                              .get("k")
                              .clear()
                              .clear_all()
                              .bytes();
  EXPECT_EQ(to_hex(all),
            "0309"
            "01"
            "0174"
            "0161"
            "22"
            "0162"
            "03"
            "0175"
            "0163"
            "01"
            "01"
            "0174"
            "016b"
            "0176"
            "22"
            "016b"
            "0177"
            "23"
            "016b"
            "04"
            "0175"
            "016b"
            "05"
            "0175"
            "016b"
            "0173"
            "26"
            "016b"
            "8001"
            "27"
            "016b"
            "28"
            "09"
            "00");
  EXPECT_TRUE(check_transaction(all).ok());
}

TEST(RecordFormat, VersionOneOfTheEndOfASession) {
  EXPECT_EQ(to_hex(encode_close_session(kOrigin)),
            "01"
            "02"
            "0102030405060708"
            "0000000000000000"
            "0000000000000000"
            "0000000000000000"
            "00000000");
}

TEST(RecordFormat, VersionOneOfAnswers) {
  std::string bytes;
  AnswerWriter writer(bytes);
  writer.nothing();
  writer.number(-2);
  writer.value("v");
  writer.nothing();
  EXPECT_EQ(to_hex(bytes),
            "00"
            "0103"
            "020176");
}

// ---- transactions ----

TEST(TransactionCodec, PartsComeBackAsTheyWere) {
  const std::string bytes = worked_example().bytes();
  TransactionReader reader(bytes);
  EXPECT_EQ(reader.conditions(), 1u);
  EXPECT_EQ(reader.operations(), 2u);

  Condition condition;
  ASSERT_TRUE(reader.next(condition));
  EXPECT_EQ(condition.kind, ConditionKind::kRevisionIs);
  EXPECT_EQ(condition.table, "stock");
  EXPECT_EQ(condition.key, "pear");
  EXPECT_EQ(condition.revision, Revision(300));
  EXPECT_FALSE(reader.next(condition));

  Operation operation;
  ASSERT_TRUE(reader.next(operation));
  EXPECT_EQ(operation.kind, OperationKind::kPut);
  EXPECT_EQ(operation.table, "stock");
  EXPECT_EQ(operation.key, "pear");
  EXPECT_EQ(operation.value, "3");
  EXPECT_FALSE(reader.finished());
  ASSERT_TRUE(reader.next(operation));
  EXPECT_EQ(operation.kind, OperationKind::kAdd);
  EXPECT_EQ(operation.table, "stock");
  EXPECT_EQ(operation.key, "sold");
  EXPECT_EQ(operation.delta, -1);
  EXPECT_FALSE(reader.next(operation));
  EXPECT_TRUE(reader.finished());
}

TEST(TransactionCodec, OperationsMayBeReadWithoutTheConditions) {
  const std::string bytes = worked_example().bytes();
  TransactionReader reader(bytes);
  Operation operation;
  ASSERT_TRUE(reader.next(operation));
  EXPECT_EQ(operation.key, "pear");
}

TEST(TransactionCodec, NumbersOfAllSizesComeBack) {
  for (const int64_t delta :
       {int64_t{0}, int64_t{1}, int64_t{-1}, int64_t{63}, int64_t{-64}, int64_t{1} << 40,
        std::numeric_limits<int64_t>::min(), std::numeric_limits<int64_t>::max()}) {
    EXPECT_EQ(unzigzag(zigzag(delta)), delta);
    const std::string bytes = Transaction().add("k", delta).bytes();
    TransactionReader reader(bytes);
    Operation operation;
    ASSERT_TRUE(reader.next(operation));
    EXPECT_EQ(operation.delta, delta);
  }
}

TEST(TransactionCodec, AnEmptyOneIsOne) {
  EXPECT_TRUE(check_transaction(Transaction().bytes()).ok());
}

TEST(TransactionCodec, NoPrefixAndNothingLongerIsOne) {
  const std::string bytes = worked_example().bytes();
  for (size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(check_transaction(std::string_view(bytes).substr(0, size)).ok()) << size;
  }
  EXPECT_EQ(check_transaction(bytes + '\0').code(), Code::kInvalid);
}

TEST(TransactionCodec, BadPartsAreRefused) {
  for (const char* hex : {
           "0001 21 016b 0176",       // the first operation has no table to refer to
           "0001 41 0174 016b 0176",  // bit 6
           "0001 00 0174 016b 0176",  // no such operation
           "0001 0a 0174",            // no such operation
           "0100 04 0174 016b",       // no such condition
           "0100 00 0174 016b",       // no such condition
           "0001 09 0174",            // clear_all of a table
           "8000 01 07 0174 016b",    // a number that is not canonical
           "0001 07 0174 ffffffffffffffffff01",
       }) {
    EXPECT_FALSE(check_transaction(from_hex(hex)).ok()) << hex;
  }
}

TEST(TransactionCodec, LimitsAreEnforced) {
  const auto put_of = [](size_t table, size_t key, size_t value) {
    std::string bytes;
    Writer writer(bytes);
    writer.varint(0);
    writer.varint(1);
    writer.u8(1);
    writer.bytes(std::string(table, 't'));
    writer.bytes(std::string(key, 'k'));
    writer.bytes(std::string(value, 'v'));
    return bytes;
  };
  EXPECT_TRUE(check_transaction(put_of(255, 65'535, kValueBytesMax)).ok());
  EXPECT_FALSE(check_transaction(put_of(256, 1, 1)).ok());
  EXPECT_FALSE(check_transaction(put_of(1, 65'536, 1)).ok());
  EXPECT_FALSE(check_transaction(put_of(1, 1, kValueBytesMax + 1)).ok());

  std::string many;
  Writer writer(many);
  writer.varint(0);
  writer.varint(kTransactionParts + 1);
  for (size_t i = 0; i <= kTransactionParts; ++i) {
    writer.u8(i == 0 ? 9 : 0x29);
    if (i == 0) writer.bytes("");
  }
  EXPECT_FALSE(check_transaction(many).ok());
  EXPECT_FALSE(check_transaction(std::string(kTransactionBytesMax + 1, '\0')).ok());
}

// ---- records ----

TEST(RecordCodec, TransactionsComeBackAsTheyWere) {
  const std::string first = Transaction().put("a", "1").bytes();
  const std::string second = Transaction().get("b").bytes();
  const std::string record = record_of(kOrigin, 9, 8, {first, second}, -5);
  RecordReader reader(record);
  ASSERT_TRUE(reader.ok());
  EXPECT_EQ(reader.header().kind, RecordKind::kTransactions);
  EXPECT_EQ(reader.header().origin, kOrigin);
  EXPECT_EQ(reader.header().first, Sequence(9));
  EXPECT_EQ(reader.header().last(), Sequence(10));
  EXPECT_EQ(reader.header().floor, Sequence(8));
  EXPECT_EQ(reader.header().time, static_cast<WallMs>(-5));
  std::string_view transaction;
  ASSERT_TRUE(reader.next(transaction));
  EXPECT_EQ(transaction, first);
  ASSERT_TRUE(reader.next(transaction));
  EXPECT_EQ(transaction, second);
  EXPECT_FALSE(reader.next(transaction));
  EXPECT_TRUE(reader.finished());
}

TEST(RecordCodec, TheLeaderStampsInPlace) {
  std::string record = record_of(kOrigin, 1, 0, {Transaction().bytes()}, 0);
  const size_t size = record.size();
  stamp_record(record, static_cast<WallMs>(77));
  EXPECT_EQ(record.size(), size);
  EXPECT_EQ(RecordReader(record).header().time, static_cast<WallMs>(77));
  stamp_record(record, static_cast<WallMs>(78));
  EXPECT_EQ(record, record_of(kOrigin, 1, 0, {Transaction().bytes()}, 78));
}

TEST(RecordCodec, NoPrefixAndNothingLongerIsOne) {
  const std::string record = record_of(kOrigin, 5, 3, {worked_example().bytes(), "\0\0"}, 1);
  for (size_t size = 0; size < record.size(); ++size) {
    EXPECT_FALSE(check_record(std::string_view(record).substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(check_record(record + '\0').ok());
  const std::string close = encode_close_session(kOrigin);
  EXPECT_TRUE(check_record(close).ok());
  EXPECT_FALSE(check_record(close + '\0').ok());
}

TEST(RecordCodec, BadHeadersAreRefused) {
  const std::string good = record_of(kOrigin, 5, 3, {Transaction().bytes()}, 1);
  EXPECT_TRUE(check_record(good).ok());
  const auto with = [&](size_t at, std::string_view bytes) {
    std::string record = good;
    record.replace(at, bytes.size(), bytes);
    return record;
  };
  using namespace std::string_view_literals;
  EXPECT_FALSE(check_record(with(0, "\x02"sv)).ok());               // version
  EXPECT_FALSE(check_record(with(1, "\x00"sv)).ok());               // kind
  EXPECT_FALSE(check_record(with(1, "\x02"sv)).ok());               // kind, with a count
  EXPECT_FALSE(check_record(with(1, "\x03"sv)).ok());               // kind
  EXPECT_FALSE(check_record(with(2, "\0\0\0\0\0\0\0\0"sv)).ok());   // no origin
  EXPECT_FALSE(check_record(with(10, "\0\0\0\0\0\0\0\0"sv)).ok());  // first
  EXPECT_FALSE(check_record(with(10, "\xff\xff\xff\xff\xff\xff\xff\xff"sv)).ok());
  EXPECT_FALSE(check_record(with(34, "\0\0\0\0"sv)).ok());          // count
  EXPECT_FALSE(check_record(with(34, "\2\0\0\0"sv)).ok());          // count
  EXPECT_FALSE(check_record(with(34, "\xff\xff\xff\xff"sv)).ok());  // count
}

TEST(RecordCodec, ChangesAreAllThatReadersMustWaitFor) {
  const std::string record =
      record_of(kOrigin, 1, 0,
                {Transaction().if_absent("c").get("g").put("p", "").erase("e").bytes(),
                 Transaction().in("u").clear().clear_all().add("n", 1).bytes()});
  std::vector<std::string> touched;
  EXPECT_TRUE(for_each_change(record, [&](const Operation& operation) {
    touched.push_back(std::string(operation.table) + "/" + std::string(operation.key) +
                      (names_key(operation.kind) ? "" : "*"));
  }));
  EXPECT_EQ(touched, (std::vector<std::string>{"t/p", "t/e", "u/*", "/*", "u/n"}));
  EXPECT_FALSE(for_each_change(std::string_view(record).substr(0, record.size() - 1),
                               [](const Operation&) {}));
}

// ---- answers ----

TEST(AnswerCodec, TrailingNothingsTakeNoBytes) {
  Reply reply;
  AnswerWriter writer(reply.answer_bytes);
  for (int i = 0; i < 1000; ++i) writer.nothing();
  reply.answers = 1000;
  EXPECT_TRUE(reply.answer_bytes.empty());
  AnswerReader reader(reply);
  int count = 0;
  for (Answer answer; reader.next(answer); ++count) {
    EXPECT_FALSE(answer.value);
    EXPECT_EQ(answer.number, 0);
  }
  EXPECT_EQ(count, 1000);
  EXPECT_TRUE(reader.finished());
}

TEST(AnswerCodec, BadBytesAreNoAnswers) {
  for (const char* hex : {"03", "01", "0205", "00 00 00"}) {
    const std::string bytes = from_hex(hex);
    AnswerReader reader(2, bytes);
    for (Answer answer; reader.next(answer);) {
    }
    EXPECT_FALSE(reader.finished()) << hex;
  }
}

}  // namespace
}  // namespace ram::machine
