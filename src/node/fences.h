// Fences: how a read learns that this node has everything that was acknowledged before it began
// (READ-LEASES R8.3, with the `round` of section 3).
//
// FenceAsker is the reader's side. Reads that wait together share one question, put to the leader
// after each of them began; its answer is an index, and they go on when that is applied here.
//
// FenceRounds is the leader's. It answers max(stable, barrier) at once while the leader's own lease
// holds; else, or if the question trusts no clock, when a majority of the voters has echoed a round
// that began after the question came: then nobody else led when it came, and nothing can have been
// acknowledged that the index does not cover. One round serves all that waited.
//
// Source: Ongaro, "Consensus: Bridging Theory and Practice" (2014), section 6.4.
// One thread.
#pragma once

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "consensus/configuration.h"
#include "node/applied_waits.h"
#include "node/node_core.h"
#include "ram/status.h"

namespace ram::node {

class FenceAsker {
 public:
  using Done = NodeCore::FenceDone;

  // `quorum`: no lease is to answer it.
  void add(Instant deadline, bool quorum, Done done);

  struct Asked {
    Nonce nonce;
    bool quorum = false;  // one of the reads wants it so
    bool operator==(const Asked&) const = default;
  };
  // A question to be put now, if there is one: one that is to be put again, or a new one for
  // everything that waits.
  std::optional<Asked> ask(Instant now);
  void on_answer(Nonce nonce, LogIndex index);
  // Has what was asked before `asked_before`, and not answered, asked again. It stays the same
  // question: its reads began before, so any answer to it will do, however late.
  void ask_again(Instant asked_before);

  // Ends what may go on, as `applied` is visible here.
  void on_applied(LogIndex applied);
  // Ends what is past its deadline, and returns the next one, or kNever.
  Instant expire(Instant now);
  void fail_all(const Status& status);

  // Adds a read to a question that was put before it began; false: there is none. A mistake
  // (READ-LEASES R8.3), for tests.
  bool join(Instant deadline, const Done& done);
  // Who has an answer does not wait for more than `last`: a mistake (READ-LEASES R8.3), for tests.
  void cut(LogIndex last) { answered_.lower_to(last); }

  bool idle() const { return waiting_.empty() && asked_.empty() && answered_.empty(); }

 private:
  using Read = AppliedWaits::Wait;
  struct Question {
    Instant at;
    bool quorum = false;
    bool again = false;  // is to be put once more
    std::vector<Read> reads;
  };

  std::vector<Read> waiting_;
  bool quorum_ = false;  // of one that waits
  std::map<Nonce, Question> asked_;
  AppliedWaits answered_;
  size_t reads_ = 0;  // in all three
  Nonce last_nonce_;
  Instant next_deadline_ = kNever;  // none is earlier
};

class FenceRounds {
 public:
  struct Question {
    NodeId asker;
    Nonce nonce;  // none: no read asks, but what we are about to say needs a majority
    bool quorum = false;
  };
  using Answer = std::function<void(const Question&, LogIndex index)>;

  // A new term, or none of ours: what was asked is forgotten; who asked will ask again.
  void restart();
  void add(Question question);
  // Something is to be said to `whom` as soon as a majority has confirmed us.
  void add_notice(NodeId whom);
  // The leader's lease holds now: answers what waits and may be answered so.
  void answer_at_once(LogIndex index, const Answer& answer);
  // Begins a round for which nothing waits; confirmed() says when it is through.
  Round announce() { return ++latest_; }
  // A majority of `configuration`'s voters has echoed `round`, or a later one; `self` counts.
  bool confirmed(Round round, const consensus::Configuration& configuration, NodeId self) const;
  // True if another round may begin now.
  bool may_begin() const;
  // Begins a round for all that wait; `index` is max(stable, barrier) now, the barrier committed.
  Round begin(LogIndex index);
  void on_echo(NodeId member, Round round);
  // Who is not among them needs not be remembered.
  void keep(const consensus::Configuration& configuration);
  // Answers what a majority of `configuration`'s voters, `self` included, has confirmed.
  void answer(const consensus::Configuration& configuration, NodeId self, const Answer& answer);

  // The latest round begun; it rides on everything that the leader sends.
  Round latest() const { return latest_; }

 private:
  struct Begun {
    Round round;
    LogIndex index;
    std::vector<Question> questions;
  };

  std::vector<Question> waiting_;
  std::deque<Begun> begun_;
  std::map<NodeId, Round> echoed_;
  Round latest_;
};

}  // namespace ram::node
