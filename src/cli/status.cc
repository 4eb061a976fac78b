// `ram status`: asks one node how it and its cluster are, and its leader for what it cannot know.

#include <cstdio>

#include "cli/resp_client.h"
#include "cli/status_report.h"
#include "cli/verb.h"

namespace ram::cli {
namespace {

struct StatusFlags {
  std::string address = "127.0.0.1:6379";
  bool json = false;
};

// The members as the leader knows them, if it can be asked: the other nodes hear from it alone.
Status ask_leader(const StatusReport::Leader& leader, StatusReport& report) {
  if (leader.client.empty()) return Status::unavailable("it serves no clients");
  Result<RespClient> client = RespClient::connect(leader.client, std::chrono::seconds(2));
  if (!client.ok()) return client.status();
  const Result<RespValue> status = client->call({"RAM.STATUS"});
  if (!status.ok()) return status.status();
  const Result<RespValue> members = client->call({"RAM.MEMBERS"});
  if (!members.ok()) return members.status();
  return report.set_leaders_answer(*status, *members);
}

int run_status(const StatusFlags& flags) {
  Result<RespClient> client = RespClient::connect(flags.address, std::chrono::seconds(5));
  if (!client.ok()) {
    const bool misused = client.status().code() == Code::kInvalid;
    return fail(misused ? kWrongUsage : kFailed, "status", client.status().message());
  }
  const Result<RespValue> status = client->call({"RAM.STATUS"});
  if (!status.ok()) return fail(kFailed, "status", status.status().message());
  const Result<RespValue> members = client->call({"RAM.MEMBERS"});
  if (!members.ok()) return fail(kFailed, "status", members.status().message());

  StatusReport report(*status, *members);
  if (const auto leader = report.leader()) {
    if (const Status asked = ask_leader(*leader, report); !asked.ok()) {
      report.set_trouble("the leader " + leader->name + " could not be asked (" + asked.message() +
                         ")");
    }
  }
  const std::string text = flags.json ? report.json() : report.table();
  std::fwrite(text.data(), 1, text.size(), stdout);
  return kDone;
}

}  // namespace

Verb add_status(CLI::App& ram) {
  CLI::App* app = ram.add_subcommand("status", "How a node and its cluster are");
  auto flags = std::make_shared<StatusFlags>();  // shared: with the function that reads it later
  app->add_option("address", flags->address, "Client address (--listen) of any node of the cluster")
      ->type_name("HOST:PORT")
      ->capture_default_str();
  app->add_flag("--json", flags->json,
                "For programs: one object with \"status\", \"members\" and\n"
                "\"members_from\", who knows them so");
  app->footer(
      "Examples:\n"
      "  ram status                      the node that serves clients on 127.0.0.1:6379\n"
      "  ram status 127.0.0.1:6371       another\n"
      "  ram status --json | jq .status.state");
  return {app, [flags] { return run_status(*flags); }};
}

}  // namespace ram::cli
