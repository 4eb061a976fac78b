#include "cli/flags.h"

#include <algorithm>
#include <optional>

#include "cli/units.h"

namespace ram::cli {
namespace {

template <class T, class Parse>
CLI::Option* add_parsed(CLI::App& app, const std::string& flag, T& target, const std::string& help,
                        const std::string& shown, Parse parse, const char* type, const char* hint) {
  const auto read = [&target, parse](const CLI::results_t& words) {
    const std::optional<T> value = parse(words.front());
    if (value) target = *value;
    return value.has_value();
  };
  const auto check = [parse, hint](const std::string& word) {
    return parse(word) ? std::string() : "'" + word + "' " + hint;
  };
  return app.add_option(flag, read, help)->check(check)->type_name(type)->default_str(shown);
}

}  // namespace

CLI::Option* add_duration(CLI::App& app, const std::string& flag, std::chrono::nanoseconds& target,
                          const std::string& help, const std::string& shown) {
  return add_parsed(app, flag, target, help, shown, parse_duration, "DURATION",
                    "is no duration; write for example 500ms, 5s or 2m");
}

CLI::Option* add_size(CLI::App& app, const std::string& flag, size_t& target,
                      const std::string& help, const std::string& shown) {
  return add_parsed(app, flag, target, help, shown, parse_size, "SIZE",
                    "is no size; write for example 512MiB or 4GiB");
}

std::string check_number(const std::string& word) {
  const bool fine =
      !word.empty() && std::ranges::all_of(word, [](char c) { return c >= '0' && c <= '9'; });
  return fine ? std::string() : "'" + word + "' is no number; write for example 5";
}

std::string check_above_zero(const std::string& word) {
  if (std::string wrong = check_number(word); !wrong.empty()) return wrong;
  const bool zero = std::ranges::all_of(word, [](char c) { return c == '0'; });
  return zero ? "'" + word + "' is none at all; write for example 3, or leave the flag out"
              : std::string();
}

std::string check_not_empty(const std::string& word) {
  return word.empty() ? "'' is empty; write a value, or leave the flag out" : std::string();
}

}  // namespace ram::cli
