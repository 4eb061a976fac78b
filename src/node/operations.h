// What operators asked for through this node, until the cluster has done it (MEMBERSHIP.md sections
// 4 and 5): to evict a member, or to move leadership.
//
// The leader is asked again and again, so that a new one hears of it too. That it is done is seen
// in what this node knows anyway, its committed configuration and its leader: no answer can be
// lost. Only a refusal is a message.
//
// One thread.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "node/peer_message.h"
#include "ram/status.h"

namespace ram::node {

class Operations {
 public:
  using Done = std::function<void(const Status&)>;
  struct Operation {
    OperationKind kind = OperationKind::kEvict;
    NodeId target;  // of a transfer: none, if anybody will do
    NodeId leader;  // the first that was asked
    std::string target_name;
    Instant deadline{};
    Done done;
    bool asked = false;  // somebody may do it yet
  };

  void add(Operation operation);
  // Takes out and ends what `is_done`.
  void settle(const std::function<bool(const Operation&)>& is_done);
  void on_refusal(Nonce nonce, const std::string& reason);
  // Ends what is past its deadline; returns the next one, or kNever. What a leader was asked for
  // may still be done: kUnknownOutcome.
  Instant expire(Instant now);
  // As if all were past it.
  void stop();

  // For what `leader` is to be asked now. Somebody else's leadership is not moved on.
  using Ask = std::function<void(const OperationRequest& request)>;
  void ask(NodeId leader, const Ask& ask);
  bool empty() const { return open_.empty(); }

 private:
  std::map<Nonce, Operation> open_;
  Nonce last_nonce_;
};

}  // namespace ram::node
