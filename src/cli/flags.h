// Flags whose values have units, and checks of others, for CLI11.
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

// What is wrong with `word`, and what to do; empty: nothing.
std::string check_number(const std::string& word);
std::string check_above_zero(const std::string& word);
std::string check_not_empty(const std::string& word);

}  // namespace ram::cli
