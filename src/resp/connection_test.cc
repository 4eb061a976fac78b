// The rules of connection.h: order of replies, what a read may see, sharing of calls, bounds.
#include "resp/connection.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "resp/test_support.h"

namespace ram::resp {
namespace {

class ConnectionTest : public FrontTest {
 protected:
  TestClient& one() { return clients_.empty() ? connect() : *clients_.front(); }
  void type(std::string_view bytes) {
    one().type(bytes);
    front_->turn();
  }
  std::string replies() {
    front_->turn();
    return one().replies();
  }
};

TEST_F(ConnectionTest, RepliesInOrderWhateverIsDoneFirst) {
  type("SET a 1\r\nGET b\r\nSET c 3\r\nGET d\r\n");
  EXPECT_EQ(fake_node().run_fences(), 1U);
  EXPECT_EQ(replies(), "");
  EXPECT_EQ(fake_node().run_writes(1), 1U);
  EXPECT_EQ(replies(), "+OK\r\n$-1\r\n");
  EXPECT_EQ(fake_node().run_writes(), 1U);
  EXPECT_EQ(replies(), "+OK\r\n$-1\r\n");
}

TEST_F(ConnectionTest, AReadSeesTheEarlierWriteOfItsKey) {
  type("SET a 1\r\nGET a\r\n");
  EXPECT_EQ(fake_node().fences, 0U) << "the read waits for the write";
  fake_node().run_writes();
  EXPECT_EQ(replies(), "+OK\r\n");
  EXPECT_EQ(fake_node().fences, 1U);
  fake_node().run_fences();
  EXPECT_EQ(replies(), "$1\r\n1\r\n");
}

TEST_F(ConnectionTest, AReadDoesNotSeeTheLaterWriteOfItsKey) {
  type("GET a\r\nSET a 1\r\nGET a\r\n");
  EXPECT_EQ(fake_node().commits, 0U) << "the write waits for the read";
  settle();
  EXPECT_EQ(one().replies(), "$-1\r\n+OK\r\n$1\r\n1\r\n");
}

TEST_F(ConnectionTest, WritesOfOneKeyDoNotWaitForEachOther) {
  type("SET a 1\r\nAPPEND a 2\r\nINCR a\r\n");
  EXPECT_EQ(fake_node().commits, 1U);
  EXPECT_EQ(fake_node().run_writes(), 3U);
  EXPECT_EQ(replies(), "+OK\r\n:2\r\n:13\r\n");
}

TEST_F(ConnectionTest, DeepPipelinesOfOneKindNeverStall) {
  std::string gets;
  std::string sets;
  for (int i = 0; i < 1000; ++i) {
    gets += "GET k\r\n";
    sets += "SET k v\r\n";
  }
  type(gets);
  EXPECT_EQ(one().connection.queued(), 1000U);
  EXPECT_EQ(fake_node().fences, 1U) << "shared by all";
  settle();
  type(sets);
  EXPECT_EQ(one().connection.queued(), 1000U);
  EXPECT_EQ(fake_node().commits, 1U) << "handed over at once";
}

TEST_F(ConnectionTest, AFenceIsSharedOnlyByReadsParsedBeforeIt) {
  TestClient& other = connect();
  type("GET a\r\n");
  EXPECT_EQ(fake_node().fences, 1U);
  // One more, while the first fence is under way: it must not take part.
  other.type("SET a 1\r\n");
  settle();
  EXPECT_EQ(fake_node().fences, 1U);
  type("GET a\r\n");
  EXPECT_EQ(fake_node().fences, 2U);
}

TEST_F(ConnectionTest, ManyConnectionsShareOneFenceAndOneCommit) {
  for (int i = 0; i < 10; ++i) connect().type("SET a 1\r\nGET b\r\n");
  front_->turn();
  EXPECT_EQ(fake_node().commits, 1U);
  EXPECT_EQ(fake_node().fences, 1U);
}

TEST_F(ConnectionTest, AFailedFenceFailsItsReadsOnly) {
  int asked = 0;
  fake_node().fence_status = [&] {
    return ++asked == 1 ? Status::unavailable("no leader") : Status();
  };
  type("GET a\r\nGET b\r\n");
  fake_node().run_fences();
  type("GET c\r\n");
  settle();
  EXPECT_EQ(one().replies(), "-CLUSTERDOWN no leader\r\n-CLUSTERDOWN no leader\r\n$-1\r\n");
}

TEST_F(ConnectionTest, UnderALeaseReadsAskNobody) {
  fake_node().lease = true;
  EXPECT_EQ(ask("GET k"), "$-1\r\n");
  EXPECT_EQ(ask("MGET a b"), "*2\r\n$-1\r\n$-1\r\n");
  EXPECT_EQ(fake_node().fences, 0U);
  EXPECT_EQ(ask("RAM.READS quorum"), "+OK\r\n");
  EXPECT_EQ(ask("GET k"), "$-1\r\n");
  EXPECT_EQ(fake_node().fences, 1U);
  EXPECT_EQ(fake_node().fenced_as, Reads::kQuorum);
}

TEST_F(ConnectionTest, StaleReadsAskNobody) {
  EXPECT_EQ(ask("RAM.READS stale"), "+OK\r\n");
  type("GET a\r\nEXISTS a b\r\n");
  EXPECT_EQ(one().replies(), "$-1\r\n:0\r\n");
  EXPECT_EQ(fake_node().fences, 0U);
  // Its own writes it sees even so.
  type("SET a 1\r\nGET a\r\n");
  EXPECT_EQ(one().replies(), "");
  fake_node().run_writes();
  EXPECT_EQ(replies(), "+OK\r\n$1\r\n1\r\n");
}

TEST_F(ConnectionTest, CommandsAboutMoreThanKeysRunAlone) {
  type(
      "SET a 1\r\nSET b 2\r\nPING\r\nDBSIZE\r\nFLUSHALL\r\nGET a\r\nSELECT t\r\nSET c 3\r\nKEYS "
      "*\r\n");
  EXPECT_EQ(one().connection.queued(), 2U);
  settle();
  EXPECT_EQ(one().replies(),
            "+OK\r\n+OK\r\n+PONG\r\n:2\r\n+OK\r\n$-1\r\n+OK\r\n+OK\r\n*1\r\n$1\r\nc\r\n");
}

TEST_F(ConnectionTest, ErrorsTakeTheirTurn) {
  type("SET a 1\r\nNOSUCH\r\nGET\r\nINCRBY a x\r\nGET a\r\n");
  settle();
  EXPECT_EQ(one().replies(),
            "+OK\r\n-ERR unknown command 'NOSUCH', with args beginning with: \r\n"
            "-ERR wrong number of arguments for 'get' command\r\n"
            "-ERR value is not an integer or out of range\r\n$1\r\n1\r\n");
}

TEST_F(ConnectionTest, MalformedInputEndsTheConnectionAfterItsReplies) {
  type("SET a 1\r\n*1\r\n!x\r\nSET a 2\r\n");
  EXPECT_FALSE(one().wire.finished);
  settle();
  EXPECT_EQ(one().replies(), "+OK\r\n-ERR Protocol error: expected '$', got '!'\r\n");
  EXPECT_TRUE(one().wire.finished);
  EXPECT_EQ(fake_node().commits, 1U);
}

TEST_F(ConnectionTest, BrowsersAreSentAway) {
  for (const char* method : {"POST", "GET", "HEAD", "PUT", "Host:"}) {
    type(std::string(method) + " / HTTP/1.1\r\nHost: x\r\n\r\nSET a 1\r\n");
    EXPECT_TRUE(one().wire.finished) << method;
    EXPECT_EQ(one().replies(), "-ERR this port speaks the Redis protocol, not HTTP\r\n") << method;
    clients_.clear();
  }
  EXPECT_EQ(fake_node().commits, 0U);
}

TEST_F(ConnectionTest, AClosedConnectionLeavesNothingBehind) {
  type("SET a 1\r\nGET b\r\nGET c\r\n");
  one().connection.kill();
  clients_.clear();
  settle();
  EXPECT_EQ(front_->waiting_commands(), 0U);
  EXPECT_EQ(ask("GET a"), "$1\r\n1\r\n");
}

TEST_F(ConnectionTest, AHalfClosedClientGetsAllItsReplies) {
  type("SET a 1\r\nGET a\r\n");
  one().connection.end();
  front_->turn();
  EXPECT_FALSE(one().wire.finished);
  settle();
  EXPECT_EQ(one().replies(), "+OK\r\n$1\r\n1\r\n");
  EXPECT_TRUE(one().wire.finished);
}

TEST_F(ConnectionTest, StopAnswersWhatWasTakenAndTakesNoMore) {
  type("SET a 1\r\nGET a\r\n");  // the read is held back
  one().connection.stop();
  settle();
  EXPECT_EQ(one().replies(), "+OK\r\n");
  EXPECT_TRUE(one().wire.finished);
}

// ---- bounds, made small ----

class SmallFrontTest : public FrontTest {
 protected:
  SmallFrontTest()
      : FrontTest({.parser = {},
                   .output_bytes_max = 1000,
                   .reply_bytes_max = 200,
                   .unread_max = std::chrono::seconds(60),
                   .waiting_commands_max = 8,
                   .writing_bytes_max = 1000,
                   .waiting_commands_per_client_max = 4,
                   .commands_per_turn = 3,
                   .keys_per_turn = 4,
                   .unparsed_bytes_max = 100}) {}
};

TEST_F(SmallFrontTest, AClientThatDoesNotReadStopsAndIsClosed) {
  TestClient& client = connect();
  ask(client, "SET a " + std::string(300, 'x') + "\r\n");
  client.wire.reads = false;
  std::string gets;
  for (int i = 0; i < 50; ++i) gets += "GET a\r\n";
  ask(client, gets);
  EXPECT_LT(client.wire.unsent, 2000U);
  EXPECT_TRUE(client.wire.paused);
  EXPECT_LE(client.connection.queued(), 4U);

  // Others are served meanwhile.
  EXPECT_EQ(ask(connect(), "PING\r\n"), "+PONG\r\n");

  front_->sweep();  // the last progress is seen
  clock_.pass(std::chrono::seconds(59));
  front_->sweep();
  EXPECT_FALSE(client.wire.closed);
  clock_.pass(std::chrono::seconds(2));
  front_->sweep();
  EXPECT_TRUE(client.wire.closed);
}

TEST_F(SmallFrontTest, AClientThatReadsAgainGetsEverything) {
  TestClient& client = connect();
  ask(client, "SET a " + std::string(300, 'x') + "\r\n");
  client.wire.reads = false;
  std::string gets;
  for (int i = 0; i < 50; ++i) gets += "GET a\r\n";
  std::string got = ask(client, gets);
  client.wire.reads = true;
  client.wire.unsent = 0;
  front_->mark(client.connection);
  settle();
  got += client.replies();
  EXPECT_EQ(got.size(), 50 * (6 + 300 + 2));
  EXPECT_FALSE(client.wire.paused);
}

TEST_F(SmallFrontTest, NoMoreIsQueuedThanTheServerTakes) {
  for (int i = 0; i < 5; ++i) {
    std::string sets;
    for (int j = 0; j < 10; ++j) sets += "SET k" + std::to_string(j) + " v\r\n";
    connect().type(sets);
  }
  for (int i = 0; i < 10; ++i) front_->turn();
  // In turns of three until eight wait, and one each of who has nothing waiting.
  EXPECT_EQ(front_->waiting_commands(), 10U);
  settle();
  for (const auto& client : clients_) {
    std::string expected;
    for (int j = 0; j < 10; ++j) expected += "+OK\r\n";
    EXPECT_EQ(client->replies(), expected);
  }
  EXPECT_EQ(front_->waiting_commands(), 0U);
}

TEST_F(SmallFrontTest, ALongPipelineLetsOthersIn) {
  TestClient& busy = connect();
  TestClient& other = connect();
  std::string pings;
  for (int i = 0; i < 30; ++i) pings += "PING\r\n";
  busy.type(pings);
  other.type("PING\r\n");
  front_->turn();
  EXPECT_EQ(busy.replies(), "+PONG\r\n+PONG\r\n+PONG\r\n");
  EXPECT_EQ(other.replies(), "+PONG\r\n");
  settle();
  EXPECT_EQ(busy.replies().size(), 27 * 7U);
}

TEST_F(SmallFrontTest, LargeReadsGoInPiecesOfOneMoment) {
  TestClient& client = connect();
  TestClient& other = connect();
  std::vector<std::string> names{"MGET"};
  for (int i = 0; i < 10; ++i) {
    names.push_back("k" + std::to_string(i));
    ask(other, "SET " + names.back() + " old\r\n");
  }
  client.type(request(names));
  front_->turn();
  fake_node().run_fences();
  wakes_ = 0;
  front_->turn();
  EXPECT_EQ(client.replies(), "");
  EXPECT_GT(wakes_, 0U) << "another turn is to follow";
  // Written between two pieces: not seen.
  EXPECT_EQ(ask(other, "SET k9 new\r\n"), "+OK\r\n");
  std::string expected = "*10\r\n";
  for (int i = 0; i < 10; ++i) expected += "$3\r\nold\r\n";
  EXPECT_EQ(client.replies(), expected);

  names[0] = "EXISTS";
  EXPECT_EQ(ask(client, request(names)), ":10\r\n");
  EXPECT_EQ(ask(client, "KEYS k*\r\n").substr(0, 5), "*10\r\n");
}

TEST_F(SmallFrontTest, AReplyThatIsTooLargeIsAnError) {
  TestClient& client = connect();
  std::vector<std::string> names{"MGET"};
  for (int i = 0; i < 6; ++i) {
    names.push_back("k" + std::to_string(i));
    ask(client, "SET " + names.back() + " " + std::string(100, 'x') + "\r\n");
  }
  EXPECT_EQ(ask(client, request(names)),
            "-ERR the reply would be larger than 200 bytes: ask for fewer keys at once\r\n");
  for (int i = 0; i < 30; ++i) ask(client, "SET long-name-" + std::to_string(i) + " v\r\n");
  EXPECT_EQ(ask(client, "KEYS *\r\n"),
            "-ERR the reply would be larger than 200 bytes: use SCAN\r\n");
  EXPECT_EQ(ask(client, "PING\r\n"), "+PONG\r\n");
}

class BriefTurnsTest : public FrontTest {
 protected:
  BriefTurnsTest() : FrontTest({.turn_bytes_max = 250}) { fake_node().lease = true; }
};

TEST_F(BriefTurnsTest, AConnectionsRepliesLeaveRoomForOthers) {
  TestClient& client = connect();
  ask(client, "SET a " + std::string(200, 'x') + "\r\n");
  const std::string reply = "$200\r\n" + std::string(200, 'x') + "\r\n";
  std::string gets;
  for (int i = 0; i < 5; ++i) gets += "GET a\r\n";
  client.type(gets);
  front_->turn();
  EXPECT_EQ(client.replies(), reply + reply) << "the second reached the bound";
  front_->turn();
  EXPECT_EQ(client.replies(), reply + reply);
  front_->turn();
  EXPECT_EQ(client.replies(), reply);
}

TEST_F(BriefTurnsTest, AReadOfManyKeysGoesOnInLaterTurns) {
  TestClient& client = connect();
  ask(client, "SET a " + std::string(200, 'x') + "\r\n");
  std::vector<std::string> names{"MGET"};
  for (int i = 0; i < 70; ++i) names.push_back("a");
  client.type(request(names));
  for (int turn = 0; turn < 34; ++turn) {
    front_->turn();
    EXPECT_EQ(client.replies(), "") << turn;
  }
  EXPECT_EQ(ask(connect(), "PING\r\n"), "+PONG\r\n");
  for (int turn = 0; turn < 5; ++turn) front_->turn();
  EXPECT_EQ(client.replies().size(), 5 + 70 * (6 + 202));
  EXPECT_LT(client.wire.largest, 2 * 250U) << "what a turn made, not all of it once more";
}

TEST_F(BriefTurnsTest, AReadOfMuchGoesOnInLaterTurnsAsOfOneMoment) {
  TestClient& client = connect();
  TestClient& other = connect();
  const std::string old(200, 'x');
  for (const char* key : {"a", "b", "c", "d"}) ask(other, request({"SET", key, old}));
  client.type("MGET a b c d\r\nGET e\r\n");
  front_->turn();
  EXPECT_EQ(client.replies(), "") << "it was too much for one";
  front_->turn();
  EXPECT_EQ(client.replies(), "");
  EXPECT_EQ(ask(other, "SET d new\r\nSET e new\r\n"), "+OK\r\n+OK\r\n");
  const std::string value = "$200\r\n" + old + "\r\n";
  EXPECT_EQ(client.replies(), "*4\r\n" + value + value + value + value + "$3\r\nnew\r\n");
  EXPECT_LT(client.wire.largest, 2 * 250U);

  // Its own writes of those keys wait for it.
  EXPECT_EQ(ask(client, "MGET a b\r\nSET b new\r\nSET f new\r\nMGET a b\r\n"),
            "*2\r\n" + value + value + "+OK\r\n+OK\r\n*2\r\n" + value + "$3\r\nnew\r\n");
}

TEST_F(BriefTurnsTest, WhoWantsNoRepliesGetsNoPartsOfThemEither) {
  TestClient& client = connect();
  ask(client, request({"SET", "a", std::string(200, 'x')}));
  EXPECT_EQ(ask(client, "CLIENT REPLY SKIP\r\nMGET a a a a\r\nPING\r\n"), "+PONG\r\n");
  EXPECT_EQ(ask(client, "CLIENT REPLY SKIP\r\nKEYS *\r\nPING\r\n"), "+PONG\r\n");
}

// ---- what all leave unread together ----

class CrowdTest : public FrontTest {
 protected:
  CrowdTest()
      : FrontTest({.output_bytes_max = 900, .all_unread_bytes_max = 4000, .turn_bytes_max = 250}) {
    fake_node().lease = true;
    ask(connect(),
        request({"SET", "a", std::string(100, 'a')}) + request({"SET", "b", std::string(50, 'b')}));
    clients_.clear();
  }

