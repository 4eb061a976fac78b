// A lock with a fencing token, and what it guards: an account that only the holder may change.
//
// Holding a lock proves little once the holder was paused: someone else may hold it by now. So each
// change names the revision at which the lock was taken, and has no effect if that is no longer so.

#include <chrono>
#include <cstdio>
#include <optional>
#include <string>

#include "ram/ram.h"

namespace {

int fail(const ram::Status& status) {
  std::fprintf(stderr, "lock: %s\n", status.message().c_str());
  return 1;
}

// The token of the lock, or nothing if someone has it.
ram::Result<std::optional<uint64_t>> acquire(ram::Table& locks, const std::string& owner) {
  return locks.compare_and_set("account", 0, owner);
}

// Adds to the balance if `token` still is the lock's; returns whether it did.
ram::Result<bool> deposit(ram::Node& node, uint64_t token, int64_t amount) {
  ram::Batch batch;
  batch.if_revision("locks", "account", token).add("accounts", "balance", amount);
  const ram::Result<ram::BatchResult> done = node.commit(std::move(batch));
  if (!done.ok()) return done.status();
  return done->outcome == ram::Outcome::kApplied;
}

}  // namespace

int main() {
  ram::NodeOptions options;
  options.cluster_listen = "127.0.0.1:0";
  options.log_from = ram::Severity::kWarning;
  auto node = ram::Node::start(options);
  if (!node.ok()) return fail(node.status());
  if (ram::Status ok = (*node)->wait_until_ok(std::chrono::minutes(1)); !ok.ok()) return fail(ok);

  ram::Table locks = (*node)->table("locks");
  const auto alice = acquire(locks, "alice");
  if (!alice.ok()) return fail(alice.status());
  const auto bob = acquire(locks, "bob");
  if (!bob.ok()) return fail(bob.status());
  std::printf("alice %s the lock, bob %s\n", *alice ? "has" : "has not", *bob ? "too" : "has not");

  const auto first = deposit(**node, **alice, 100);
  if (!first.ok()) return fail(first.status());
  // Alice pauses; the lock is taken from her and given to bob.
  if (const auto gone = locks.erase("account"); !gone.ok()) return fail(gone.status());
  if (const auto taken = acquire(locks, "bob"); !taken.ok()) return fail(taken.status());
  const auto late = deposit(**node, **alice, 100);
  if (!late.ok()) return fail(late.status());

  const auto balance = (*node)->table("accounts").get("balance");
  if (!balance.ok()) return fail(balance.status());
  std::printf("alice's deposit %s, her late one %s; the balance is %s\n",
              *first ? "counted" : "did not count", *late ? "counted" : "did not",
              (*balance)->c_str());
  return **balance == "100" ? 0 : 1;
}
