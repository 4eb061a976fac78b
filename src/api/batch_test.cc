#include "ram/batch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "api/batch_access.h"
#include "base/limits.h"
#include "machine/command_codec.h"

namespace ram {
namespace {

using machine::Condition;
using machine::ConditionKind;
using machine::Operation;
using machine::OperationKind;
using testing::HasSubstr;

std::string taken(Batch batch) {
  Result<std::string> bytes = BatchAccess::take(std::move(batch));
  EXPECT_TRUE(bytes.ok()) << bytes.status().message();
  EXPECT_TRUE(machine::check_transaction(*bytes).ok());
  return *std::move(bytes);
}

void expect_refused(Batch batch, const std::string& why) {
  const Result<std::string> bytes = BatchAccess::take(std::move(batch));
  ASSERT_FALSE(bytes.ok());
  EXPECT_EQ(bytes.status().code(), Code::kInvalid);
  EXPECT_THAT(bytes.status().message(), HasSubstr(why));
}

TEST(Batch, IsEmptyUntilSomethingIsAdded) {
  EXPECT_TRUE(Batch().empty());
  EXPECT_FALSE(Batch().if_absent("t", "k").empty());
  EXPECT_FALSE(Batch().clear_all().empty());
  EXPECT_EQ(Batch().if_absent("t", "k").edits(), 0U);
  EXPECT_EQ(Batch().put("t", "k", "v").get("t", "k").edits(), 2U);
}

TEST(Batch, AnEmptyOneIsAWholeTransaction) {
  const std::string bytes = taken(Batch());
  const machine::TransactionReader reader(bytes);
  EXPECT_EQ(reader.conditions() + reader.operations(), 0U);
}

TEST(Batch, HoldsItsConditionsInOrder) {
  Batch batch;
  batch.if_absent("t", "a").put("t", "a", "1").if_present("u", "b").if_revision("t", "c", 300);
  const std::string bytes = taken(batch);
  machine::TransactionReader reader(bytes);
  ASSERT_EQ(reader.conditions(), 3U);
  std::vector<std::string> seen;
  for (Condition condition; reader.next(condition);) {
    seen.push_back(std::to_string(static_cast<int>(condition.kind)) + " " +
                   std::string(condition.table) + " " + std::string(condition.key) + " " +
                   std::to_string(condition.revision.value));
  }
  EXPECT_THAT(seen, testing::ElementsAre("1 t a 0", "2 u b 0", "3 t c 300"));
}

TEST(Batch, HoldsEveryKindOfEditInOrder) {
  Batch batch;
  batch.put("t", "k", "v").exchange("t", "k", "w").erase("u", "k").take("t", "k");
  batch.append("t", "k", "s").add("t", "k", -64).get("u", "k").clear("t").clear_all();
  EXPECT_EQ(batch.edits(), 9U);
  const std::string bytes = taken(batch);
  machine::TransactionReader reader(bytes);
  const Operation expected[] = {
      {.kind = OperationKind::kPut, .table = "t", .key = "k", .value = "v"},
      {.kind = OperationKind::kExchange, .table = "t", .key = "k", .value = "w"},
      {.kind = OperationKind::kErase, .table = "u", .key = "k"},
      {.kind = OperationKind::kTake, .table = "t", .key = "k"},
      {.kind = OperationKind::kAppend, .table = "t", .key = "k", .value = "s"},
      {.kind = OperationKind::kAdd, .table = "t", .key = "k", .delta = -64},
      {.kind = OperationKind::kGet, .table = "u", .key = "k"},
      {.kind = OperationKind::kClear, .table = "t"},
      {.kind = OperationKind::kClearAll},
  };
  for (const Operation& wanted : expected) {
    Operation operation;
    ASSERT_TRUE(reader.next(operation));
    EXPECT_EQ(operation.kind, wanted.kind);
    EXPECT_EQ(operation.table, wanted.table);
    EXPECT_EQ(operation.key, wanted.key);
    EXPECT_EQ(operation.value, wanted.value);
    EXPECT_EQ(operation.delta, wanted.delta);
  }
  EXPECT_TRUE(reader.finished());
}

TEST(Batch, TakesAnyBytesUpToTheLimits) {
  const std::string table(kTableNameBytesMax, '\0');
  const std::string key(kKeyBytesMax, '\xff');
  const std::string value(kValueBytesMax, '\n');
  const std::string bytes = taken(Batch().if_present(table, key).put(table, key, value));
  machine::TransactionReader reader(bytes);
  Operation operation;
  ASSERT_TRUE(reader.next(operation));
  EXPECT_EQ(operation.key, key);
  EXPECT_EQ(operation.value, value);
}

TEST(Batch, WhatIsBeyondALimitIsRefusedWholly) {
  const std::string table(kTableNameBytesMax + 1, 't');
  const std::string key(kKeyBytesMax + 1, 'k');
  const std::string value(kValueBytesMax + 1, 'v');
  expect_refused(Batch().put(table, "k", "v"), "a table's name has at most 255 bytes");
  expect_refused(Batch().if_absent("t", key), "a key 65535");
  expect_refused(Batch().get("t", key), "a key 65535");
  expect_refused(Batch().append("t", "k", value), "a value 16777216");
  // Whatever is added later: half of a batch is no batch.
  expect_refused(Batch().put("t", key, "v").put("t", "k", "v"), "exceeds a limit");
}

TEST(Batch, ItsPartsTogetherAreBounded) {
  const std::string value(kValueBytesMax, 'v');
  Batch two;
  two.put("t", "a", value).put("t", "b", value);
  expect_refused(two, "takes more than");
  // And it stops growing long before memory does.
  for (int i = 0; i < 1000; ++i) two.put("t", "c", value);
  expect_refused(two, "exceeds a limit");

  Batch many;
  for (size_t i = 0; i < kTransactionParts; ++i) many.get("", "");
  EXPECT_TRUE(BatchAccess::take(many).ok());
  expect_refused(many.if_absent("", ""), "more than 1048576 conditions and edits");
}

TEST(Batch, ACopyGoesItsOwnWay) {
  Batch first;
  first.put("t", "k", "1");
  Batch second = first;
  second.put("t", "k", "2");
  EXPECT_EQ(first.edits(), 1U);
  EXPECT_EQ(second.edits(), 2U);
  EXPECT_NE(taken(first), taken(second));
}

}  // namespace
}  // namespace ram