  static std::string gets(const std::string& key, size_t count) {
    std::string bytes;
    for (size_t i = 0; i < count; ++i) bytes += request({"GET", key});
    return bytes;
  }
  TestClient& deaf(std::string_view bytes) {
    TestClient& client = connect();
    client.wire.reads = false;
    client.type(bytes);
    settle();
    return client;
  }
  void read_all(TestClient& client) {
    client.wire.reads = true;
    client.wire.sent_total += std::exchange(client.wire.unsent, 0);
    front_->mark(client.connection);
    settle();
  }
  // More that do not read, until someone is closed.
  void fill() {
    for (int i = 0; i < 40 && evicted() == 0; ++i) deaf(gets("a", 20));
  }
  uint64_t evicted() { return front_->stats().connections_evicted; }

  static constexpr size_t kReplyA = 108;
  static constexpr size_t kReplyB = 57;
};

TEST_F(CrowdTest, WhoHasSomethingToReadWaitsAndNobodyElse) {
  TestClient& first = deaf(gets("a", 50));
  EXPECT_GE(first.wire.unsent, 900U);
  TestClient& second = deaf(gets("a", 50));
  EXPECT_LT(second.wire.unsent, 250 + kReplyA);
  EXPECT_EQ(ask(connect(), gets("a", 50)).size(), 50 * kReplyA) << "it reads";
  EXPECT_EQ(evicted(), 0U);
  read_all(second);
  EXPECT_EQ(second.replies().size(), 50 * kReplyA);
  read_all(first);
  EXPECT_EQ(first.replies().size(), 50 * kReplyA);
  front_->sweep();
  EXPECT_EQ(front_->unread_bytes(), 0U);
}

TEST_F(CrowdTest, BeyondTheBoundThoseThatReadNothingAreClosedTheLargestFirst) {
  TestClient& reader = deaf(gets("a", 9));
  std::vector<TestClient*> deaf_ones{&deaf(gets("b", 20)), &deaf(gets("a", 20)),
                                     &deaf(gets("b", 20))};
  clock_.pass(std::chrono::seconds(3));
  reader.wire.unsent -= 10;
  reader.wire.sent_total += 10;
  front_->sweep();
  fill();
  EXPECT_EQ(evicted(), 1U);
  EXPECT_FALSE(reader.wire.closed) << "it has the most to read, and reads";
  EXPECT_TRUE(deaf_ones[1]->wire.closed);
  EXPECT_LE(front_->unread_bytes(), 4000U);
  EXPECT_EQ(ask(connect(), "PING\r\n"), "+PONG\r\n");

  const std::string info = ask(connect(), "INFO\r\n");
  EXPECT_NE(info.find("\r\nevicted_clients:1\r\n"), std::string::npos) << info;
  EXPECT_NE(info.find("\r\nram_unread_bytes:" + std::to_string(front_->unread_bytes())),
            std::string::npos)
      << info;
  EXPECT_TRUE(log_.lines.empty());
  front_->sweep();
  front_->sweep();
  ASSERT_EQ(log_.lines.size(), 1U);
  EXPECT_NE(log_.lines[0].find("closed clients=1 "), std::string::npos) << log_.lines[0];
  EXPECT_NE(
      log_.lines[0].find("client=" + deaf_ones[1]->connection.client().address + " unread=324"),
      std::string::npos)
      << log_.lines[0];
}

TEST_F(CrowdTest, WhoPausesWithLittleIsNotClosedForThoseWithMuch) {
  TestClient& paused = deaf(gets("b", 1));
  clock_.pass(std::chrono::seconds(3));
  fill();
  EXPECT_EQ(evicted(), 1U);
  EXPECT_FALSE(paused.wire.closed);
}

TEST_F(CrowdTest, IfAllReadTheLargestIsClosed) {
  TestClient& large = deaf(gets("a", 9));
  fill();
  EXPECT_EQ(evicted(), 1U);
  EXPECT_TRUE(large.wire.closed);
}

TEST_F(CrowdTest, ManyThatReadGetMoreInATurnThanTheBound) {
  for (int i = 0; i < 100; ++i) connect().type(gets("a", 2));
  front_->turn();
  EXPECT_GT(wakes_, 0U);
  size_t served = 0;
  for (const auto& client : clients_) served += client->wire.received.empty() ? 0 : 1;
  EXPECT_EQ(served, (4000 + 2 * kReplyA) / (2 * kReplyA)) << "the others have the next turn";
  settle();
  for (const auto& client : clients_) EXPECT_EQ(client->replies().size(), 2 * kReplyA);
  EXPECT_EQ(evicted(), 0U);
}

TEST_F(CrowdTest, RepliesThatAreNotWrittenYetCount) {
  // Old values, of writes that are done.
  const std::string old(100, 'x');
  std::string exchanges;
  std::string expected = "$-1\r\n";
  for (int i = 0; i < 21; ++i) {
    exchanges += request({"GETSET", "c", old});
    if (i > 0) expected += "$100\r\n" + old + "\r\n";
  }
  TestClient& writer = deaf(exchanges);
  EXPECT_GT(writer.connection.queued(), 10U);
  EXPECT_EQ(front_->unread_bytes(), writer.wire.unsent + writer.connection.queued() * old.size());
  read_all(writer);
  EXPECT_EQ(writer.replies(), expected);

  // What a read gathers in several turns.
  front_->sweep();
  ASSERT_EQ(front_->unread_bytes(), 0U);
  std::vector<std::string> names{"MGET"};
  for (int i = 0; i < 30; ++i) names.emplace_back("a");
  connect().type(request(names));
  for (int turn = 0; turn < 5; ++turn) front_->turn();
  EXPECT_GE(front_->unread_bytes(), 5 * 250U);
  settle();
  EXPECT_EQ(clients_.back()->replies().size(), 5 + 30 * kReplyA);
}

TEST_F(CrowdTest, AClientThatIsBeingFinishedCountsAndIsClosed) {
  TestClient& leaving = deaf(gets("a", 8) + "QUIT\r\n");
  EXPECT_TRUE(leaving.wire.finished);
  EXPECT_FALSE(leaving.wire.closed);
  fill();
  EXPECT_TRUE(leaving.wire.closed);
}

// ---- against a simpler model ----

// What a connection must see if its commands ran one after another, alone.
class Model {
 public:
  std::string run(const std::vector<std::string>& words) {
    const std::string& key = words[1];
    const auto found = values_.find(key);
    if (words[0] == "GET") {
      if (found == values_.end()) return "$-1\r\n";
      return "$" + std::to_string(found->second.size()) + "\r\n" + found->second + "\r\n";
    }
    if (words[0] == "SET") {
      values_[key] = words[2];
      return "+OK\r\n";
    }
    if (words[0] == "APPEND") {
      values_[key] += words[2];
      return ":" + std::to_string(values_[key].size()) + "\r\n";
    }
    if (words[0] == "DEL") return ":" + std::to_string(values_.erase(key)) + "\r\n";
    if (words[0] == "MGET") {
      return "*2\r\n" + run({"GET", words[1]}) + run({"GET", words[2]});
    }
    values_.clear();
    return "+OK\r\n";
  }

