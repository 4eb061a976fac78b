// The `ram` binary: reads the command line and runs the verb that it names.

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "cli/verb.h"
#include "ram/version.h"

namespace ram::cli {
namespace {

constexpr const char* kAbout =
    "ram: a consistent distributed in-memory table.\n\n"
    "All of the data is in the memory of every node; any node takes any read and any write, and\n"
    "no read is ever stale. A node speaks the Redis protocol: use any Redis client.";

constexpr const char* kExamples =
    "Examples:\n"
    "  ram serve                      one node: clients on 127.0.0.1:6379, peers on "
    "127.0.0.1:7379\n"
    "  ram serve --help               how to start three that form a cluster\n"
    "  ram status                     how that node and its cluster are\n"
    "  redis-cli -p 6379 set color green\n\n"
    "Exit codes: 0 done, 1 failed (standard error says what, and what to do), 2 wrong usage.";

// One line: ram VERB: --FLAG: what is wrong; what to do.
std::string explain_misuse(const CLI::App* app, const CLI::Error& error) {
  std::string words = "ram";
  if (const std::vector<CLI::App*> chosen = app->get_subcommands(); !chosen.empty()) {
    words += " " + chosen.front()->get_name();
  }
  std::string what = error.what();
  for (char& c : what) {
    if (c == '\n') c = ' ';
  }
  // CLI11 says of these what, and then whose fault it is.
  const std::string unexpected = "The following argument was not expected: ";
  const std::string unexpected_many = "The following arguments were not expected: ";
  if (what.starts_with(unexpected)) {
    what = what.substr(unexpected.size()) + ": there is no such flag or argument";
  } else if (what.starts_with(unexpected_many)) {
    what = what.substr(unexpected_many.size()) + ": there are no such flags or arguments";
  } else if (error.get_name() == "RequiredError" && app->get_subcommands().empty()) {
    const std::vector<std::string> unknown = app->remaining();
    what = unknown.empty() ? "a verb is missing" : unknown.front() + ": there is no such flag";
  }
  // Where a line says what to do it needs no more.
  if (what.find("; ") == std::string::npos) what += "; " + words + " --help lists what there is";
  return words + ": " + what + "\n";
}

int run(int argc, char** argv) {
  CLI::App ram(kAbout, "ram");
  ram.footer(kExamples);
  ram.require_subcommand(1);
  ram.set_version_flag("--version", "ram " + std::string(kVersion));
  ram.failure_message(explain_misuse);
  const std::vector<Verb> verbs = {add_serve(ram),  add_status(ram),   add_leave(ram),
                                   add_evict(ram),  add_transfer(ram), add_recover(ram),
                                   add_version(ram)};

  // CLI11 would say that a verb is missing.
  const std::string word = argc > 1 ? argv[1] : "--help";
  const auto has_name = [&word](const Verb& verb) { return verb.app->get_name() == word; };
  if (!word.starts_with('-') && std::ranges::none_of(verbs, has_name)) {
    return fail(kWrongUsage, "", "'" + word + "' is no verb; ram --help lists them");
  }
  // CLI11 reports by exceptions; they end here.
  try {
    ram.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ram.exit(error) == 0 ? kDone : kWrongUsage;
  }
  for (const Verb& verb : verbs) {
    if (verb.app->parsed()) return verb.run();
  }
  return kWrongUsage;
}

}  // namespace

std::string failure_line(std::string_view verb, std::string_view message) {
  std::string line = "ram";
  if (!verb.empty()) line.append(" ").append(verb);
  return line.append(": ").append(message).append("\n");
}

int fail(ExitCode code, std::string_view verb, std::string_view message) {
  const std::string line = failure_line(verb, message);
  std::fwrite(line.data(), 1, line.size(), stderr);
  return code;
}

}  // namespace ram::cli

int main(int argc, char** argv) {
  return ram::cli::run(argc, argv);
}
