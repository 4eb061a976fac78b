// CLIENT: about this connection, and the others of this server.
#include <optional>

#include "base/ascii.h"
#include "resp/client_name.h"
#include "resp/command_table.h"
#include "resp/connection.h"
#include "resp/front.h"
#include "resp/numbers.h"
#include "resp/words.h"

namespace ram::resp {
namespace {

void client_id(LocalCall& call, Reply& reply) {
  reply.integer(call.connection.client().id);
}

void client_getname(LocalCall& call, Reply& reply) {
  const std::string& name = call.connection.client().name;
  name.empty() ? reply.null() : reply.bulk(name);
}

void client_setname(LocalCall& call, Reply& reply) {
  if (!is_client_name(call.words[2])) return reply.error(kBadClientName);
  call.connection.client().name = call.words[2];
  reply.ok();
}

void client_setinfo(LocalCall& call, Reply& reply) {
  Client& client = call.connection.client();
  const bool is_name = is_word(call.words[2], "LIB-NAME");
  if (!is_name && !is_word(call.words[2], "LIB-VER")) {
    return reply.error("ERR Unrecognized option '" + one_word(call.words[2].substr(0, 64)) + "'");
  }
  if (!is_client_name(call.words[3])) {
    return reply.error(std::string("ERR ") + (is_name ? "lib-name" : "lib-ver") +
                       " cannot contain spaces, newlines or special characters.");
  }
  (is_name ? client.library_name : client.library_version) = call.words[3];
  reply.ok();
}

// ON or OFF; nothing: neither.
std::optional<bool> switch_of(std::string_view word) {
  if (is_word(word, "ON")) return true;
  if (is_word(word, "OFF")) return false;
  return std::nullopt;
}

void client_no_evict(LocalCall& call, Reply& reply) {
  const std::optional<bool> on = switch_of(call.words[2]);
  if (!on) return reply.error(kSyntaxError);
  call.connection.client().no_evict = *on;
  reply.ok();
}

void client_no_touch(LocalCall& call, Reply& reply) {
  const std::optional<bool> on = switch_of(call.words[2]);
  if (!on) return reply.error(kSyntaxError);
  call.connection.client().no_touch = *on;
  reply.ok();
}

void client_reply(LocalCall& call, Reply& reply) {
  Client& client = call.connection.client();
  if (is_word(call.words[2], "SKIP")) {
    // Silent replies stay silent; there is nothing to skip.
    client.skip_next_reply = !client.replies_off;
    return;
  }
  const std::optional<bool> on = switch_of(call.words[2]);
  if (!on) return reply.error(kSyntaxError);
  client.replies_off = !*on;
  if (*on) reply.ok();
}

std::string client_line(const Connection& connection, Instant now) {
  const Client& client = connection.client();
  const auto seconds = [&](Instant since) {
    return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(now - since).count());
  };
  std::string flags;
  if (connection.closing()) flags.push_back('c');
  if (client.no_evict) flags.push_back('e');
  if (client.no_touch) flags.push_back('T');
  if (flags.empty()) flags.push_back('N');
  std::string line = "id=" + std::to_string(client.id);
  line += " addr=" + client.address + " laddr=" + client.local_address + " fd=-1";
  line += " name=" + client.name;
  line += " age=" + seconds(client.connected_at) + " idle=" + seconds(client.active_at);
  line += " flags=" + flags + " db=" + one_word(client.table) + " sub=0 psub=0 ssub=0 multi=-1";
  line += " qbuf=" + std::to_string(connection.input_bytes());
  line += " qbuf-free=0 argv-mem=0 multi-mem=0 rbs=0 rbp=0 obl=0";
  line += " oll=" + std::to_string(connection.queued());
  line += " omem=" + std::to_string(connection.output_bytes());
  line += " tot-mem=" + std::to_string(connection.input_bytes() + connection.output_bytes());
  line += " events=r cmd=";
  line += client.last_command == nullptr ? "NULL" : client.last_command->name;
  line += " user=default redir=-1 resp=" + std::to_string(static_cast<int>(client.version));
  line += " lib-name=" + client.library_name + " lib-ver=" + client.library_version;
  return line;
}

void client_info(LocalCall& call, Reply& reply) {
  reply.text(client_line(call.connection, call.front.clock().now()) + "\n");
}

// Every client of ours is what Redis calls normal.
bool is_client_type(std::string_view word) {
  for (const std::string_view type : {"NORMAL", "MASTER", "REPLICA", "SLAVE", "PUBSUB"}) {
    if (is_word(word, type)) return true;
  }
  return false;
}

void client_list(LocalCall& call, Reply& reply) {
  const Words words = call.words;
  bool all = true;
  bool normal = true;
  if (words.size() == 4 && is_word(words[2], "TYPE")) {
    if (!is_client_type(words[3])) {
      return reply.error("ERR Unknown client type '" + one_word(words[3].substr(0, 64)) + "'");
    }
    normal = is_word(words[3], "NORMAL");
  } else if (words.size() >= 4 && is_word(words[2], "ID")) {
    all = false;
  } else if (words.size() != 2) {
    return reply.error(kSyntaxError);
  }

  const Instant now = call.front.clock().now();
  std::string lines;
  const auto add = [&](const Connection& connection) {
    if (!connection.gone()) lines += client_line(connection, now) + "\n";
  };
  if (all && normal) {
    for (const auto& [id, connection] : call.front.connections()) add(*connection);
  }
  for (size_t i = 3; !all && i < words.size(); ++i) {
    const std::optional<uint64_t> id = parse_u64(words[i]);
    if (!id) return reply.error("ERR Invalid client ID");
    const auto found = call.front.connections().find(*id);
    if (found != call.front.connections().end()) add(*found->second);
  }
  reply.text(lines);
}

// Which clients CLIENT KILL means: all that are set must match.
struct KillFilter {
  std::optional<uint64_t> id;
  std::optional<std::string_view> address;
  std::optional<std::string_view> local_address;
  bool normal = true;
  bool default_user = true;
  bool skip_me = true;

