// What operators ask for at any node, and what the leader makes of it (MEMBERSHIP.md sections 4 and
// 5): a member evicted, leadership moved.

#include <algorithm>
#include <utility>

#include "node/core_inside.h"

namespace ram::node {

using consensus::Role;
using consensus::Server;

void NodeCore::Inside::operate(Instant now, OperationKind kind, const std::string& name,
                               Instant deadline, FenceDone done) {
  if (const Status status = refusal(now); !status.ok()) {
    done(status);
    return;
  }
  Operations::Operation operation{kind, NodeId(), NodeId(), name, deadline, std::move(done)};
  const bool anybody = kind == OperationKind::kTransfer && name.empty();
  for (const Server& server : replica_->latest().servers) {
    const auto description = decode_description(server.description);
    if (!anybody && description && description->name == name) operation.target = server.id;
  }
  if (!anybody && !operation.target) {
    operation.done(Status::invalid("there is no member '" + name + "'; `ram status` lists them"));
    return;
  }
  next_call_deadline_ = std::min(next_call_deadline_, deadline);
  operations_.add(std::move(operation));
  ask_operations(now);
  again_ = true;
}

void NodeCore::Inside::ask_operations(Instant now) {
  if (operations_.empty() || !leader()) return;
  operations_.ask(leader(), [&](const OperationRequest& request) {
    if (leads()) {
      const std::string refused = undertake(now, request);
      if (!refused.empty()) refusals_.emplace_back(request.nonce, refused);
    } else {
      post_to(leader(), request);
    }
  });
}

void NodeCore::Inside::turn_operations() {
  for (const auto& [nonce, reason] : std::exchange(refusals_, {})) {
    operations_.on_refusal(nonce, reason);
  }
  operations_.settle([&](const Operations::Operation& operation) {
    if (operation.kind == OperationKind::kEvict) {
      return replica_->committed().find(operation.target) == nullptr &&
             replica_->latest().find(operation.target) == nullptr;
    }
    return leader() && (operation.target ? leader() == operation.target
                                         : operation.leader && leader() != operation.leader);
  });
}

// Requires: we lead. Why it will not be done; empty: it is under way.
std::string NodeCore::Inside::undertake(Instant now, const OperationRequest& request) {
  if (request.kind == OperationKind::kEvict) {
    std::string refused = admission_.evict(now, request.target, *replica_);
    manage_ |= refused.empty();
    return refused;
  }
  if (request.target == options_.id) return {};
  if (request.target) {
    const Server* server = replica_->latest().find(request.target);
    if (server == nullptr) return "the node is a member no more";
    const auto description = decode_description(server->description);
    const std::string name = description ? description->name : "the node";
    if (server->role != Role::kVoter)
      return name + " has no vote, and cannot lead; `ram status` shows who has one";
    if (admission_.silent(now, request.target)) {
      return name + " is silent: nothing was heard of it for an election timeout";
    }
    if (admission_.leaving(request.target)) return name + " is leaving";
    if (!may_lead(now, *server)) return name + " has a clock that misbehaved, as the leader's did";
  } else if (replica_->latest().voters() == 1) {
    return "there is no other voter that could lead";
  }
  begin_hand_over(now, request.target);
  return {};
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const OperationRequest& request) {
  if (!among_members(from, heading) || !leads()) return;
  if (replica_->latest().find(from.id) == nullptr) return;
  const std::string refused = undertake(now, request);
  if (!refused.empty()) post_to(from.id, OperationRefusal{request.nonce, refused});
}

void NodeCore::Inside::on_message(Instant, const Peer& from, const Heading& heading,
                                  const OperationRefusal& refusal) {
  if (among_members(from, heading)) refusals_.emplace_back(refusal.nonce, refusal.reason);
}

}  // namespace ram::node
