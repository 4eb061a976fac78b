// What main needs of each verb of the `ram` binary.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <string_view>

namespace ram::cli {

// Of every verb. Standard error has one line that says what was wrong and what to do.
enum ExitCode : int { kDone = 0, kFailed = 1, kWrongUsage = 2 };

struct Verb {
  CLI::App* app = nullptr;
  std::function<int()> run;  // returns an ExitCode
};

// Each declares its flags in `ram`.
Verb add_serve(CLI::App& ram);
Verb add_status(CLI::App& ram);
Verb add_leave(CLI::App& ram);
Verb add_evict(CLI::App& ram);
Verb add_transfer(CLI::App& ram);
Verb add_recover(CLI::App& ram);
Verb add_version(CLI::App& ram);

// "ram VERB: MESSAGE", with its newline.
std::string failure_line(std::string_view verb, std::string_view message);
// Writes it to standard error; returns `code`.
int fail(ExitCode code, std::string_view verb, std::string_view message);

}  // namespace ram::cli
