// COMMAND CONFIG INFO ROLE TIME WAIT CLUSTER.
#include <optional>
#include <vector>

#include "base/ascii.h"
#include "resp/command_table.h"
#include "resp/completions.h"
#include "resp/front.h"
#include "resp/glob.h"
#include "resp/numbers.h"
#include "resp/server_info.h"
#include "resp/words.h"

namespace ram::resp {
namespace {

// ---- COMMAND ----

size_t count_subcommands(const Command& command) {
  size_t count = 0;
  if (command.is_container()) for_each_subcommand(command, [&](const Command&) { ++count; });
  return count;
}

void write_info(const Command& command, Reply& reply) {
  reply.array(10);
  reply.bulk(command.name);
  reply.integer(int64_t{command.arity});
  size_t flags = 0;
  for (const auto& [flag, name] : flag_names()) flags += command.has(flag) ? 1 : 0;
  reply.set(flags);
  for (const auto& [flag, name] : flag_names()) {
    if (command.has(flag)) reply.simple(name);
  }
  reply.integer(int64_t{command.keys.first});
  reply.integer(int64_t{command.keys.last});
  reply.integer(int64_t{command.keys.step});
  reply.set(0);    // categories of access
  reply.set(0);    // tips
  reply.array(0);  // key specifications
  reply.array(count_subcommands(command));
  if (command.is_container()) {
    for_each_subcommand(command, [&](const Command& row) { write_info(row, reply); });
  }
}

void write_docs(const Command& command, Reply& reply) {
  const size_t subcommands = count_subcommands(command);
  reply.bulk(command.name);
  reply.map(subcommands > 0 ? 6 : 5);
  reply.field("summary", command.summary);
  reply.field("since", command.since);
  reply.field("group", group_name(command.group));
  reply.field("complexity", command.complexity);
  reply.field("syntax", command.syntax);
  if (subcommands == 0) return;
  reply.bulk("subcommands");
  reply.map(subcommands);
  for_each_subcommand(command, [&](const Command& row) { write_docs(row, reply); });
}

size_t count_commands() {
  size_t count = 0;
  for (const Command& row : command_table()) count += row.is_subcommand() ? 0 : 1;
  return count;
}

void write_all_info(Reply& reply) {
  reply.array(count_commands());
  for (const Command& row : command_table()) {
    if (!row.is_subcommand()) write_info(row, reply);
  }
}

void command(LocalCall&, Reply& reply) {
  write_all_info(reply);
}

void command_count(LocalCall&, Reply& reply) {
  reply.integer(uint64_t{count_commands()});
}

void command_info(LocalCall& call, Reply& reply) {
  if (call.words.size() == 2) return write_all_info(reply);
  reply.array(call.words.size() - 2);
  for (const std::string_view name : call.words.subspan(2)) {
    const Command* found = find_command(name);
    found == nullptr ? reply.null() : write_info(*found, reply);
  }
}

void command_docs(LocalCall& call, Reply& reply) {
  std::vector<const Command*> rows;
  if (call.words.size() == 2) {
    for (const Command& row : command_table()) {
      if (!row.is_subcommand()) rows.push_back(&row);
    }
  }
  for (const std::string_view name : call.words.subspan(2)) {
    if (const Command* found = find_command(name)) rows.push_back(found);
  }
  reply.map(rows.size());
  for (const Command* row : rows) write_docs(*row, reply);
}

void command_list(LocalCall& call, Reply& reply) {
  const Words words = call.words;
  std::optional<std::string_view> pattern;
  if (words.size() == 5 && is_word(words[2], "FILTERBY") && is_word(words[3], "PATTERN")) {
    pattern = words[4];
  } else if (words.size() != 2) {
    return reply.error(kSyntaxError);
  }
  std::vector<std::string_view> names;
  for (const Command& row : command_table()) {
    if (row.is_subcommand() || (pattern && !glob_match_nocase(*pattern, row.name))) continue;
    names.push_back(row.name);
  }
  reply.array(names.size());
  for (const std::string_view name : names) reply.bulk(name);
}

// ---- CONFIG ----

// What programs ask for when they connect. `settable`: accepted, kept to be shown, without effect.
struct Setting {
  std::string_view name;
  bool settable;
  std::string (*value)(const Front& front);
};

constexpr Setting kSettings[] = {
    {"appendonly", false, [](const Front&) { return std::string("no"); }},
    {"databases", false, [](const Front&) { return std::string("16"); }},
    {"maxclients", false,
     [](const Front& front) { return std::to_string(front.options().clients_max); }},
    {"maxmemory", false,
     [](const Front& front) { return std::to_string(front.options().memory_bytes_max); }},
    {"maxmemory-policy", false, [](const Front&) { return std::string("noeviction"); }},
    {"notify-keyspace-events", true, [](const Front&) { return std::string(); }},
    {"port", false, [](const Front& front) { return std::to_string(front.options().port); }},
    {"proto-max-bulk-len", false,
     [](const Front& front) { return std::to_string(front.options().parser.bulk_bytes_max); }},
    {"save", false, [](const Front&) { return std::string(); }},
    {"timeout", false, [](const Front&) { return std::string("0"); }},
};

void config_get(LocalCall& call, Reply& reply) {
  std::vector<const Setting*> found;
  for (const Setting& setting : kSettings) {
    for (const std::string_view pattern : call.words.subspan(2)) {
      if (!glob_match_nocase(pattern, setting.name)) continue;
      found.push_back(&setting);
      break;
    }
  }
  reply.map(found.size());
  for (const Setting* setting : found) {
    const auto& kept = call.front.settings();
    const auto set = kept.find(setting->name);
    reply.field(setting->name, set != kept.end() ? set->second : setting->value(call.front));
  }
}

const Setting* find_setting(std::string_view name) {
  for (const Setting& setting : kSettings) {
    if (glob_match_nocase(setting.name, name)) return &setting;
  }
  return nullptr;
}

void config_set(LocalCall& call, Reply& reply) {
  const Words pairs = call.words.subspan(2);
  for (size_t i = 0; i < pairs.size(); i += 2) {
    const Setting* setting = find_setting(pairs[i]);
    const std::string name = one_word(pairs[i].substr(0, 64));
    if (setting == nullptr || i + 1 == pairs.size()) {
      return reply.error("ERR Unknown option or number of arguments for CONFIG SET - '" + name +
                         "'");
    }
    if (!setting->settable || pairs[i + 1].size() > 64) {
      return reply.error("ERR CONFIG SET failed (possibly related to argument '" + name +
                         "') - can't set immutable config");
    }
  }
  for (size_t i = 0; i < pairs.size(); i += 2) {
    call.front.settings()[std::string(find_setting(pairs[i])->name)] = pairs[i + 1];
  }
  reply.ok();
}

// ---- the rest ----

bool info(NodeCall& call, Finish finish, Reply&) {
  Front* const front = &call.front;  // outlives the reply, which is made on its thread
  Node* const node = &call.node;
  std::vector<std::string> names(call.words.begin() + 1, call.words.end());
  node->status([front, node, finish, names = std::move(names)](const Result<NodeStatus>& status) {
    if (!status.ok()) {
      return finish([why = status.status()](Reply& reply) { reply.error(why); });
    }
    node->tables(answer_with(
        finish, [=, status = *status](const std::vector<TableInfo>& tables, Reply& reply) {
          reply.text(info_text(*front, status, tables, names));
        }));
  });
  return true;
}

bool role(NodeCall& call, Finish finish, Reply&) {
  call.node.status(answer_with(finish, [](const NodeStatus& status, Reply& reply) {
    reply.array(3);
    reply.bulk("master");
    reply.integer(status.applied);
    reply.array(0);
  }));
  return true;
}

void time(LocalCall& call, Reply& reply) {
  const auto ms = static_cast<uint64_t>(call.front.clock().wall());
  reply.array(2);
  reply.bulk(std::to_string(ms / 1000));
  reply.bulk(std::to_string(ms % 1000 * 1000));
}

bool wait(NodeCall& call, Finish finish, Reply& error) {
  const std::optional<int64_t> wanted = parse_i64(call.words[1]);
  const std::optional<int64_t> timeout = parse_i64(call.words[2]);
  // Redis' 0 is for ever; a year is enough of that, and fits a Duration.
  constexpr int64_t kYearMs = int64_t{365} * 86'400'000;
  if (!wanted || *wanted < 0) {
    error.error(kNotAnInteger);
    return false;
  }
  if (!timeout || *timeout > kYearMs) {
    error.error("ERR timeout is not an integer or out of range");
    return false;
  }
  if (*timeout < 0) {
    error.error("ERR timeout is negative");
    return false;
  }
  call.node.wait_for_copies(
      static_cast<size_t>(*wanted), std::chrono::milliseconds(*timeout == 0 ? kYearMs : *timeout),
      answer_with(finish, [](size_t copies, Reply& reply) { reply.integer(uint64_t{copies}); }));
  return true;
}

void cluster(LocalCall&, Reply& reply) {
  // The first words are what clients look for.
  reply.error(
      "ERR This instance has cluster support disabled: ram is no Redis Cluster, every node takes "
      "every command (see RAM.MEMBERS)");
}

constexpr uint32_t kAlways = kLoading | kStale;

const Command kRows[] = {
    row("cluster", "subcommand ...", -2, kAlways | kAdmin, "O(1)",
        "Refused: ram is no Redis Cluster, and no key is elsewhere.", "error", cluster),
    row("command", "[subcommand ...]", -1, kAlways | kContainer, "O(n), n: commands",
        "What all commands are.", "array", command),
    row("command|count", "", 2, kAlways, "O(1)", "How many commands there are.", "integer",
        command_count),
    row("command|docs", "[name ...]", -2, kAlways, "O(n), n: commands",
        "What commands are for: summary since group complexity syntax.", "map of maps",
        command_docs),
    row("command|info", "[name ...]", -2, kAlways, "O(n), n: commands",
        "What commands are: name arity flags first-key last-key step.", "array", command_info),
    row("command|list", "[FILTERBY PATTERN pattern]", -2, kAlways, "O(n), n: commands",
        "The names of commands.", "array of bulks", command_list),
    row("config", "subcommand ...", -2, kContainer, "", "Settings that programs ask for.", "", {}),
    row("config|get", "pattern [pattern ...]", -3, kAlways | kAdmin, "O(n), n: settings",
        "Settings by name or pattern.", "map", config_get),
    row("config|set", "name value [name value ...]", -4, kAlways | kAdmin, "O(n), n: settings",
        "Accepts `notify-keyspace-events`, without effect. All else is set by `ram serve`.", "OK",
        config_set),
    row("info", "[section ...]", -1, kAlways, "O(n), n: connections and tables",
        "Facts about the server: server clients memory persistence stats replication cpu cluster "
        "keyspace ram.",
        "text", info),
    row("role", "", 1, kAlways | kFast, "O(1)",
        "Always a master: every node takes writes. RAM.STATUS has the role in the cluster.",
        "array: `master`, the applied index, an empty array", role),
    row("time", "", 1, kAlways | kFast, "O(1)", "The wall clock of this node.",
        "array: seconds and microseconds", time),
    row("wait", "copies timeout", 3, 0, "O(1)",
        "Waits until so many other nodes hold everything this connection wrote, or the timeout (in "
        "milliseconds; 0: none). An acknowledged write is on a majority without it.",
        "integer: how many do", wait),
};

}  // namespace

std::span<const Command> server_commands() {
  return kRows;
}

}  // namespace ram::resp
