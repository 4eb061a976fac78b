// A whole state on its way from one node to another, in pieces (MEMBERSHIP.md section 2,
// READ-LEASES R10).
//
// The receiver pulls: it names the number up to which it has everything, and the source sends what
// follows, a window of bytes at most ahead of it, or one piece. That is the back-pressure, and it
// makes a transfer resumable: when nothing has arrived for longer than a window takes on a slow
// link, the receiver asks for it again, and the source sends on from there; or it says that what is
// on its way may take longer than that. At the end the receiver asks once more, to say so. The
// source keeps a frozen view and the few pieces that may have to be sent again.
//
// What is written meanwhile makes the store keep old versions for the view. They are bounded, to a
// quarter of the state: as they near it, the leader has writers slowed, and gives up a receiver
// that does not get on then (log_claims.h). A view is given up, and the receiver begins again, also
// if there is less to do in a new one, since much of what the view still needs was erased.
//
// Source and receiver know each other by id; a transfer by a nonce of the receiver's. One thread.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"
#include "base/limits.h"
#include "machine/snapshot_codec.h"
#include "node/headway.h"
#include "node/peer_message.h"

namespace ram::node {

class StateSource {
 public:
  // A state frozen now, and what it is the state of.
  struct Frozen {
    StateOrigin origin;
    std::unique_ptr<machine::FrozenState> state;
    size_t bytes = 0;  // that the state takes
  };
  // How a transfer gets on.
  struct Standing {
    Nonce transfer;
    NodeId receiver;
    LogIndex index;     // of the state
    LogIndex at_least;  // that was asked for
    uint64_t done = 0;  // of Headway::kParts: what has arrived
    uint64_t room = 0;  // the same: of what may be kept for views, what is not
    size_t bytes_on_way = 0;
  };
  struct Rules {
    Duration patience;          // a transfer ends when nobody asked for so long
    size_t kept_bytes_min = 0;  // may be kept, however small the state
    size_t memory_bytes_max = std::numeric_limits<size_t>::max();  // beyond it writes are refused
    size_t window_bytes = kStatePiecesWindow * kStatePieceBytes;   // on their way to one receiver
  };
  using Send = std::function<void(NodeId receiver, const PeerMessage& message)>;

  explicit StateSource(Rules rules) : rules_(rules) {}

  // `freeze` is called if this begins a transfer; null state: none can be given now. True: a
  // transfer began, or something has arrived for the first time.
  bool on_request(Instant now, NodeId receiver, const StateRequest& request,
                  const std::function<Frozen()>& freeze, const Send& send);
  // Sends what was asked for: of each state at most one piece that was not read yet. True: there is
  // more to do at once.
  bool turn(const Send& send);
  // Gives up what is to be given up; with each heartbeat. `bytes`: what the state takes now.
  void on_time(Instant now, size_t bytes, const Send& send);
  std::vector<Standing> standings() const;
  bool gives(NodeId receiver, Nonce transfer) const;
  // It would be in vain.
  void drop(Nonce transfer, const std::string& reason, const Send& send);
  // The state is about to be replaced as a whole, or we to go.
  void drop_all(const std::string& reason, const Send& send);
  // Without a word.
  void drop_all() { transfers_.clear(); }
  size_t size() const { return transfers_.size(); }

 private:
  struct Piece {
    SharedBytes bytes;
    uint64_t done = 0;  // of Headway::kParts: up to its end
  };
  struct Transfer {
    Nonce nonce;
    StateOrigin origin;
    std::unique_ptr<machine::FrozenState> state;
    size_t bytes = 0;
    LogIndex at_least;
    std::deque<Piece> pieces;  // numbers first and up
    uint64_t first = 0;        // that the receiver does not have
    uint64_t next = 0;         // to be sent
    size_t bytes_on_way = 0;   // of those from first to next
    bool ended = false;        // no piece follows those we have
    Instant asked;
    Instant moved;      // it had something new, or all of it was sent again
    uint64_t done = 0;  // of Headway::kParts: what has arrived

    uint64_t end() const { return first + pieces.size(); }
    void lose(Instant now);  // what is on its way
  };

  // True: another piece has room.
  bool send_pieces(NodeId receiver, Transfer& transfer, const Send& send) const;
  // Tells those who wait for what `fails`.
  void drop_if(const std::function<bool(const Transfer&)>& fails, const std::string& reason,
               const Send& send);
  size_t kept_bytes() const;
  size_t bound_of(size_t bytes) const;

  Rules rules_;
  size_t kept_bytes_max_ = 0;
  std::map<NodeId, Transfer> transfers_;  // by receiver
};

class StateReceiver {
 public:
  // Asks for a state as of `at_least` or later. `nonce` is new.
  StateReceiver(Nonce nonce, LogIndex at_least, Instant now)
      : nonce_(nonce), at_least_(at_least), begun_(now), heard_(now), asked_(now) {}

  StateRequest request(bool again) const;
  // Takes a piece in; true if more is to be asked for now. Pieces go to `take` in order.
  using Take = std::function<void(std::string_view piece)>;
  bool on_piece(Instant now, const StatePiece& piece, const Take& take);
  // More is on its way; the source says so when it begins, too.
  void on_word(Instant now) { heard_ = now; }

  Nonce nonce() const { return nonce_; }
  LogIndex at_least() const { return at_least_; }
  const StateOrigin& origin() const { return origin_; }
  Instant begun() const { return begun_; }
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
  const Instant begun_;
  Instant heard_;
  Instant asked_;
};

}  // namespace ram::node
