// Whether a survivor of a cluster that lost its majority may go on from what it has, alone
// (MEMBERSHIP.md section 6, READ-LEASES R11).
//
// Whoever lives where a member did is asked, again and again for a while, what it knows; from the
// latest answers, and from the silence, follows a reason not to, or none. It cannot tell the dead
// from those that are only cut off: that is for the operator to say.
//
// One thread.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "consensus/configuration.h"
#include "node/peer_message.h"
#include "ram/status.h"

namespace ram::node {

class Recovery {
 public:
  // The report of what was done, or why it was not.
  using Done = std::function<void(Result<std::string>)>;
  struct Self {
    NodeId id;
    Term last_term;
    LogIndex last;
    consensus::Configuration members;
    std::string complete_until;  // for people; empty: not known
  };

  // Asks until `until`; then verdict() has what follows.
  Recovery(Nonce nonce, Self self, bool others_are_dead, Instant until, Done done);

  Nonce nonce() const { return nonce_; }
  bool others_are_dead() const { return others_are_dead_; }
  Instant until() const { return until_; }
  void on_answer(NodeId from, const RecoveryAnswer& answer);

  // OK: go on alone. Else why not, in one line.
  Status verdict() const;
  // Who did not answer, "n2, n3".
  std::string missing() const;
  const Self& self() const { return self_; }
  const Done& done() const { return done_; }

 private:
  std::string name_of(NodeId id) const;

  const Nonce nonce_;
  const Self self_;
  const bool others_are_dead_;
  const Instant until_;
  const Done done_;
  std::map<NodeId, RecoveryAnswer> answers_;
};

}  // namespace ram::node
