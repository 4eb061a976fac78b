// The one table of commands: a row for each, from which dispatch, COMMAND, errors about arity and
// docs/commands.md come.
//
// Immutable after start-up; thread-safe.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "resp/command.h"

namespace ram::resp {

// All rows: sorted by name within a group, a container before its subcommands.
std::span<const Command> command_table();

// The row that `words` name, which are not empty; a subcommand's where there is one. Null: unknown.
// Letters of either case.
const Command* find_command(Words words);
// A row by its whole name, "get" or "client|list". Null: unknown.
const Command* find_command(std::string_view name);

// Calls `each` with the row of each subcommand of `container`.
template <class Each>
void for_each_subcommand(const Command& container, Each each) {
  for (const Command& row : command_table()) {
    if (row.name.size() > container.name.size() && row.name.starts_with(container.name) &&
        row.name[container.name.size()] == '|') {
      each(row);
    }
  }
}

bool arity_fits(const Command& command, Words words);

// Error lines, as Redis words them.
std::string unknown_command(Words words);
std::string wrong_arity(const Command& command);

// "readonly", "write", ... of each flag that COMMAND shows.
std::span<const std::pair<Flag, std::string_view>> flag_names();
std::string_view group_name(Group group);

// The families; each in its own commands_*.cc, its rows made by row(). The table knows their
// groups.
std::span<const Command> client_commands();
std::span<const Command> connection_commands();
std::span<const Command> string_commands();
std::span<const Command> key_commands();
std::span<const Command> server_commands();
std::span<const Command> ram_commands();
std::span<const Command> cluster_commands();

inline constexpr KeyWords kOneKey{1, 1, 1};
inline constexpr KeyWords kAllKeys{1, -1, 1};

constexpr Command row(std::string_view name, std::string_view syntax, int arity, uint32_t flags,
                      KeyWords keys, std::string_view complexity, std::string_view summary,
                      std::string_view reply, Handler handler, std::string_view since = "0.1.0") {
  return {.name = name,
          .syntax = syntax,
          .arity = arity,
          .flags = flags,
          .keys = keys,
          .group = Group::kServer,
          .since = since,
          .complexity = complexity,
          .summary = summary,
          .reply = reply,
          .handler = handler};
}
// Without keys.
constexpr Command row(std::string_view name, std::string_view syntax, int arity, uint32_t flags,
                      std::string_view complexity, std::string_view summary, std::string_view reply,
                      Handler handler, std::string_view since = "0.1.0") {
  return row(name, syntax, arity, flags, {}, complexity, summary, reply, handler, since);
}

// docs/commands.md.
std::string commands_markdown();

}  // namespace ram::resp
