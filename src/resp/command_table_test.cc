#include "resp/command_table.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <string>

#include "resp/missing_commands.h"

namespace ram::resp {
namespace {

TEST(CommandTable, HasWhatThePromiseOfCommandsNames) {
  for (const std::string_view name : {"ping",
                                      "echo",
                                      "quit",
                                      "reset",
                                      "hello",
                                      "auth",
                                      "client",
                                      "client|setname",
                                      "client|getname",
                                      "client|setinfo",
                                      "client|id",
                                      "client|info",
                                      "client|list",
                                      "client|kill",
                                      "client|no-evict",
                                      "client|reply",
                                      "client|no-touch",
                                      "command",
                                      "command|count",
                                      "command|docs",
                                      "command|info",
                                      "command|list",
                                      "info",
                                      "config|get",
                                      "config|set",
                                      "select",
                                      "dbsize",
                                      "time",
                                      "role",
                                      "readonly",
                                      "readwrite",
                                      "wait",
                                      "cluster",
                                      "get",
                                      "set",
                                      "setnx",
                                      "getset",
                                      "getdel",
                                      "mget",
                                      "mset",
                                      "msetnx",
                                      "del",
                                      "unlink",
                                      "exists",
                                      "strlen",
                                      "append",
                                      "incr",
                                      "decr",
                                      "incrby",
                                      "decrby",
                                      "flushdb",
                                      "flushall",
                                      "keys",
                                      "scan",
                                      "type",
                                      "ram.status",
                                      "ram.members",
                                      "ram.digest",
                                      "ram.tables",
                                      "ram.getrev",
                                      "ram.cas",
                                      "ram.reads"}) {
    EXPECT_NE(find_command(name), nullptr) << name;
  }
}

TEST(CommandTable, RowsAreWholeAndSorted) {
  const Command* before = nullptr;
  for (const Command& row : command_table()) {
    EXPECT_TRUE(std::none_of(row.name.begin(), row.name.end(), [](char c) {
      return c >= 'A' && c <= 'Z';
    })) << row.name;
    EXPECT_NE(row.arity, 0) << row.name;
    EXPECT_FALSE(row.summary.empty()) << row.name;
    EXPECT_FALSE(row.since.empty()) << row.name;
    EXPECT_TRUE(row.reply.empty() == std::holds_alternative<std::monostate>(row.handler))
        << row.name;
    if (row.is_subcommand()) {
      const Command* container = find_command(row.name.substr(0, row.name.find('|')));
      ASSERT_NE(container, nullptr) << row.name;
      EXPECT_TRUE(container->is_container()) << row.name;
    }
    if (before != nullptr && before->group == row.group) {
      EXPECT_LT(before->name, row.name);
    }
    before = &row;
  }
}

TEST(CommandTable, KeysAreWithinTheWords) {
  for (const Command& row : command_table()) {
    const bool keyed = row.keys.first != 0;
    EXPECT_EQ(keyed, row.keys.step > 0) << row.name;
    const bool about_keys = std::holds_alternative<ReadHandler>(row.handler) ||
                            std::holds_alternative<WriteHandler>(row.handler);
    // What names no key concerns a whole table, and must run alone.
    if (about_keys) {
      EXPECT_NE(keyed, row.has(kSolo)) << row.name;
    }
    EXPECT_EQ(std::holds_alternative<WriteHandler>(row.handler), row.has(kWrite)) << row.name;
  }
}

TEST(CommandTable, FindsNamesInEitherCase) {
  const std::string_view get[] = {"gEt", "a"};
  ASSERT_NE(find_command(Words(get)), nullptr);
  EXPECT_EQ(find_command(Words(get))->name, "get");
  const std::string_view kill[] = {"CLIENT", "Kill", "x"};
  ASSERT_NE(find_command(Words(kill)), nullptr);
  EXPECT_EQ(find_command(Words(kill))->name, "client|kill");
  const std::string_view bar[] = {"client|kill", "x"};
  EXPECT_EQ(find_command(Words(bar)), nullptr);
  const std::string_view empty[] = {""};
  EXPECT_EQ(find_command(Words(empty)), nullptr);
}

TEST(CommandTable, WhatRamHasNotIsSaidAtTheEndOfTheLineThatClientsKnow) {
  for (const MissingCommands& missing : missing_commands()) {
    for (const std::string_view name : missing.names) {
      EXPECT_EQ(find_command(name), nullptr) << name;
      EXPECT_EQ(why_missing(name), missing.why) << name;
    }
  }
  const std::string_view expire[] = {"Expire", "a", "5"};
  EXPECT_EQ(unknown_command(Words(expire)),
            "ERR unknown command 'Expire', with args beginning with: 'a' '5' (not supported by ram "
            "yet: no key expires)");
  const std::string_view nobody[] = {"NOSUCH"};
  EXPECT_EQ(unknown_command(Words(nobody)),
            "ERR unknown command 'NOSUCH', with args beginning with: ");
}

TEST(CommandTable, DocumentsEveryCommand) {
  const std::string text = commands_markdown();
  for (const Command& row : command_table()) {
    EXPECT_NE(text.find(row.summary), std::string::npos) << row.name;
  }
}

}  // namespace
}  // namespace ram::resp
