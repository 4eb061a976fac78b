#include "node/operations.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/limits.h"

namespace ram::node {
namespace {

Status undone(const Operations::Operation& operation) {
  if (!operation.asked) {
    return Status::unavailable(
        "not done: there is no leader to ask; `ram status` shows who is missing");
  }
  return Status::unknown_outcome(
      operation.kind == OperationKind::kEvict
          ? "not done in time: " + operation.target_name +
                " was still a member, and may be taken out yet, once a majority of the voters that "
                "would remain is there; `ram status` tells"
          : "not done in time: leadership had not moved, and may yet; `ram status` tells");
}

}  // namespace

void Operations::add(Operation operation) {
  if (open_.size() >= kOperationsMax) {
    operation.done(
        Status::overloaded("too many operations on members are under way at this node; try again "
                           "when some are done"));
    return;
  }
  ++last_nonce_;
  open_.emplace(last_nonce_, std::move(operation));
}

void Operations::settle(const std::function<bool(const Operation&)>& is_done) {
  std::vector<Done> done;
  std::erase_if(open_, [&](auto& entry) {
    if (!is_done(entry.second)) return false;
    done.push_back(std::move(entry.second.done));
    return true;
  });
  for (const Done& each : done) each(Status());
}

void Operations::on_refusal(Nonce nonce, const std::string& reason) {
  const auto found = open_.find(nonce);
  if (found == open_.end()) return;
  const Done done = std::move(found->second.done);
  open_.erase(found);
  done(Status::invalid(reason));
}

Instant Operations::expire(Instant now) {
  Instant next = kNever;
  std::vector<Operation> late;
  std::erase_if(open_, [&](auto& entry) {
    if (entry.second.deadline > now) {
      next = std::min(next, entry.second.deadline);
      return false;
    }
    late.push_back(std::move(entry.second));
    return true;
  });
  for (const Operation& operation : late) operation.done(undone(operation));
  return next;
}

void Operations::stop() {
  for (auto& [nonce, operation] : std::exchange(open_, {})) operation.done(undone(operation));
}

void Operations::ask(NodeId leader, const Ask& ask) {
  for (auto& [nonce, operation] : open_) {
    if (!operation.leader) operation.leader = leader;
    const bool moved = operation.kind == OperationKind::kTransfer && leader != operation.leader;
    if (moved && !operation.target) continue;
    operation.asked = true;
    ask({nonce, operation.kind, operation.target});
  }
}

}  // namespace ram::node