  bool matches(const Client& client, bool is_me) const {
    if (is_me && skip_me) return false;
    if (id && client.id != *id) return false;
    if (address && client.address != *address) return false;
    if (local_address && client.local_address != *local_address) return false;
    return normal && default_user;
  }
};

// Nothing: the options are good; else the error.
std::optional<std::string> parse_kill(Words options, KillFilter& filter) {
  for (size_t i = 0; i < options.size(); i += 2) {
    if (i + 1 == options.size()) return std::string(kSyntaxError);
    const std::string_view value = options[i + 1];
    if (is_word(options[i], "ID")) {
      filter.id = parse_u64(value);
      if (!filter.id) return "ERR client-id should be greater than 0";
    } else if (is_word(options[i], "ADDR")) {
      filter.address = value;
    } else if (is_word(options[i], "LADDR")) {
      filter.local_address = value;
    } else if (is_word(options[i], "TYPE")) {
      if (!is_client_type(value)) {
        return "ERR Unknown client type '" + one_word(value.substr(0, 64)) + "'";
      }
      filter.normal = is_word(value, "NORMAL");
    } else if (is_word(options[i], "USER")) {
      filter.default_user = value == "default";
    } else if (is_word(options[i], "SKIPME")) {
      if (!is_word(value, "YES") && !is_word(value, "NO")) return std::string(kSyntaxError);
      filter.skip_me = is_word(value, "YES");
    } else {
      return std::string(kSyntaxError);
    }
  }
  return std::nullopt;
}

void client_kill(LocalCall& call, Reply& reply) {
  KillFilter filter;
  const bool by_address = call.words.size() == 3;
  if (by_address) {
    filter.address = call.words[2];
    filter.skip_me = false;
  } else if (const auto error = parse_kill(call.words.subspan(2), filter)) {
    return reply.error(*error);
  }
  uint64_t killed = 0;
  for (const auto& [id, connection] : call.front.connections()) {
    const bool is_me = connection == &call.connection;
    if (connection->gone() || !filter.matches(connection->client(), is_me)) continue;
    ++killed;
    is_me ? connection->close_after_reply() : connection->kill();
  }
  if (!by_address) return reply.integer(killed);
  killed > 0 ? reply.ok() : reply.error("ERR No such client");
}

constexpr uint32_t kAboutUs = kLoading | kStale;

const Command kRows[] = {
    row("client", "subcommand ...", -2, kContainer, "", "About this connection and the others.", "",
        {}),
    row("client|getname", "", 2, kAboutUs, "O(1)", "The name of this connection.",
        "bulk; null if it has none", client_getname),
    row("client|id", "", 2, kAboutUs, "O(1)",
        "The number of this connection; never used twice by one server.", "integer", client_id),
    row("client|info", "", 2, kAboutUs, "O(1)", "This connection's line of CLIENT LIST.", "text",
        client_info),
    row("client|kill",
        "address:port | [ID id] [ADDR address:port] [LADDR address:port] "
        "[TYPE type] [USER name] [SKIPME yes|no]",
        -3, kAboutUs | kAdmin, "O(n), n: connections",
        "Closes the connections of this server that match all that is given.",
        "OK, or an error, for the first form; else integer: how many", client_kill),
    row("client|list", "[TYPE type] [ID id ...]", -2, kAboutUs | kAdmin, "O(n), n: connections",
        "A line for each connection of this server.", "text", client_list),
    row("client|no-evict", "ON|OFF", 3, kAboutUs | kAdmin, "O(1)",
        "Accepted, without effect: no client may leave its replies unread without a bound.", "OK",
        client_no_evict),
    row("client|no-touch", "ON|OFF", 3, kAboutUs, "O(1)",
        "Accepted; ram keeps no time of last use.", "OK", client_no_touch),
    row("client|reply", "ON|OFF|SKIP", 3, kAboutUs, "O(1)",
        "Which commands of this connection are answered: all, none, all but the next.",
        "OK for ON, else none", client_reply),
    row("client|setinfo", "LIB-NAME name | LIB-VER version", 4, kAboutUs, "O(1)",
        "Which library the client uses.", "OK", client_setinfo),
    row("client|setname", "name", 3, kAboutUs, "O(1)", "Names this connection.", "OK",
        client_setname),
};

}  // namespace

std::span<const Command> client_commands() {
  return kRows;
}

}  // namespace ram::resp
