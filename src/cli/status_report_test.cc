#include "cli/status_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ram::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

RespValue text(std::string value) {
  return {.kind = RespValue::Kind::kText, .text = std::move(value)};
}
RespValue number(int64_t value) {
  return {.kind = RespValue::Kind::kInteger, .integer = value};
}
RespValue array(std::vector<RespValue> items) {
  return {.kind = RespValue::Kind::kArray, .items = std::move(items)};
}

RespValue status_of(int64_t voters) {
  return array({text("name"),      text("n1"),     text("state"),   text("ok"),
                text("role"),      text("leader"), text("cluster"), text("c0ffee"),
                text("leader"),    text("n1"),     text("term"),    number(3),
                text("members"),   number(voters), text("voters"),  number(voters),
                text("revision"),  number(12),     text("applied"), number(20),
                text("commit"),    number(20),     text("version"), text("0.1.0"),
                text("uptime_ms"), number(61'000)});
}

RespValue member(const std::string& name, int64_t leader, int64_t since_ms = 61'000) {
  return array({text("name"), text(name), text("role"), text("voter"), text("state"), text("up"),
                text("leader"), number(leader), text("address"), text("127.0.0.1:7371"),
                text("since_ms"), number(since_ms), text("lag"), number(0), text("id"),
                text("id-" + name), text("client"), text("127.0.0.1:6371")});
}

// How n2, which follows n1, is.
RespValue follower() {
  return array({text("name"), text("n2"), text("state"), text("ok"), text("role"), text("follower"),
                text("id"), text("id-n2")});
}
RespValue leader(std::string id, std::string role) {
  return array({text("name"), text("n1"), text("role"), text(std::move(role)), text("id"),
                text(std::move(id))});
}

TEST(StatusReport, TheTableSaysHowTheNodeAndItsClusterAre) {
  const StatusReport report(status_of(3), array({member("n1", 1), member("n2", 0, 5000)}));
  EXPECT_EQ(report.table(),
            "node     n1, version 0.1.0, up 1m 1s\n"
            "state    ok, leader\n"
            "cluster  c0ffee, 3 members, 3 voters, leader n1, term 3\n"
            "data     revision 12, applied 20 of 20 committed\n"
            "\n"
            "MEMBER  ROLE    STATE  SINCE  LAG  LEASE  DELAYED  CLIENTS         PEERS           "
            "VERSION\n"
            "n1      leader  up     1m 1s  0    -      -        127.0.0.1:6371  127.0.0.1:7371  -\n"
            "n2      voter   up     5.0s   0    -      -        127.0.0.1:6371  127.0.0.1:7371  "
            "-\n");
}

TEST(StatusReport, SaysWhoJoinsAndWhatItWaitsFor) {
  const RespValue joiner =
      array({text("name"),         text("n2"),        text("role"),     text("joining"),
             text("state"),        text("joining"),   text("leader"),   number(0),
             text("lag"),          number(0),         text("lease"),    number(0),
             text("lease_reason"), text("joining"),   text("since_ms"), number(5000),
             text("waiting_for"),  text("the state"), text("address"),  text("127.0.0.1:7372")});
  const std::string table = StatusReport(status_of(1), array({member("n1", 1), joiner})).table();
  EXPECT_THAT(table, HasSubstr("\ncluster  c0ffee, 1 member, 1 voter, "));
  EXPECT_THAT(table, HasSubstr("\njoining  n2, which waits for the state\n"));
  EXPECT_THAT(table, HasSubstr("\nn2      joining  joining  5.0s   -    joining  "));
}

TEST(StatusReport, KnowsForHowLongTheNodeMayTryToLeave) {
  const auto told = [](int64_t ms) {
    return StatusReport(array({text("leave_timeout_ms"), number(ms)}), {}).leave_timeout().count();
  };
  EXPECT_EQ(told(5000), 5000);
  EXPECT_EQ(told(-1), 0);
  EXPECT_EQ(StatusReport(array({}), {}).leave_timeout().count(), 0);
}

TEST(StatusReport, SaysHowMuchMemoryTheDataTakesAndMayTake) {
  const RespValue status = array({text("name"), text("n1"), text("memory_bytes"), number(3 << 19),
                                  text("memory_bytes_max"), number(512 << 20)});
  EXPECT_THAT(StatusReport(status, array({})).table(),
              HasSubstr("memory  1.5 MiB of data, of 512.0 MiB (--max-memory)\n"));
}

TEST(StatusReport, SaysWhoHasALeaseWhoHasNoneAndWhoDelaysWrites) {
  const auto row = [](std::vector<RespValue> fields) {
    fields.insert(fields.end(), {text("name"), text("n2")});
    const std::string table = StatusReport(status_of(3), array({array(fields)})).table();
    return table.substr(table.find("\nn2") + 1);
  };
  const auto none = [&](std::string why, int64_t readmit_ms) {
    return row({text("lease"), number(0), text("lease_reason"), text(why), text("readmit_ms"),
                number(readmit_ms)});
  };
  EXPECT_THAT(row({text("lease"), number(1), text("lease_ms"), number(280)}), HasSubstr(" 280ms "));
  EXPECT_THAT(none("lags", 850), HasSubstr(" lags "));
  EXPECT_THAT(none("readmission", 850), HasSubstr(" readmission in 850ms "));
  EXPECT_THAT(row({text("delayed_ms"), number(1500)}), HasSubstr(" 1.5s "));
  EXPECT_THAT(row({text("delayed_ms"), number(1500), text("delaying_ms"), number(120)}),
              HasSubstr(" 1.5s, now 120ms "));
  const RespValue delayed = array({text("name"), text("n1"), text("delayed_by"), text("n2")});
  EXPECT_THAT(StatusReport(delayed, array({})).table(),
              HasSubstr("writes  waiting for n2\n"));
}

TEST(StatusReport, SaysHowReadsAreAnswered) {
  const auto report = [](int64_t lease) {
    return StatusReport(array({text("name"), text("n1"), text("cluster"), text("c0ffee"),
                               text("lease"), number(lease), text("lease_ms"), number(240),
                               text("lease_reason"), text(lease != 0 ? "" : "no-leader"),
                               text("reads_local"), number(7), text("reads_waited"), number(1),
                               text("reads_asked"), number(2), text("reads_refused"), number(0)}),
                        array({}))
        .table();
  };
  EXPECT_THAT(report(1), HasSubstr("reads    from memory, under a lease for 240ms; so far 7 from "
                                   "memory, 1 waited for a write, 2 asked, 0 refused\n"));
  EXPECT_THAT(report(0),
              HasSubstr("reads    through the leader, without a lease (no-leader); so far 7"));
}

TEST(StatusReport, SaysHowReadsThatAreNotLocalAreAnswered) {
  const auto reads = [](std::string state, std::string how, std::string reason) {
    const std::string table =
        StatusReport(
            array({text("name"), text("n1"), text("state"), text(std::move(state)), text("lease"),
                   number(reason.empty()), text("lease_reason"), text(std::move(reason)),
                   text("reads"), text(std::move(how)), text("reads_local"), number(7)}),
            array({}))
            .table();
    const size_t begin = table.find("\nreads  ") + 8;
    return table.substr(begin, table.find(';', begin) - begin);
  };
  EXPECT_EQ(reads("ok", "leader", ""), "through the leader");
  EXPECT_EQ(reads("ok", "quorum", ""), "through the leader, which asks a majority");
  EXPECT_EQ(reads("ok", "local", "off"),
            "through the leader, which asks a majority, as leases are off");
  EXPECT_EQ(reads("no-quorum", "local", "no-leader"), "refused, but for stale ones");
}

TEST(StatusReport, OnlyAFollowerHasALeaderToAsk) {
  const RespValue members = array({member("n1", 1), member("n2", 0)});
  EXPECT_FALSE(StatusReport(status_of(3), members).leader());
  const auto leader = StatusReport(follower(), members).leader();
  ASSERT_TRUE(leader);
  EXPECT_EQ(leader->name, "n1");
  EXPECT_EQ(leader->client, "127.0.0.1:6371");
  EXPECT_FALSE(StatusReport(follower(), array({member("n1", 0), member("n2", 0)})).leader());
}

TEST(StatusReport, TheLeadersMembersTakeThePlaceOfTheAskedNodes) {
  StatusReport report(follower(), array({member("n1", 1), member("n2", 0)}));
  ASSERT_TRUE(report
                  .set_leaders_answer(leader("id-n1", "leader"),
                                      array({member("n1", 1), member("n3", 0, 7000)}))
                  .ok());
  EXPECT_THAT(report.table(), HasSubstr("members  as the leader n1 knows them\n"));
  EXPECT_THAT(report.table(), HasSubstr("n3      voter   up     7.0s"));
  EXPECT_THAT(report.table(), Not(HasSubstr("n2      voter")));
  EXPECT_THAT(report.json(), HasSubstr("\"members_from\": \"n1\"\n}"));
}

TEST(StatusReport, AnAnswerThatIsNotTheLeadersChangesNothing) {
  StatusReport report(follower(), array({member("n1", 1), member("n2", 0)}));
  for (const RespValue& wrong :
       {leader("id-other", "leader"), leader("id-n1", "follower"), number(1)}) {
    EXPECT_FALSE(report.set_leaders_answer(wrong, array({member("n9", 0)})).ok());
  }
  report.set_trouble("the leader n1 could not be asked (why)");
  EXPECT_THAT(report.table(), HasSubstr("members  as n2 knows them, and it hears of its leader "
                                        "alone: the leader n1 could not be asked (why)\n"));
  EXPECT_THAT(report.table(), HasSubstr("n2      voter"));
  EXPECT_THAT(report.json(), HasSubstr("\"members_from\": \"n2\",\n  \"trouble\": \"the leader"));
}

TEST(StatusReport, WhatIsJoiningIsSaidOnce) {
  const StatusReport report(array({text("name"), text("n1"), text("state"), text("joining"),
                                   text("role"), text("joining")}),
                            array({}));
  EXPECT_THAT(report.table(), HasSubstr("state  joining\n"));
}

TEST(StatusReport, ANodeWithoutAClusterSaysWhatItWaitsFor) {
  const StatusReport report(array({text("name"), text("n1"), text("state"), text("joining"),
                                   text("waiting_for"), text("the node at 127.0.0.1:7372")}),
                            array({}));
  EXPECT_THAT(report.table(), HasSubstr("waiting  the node at 127.0.0.1:7372"));
  EXPECT_THAT(report.table(), Not(HasSubstr("MEMBER")));
}

TEST(StatusReport, JsonHasEveryFieldWithItsType) {
  const StatusReport report(array({text("name"), text("a \"quoted\"\nname"), text("later_field"),
                                   number(7), text("nothing"), RespValue()}),
                            array({array({text("name"), text("n1")})}));
  EXPECT_EQ(report.json(),
            "{\n  \"status\": {\"name\": \"a \\\"quoted\\\"\\u000aname\", \"later_field\": 7, "
            "\"nothing\": null},\n  \"members\": [\n    {\"name\": \"n1\"}\n  ],\n"
            "  \"members_from\": \"a \\\"quoted\\\"\\u000aname\"\n}\n");
}

TEST(StatusReport, MalformedRepliesAreLeftOut) {
  const StatusReport report(number(1), array({number(2), array({text("name")})}));
  EXPECT_THAT(report.json(), HasSubstr("\"status\": {}"));
}

}  // namespace
}  // namespace ram::cli
