#include "node/operations.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "base/limits.h"

namespace ram::node {

void Operations::add(Operation operation) {
  if (open_.size() >= kOperationsMax) {
    operation.done(Status::overloaded("too many operations on members are under way at this node"));
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
  for (const Operation& operation : late) {
    operation.done(Status::unavailable(
        operation.kind == OperationKind::kEvict
            ? "not done in time: " + operation.target_name +
                  " is still a member; a majority of the voters that would remain has to be there"
            : "not done in time: leadership did not move; `ram status` shows who could take it"));
  }
  return next;
}

void Operations::fail_all(const Status& status) {
  for (auto& [nonce, operation] : std::exchange(open_, {})) operation.done(status);
}

void Operations::ask(NodeId leader, const Ask& ask) {
  for (auto& [nonce, operation] : open_) {
    if (!operation.leader) operation.leader = leader;
    const bool moved = operation.kind == OperationKind::kTransfer && leader != operation.leader;
    if (!moved || operation.target) ask({nonce, operation.kind, operation.target});
  }
}

}  // namespace ram::node
