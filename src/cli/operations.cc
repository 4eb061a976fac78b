// `ram leave`, `ram evict`, `ram transfer`, `ram recover`: what an operator wants of a member,
// asked of any node (leave: of the node that is to go).

#include <chrono>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/host.h"
#include "cli/flags.h"
#include "cli/resp_client.h"
#include "cli/status_report.h"
#include "cli/verb.h"

namespace ram::cli {
namespace {

using namespace std::chrono_literals;

struct OperationFlags {
  std::string name;
  std::string address = "127.0.0.1:6379";
};

// Longer than the nodes' own time-outs, unless those were set to more.
constexpr std::chrono::milliseconds kPatience = 1min;
// Of what a node answers at once, and of how much longer than its own time-out an answer may take.
constexpr std::chrono::milliseconds kAnswerPatience = 5s;

// Null, and the exit code in `code`: it cannot be asked.
std::unique_ptr<RespClient> connect(const std::string& verb, const std::string& address,
                                    std::chrono::milliseconds patience, int& code) {
  Result<RespClient> client = RespClient::connect(address, patience);
  if (client.ok()) return std::make_unique<RespClient>(std::move(*client));
  const bool misused = client.status().code() == Code::kInvalid;
  code = fail(misused ? kWrongUsage : kFailed, verb, client.status().message());
  return nullptr;
}

// `done`: what to say then; empty: what the node says.
int ask(const std::string& verb, const std::string& address,
        const std::vector<std::string_view>& words, const std::string& done) {
  int code = kDone;
  const auto client = connect(verb, address, kPatience, code);
  if (client == nullptr) return code;
  const Result<RespValue> reply = client->call(words);
  if (!reply.ok()) return fail(kFailed, verb, reply.status().message());
  std::printf("%s\n", done.empty() ? reply->text.c_str() : done.c_str());
  return kDone;
}

// Asked first how long it may take, so that one that does not answer is not waited for so long.
int run_leave(const OperationFlags& flags) {
  int code = kDone;
  const auto client = connect("leave", flags.address, kAnswerPatience, code);
  if (client == nullptr) return code;
  const Result<RespValue> status = client->call({"RAM.STATUS"});
  if (!status.ok()) return fail(kFailed, "leave", status.status().message());
  client->set_timeout(StatusReport(*status, {}).leave_timeout() + kAnswerPatience);
  if (const auto reply = client->call({"RAM.LEAVE"}); !reply.ok()) {
    return fail(kFailed, "leave", "told to leave, " + reply.status().message());
  }
  if (!client->wait_until_closed()) {
    return fail(kFailed, "leave", flags.address + " has left and still runs; its log may say why");
  }
  std::printf("%s has left, and ended\n", flags.address.c_str());
  return kDone;
}

// A member that was given no name has that of its address; it is evicted by both arguments.
int run_evict(const OperationFlags& flags, bool address_given) {
  if (!address_given && split_host_port(flags.name)) {
    return fail(kWrongUsage, "evict",
                "'" + flags.name +
                    "' is an address, and the member's name is missing; write ram evict NAME " +
                    flags.name + " (or ram evict " + flags.name +
                    " HOST:PORT, if a member is named so)");
  }
  return ask("evict", flags.address, {"RAM.EVICT", flags.name},
             flags.name + " is a member no more");
}

CLI::App* add_verb(CLI::App& ram, const char* name, const char* about,
                   const std::shared_ptr<OperationFlags>& flags, bool named, bool required) {
  CLI::App* app = ram.add_subcommand(name, about);
  if (named) {
    CLI::Option* who = app->add_option(required ? "name" : "--to", flags->name,
                                       "A member, as `ram status` names it")
                           ->check(check_not_empty)
                           ->type_name("NAME");
    if (required) who->required();
  }
  app->add_option("address", flags->address,
                  named ? "Client address (--listen) of any node of the cluster"
                        : "Client address (--listen) of the node that is to leave")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  return app;
}

}  // namespace

Verb add_leave(CLI::App& ram) {
  auto flags = std::make_shared<OperationFlags>();  // shared: with the function that reads it later
  CLI::App* app = add_verb(ram, "leave", "Have a node leave its cluster, and end", flags,
                           /*named=*/false, /*required=*/false);
  app->footer(
      "As SIGTERM does: the others take over first, and nobody waits for the node. Started again,\n"
      "it joins again. It fails if the node could not leave within its --leave-timeout, and ended\n"
      "all the same, or if it does not answer: within 5 s, and within 5 s more than that.");
  return {app, [flags] { return run_leave(*flags); }};
}

Verb add_evict(CLI::App& ram) {
  auto flags = std::make_shared<OperationFlags>();
  CLI::App* app = add_verb(ram, "evict", "Take a dead member out of its cluster", flags,
                           /*named=*/true, /*required=*/true);
  app->footer(
      "It happens by itself after --evict-after. A node that is alive is not evicted: ram leave.\n"
      "An evicted node that turns up again joins anew, by itself.");
  return {app, [flags, app] { return run_evict(*flags, app->count("address") > 0); }};
}

Verb add_transfer(CLI::App& ram) {
  auto flags = std::make_shared<OperationFlags>();
  CLI::App* app = add_verb(ram, "transfer", "Move leadership to another node", flags,
                           /*named=*/true, /*required=*/false);
  app->footer("Without --to, whoever is ready takes over. Writes wait for some round trips.");
  return {app, [flags] {
            std::vector<std::string_view> words = {"RAM.TRANSFER"};
            if (!flags->name.empty()) words.push_back(flags->name);
            return ask("transfer", flags->address, words,
                       flags->name.empty() ? "leadership has moved" : flags->name + " leads");
          }};
}

Verb add_recover(CLI::App& ram) {
  auto flags = std::make_shared<OperationFlags>();
  auto dead = std::make_shared<bool>(false);
  CLI::App* app = ram.add_subcommand("recover", "Go on from a survivor when the majority is lost");
  app->add_option("address", flags->address, "Client address (--listen) of the survivor")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app->add_flag("--others-are-dead", *dead,
                "You made sure that the nodes that are missing do not run,\n"
                "and are not merely out of reach");
  app->footer(
      "Without the flag it says who is missing and what the survivor has, and changes nothing. "
      "With\n"
      "it the survivor goes on alone, with all that it has; the others join it when they come "
      "back.");
  return {app, [flags, dead] {
            std::vector<std::string_view> words = {"RAM.RECOVER"};
            if (*dead) words.push_back("OTHERS-ARE-DEAD");
            return ask("recover", flags->address, words, "");
          }};
}

}  // namespace ram::cli
