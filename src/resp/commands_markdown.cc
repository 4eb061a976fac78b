// docs/commands.md, from the command table.
#include <algorithm>
#include <string>

#include "base/ascii.h"
#include "resp/command_table.h"
#include "resp/missing_commands.h"

namespace ram::resp {
namespace {

constexpr std::string_view kHead =
    R"(# Commands

Made from the command table by `ram-resp-docs`; do not edit. Every node takes every command.
RESP2 and RESP3, inline commands, pipelines of any depth. In RESP2 a map is a flat array.

A command of a connection sees the effects of all earlier ones of it. Reads are linearizable unless
`RAM.READS stale` was said.

## Errors

The first word of an error is for programs, the rest for people.

| word | meaning |
|---|---|
| `ERR` | the command is wrong, or too large; the same command fails again. Nothing was applied |
| `CLUSTERDOWN` | no majority of the voters can be reached, or not in time. Not applied |
| `LOADING` | this node is not yet, or no longer, part of a cluster. Not applied |
| `TRYAGAIN` | overloaded; try again after a pause. Not applied |
| `OOM` | the memory limit is reached; erase something first. Not applied |
| `INDOUBT` | the outcome did not become known in time. Perhaps applied, now or later |
| `NOPROTO`, `WRONGPASS` | as in Redis |

After `ERR Protocol error: ...` the connection is closed: what follows cannot be understood.

)";

std::string upper(std::string_view name) {
  std::string out = to_upper(name);
  std::replace(out.begin(), out.end(), '|', ' ');
  return out;
}

void append_row(const Command& row, std::string& out) {
  out += "### " + upper(row.name) + "\n\n";
  out += "`" + upper(row.name);
  if (!row.syntax.empty()) out.append(" ").append(row.syntax);
  out += "`\n\n";
  out.append(row.summary).append("\n\n");
  if (!row.reply.empty()) out.append("- Reply: ").append(row.reply).append("\n");
  if (!row.complexity.empty()) out.append("- Cost: ").append(row.complexity).append("\n");
  out.append("- Since: ").append(row.since).append("\n");
  std::string flags;
  for (const auto& [flag, name] : flag_names()) {
    if (row.has(flag)) flags.append(flags.empty() ? "" : " ").append(name);
  }
  if (!flags.empty()) out.append("- Flags: ").append(flags).append("\n");
  out += "\n";
}

constexpr std::string_view kMissingHead = R"(## What Redis has and ram has not

These answer `ERR unknown command`, as any that nobody knows, and say at the end of the line why. A
client library that sends `MULTI`, commands and `EXEC` in one piece gets errors for the two, but the
commands between them run, each by itself: let it pipeline without a transaction (redis-py:
`pipeline(transaction=False)`, ioredis: `pipeline()`).

)";

void append_missing(std::string& out) {
  out += kMissingHead;
  for (const MissingCommands& missing : missing_commands()) {
    std::string_view why = missing.why;
    why.remove_prefix(1);
    why.remove_suffix(1);
    std::string line = "- " + std::string(why) + ":";
    for (const std::string_view name : missing.names) {
      const bool full = line.size() - line.rfind('\n') - 1 + name.size() + 4 > 100;
      line.append(full ? "\n  `" : " `").append(name).append("`");
    }
    out += line + "\n";
  }
  out += "\n";
}

}  // namespace

std::string commands_markdown() {
  std::string out(kHead);
  const Command* before = nullptr;
  for (const Command& row : command_table()) {
    if (before == nullptr || before->group != row.group) {
      out.append("## Group: ").append(group_name(row.group)).append("\n\n");
    }
    append_row(row, out);
    before = &row;
  }
  append_missing(out);
  while (out.ends_with("\n\n")) out.pop_back();
  return out;
}

}  // namespace ram::resp
