// RAM.EVICT RAM.LEAVE RAM.RECOVER RAM.TRANSFER: what operators want of members.
#include <string>

#include "base/ascii.h"
#include "resp/command_table.h"
#include "resp/completions.h"
#include "resp/connection.h"
#include "resp/front.h"

namespace ram::resp {
namespace {

Callback<Status> answer_status(const Finish& finish) {
  return [finish](const Status& status) {
    finish([status](Reply& reply) { status.ok() ? reply.ok() : reply.error(status); });
  };
}

bool evict(NodeCall& call, Finish finish, Reply&) {
  call.node.evict(call.words[1], {}, answer_status(finish));
  return true;
}

bool transfer(NodeCall& call, Finish finish, Reply& error) {
  if (call.words.size() > 2) {
    error.error(wrong_arity(*find_command("ram.transfer")));
    return false;
  }
  if (call.words.size() > 1 && call.words[1].empty()) {
    error.error("ERR the name is empty; leave it out, and whoever is ready takes over");
    return false;
  }
  call.node.transfer(call.words.size() > 1 ? call.words[1] : std::string_view(), {},
                     answer_status(finish));
  return true;
}

bool recover(NodeCall& call, Finish finish, Reply& error) {
  const bool dead = call.words.size() > 1;
  if (call.words.size() > 2 || (dead && !is_word(call.words[1], "OTHERS-ARE-DEAD"))) {
    error.error("ERR syntax error");
    return false;
  }
  call.node.recover(dead, answer_with(finish, [](const std::string& report, Reply& reply) {
                      reply.bulk(report);
                    }));
  return true;
}

// Whoever has the process stop has the front answer this before its connections close.
bool leave(NodeCall& call, Finish finish, Reply& error) {
  const FrontOptions& options = call.front.options();
  if (!options.leave) {
    error.error("ERR this node is stopped by the program it is part of");
    return false;
  }
  options.leave(answer_status(finish));
  return true;
}

constexpr uint32_t kByOperators = kAdmin | kLoading | kStale;

const Command kRows[] = {
    row("ram.evict", "name", 2, kByOperators, {}, "O(1)",
        "Takes a dead member out of the cluster; one that is alive is refused. Happens by itself "
        "after --evict-after.",
        "OK, once it is a member no more", evict),
    row("ram.leave", "", 1, kByOperators, {}, "O(1)",
        "Has the asked node leave the cluster and end, as SIGTERM does: others take over first, "
        "and "
        "nobody waits for it.",
        "OK, once it has left; an error if it could not in time, and ends all the same. Then the "
        "connection closes",
        leave),
    row("ram.recover", "[OTHERS-ARE-DEAD]", -1, kByOperators, {}, "O(1)",
        "Goes on from what the asked node has, as a cluster of one, when the majority is lost for "
        "good. Refused while it may not be; without OTHERS-ARE-DEAD the refusal says who is "
        "missing "
        "and what this node has.",
        "bulk: what was done", recover),
    row("ram.transfer", "[name]", -1, kByOperators, {}, "O(1)",
        "Moves leadership to the voter of that name, or to whoever is ready.",
        "OK, once it has moved", transfer),
};

}  // namespace

std::span<const Command> cluster_commands() {
  return kRows;
}

}  // namespace ram::resp
