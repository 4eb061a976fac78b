// Every method of Table, in both forms, on a cluster of one.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <future>
#include <thread>

#include "tests/api/test_cluster.h"

namespace ram {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Optional;
using namespace ram::testing;

template <class T>
T expect_ok(Result<T> result) {
  EXPECT_TRUE(result.ok()) << result.status().message();
  return result.ok() ? std::move(*result) : T();
}

// The value that a callback form hands to its callback.
template <class T, class Start>
T wait_for(Start start) {
  std::promise<T> promise;
  start([&promise](T value) { promise.set_value(std::move(value)); });
  return promise.get_future().get();
}

class TableTest : public ::testing::Test {
 protected:
  TestCluster cluster_{1};
  Node& node_ = cluster_[0];
  Table table_ = node_.table("colors");
};

TEST_F(TableTest, WhatIsPutIsRead) {
  const uint64_t revision = expect_ok(table_.put("sky", "blue"));
  EXPECT_GT(revision, 0);
  EXPECT_THAT(expect_ok(table_.get("sky")), Optional(std::string("blue")));
  EXPECT_EQ(expect_ok(table_.get("sea")), std::nullopt);
  EXPECT_GT(expect_ok(table_.put("sky", "grey")), revision);
  EXPECT_THAT(expect_ok(table_.get("sky")), Optional(std::string("grey")));
}

TEST_F(TableTest, FetchTellsTheRevisionOfTheValue) {
  const uint64_t revision = expect_ok(table_.put("sky", "blue"));
  (void)table_.put("sea", "green");
  const std::optional<Entry> entry = expect_ok(table_.fetch("sky"));
  ASSERT_TRUE(entry);
  EXPECT_EQ(entry->value, "blue");
  EXPECT_EQ(entry->revision, revision);
  EXPECT_FALSE(expect_ok(table_.fetch("grass")));
}

TEST_F(TableTest, ManyKeysAreReadInTheirOrder) {
  (void)table_.put("a", "1");
  (void)table_.put("b", "2");
  const std::string_view keys[] = {"b", "none", "a"};
  EXPECT_THAT(expect_ok(table_.get(keys)),
              ElementsAre(Optional(std::string("2")), std::nullopt, Optional(std::string("1"))));
}

TEST_F(TableTest, ContainsAndSizeCountKeys) {
  EXPECT_EQ(expect_ok(table_.size()), 0);
  EXPECT_FALSE(expect_ok(table_.contains("sky")));
  (void)table_.put("sky", "");
  EXPECT_TRUE(expect_ok(table_.contains("sky")));
  EXPECT_EQ(expect_ok(table_.size()), 1);
  EXPECT_EQ(expect_ok(node_.table("other").size()), 0);
}

TEST_F(TableTest, InsertLeavesWhatIsThere) {
  EXPECT_TRUE(expect_ok(table_.insert("sky", "blue")));
  EXPECT_FALSE(expect_ok(table_.insert("sky", "grey")));
  EXPECT_THAT(expect_ok(table_.get("sky")), Optional(std::string("blue")));
}

TEST_F(TableTest, CompareAndSetNeedsTheRevision) {
  const std::optional<uint64_t> first = expect_ok(table_.compare_and_set("sky", 0, "blue"));
  ASSERT_TRUE(first);
  EXPECT_FALSE(expect_ok(table_.compare_and_set("sky", 0, "grey")));
  EXPECT_FALSE(expect_ok(table_.compare_and_set("sky", *first + 1, "grey")));
  const std::optional<uint64_t> second = expect_ok(table_.compare_and_set("sky", *first, "red"));
  ASSERT_TRUE(second);
  EXPECT_GT(*second, *first);
  EXPECT_THAT(expect_ok(table_.get("sky")), Optional(std::string("red")));
}

TEST_F(TableTest, EraseAndTakeTellWhatWasThere) {
  (void)table_.put("sky", "blue");
  EXPECT_TRUE(expect_ok(table_.erase("sky")));
  EXPECT_FALSE(expect_ok(table_.erase("sky")));
  (void)table_.put("sky", "grey");
  EXPECT_THAT(expect_ok(table_.take("sky")), Optional(std::string("grey")));
  EXPECT_EQ(expect_ok(table_.take("sky")), std::nullopt);
}

TEST_F(TableTest, ClearLeavesOtherTablesAlone) {
  (void)table_.put("sky", "blue");
  Table shapes = node_.table("shapes");
  (void)shapes.put("sun", "round");
  EXPECT_TRUE(table_.clear().ok());
  EXPECT_EQ(expect_ok(table_.size()), 0);
  EXPECT_EQ(expect_ok(shapes.size()), 1);
}

TEST_F(TableTest, UpdateChangesWhatIsThere) {
  const auto louder = [](std::string_view value) { return std::string(value) + "!"; };
  EXPECT_EQ(expect_ok(table_.update("word", "hey", louder)), "hey!");
  EXPECT_EQ(expect_ok(table_.update("word", "hey", louder)), "hey!!");
}

std::string plus_one(std::string_view value) {
  return std::to_string(std::stoi(std::string(value)) + 1);
}

TEST_F(TableTest, UpdatesOfManyThreadsAllCount) {
  constexpr int kThreads = 4;
  constexpr int kEach = 200;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([this] {
      for (int i = 0; i < kEach; ++i) expect_ok(table_.update("count", "0", plus_one));
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_THAT(expect_ok(table_.get("count")), Optional(std::to_string(kThreads * kEach)));
}

TEST_F(TableTest, UpdateEndsAtItsDeadlineWhateverOthersWrite) {
  // Someone writes within each attempt.
  const auto result = table_.update("key", "0",
                                    [this](std::string_view value) {
                                      (void)node_.table("colors").put("key", value);
                                      return std::string(value);
                                    },
                                    {.timeout = 50ms});
  ASSERT_FALSE(result.ok());
  EXPECT_EQ(result.status().code(), Code::kUnavailable);
}

TEST_F(TableTest, TheCallbackFormsDoTheSame) {
  const WriteOptions write;
  const ReadOptions read;
  EXPECT_GT(expect_ok(wait_for<Result<uint64_t>>(
                [&](auto done) { table_.put("sky", "blue", write, done); })),
            0);
  EXPECT_THAT(expect_ok(wait_for<Result<std::optional<std::string>>>(
                  [&](auto done) { table_.get("sky", read, done); })),
              Optional(std::string("blue")));
  EXPECT_FALSE(expect_ok(
      wait_for<Result<bool>>([&](auto done) { table_.insert("sky", "grey", write, done); })));
  const std::optional<Entry> entry = expect_ok(
      wait_for<Result<std::optional<Entry>>>([&](auto done) { table_.fetch("sky", read, done); }));
  ASSERT_TRUE(entry);
  EXPECT_TRUE(expect_ok(wait_for<Result<std::optional<uint64_t>>>(
      [&](auto done) { table_.compare_and_set("sky", entry->revision, "red", write, done); })));
  EXPECT_TRUE(
      expect_ok(wait_for<Result<bool>>([&](auto done) { table_.contains("sky", read, done); })));
  EXPECT_EQ(expect_ok(wait_for<Result<uint64_t>>([&](auto done) { table_.size(read, done); })), 1);
  EXPECT_THAT(expect_ok(wait_for<Result<std::vector<std::optional<std::string>>>>([&](auto done) {
                table_.get(std::vector<std::string>{"sky", "sea"}, read, done);
              })),
              ElementsAre(Optional(std::string("red")), std::nullopt));
  EXPECT_EQ(expect_ok(wait_for<Result<std::string>>(
                [&](auto done) { table_.update("count", "41", plus_one, write, done); })),
            "42");
  EXPECT_THAT(expect_ok(wait_for<Result<std::optional<std::string>>>(
                  [&](auto done) { table_.take("count", write, done); })),
              Optional(std::string("42")));
  EXPECT_TRUE(
      expect_ok(wait_for<Result<bool>>([&](auto done) { table_.erase("sky", write, done); })));
  EXPECT_TRUE(wait_for<Status>([&](auto done) { table_.clear(write, done); }).ok());
}

TEST_F(TableTest, AStaleReadSeesOnesOwnWrites) {
  (void)table_.put("sky", "blue");
  const ReadOptions stale{.reads = Reads::kStale};
  EXPECT_THAT(expect_ok(table_.get("sky", stale)), Optional(std::string("blue")));
}

TEST_F(TableTest, WhatIsBeyondALimitIsRefusedNamingIt) {
  const std::string long_key(65'536, 'k');
  const std::string long_value((size_t{16} << 20) + 1, 'v');
  Table long_name = node_.table(std::string(256, 't'));

  const Status key = table_.put(long_key, "v").status();
  EXPECT_EQ(key.code(), Code::kInvalid);
  EXPECT_THAT(key.message(), HasSubstr("65535"));
  const Status value = table_.put("k", long_value).status();
  EXPECT_EQ(value.code(), Code::kInvalid);
  EXPECT_THAT(value.message(), HasSubstr("16777216"));
  const Status name = long_name.put("k", "v").status();
  EXPECT_EQ(name.code(), Code::kInvalid);
  EXPECT_THAT(name.message(), HasSubstr("255"));

  EXPECT_EQ(table_.get(long_key).status().code(), Code::kInvalid);
  EXPECT_EQ(long_name.get("k").status().code(), Code::kInvalid);
  EXPECT_EQ(long_name.size().status().code(), Code::kInvalid);
  EXPECT_EQ(table_.update(long_key, "", plus_one).status().code(), Code::kInvalid);
}

TEST_F(TableTest, KeysAndValuesAtTheirLimitsAreTaken) {
  const std::string key(65'535, 'k');
  const std::string value(size_t{16} << 20, 'v');
  EXPECT_GT(expect_ok(table_.put(key, value)), 0);
  EXPECT_TRUE(expect_ok(table_.get(key)) == value);
  EXPECT_GT(expect_ok(table_.put("", "")), 0);
  EXPECT_THAT(expect_ok(table_.get("")), Optional(std::string()));
}

TEST_F(TableTest, KeysAndValuesAreBytes) {
  const std::string bytes("\0\xff\n\r\0", 5);
  (void)table_.put(bytes, bytes);
  EXPECT_THAT(expect_ok(table_.get(bytes)), Optional(bytes));
}

}  // namespace
}  // namespace ram
