// Reads a history that tests/cluster/history.py wrote and says whether every key's operations are
// linearizable.
//
//   check_history FILE      exit code 0: yes; 1: no, or undecided; 2: no such history
//
// A line is: key kind begun ended argument answer; history.py has the details.

#include <charconv>
#include <cstdio>
#include <fstream>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "sim/checkers/linearizable.h"

namespace {

using ram::sim::KeyOperation;

std::optional<int64_t> number(std::string_view text) {
  int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Nothing: the line is malformed.
std::optional<KeyOperation> parse(const std::string& kind, const std::string& begun,
                                  const std::string& ended, const std::string& argument,
                                  const std::string& answer) {
  KeyOperation operation;
  if (kind == "get") {
    operation.kind = KeyOperation::Kind::kGet;
  } else if (kind == "put") {
    operation.kind = KeyOperation::Kind::kPut;
  } else if (kind == "add") {
    operation.kind = KeyOperation::Kind::kAdd;
  } else if (kind == "cas") {
    operation.kind = KeyOperation::Kind::kCompareAndSet;
  } else {
    return std::nullopt;
  }
  const std::optional<int64_t> from = number(begun);
  if (!from) return std::nullopt;
  operation.begun = static_cast<ram::sim::Tick>(*from);
  operation.unknown = ended == "?";
  if (!operation.unknown) {
    const std::optional<int64_t> to = number(ended);
    if (!to) return std::nullopt;
    operation.ended = static_cast<ram::sim::Tick>(*to);
  }
  std::string_view value_to_set = argument;
  if (operation.kind == KeyOperation::Kind::kCompareAndSet) {
    const size_t colon = argument.find(':');
    if (colon == std::string::npos) return std::nullopt;
    const std::string_view expected = value_to_set.substr(0, colon);
    if (expected != "nil" && !(operation.expected = number(expected))) return std::nullopt;
    value_to_set.remove_prefix(colon + 1);
    operation.done = answer == "1";
  }
  if (value_to_set != "-") {
    const std::optional<int64_t> value = number(value_to_set);
    if (!value) return std::nullopt;
    operation.argument = *value;
  }
  if (answer != "-" && answer != "nil") {
    operation.value = number(answer);
    if (!operation.value) return std::nullopt;
  }
  return operation;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: check_history FILE\n");
    return 2;
  }
  std::ifstream file(argv[1]);
  std::map<std::string, std::vector<KeyOperation>> keys;
  size_t operations = 0;
  for (std::string line; std::getline(file, line); ++operations) {
    std::istringstream words(line);
    std::string key, kind, begun, ended, argument, answer;
    words >> key >> kind >> begun >> ended >> argument >> answer;
    const std::optional<KeyOperation> operation = parse(kind, begun, ended, argument, answer);
    if (!operation) {
      std::fprintf(stderr, "check_history: no operation: %s\n", line.c_str());
      return 2;
    }
    keys[key].push_back(*operation);
  }
  if (operations == 0) {
    std::fprintf(stderr, "check_history: %s has no operations\n", argv[1]);
    return 2;
  }

  int bad = 0;
  uint64_t states = 0;
  for (const auto& [key, history] : keys) {
    const ram::sim::LinearizableResult result = ram::sim::check_linearizable(history);
    states += result.states;
    if (result.verdict == ram::sim::Verdict::kLinearizable) continue;
    ++bad;
    const bool undecided = result.verdict == ram::sim::Verdict::kUndecided;
    std::printf("key %s: %s\n%s\n", key.c_str(), undecided ? "undecided" : "not linearizable",
                result.explanation.c_str());
  }
  std::printf("%zu operations on %zu keys, %llu states searched: %s\n", operations, keys.size(),
              static_cast<unsigned long long>(states), bad == 0 ? "linearizable" : "BAD");
  return bad == 0 ? 0 : 1;
}
