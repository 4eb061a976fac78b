// Flags whose values have units, for CLI11.
#pragma once

#include <CLI/CLI.hpp>
#include <chrono>
#include <cstddef>
#include <string>

namespace ram::cli {

// `target` holds the default, which the help shows as `shown`.
CLI::Option* add_duration(CLI::App& app, const std::string& flag, std::chrono::nanoseconds& target,
                          const std::string& help, const std::string& shown);
CLI::Option* add_size(CLI::App& app, const std::string& flag, size_t& target,
                      const std::string& help, const std::string& shown);

}  // namespace ram::cli
