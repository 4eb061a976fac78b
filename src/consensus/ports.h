// What a Replica needs from others: someone to carry its messages, someone to follow its log.
//
// Both are called from within the Replica's own methods, on its thread; neither may call a method
// of the Replica that is not const. Note what happened and act when the call has returned.
//
// Messages go last: when one is sent, the log, verified() and commit() are what they will be, and
// the StateMachine has been told.
#pragma once

#include "base/ids.h"
#include "consensus/message.h"

namespace ram::consensus {

class Transport {
 public:
  virtual ~Transport() = default;
  // Carries `message` to `to`, or loses it. May be kept: payloads are shared bytes.
  virtual void send(NodeId to, Message message) = 0;
};

class StateMachine {
 public:
  virtual ~StateMachine() = default;
  // The log's entries from `from` on are new; whatever stood there before is gone.
  virtual void on_log_changed(LogIndex from) = 0;
  // The commit index rose to `commit` (READ-LEASES R1.3: a majority has it, no more). Not told of
  // what a token covers: that is in hand when resume() or installed() is called.
  virtual void on_committed(LogIndex commit) = 0;
  // The log was replaced by `token`: fetch a state at least as new, then call installed(). Until
  // then nothing is applied, the node does not vote, and the commit index does not move.
  virtual void on_install(const SnapshotToken& token, NodeId from) = 0;
};

}  // namespace ram::consensus
