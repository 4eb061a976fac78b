#include "resp/reply.h"

#include <gtest/gtest.h>

#include <limits>

namespace ram::resp {
namespace {

template <class Write>
std::string written(Version version, Write write) {
  std::string out;
  Reply reply(out, version);
  write(reply);
  return out;
}

template <class Write>
void expect(Write write, std::string_view resp2, std::string_view resp3) {
  EXPECT_EQ(written(Version::k2, write), resp2);
  EXPECT_EQ(written(Version::k3, write), resp3);
}

template <class Write>
void expect(Write write, std::string_view both) {
  expect(write, both, both);
}

TEST(Reply, WritesWhatBothVersionsShare) {
  expect([](Reply& r) { r.ok(); }, "+OK\r\n");
  expect([](Reply& r) { r.simple("PONG"); }, "+PONG\r\n");
  expect([](Reply& r) { r.error("ERR no"); }, "-ERR no\r\n");
  expect([](Reply& r) { r.integer(int64_t{-5}); }, ":-5\r\n");
  expect([](Reply& r) { r.integer(std::numeric_limits<int64_t>::min()); },
         ":-9223372036854775808\r\n");
  expect([](Reply& r) { r.integer(uint64_t{7}); }, ":7\r\n");
  expect([](Reply& r) { r.integer(~uint64_t{0}); }, ":9223372036854775807\r\n");
  expect([](Reply& r) { r.bulk(""); }, "$0\r\n\r\n");
  expect([](Reply& r) { r.bulk(std::string_view("a\r\nb\0", 5)); },
         std::string_view("$5\r\na\r\nb\0\r\n", 11));
  expect([](Reply& r) { r.array(2); }, "*2\r\n");
}

TEST(Reply, WritesEachVersionsOwnTypes) {
  expect([](Reply& r) { r.null(); }, "$-1\r\n", "_\r\n");
  expect([](Reply& r) { r.map(3); }, "*6\r\n", "%3\r\n");
  expect([](Reply& r) { r.set(3); }, "*3\r\n", "~3\r\n");
  expect([](Reply& r) { r.text("a\nb"); }, "$3\r\na\nb\r\n", "=7\r\ntxt:a\nb\r\n");
  expect([](Reply& r) { r.field("n", uint64_t{1}); }, "$1\r\nn\r\n:1\r\n");
}

TEST(Reply, KeepsAnErrorOnOneLine) {
  expect([](Reply& r) { r.error("ERR unknown command 'a\r\n+OK\r\n'"); },
         "-ERR unknown command 'a  +OK  '\r\n");
}

TEST(Reply, NamesEachFailureByItsWord) {
  const std::pair<Status, std::string_view> cases[] = {
      {Status::invalid("too long"), "-ERR too long\r\n"},
      {Status::unavailable("no leader"), "-CLUSTERDOWN no leader\r\n"},
      {Status::joining("not yet"), "-LOADING not yet\r\n"},
      {Status::overloaded("full"), "-TRYAGAIN full\r\n"},
      {Status::out_of_memory("4 GiB"), "-OOM 4 GiB\r\n"},
      {Status::unknown_outcome("timeout"), "-INDOUBT timeout\r\n"},
      {Status::unavailable(""), "-CLUSTERDOWN unavailable\r\n"},
  };
  for (const auto& [status, line] : cases) {
    expect([&status = status](Reply& r) { r.error(status); }, line);
  }
}

}  // namespace
}  // namespace ram::resp
