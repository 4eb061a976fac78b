// Feature flags in the memory of every process that asks for them.
//
// Each process of a fleet embeds a node; flipping a flag in one of them is seen by all. Run it
// alone, or three times, each with its own address first:
//
//   feature_flags 127.0.0.1:7401 127.0.0.1:7401 127.0.0.1:7402 127.0.0.1:7403
//   feature_flags 127.0.0.1:7402 127.0.0.1:7401 127.0.0.1:7402 127.0.0.1:7403
//   feature_flags 127.0.0.1:7403 127.0.0.1:7401 127.0.0.1:7402 127.0.0.1:7403

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <functional>
#include <string>

#include "ram/ram.h"

namespace {

int fail(const ram::Status& status) {
  std::fprintf(stderr, "feature_flags: %s\n", status.message().c_str());
  return 1;
}

// True in `percent` of all cases, and always the same for one user.
bool is_in_rollout(const std::string& user, int percent) {
  return static_cast<int>(std::hash<std::string>()(user) % 100) < percent;
}

// Absent flags are off. A flag holds the percentage of users that have it.
ram::Result<bool> is_enabled(const ram::Table& flags, const std::string& flag,
                             const std::string& user) {
  const auto percent = flags.get(flag);
  if (!percent.ok()) return percent.status();
  return percent->has_value() && is_in_rollout(user, std::stoi(**percent));
}

}  // namespace

int main(int argc, char** argv) {
  ram::NodeOptions options;
  options.cluster_listen = argc > 1 ? argv[1] : "127.0.0.1:0";
  for (int i = 2; i < argc; ++i) options.join.push_back(argv[i]);
  options.log_from = ram::Severity::kWarning;
  auto node = ram::Node::start(options);
  if (!node.ok()) return fail(node.status());
  if (ram::Status ok = (*node)->wait_until_ok(std::chrono::minutes(1)); !ok.ok()) return fail(ok);

  // Whoever is first sets the flags up; all others find them.
  ram::Table flags = (*node)->table("flags");
  if (const auto made = flags.insert("new-checkout", "0"); !made.ok()) return fail(made.status());

  // Roll it out a little further: nobody's step is lost, whoever else does the same just now.
  const auto percent = flags.update("new-checkout", "0", [](std::string_view value) {
    return std::to_string(std::min(100, std::stoi(std::string(value)) + 50));
  });
  if (!percent.ok()) return fail(percent.status());
  std::printf("new-checkout is on for %s %% of the users\n", percent->c_str());

  for (const char* user : {"alice", "bob", "carol"}) {
    const ram::Result<bool> enabled = is_enabled(flags, "new-checkout", user);
    if (!enabled.ok()) return fail(enabled.status());
    std::printf("  %s: %s\n", user, *enabled ? "new checkout" : "old checkout");
  }
  return 0;
}
