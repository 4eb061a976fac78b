// Transcripts: what each command answers, in RESP2 unless said otherwise.
#include <gtest/gtest.h>

#include <sstream>
#include <string>

#include "resp/test_support.h"

namespace ram::resp {
namespace {

class Commands : public FrontTest {};

TEST_F(Commands, ReadAndWriteStrings) {
  EXPECT_EQ(ask("GET a"), "$-1\r\n");
  EXPECT_EQ(ask("SET a 1"), "+OK\r\n");
  EXPECT_EQ(ask("get a"), "$1\r\n1\r\n");
  EXPECT_EQ(ask("STRLEN a"), ":1\r\n");
  EXPECT_EQ(ask("STRLEN none"), ":0\r\n");
  EXPECT_EQ(ask("APPEND a 23"), ":3\r\n");
  EXPECT_EQ(ask("APPEND b x"), ":1\r\n");
  EXPECT_EQ(ask("GETSET a new"), "$3\r\n123\r\n");
  EXPECT_EQ(ask("GETSET c new"), "$-1\r\n");
  EXPECT_EQ(ask("GETDEL a"), "$3\r\nnew\r\n");
  EXPECT_EQ(ask("GETDEL a"), "$-1\r\n");
  EXPECT_EQ(ask("MSET a 1 b 2"), "+OK\r\n");
  EXPECT_EQ(ask("MGET a none b"), "*3\r\n$1\r\n1\r\n$-1\r\n$1\r\n2\r\n");
  EXPECT_EQ(ask("MSET a 1 b"), "-ERR wrong number of arguments for 'mset' command\r\n");
  EXPECT_EQ(ask("MSETNX x 1 a 2"), ":0\r\n");
  EXPECT_EQ(ask("EXISTS x"), ":0\r\n");
  EXPECT_EQ(ask("MSETNX x 1 y 2"), ":1\r\n");
  EXPECT_EQ(ask("SETNX x 3"), ":0\r\n");
  EXPECT_EQ(ask("SETNX z 3"), ":1\r\n");
}

TEST_F(Commands, SetWithConditions) {
  EXPECT_EQ(ask("SET a 1 XX"), "$-1\r\n");
  EXPECT_EQ(ask("SET a 1 nx"), "+OK\r\n");
  EXPECT_EQ(ask("SET a 2 NX"), "$-1\r\n");
  EXPECT_EQ(ask("SET a 3 XX"), "+OK\r\n");
  EXPECT_EQ(ask("SET a 4 GET"), "$1\r\n3\r\n");
  EXPECT_EQ(ask("SET a 5 XX GET"), "$1\r\n4\r\n");
  EXPECT_EQ(ask("SET b 5 XX GET"), "$-1\r\n");
  EXPECT_EQ(ask("GET b"), "$-1\r\n");
  EXPECT_EQ(ask("SET b 6 NX GET"), "$-1\r\n");
  EXPECT_EQ(ask("SET b 7 GET NX"), "$1\r\n6\r\n");
  EXPECT_EQ(ask("GET b"), "$1\r\n6\r\n");
  EXPECT_EQ(ask("SET a 1 NX XX"), "-ERR syntax error\r\n");
  EXPECT_EQ(ask("SET a 1 FOO"), "-ERR syntax error\r\n");
}

TEST_F(Commands, SetNxGetRunsAgainWhenTheValueInTheWayIsGone) {
  TestClient& one = connect();
  TestClient& other = connect();
  ask(other, "SET a old\r\n");
  one.type("SET a new NX GET\r\nGET a\r\n");
  front_->turn();
  fake_node().run_writes();  // the condition fails
  other.type("DEL a\r\n");
  ask(other, "");
  EXPECT_EQ(one.replies(), "$3\r\nold\r\n$-1\r\n") << "the old value was still there";

  ask(other, "SET a old\r\n");
  one.type("SET a new NX GET\r\nGET a\r\n");
  front_->turn();
  other.type("DEL a\r\n");
  // Both are applied before the front hears of the first.
  while (fake_node().run_writes() == 0) front_->turn();
  settle();
  const std::string got = one.replies();
  EXPECT_EQ(got, "$3\r\nold\r\n$-1\r\n");
}

TEST_F(Commands, RefuseExpiryInsteadOfIgnoringIt) {
  for (const char* option : {"EX 10", "PX 10", "EXAT 10", "PXAT 10", "KEEPTTL", "nx ex 10"}) {
    const std::string reply = ask(std::string("SET a 1 ") + option);
    EXPECT_EQ(reply.substr(0, 41), "-ERR this version of ram has no expiry: S") << option;
  }
  EXPECT_EQ(ask("EXISTS a"), ":0\r\n");
  EXPECT_EQ(ask("EXPIRE a 10").substr(0, 27), "-ERR unknown command 'EXPIR");
}

TEST_F(Commands, CountUpAndDown) {
  EXPECT_EQ(ask("INCR n"), ":1\r\n");
  EXPECT_EQ(ask("INCRBY n 41"), ":42\r\n");
  EXPECT_EQ(ask("DECR n"), ":41\r\n");
  EXPECT_EQ(ask("DECRBY n 40"), ":1\r\n");
  EXPECT_EQ(ask("GET n"), "$1\r\n1\r\n");
  EXPECT_EQ(ask("INCRBY n 1.5"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(ask("SET n 9223372036854775807"), "+OK\r\n");
  EXPECT_EQ(ask("INCR n"), "-ERR increment or decrement would overflow\r\n");
  EXPECT_EQ(ask("DECRBY n -9223372036854775808"), "-ERR decrement would overflow\r\n");
  EXPECT_EQ(ask("SET n abc"), "+OK\r\n");
  EXPECT_EQ(ask("INCR n"), "-ERR value is not an integer or out of range\r\n");
}

TEST_F(Commands, Keys) {
  ask("MSET a 1 b 2 c 3 user:1 x");
  EXPECT_EQ(ask("DBSIZE"), ":4\r\n");
  EXPECT_EQ(ask("EXISTS a a none"), ":2\r\n");
  EXPECT_EQ(ask("TYPE a"), "+string\r\n");
  EXPECT_EQ(ask("TYPE none"), "+none\r\n");
  EXPECT_EQ(ask("KEYS *"), "*4\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$6\r\nuser:1\r\n");
  EXPECT_EQ(ask("KEYS user:*"), "*1\r\n$6\r\nuser:1\r\n");
  EXPECT_EQ(ask("SCAN 0 COUNT 2"), "*2\r\n$1\r\n2\r\n*2\r\n$1\r\na\r\n$1\r\nb\r\n");
  EXPECT_EQ(ask("SCAN 2 COUNT 2 MATCH u*"), "*2\r\n$1\r\n0\r\n*1\r\n$6\r\nuser:1\r\n");
  EXPECT_EQ(ask("SCAN 0 TYPE hash"), "*2\r\n$1\r\n0\r\n*0\r\n");
  EXPECT_EQ(ask("SCAN x"), "-ERR invalid cursor\r\n");
  EXPECT_EQ(ask("SCAN 0 COUNT 0"), "-ERR syntax error\r\n");
  EXPECT_EQ(ask("SCAN 0 COUNT x"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(ask("SCAN 0 MATCH"), "-ERR syntax error\r\n");
  EXPECT_EQ(ask("DEL a b none"), ":2\r\n");
  EXPECT_EQ(ask("UNLINK c"), ":1\r\n");
  EXPECT_EQ(ask("FLUSHDB ASYNC"), "+OK\r\n");
  EXPECT_EQ(ask("FLUSHALL LATER"), "-ERR syntax error\r\n");
  EXPECT_EQ(ask("DBSIZE"), ":0\r\n");
}

TEST_F(Commands, SelectIsByAnyName) {
  EXPECT_EQ(ask("SET a 1"), "+OK\r\n");
  EXPECT_EQ(ask("SELECT colors"), "+OK\r\n");
  EXPECT_EQ(ask("GET a"), "$-1\r\n");
  EXPECT_EQ(ask("SET b 2"), "+OK\r\n");
  EXPECT_EQ(ask("RAM.TABLES"),
            "*2\r\n*4\r\n$4\r\nname\r\n$1\r\n0\r\n$4\r\nsize\r\n:1\r\n"
            "*4\r\n$4\r\nname\r\n$6\r\ncolors\r\n$4\r\nsize\r\n:1\r\n");
  EXPECT_EQ(ask("FLUSHDB"), "+OK\r\n");
  EXPECT_EQ(ask("SELECT 0"), "+OK\r\n");
  EXPECT_EQ(ask("GET a"), "$1\r\n1\r\n");
  EXPECT_EQ(ask("SELECT \"\""), "-ERR a table's name has 1 to 255 bytes\r\n");
  EXPECT_EQ(ask("SELECT " + std::string(256, 'x')), "-ERR a table's name has 1 to 255 bytes\r\n");
}

TEST_F(Commands, KeysThatAreTooLongAreRefused) {
  const std::string longest(65'535, 'k');
  TestClient& client = connect();
  EXPECT_EQ(ask(client, request({"SET", longest, "1"})), "+OK\r\n");
  EXPECT_EQ(ask(client, request({"GET", longest})), "$1\r\n1\r\n");
  EXPECT_EQ(ask(client, request({"GET", longest + "k"})), "-ERR a key is at most 65535 bytes\r\n");
  EXPECT_EQ(ask(client, request({"MSET", "a", "1", longest + "k", "2"})),
            "-ERR a key is at most 65535 bytes\r\n");
  EXPECT_EQ(ask(client, request({"SET", "", "empty"})), "+OK\r\n");
  EXPECT_EQ(ask(client, request({"GET", ""})), "$5\r\nempty\r\n");
}

TEST_F(Commands, FailuresOfWritesHaveTheirWords) {
  const std::pair<Status, std::string> cases[] = {
      {Status::unavailable("no leader"), "-CLUSTERDOWN no leader\r\n"},
      {Status::joining("not a member yet"), "-LOADING not a member yet\r\n"},
      {Status::overloaded("full"), "-TRYAGAIN full\r\n"},
      {Status::out_of_memory("4 GiB are used"), "-OOM 4 GiB are used\r\n"},
      {Status::unknown_outcome("no answer in 5 s"), "-INDOUBT no answer in 5 s\r\n"},
      {Status::invalid("too large"), "-ERR too large\r\n"}};
  for (const auto& [status, reply] : cases) {
    fake_node().write_status = [&status = status] { return status; };
    for (const char* line : {"SET a 1", "INCR a", "DEL a", "SET a 1 NX GET", "FLUSHALL",
                             "RAM.CAS a 0 1", "MSETNX a 1"}) {
      EXPECT_EQ(ask(line), reply) << line;
    }
  }
}

TEST_F(Commands, Connection) {
  EXPECT_EQ(ask("PING"), "+PONG\r\n");
  EXPECT_EQ(ask("PING hello"), "$5\r\nhello\r\n");
  EXPECT_EQ(ask("PING a b"), "-ERR wrong number of arguments for 'ping' command\r\n");
  EXPECT_EQ(ask("ECHO hello"), "$5\r\nhello\r\n");
  EXPECT_EQ(ask("READONLY"), "+OK\r\n");
  EXPECT_EQ(ask("READWRITE"), "+OK\r\n");
  EXPECT_EQ(ask("AUTH secret"),
            "-ERR AUTH <password> called without any password configured for the default user. Are "
            "you sure your configuration is correct?\r\n");
  EXPECT_EQ(ask("AUTH default secret"), "+OK\r\n");
  EXPECT_EQ(ask("AUTH bob secret").substr(0, 10), "-WRONGPASS");
  EXPECT_EQ(ask("CLUSTER INFO").substr(0, 50),
            "-ERR This instance has cluster support disabled: r");
  EXPECT_EQ(ask("QUIT"), "+OK\r\n");
  EXPECT_TRUE(clients_.front()->wire.finished);
}

TEST_F(Commands, HelloSwitchesTheVersion) {
  EXPECT_EQ(ask("HELLO 4"), "-NOPROTO unsupported protocol version\r\n");
  EXPECT_EQ(ask("HELLO x"), "-ERR Protocol version is not an integer or out of range\r\n");
  EXPECT_EQ(ask("HELLO 3 FOO"), "-ERR Syntax error in HELLO option 'FOO'\r\n");
  EXPECT_EQ(ask("GET none"), "$-1\r\n") << "a refused HELLO changes nothing";
  EXPECT_EQ(ask("HELLO 3 AUTH default x SETNAME me"),
            "%8\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n7.0.15\r\n"
            "$5\r\nproto\r\n:3\r\n$2\r\nid\r\n:1\r\n$4\r\nmode\r\n$10\r\nstandalone\r\n"
            "$4\r\nrole\r\n$6\r\nmaster\r\n$7\r\nmodules\r\n*0\r\n$3\r\nram\r\n$5\r\n0.1.0\r\n");
  EXPECT_EQ(ask("GET none"), "_\r\n");
  EXPECT_EQ(ask("CONFIG GET save"), "%1\r\n$4\r\nsave\r\n$0\r\n\r\n");
  EXPECT_EQ(ask("CLIENT GETNAME"), "$2\r\nme\r\n");
  EXPECT_EQ(ask("RESET"), "+RESET\r\n");
  EXPECT_EQ(ask("GET none"), "$-1\r\n");
  EXPECT_EQ(ask("HELLO").substr(0, 5), "*16\r\n");
}

TEST_F(Commands, Client) {
  EXPECT_EQ(ask("CLIENT ID"), ":1\r\n");
  EXPECT_EQ(ask("CLIENT GETNAME"), "$-1\r\n");
  EXPECT_EQ(ask("CLIENT SETNAME me"), "+OK\r\n");
  EXPECT_EQ(ask("CLIENT SETNAME \"a b\""),
            "-ERR Client names cannot contain spaces, newlines or special characters.\r\n");
  EXPECT_EQ(ask("CLIENT SETINFO LIB-NAME lib"), "+OK\r\n");
  EXPECT_EQ(ask("CLIENT SETINFO lib-ver 1.2"), "+OK\r\n");
  EXPECT_EQ(ask("CLIENT SETINFO FOO x"), "-ERR Unrecognized option 'FOO'\r\n");
  EXPECT_EQ(ask("CLIENT NO-EVICT on"), "+OK\r\n");
  EXPECT_EQ(ask("CLIENT NO-TOUCH off"), "+OK\r\n");
  clock_.pass(std::chrono::seconds(7));
  const std::string info = ask("CLIENT INFO");
  for (const char* part :
       {"id=1 addr=127.0.0.1:1001 laddr=127.0.0.1:6379", " name=me ", " age=7 ", " idle=0 ",
        " db=0 ", " cmd=client|info ", " resp=2 lib-name=lib lib-ver=1.2\n"}) {
    EXPECT_NE(info.find(part), std::string::npos) << part << info;
  }
  connect();
  const std::string list = ask("CLIENT LIST");
  EXPECT_NE(list.find("\nid=2 addr="), std::string::npos) << list;
  EXPECT_EQ(ask("CLIENT LIST TYPE pubsub"), "$0\r\n\r\n");
  EXPECT_NE(ask("CLIENT LIST ID 2 9").find("id=2"), std::string::npos);
  EXPECT_EQ(ask("CLIENT LIST TYPE nonsense"), "-ERR Unknown client type 'nonsense'\r\n");
  EXPECT_EQ(ask("CLIENT"), "-ERR wrong number of arguments for 'client' command\r\n");
  EXPECT_EQ(ask("CLIENT ID x"), "-ERR wrong number of arguments for 'client|id' command\r\n");
  EXPECT_EQ(ask("CLIENT FOO").substr(0, 46), "-ERR unknown subcommand 'FOO'. Known are: GETN");
  EXPECT_EQ(ask("CLIENT|ID").substr(0, 34), "-ERR unknown command 'CLIENT|ID', ");
}

TEST_F(Commands, ClientKill) {
  for (int i = 0; i < 5; ++i) connect();
  EXPECT_EQ(ask("CLIENT KILL 127.0.0.1:1002"), "+OK\r\n");
  EXPECT_TRUE(clients_[1]->wire.closed);
  EXPECT_EQ(ask("CLIENT KILL 127.0.0.1:9"), "-ERR No such client\r\n");
  EXPECT_EQ(ask("CLIENT KILL ID 3"), ":1\r\n");
  EXPECT_TRUE(clients_[2]->wire.closed);
  EXPECT_EQ(ask("CLIENT KILL ID x"), "-ERR client-id should be greater than 0\r\n");
  EXPECT_EQ(ask("CLIENT KILL TYPE normal"), ":2\r\n") << "all others, not oneself";
  EXPECT_EQ(ask("CLIENT KILL TYPE normal SKIPME no"), ":1\r\n");
  EXPECT_TRUE(clients_[0]->wire.finished) << "after the reply";
}

TEST_F(Commands, ClientReply) {
  EXPECT_EQ(ask("CLIENT REPLY SKIP\r\nSET a 1\r\nGET a"), "$1\r\n1\r\n");
  EXPECT_EQ(ask("CLIENT REPLY OFF\r\nSET a 2\r\nPING\r\nNOSUCH\r\nCLIENT REPLY SKIP"), "");
  EXPECT_EQ(ask("GET a"), "");
  EXPECT_EQ(ask("CLIENT REPLY ON"), "+OK\r\n");
  EXPECT_EQ(ask("GET a"), "$1\r\n2\r\n");
}

TEST_F(Commands, Command) {
  const std::string count = ask("COMMAND COUNT");
  EXPECT_EQ(ask("COMMAND").substr(0, 4), "*" + count.substr(1, 3));
  EXPECT_EQ(ask("COMMAND INFO get nosuch"),
            "*2\r\n*10\r\n$3\r\nget\r\n:2\r\n*2\r\n+readonly\r\n+fast\r\n:1\r\n:1\r\n:1\r\n"
            "*0\r\n*0\r\n*0\r\n*0\r\n$-1\r\n");
  const std::string docs = ask("COMMAND DOCS get");
  EXPECT_EQ(docs.substr(0, 40), "*2\r\n$3\r\nget\r\n*10\r\n$7\r\nsummary\r\n$19\r\nThe ");
  EXPECT_EQ(ask("COMMAND DOCS nosuch"), "*0\r\n");
  EXPECT_EQ(ask("COMMAND LIST FILTERBY PATTERN ram.d*"), "*1\r\n$10\r\nram.digest\r\n");
  EXPECT_EQ(ask("COMMAND LIST").substr(0, 4), "*" + count.substr(1, 3));
}

TEST_F(Commands, Config) {
  EXPECT_EQ(ask("CONFIG GET save"), "*2\r\n$4\r\nsave\r\n$0\r\n\r\n");
  EXPECT_EQ(ask("CONFIG GET appendonly"), "*2\r\n$10\r\nappendonly\r\n$2\r\nno\r\n");
  EXPECT_EQ(ask("CONFIG GET databases"), "*2\r\n$9\r\ndatabases\r\n$2\r\n16\r\n");
  EXPECT_EQ(ask("CONFIG GET maxmemory*"),
            "*4\r\n$9\r\nmaxmemory\r\n$1\r\n0\r\n$16\r\nmaxmemory-policy\r\n$10\r\nnoeviction\r\n");
  EXPECT_EQ(ask("CONFIG GET nosuch"), "*0\r\n");
  EXPECT_EQ(ask("CONFIG SET notify-keyspace-events Ex"), "+OK\r\n");
  EXPECT_EQ(ask("CONFIG GET notify-keyspace-events"),
            "*2\r\n$22\r\nnotify-keyspace-events\r\n$2\r\nEx\r\n");
  EXPECT_EQ(ask("CONFIG SET nosuch 1"),
            "-ERR Unknown option or number of arguments for CONFIG SET - 'nosuch'\r\n");
  EXPECT_EQ(ask("CONFIG SET save 1").substr(0, 64),
            "-ERR CONFIG SET failed (possibly related to argument 'save') - c");
}

TEST_F(Commands, Server) {
  EXPECT_EQ(ask("TIME"), "*2\r\n$10\r\n1700000000\r\n$6\r\n123000\r\n");
  fake_node().status.applied = 77;
  EXPECT_EQ(ask("ROLE"), "*3\r\n$6\r\nmaster\r\n:77\r\n*0\r\n");
  EXPECT_EQ(ask("WAIT 2 100"), ":2\r\n");
  EXPECT_EQ(ask("WAIT 2 -1"), "-ERR timeout is negative\r\n");
  EXPECT_EQ(ask("WAIT x 1"), "-ERR value is not an integer or out of range\r\n");
  ask("MSET a 1 b 2");
  const std::string info = ask("INFO");
  for (const char* part :
       {"redis_version:7.0.15\r\n", "redis_mode:standalone\r\n", "role:master\r\n",
        "\r\nloading:0\r\n", "connected_clients:1\r\n", "db0:keys=2,expires=0",
        "# Ram\r\nram_name:n1", "used_memory_human:0B", "total_commands_processed:"}) {
    EXPECT_NE(info.find(part), std::string::npos) << part << info;
  }
  fake_node().status.lease_reason = NoLease::kOff;
  fake_node().status.delayed_by = "n 2";
  fake_node().status.delayed_ms = 350;
  fake_node().status.reads_asked = 7;
  fake_node().status.complete_until_ms = 1'700'000'000'123;
  fake_node().status.waiting_for = "a leader: no\r\nanswer";
  const std::string ours = ask("INFO ram");
  for (const char* part : {"\r\nram_lease:0\r\n", "\r\nram_lease_reason:off\r\n",
                           "\r\nram_delayed_by:n?2\r\n", "\r\nram_delayed_ms:350\r\n",
                           "\r\nram_reads_asked:7\r\n", "\r\nram_complete_until:1700000000123\r\n",
                           "\r\nram_waiting_for:a leader: no??answer\r\n"}) {
    EXPECT_NE(ours.find(part), std::string::npos) << part << ours;
  }
  EXPECT_EQ(ask("INFO keyspace"), "$44\r\n# Keyspace\r\ndb0:keys=2,expires=0,avg_ttl=0\r\n\r\n");
  EXPECT_EQ(ask("INFO nosuch"), "$0\r\n\r\n");
  fake_node().status.state = NodeState::kJoining;
  EXPECT_NE(ask("INFO persistence").find("loading:1\r\nloading_eta_seconds:1"), std::string::npos);
}

TEST_F(Commands, WhatTheNodeCannotSayIsAnError) {
  fake_node().look_status = [] { return Status::overloaded("full"); };
  for (const char* line :
       {"INFO", "INFO keyspace", "ROLE", "RAM.STATUS", "RAM.MEMBERS", "RAM.DIGEST", "RAM.TABLES"}) {
    EXPECT_EQ(ask(line), "-TRYAGAIN full\r\n") << line;
  }
  // INFO looks twice.
  fake_node().look_status = [first = true]() mutable {
    return std::exchange(first, false) ? Status() : Status::unavailable("the node has stopped");
  };
  EXPECT_EQ(ask("INFO"), "-CLUSTERDOWN the node has stopped\r\n");
}

TEST_F(Commands, Ram) {
  EXPECT_EQ(ask("RAM.GETREV a"), "$-1\r\n");
  EXPECT_EQ(ask("RAM.CAS a 0 one"), ":1\r\n");
  EXPECT_EQ(ask("RAM.CAS a 0 two"), "$-1\r\n");
  EXPECT_EQ(ask("RAM.CAS a 1 two"), ":2\r\n");
  EXPECT_EQ(ask("RAM.CAS a 1 three"), "$-1\r\n");
  EXPECT_EQ(ask("RAM.CAS a -1 three"), "-ERR value is not an integer or out of range\r\n");
  EXPECT_EQ(ask("RAM.GETREV a"), "*4\r\n$5\r\nvalue\r\n$3\r\ntwo\r\n$8\r\nrevision\r\n:2\r\n");
  EXPECT_EQ(ask("RAM.DIGEST"),
            "*6\r\n$7\r\napplied\r\n:9\r\n$8\r\nrevision\r\n:2\r\n$6\r\ndigest\r\n$4\r\n00ff\r\n");
  EXPECT_EQ(ask("RAM.READS"), "$5\r\nlocal\r\n");
  EXPECT_EQ(ask("RAM.READS leader"), "+OK\r\n");
  EXPECT_EQ(ask("RAM.READS"), "$6\r\nleader\r\n");
  EXPECT_EQ(ask("RAM.READS stale"), "+OK\r\n");
  EXPECT_EQ(ask("RAM.READS"), "$5\r\nstale\r\n");
  EXPECT_EQ(ask("RAM.READS quorum"), "+OK\r\n");
  EXPECT_EQ(ask("RAM.READS local or so"),
            "-ERR wrong number of arguments for 'ram.reads' command\r\n");
  EXPECT_EQ(ask("RAM.READS often"), "-ERR reads are local, leader, quorum or stale\r\n");
}

TEST_F(Commands, RamStatusAndMembersHaveAllFieldsOfTheContract) {
  ask("HELLO 3");
  const std::string status = ask("RAM.STATUS");
  std::istringstream fields(
      "name id cluster role state leader term commit stable applied revision members voters lease "
      "lease_ms complete_until reads_local reads_waited reads_asked reads_refused writes version "
      "uptime_ms lease_reason delayed_by delayed_ms ancestor age_ms reads memory_bytes "
      "memory_bytes_max leave_timeout_ms");
  for (std::string field; fields >> field;) {
    std::string encoded;
    Reply(encoded, Version::k3).bulk(field);
    EXPECT_NE(status.find("\n" + encoded), std::string::npos) << field;
  }
  EXPECT_EQ(status.substr(0, 5), "%33\r\n");
  EXPECT_EQ(
      std::count(status.begin(), status.end(), '$') + std::count(status.begin(), status.end(), ':'),
      66);
  EXPECT_NE(status.find("$16\r\n0000000000000abc\r\n"), std::string::npos);

  const std::string members = ask("RAM.MEMBERS");
  EXPECT_EQ(members.substr(0, 9), "*2\r\n%17\r\n");
  for (const char* field : {"name", "id", "address", "client", "role", "state", "leader", "lag",
                            "lease", "version", "since_ms", "lease_ms", "lease_reason",
                            "readmit_ms", "delayed_ms", "delaying_ms", "waiting_for"}) {
    std::string encoded;
    Reply(encoded, Version::k3).bulk(field);
    EXPECT_NE(members.find("\n" + encoded), std::string::npos) << field;
  }
  // n1 is a voter and up, n2 wants to be let in.
  const std::string second = members.substr(members.find("%17", 9));
  EXPECT_NE(members.find("$4\r\nrole\r\n$5\r\nvoter\r\n$5\r\nstate\r\n$2\r\nup\r\n"),
            std::string::npos);
  EXPECT_NE(second.find("$4\r\nrole\r\n$7\r\njoining\r\n$5\r\nstate\r\n$7\r\njoining\r\n"),
            std::string::npos)
      << second;
  EXPECT_NE(second.find("$11\r\nwaiting_for\r\n$9\r\nthe state\r\n"), std::string::npos);
}

TEST_F(Commands, LeaveIsAnsweredWhenTheNodeHasLeftOrCouldNot) {
  std::vector<Callback<Status>> asking;
  FrontOptions options;
  options.leave = [&](Callback<Status> left) { asking.push_back(std::move(left)); };
  make_front(options);
  EXPECT_EQ(ask("RAM.LEAVE"), "");
  TestClient& another = connect();
  EXPECT_EQ(ask(another, "RAM.LEAVE\r\n"), "");
  ASSERT_EQ(asking.size(), 2U);
  asking[0](Status());
  asking[1](Status::unavailable("stopped without having left"));
  settle();
  EXPECT_EQ(clients_[0]->replies(), "+OK\r\n");
  EXPECT_EQ(another.replies(), "-CLUSTERDOWN stopped without having left\r\n");
}

TEST_F(Commands, OperationsOnMembersEndAsTheNodeSays) {
  EXPECT_EQ(ask("RAM.EVICT dead"), "+OK\r\n");
  EXPECT_EQ(ask("RAM.EVICT other"), "-ERR other is alive\r\n");
  EXPECT_EQ(ask("RAM.EVICT"), "-ERR wrong number of arguments for 'ram.evict' command\r\n");
  EXPECT_EQ(ask("RAM.TRANSFER"), "+OK\r\n");
  EXPECT_EQ(ask("RAM.TRANSFER n2"), "-INDOUBT not done in time: n2\r\n");
  EXPECT_EQ(ask("RAM.RECOVER"), "-ERR missing: n2, n3\r\n");
  EXPECT_EQ(ask("RAM.TRANSFER \"\""),
            "-ERR the name is empty; leave it out, and whoever is ready takes over\r\n");
  EXPECT_EQ(ask("RAM.TRANSFER a b"),
            "-ERR wrong number of arguments for 'ram.transfer' command\r\n");
  EXPECT_EQ(ask("RAM.RECOVER others-are-dead x"), "-ERR syntax error\r\n");
  EXPECT_EQ(ask("RAM.RECOVER yes"), "-ERR syntax error\r\n");
  EXPECT_EQ(ask("RAM.RECOVER others-are-dead"), "$9\r\nrecovered\r\n");
  EXPECT_EQ(ask("RAM.LEAVE"), "-ERR this node is stopped by the program it is part of\r\n");
}

TEST_F(Commands, UnknownOnesNameWhatWasSent) {
  EXPECT_EQ(ask("NOSUCH a b"),
            "-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' \r\n");
  TestClient& client = connect();
  const std::string reply =
      ask(client, request({std::string(100'000, 'x'), std::string(100'000, 'y')}));
  EXPECT_LT(reply.size(), 500U);
  EXPECT_EQ(ask(client, request({"a\r\n+OK"})),
            "-ERR unknown command 'a  +OK', with args beginning with: \r\n");
}

}  // namespace
}  // namespace ram::resp
