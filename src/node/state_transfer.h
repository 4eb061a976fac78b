// A whole state on its way from one node to another, in pieces (MEMBERSHIP.md section 2,
// READ-LEASES R10).
//
// The receiver pulls: it names the number up to which it has everything, and the source sends the
// next few. That is the back-pressure, and it makes a transfer resumable: after a loss the receiver
// asks again. The source keeps a frozen view and the few pieces that may have to be sent again.
//
// Source and receiver know each other by id; a transfer by a nonce of the receiver's. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/ids.h"
#include "machine/snapshot_codec.h"
#include "node/peer_message.h"

namespace ram::node {

class StateSource {
 public:
  // A state frozen now, and what it is the state of.
  struct Frozen {
    StateOrigin origin;
    std::unique_ptr<machine::FrozenState> state;
  };
  using Send = std::function<void(PeerMessage message)>;

  explicit StateSource(Duration patience) : patience_(patience) {}

  // `freeze` is called if this begins a transfer; null state: none can be given now.
  void on_request(Instant now, NodeId receiver, const StateRequest& request,
                  const std::function<Frozen()>& freeze, const Send& send);
  // Gives up transfers that nobody asked for in a while.
  void on_time(Instant now);
  // The state is about to be replaced as a whole.
  void drop_all() { transfers_.clear(); }
  size_t size() const { return transfers_.size(); }

 private:
  struct Transfer {
    Nonce nonce;
    StateOrigin origin;
    std::unique_ptr<machine::FrozenState> state;
    std::deque<SharedBytes> pieces;  // numbers first_ and up
    uint64_t first = 0;
    uint64_t sent = 0;   // all below were sent once
    bool ended = false;  // no piece follows those we have
    Instant asked;
  };

  void send_pieces(Transfer& transfer, const StateRequest& request, const Send& send);

  const Duration patience_;
  std::map<NodeId, Transfer> transfers_;  // by receiver
};

class StateReceiver {
 public:
  // Asks for a state as of `at_least` or later. `nonce` is new.
  StateReceiver(Nonce nonce, LogIndex at_least, Instant now)
      : nonce_(nonce), at_least_(at_least), heard_(now), asked_(now) {}

  StateRequest request(bool again) const;
  // Takes a piece in; true if more is to be asked for now. Pieces go to `take` in order.
  using Take = std::function<void(std::string_view piece)>;
  bool on_piece(Instant now, const StatePiece& piece, const Take& take);

  Nonce nonce() const { return nonce_; }
  LogIndex at_least() const { return at_least_; }
  const StateOrigin& origin() const { return origin_; }
  // When the source was last heard.
  Instant heard() const { return heard_; }
  Instant asked() const { return asked_; }
  void on_asked(Instant now) { asked_ = now; }

 private:
  const Nonce nonce_;
  const LogIndex at_least_;
  StateOrigin origin_;
  uint64_t next_ = 0;
  std::map<uint64_t, StatePiece> early_;  // that came before their turn
  Instant heard_;
  Instant asked_;
};

}  // namespace ram::node
