// PING ECHO QUIT RESET HELLO AUTH SELECT READONLY READWRITE.
#include <optional>

#include "base/ascii.h"
#include "base/limits.h"
#include "ram/version.h"
#include "resp/client_name.h"
#include "resp/command_table.h"
#include "resp/connection.h"
#include "resp/numbers.h"
#include "resp/server_info.h"
#include "resp/words.h"

namespace ram::resp {
namespace {

void ping(LocalCall& call, Reply& reply) {
  if (call.words.size() > 2) return reply.error(wrong_arity(*find_command(call.words)));
  call.words.size() > 1 ? reply.bulk(call.words[1]) : reply.simple("PONG");
}

void echo(LocalCall& call, Reply& reply) {
  reply.bulk(call.words[1]);
}

void quit(LocalCall& call, Reply& reply) {
  reply.ok();
  call.connection.close_after_reply();
}

void reset(LocalCall& call, Reply& reply) {
  call.connection.reset();
  reply.set_version(Version::k2);
  reply.simple("RESET");
}

void say_ok(LocalCall&, Reply& reply) {
  reply.ok();
}

void select(LocalCall& call, Reply& reply) {
  const std::string_view name = call.words[1];
  if (name.empty() || name.size() > kTableNameBytesMax) {
    return reply.error("ERR a table's name has 1 to 255 bytes");
  }
  call.connection.client().table = name;
  reply.ok();
}

// There are no passwords yet: the default user has none, and there is no other.
std::optional<std::string_view> refusal(std::string_view user) {
  if (user == "default") return std::nullopt;
  return "WRONGPASS invalid username-password pair or user is disabled.";
}

void auth(LocalCall& call, Reply& reply) {
  if (call.words.size() > 3) return reply.error(kSyntaxError);
  if (call.words.size() == 2) {
    return reply.error(
        "ERR AUTH <password> called without any password configured for the default user. Are you "
        "sure your configuration is correct?");
  }
  const std::optional<std::string_view> refused = refusal(call.words[1]);
  refused ? reply.error(*refused) : reply.ok();
}

void hello(LocalCall& call, Reply& reply) {
  const Words words = call.words;
  Client& client = call.connection.client();
  Version version = client.version;
  std::optional<std::string_view> name;
  if (words.size() > 1) {
    const std::optional<int64_t> number = parse_i64(words[1]);
    if (!number) {
      return reply.error("ERR Protocol version is not an integer or out of range");
    }
    if (*number != 2 && *number != 3) {
      return reply.error("NOPROTO unsupported protocol version");
    }
    version = *number == 3 ? Version::k3 : Version::k2;
  }
  for (size_t i = 2; i < words.size(); ++i) {
    if (is_word(words[i], "AUTH") && i + 2 < words.size()) {
      const std::optional<std::string_view> refused = refusal(words[i + 1]);
      if (refused) return reply.error(*refused);
      i += 2;
    } else if (is_word(words[i], "SETNAME") && i + 1 < words.size()) {
      name = words[++i];
      if (!is_client_name(*name)) return reply.error(kBadClientName);
    } else {
      return reply.error("ERR Syntax error in HELLO option '" + one_word(words[i].substr(0, 64)) +
                         "'");
    }
  }
  if (name) client.name = *name;
  client.version = version;
  reply.set_version(version);

  reply.map(8);
  reply.field("server", "redis");
  reply.field("version", kRedisVersion);
  reply.field("proto", static_cast<uint64_t>(version));
  reply.field("id", client.id);
  reply.field("mode", "standalone");
  reply.field("role", "master");
  reply.bulk("modules");
  reply.array(0);
  reply.field("ram", ram::kVersion);
}

constexpr uint32_t kAlways = kNoAuth | kLoading | kStale | kFast;
constexpr uint32_t kAboutUs = kLoading | kStale;

const Command kRows[] = {
    row("auth", "[username] password", -2, kAlways, "O(1)",
        "Says who the client is. There are no passwords yet: user `default` has none.",
        "OK, or an error", auth),
    row("echo", "message", 2, kFast, "O(1)", "Answers with its argument.", "bulk", echo),
    row("hello", "[version [AUTH username password] [SETNAME name]]", -1, kAlways, "O(1)",
        "Switches this connection to RESP2 or RESP3, and tells about the server.",
        "map: server version proto id mode role modules ram", hello),
    row("ping", "[message]", -1, kFast, "O(1)", "Answers.", "PONG, or the message as a bulk", ping),
    row("quit", "", -1, kAlways, "O(1)", "Closes this connection.", "OK", quit),
    row("readonly", "", 1, kFast | kAboutUs, "O(1)",
        "Accepted; every node reads and writes always.", "OK", say_ok),
    row("readwrite", "", 1, kFast | kAboutUs, "O(1)",
        "Accepted; every node reads and writes always.", "OK", say_ok),
    row("reset", "", 1, kAlways, "O(1)", "Makes this connection what it was when it began.",
        "RESET", reset),
    row("select", "table", 2, kFast | kAboutUs, "O(1)",
        "Switches this connection to another table, by any name; the first is `0`.", "OK", select),
};

}  // namespace

std::span<const Command> connection_commands() {
  return kRows;
}

}  // namespace ram::resp