 private:
  std::map<std::string, std::string> values_;
};

TEST(Connection, SeesItsOwnCommandsAsIfOneRanAfterAnother) {
  for (uint64_t seed = 0; seed < 500; ++seed) {
    Random random(seed);
    struct Front : FrontTest {
      // In some, any MGET that finds something takes several turns.
      explicit Front(size_t turn_bytes_max) : FrontTest({.turn_bytes_max = turn_bytes_max}) {}
      void TestBody() override {}
      using FrontTest::clients_;
      using FrontTest::connect;
      using FrontTest::front_;
      using FrontTest::settle;
    } test(seed % 2 == 0 ? 1 : kClientTurnBytesMax);
    auto& client = test.connect();
    Model model;
    std::string expected;
    std::string bytes;
    const auto key = [&] { return std::string(1, static_cast<char>('a' + random.below(5))); };
    for (int i = 0; i < 100; ++i) {
      std::vector<std::string> words;
      switch (random.below(12)) {
        case 0:
          words = {"DEL", key()};
          break;
        case 1:
          words = {"MGET", key(), key()};
          break;
        case 2:
          words = {"APPEND", key(), std::to_string(i)};
          break;
        case 3:
          words = random.one_in(4) ? std::vector<std::string>{"FLUSHALL", "SYNC"}
                                   : std::vector<std::string>{"DEL", key()};
          break;
        case 4:
        case 5:
        case 6:
          words = {"SET", key(), std::to_string(i)};
          break;
        default:
          words = {"GET", key()};
      }
      expected += model.run(words);
      bytes += request(words);
    }
    std::string got;
    while (!bytes.empty()) {
      const size_t count = std::min<size_t>(bytes.size(), random.between(1, 200));
      client.type(bytes.substr(0, count));
      bytes.erase(0, count);
      // The node answers as it likes.
      test.front_->turn();
      if (random.one_in(2)) fake_node().run_fences(random.below(3));
      if (random.one_in(2)) fake_node().run_writes(random.below(8));
    }
    test.settle();
    ASSERT_EQ(client.replies(), expected) << "seed " << seed;
    ASSERT_EQ(test.front_->waiting_commands(), 0U);
  }
}

}  // namespace
}  // namespace ram::resp
