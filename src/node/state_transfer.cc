#include "node/state_transfer.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"
#include "base/slowest_link.h"

namespace ram::node {
namespace {

// Of the state's bytes, what may be kept for views.
constexpr size_t kKeptShare = 4;

}  // namespace

bool StateSource::on_request(Instant now, NodeId receiver, const StateRequest& request,
                             const std::function<Frozen()>& freeze, const Send& send) {
  bool news = false;
  auto found = transfers_.find(receiver);
  if (found == transfers_.end() || found->second.nonce != request.transfer) {
    if (request.from != 0) {
      send(receiver, StateRefusal{request.transfer, "this transfer was given up; begin another"});
      return false;
    }
    if (found == transfers_.end() && transfers_.size() >= kStateTransfersMax) {
      send(receiver,
           StateRefusal{request.transfer, "this node gives out as many states as it may already"});
      return false;
    }
    Frozen frozen = freeze();
    if (!frozen.state || frozen.origin.index < request.at_least) {
      send(receiver, StateRefusal{request.transfer, "this node's state is not recent enough yet"});
      return false;
    }
    news = true;
    Transfer transfer;
    transfer.nonce = request.transfer;
    transfer.origin = std::move(frozen.origin);
    transfer.state = std::move(frozen.state);
    transfer.bytes = frozen.bytes;
    transfer.at_least = request.at_least;
    kept_bytes_max_ = bound_of(frozen.bytes);
    found = transfers_.insert_or_assign(receiver, std::move(transfer)).first;
    send(receiver, StateComing{request.transfer});  // sooner than a piece may
  }
  Transfer& transfer = found->second;
  transfer.asked = now;
  const bool overtaken = request.from < transfer.first;
  if (overtaken || request.from > transfer.end()) return news;
  if (transfer.first < request.from || transfer.bytes_on_way == 0) transfer.moved = now;
  news |= transfer.first == 0 && request.from > 0;
  for (; transfer.first < request.from; ++transfer.first) {
    const Piece& piece = transfer.pieces.front();
    if (transfer.first < transfer.next) transfer.bytes_on_way -= piece.bytes.size();
    transfer.done = std::max<uint64_t>(piece.done, 1);  // something, in any case
    transfer.pieces.pop_front();
  }
  transfer.next = std::max(transfer.next, transfer.first);
  if (!request.again || transfer.next == transfer.first) return news;
  if (now - transfer.moved >= carried_in(transfer.bytes_on_way)) {
    transfer.lose(now);
  } else {
    send(receiver, StateComing{request.transfer});
  }
  return news;
}

void StateSource::Transfer::lose(Instant now) {
  next = first;
  bytes_on_way = 0;
  moved = now;
}

bool StateSource::turn(const Send& send) {
  bool more = false;
  for (auto& [receiver, transfer] : transfers_) more |= send_pieces(receiver, transfer, send);
  std::erase_if(transfers_, [](const auto& entry) {
    return entry.second.ended && entry.second.pieces.empty();
  });
  return more;
}

bool StateSource::send_pieces(NodeId receiver, Transfer& transfer, const Send& send) const {
  const auto room = [&] {
    return transfer.next < transfer.first + kStatePiecesWindow &&
           transfer.bytes_on_way < rules_.window_bytes;
  };
  if (room() && transfer.next == transfer.end() && !transfer.ended) {
    std::string piece;
    transfer.ended = !transfer.state->next_piece(piece);
    if (!transfer.ended) {
      transfer.pieces.push_back(
          {SharedBytes(std::move(piece)), transfer.state->read(Headway::kParts)});
    }
  }
  while (room() && transfer.next < transfer.end()) {
    const SharedBytes& piece = transfer.pieces[transfer.next - transfer.first].bytes;
    if (transfer.bytes_on_way > 0 && transfer.bytes_on_way + piece.size() > rules_.window_bytes) {
      return false;
    }
    send(receiver, StatePiece{transfer.nonce, transfer.next,
                              transfer.next == 0 ? transfer.origin : StateOrigin(), piece});
    transfer.bytes_on_way += piece.size();
    ++transfer.next;
  }
  return room() && !transfer.ended;
}

size_t StateSource::kept_bytes() const {
  size_t bytes = 0, replies = 0;
  for (const auto& [receiver, transfer] : transfers_) {
    bytes += transfer.state->kept_bytes();
    replies = std::max(replies, transfer.state->kept_reply_bytes());
  }
  return bytes + replies;
}

// Old versions count as memory: rather are writes slowed by them than refused.
size_t StateSource::bound_of(size_t bytes) const {
  const size_t left = rules_.memory_bytes_max - std::min(bytes, rules_.memory_bytes_max);
  return std::min(std::max(rules_.kept_bytes_min, bytes / kKeptShare),
                  std::max(rules_.kept_bytes_min / 8, left / 2));
}

std::vector<StateSource::Standing> StateSource::standings() const {
  const size_t kept = std::min(kept_bytes(), kept_bytes_max_);
  const uint64_t room =
      kept_bytes_max_ == 0 ? 0 : (kept_bytes_max_ - kept) * Headway::kParts / kept_bytes_max_;
  std::vector<Standing> standings;
  for (const auto& [receiver, transfer] : transfers_) {
    standings.push_back({transfer.nonce, receiver, transfer.origin.index, transfer.at_least,
                         transfer.done, room, transfer.bytes_on_way});
  }
  return standings;
}

void StateSource::on_time(Instant now, size_t bytes, const Send& send) {
  kept_bytes_max_ = bound_of(bytes);
  const bool crowded = kept_bytes() >= kept_bytes_max_;
  const auto is_given_up = [&](const Transfer& transfer) {
    const uint64_t to_read = Headway::kParts - transfer.state->read(Headway::kParts);
    return now - transfer.asked > rules_.patience ||
           (crowded && transfer.bytes * to_read / Headway::kParts > bytes + kept_bytes_max_);
  };
  drop_if(is_given_up, "this transfer was given up; begin another", send);
}

bool StateSource::gives(NodeId receiver, Nonce transfer) const {
  const auto found = transfers_.find(receiver);
  return found != transfers_.end() && found->second.nonce == transfer;
}

void StateSource::drop(Nonce transfer, const std::string& reason, const Send& send) {
  drop_if([&](const Transfer& one) { return one.nonce == transfer; }, reason, send);
}

void StateSource::drop_all(const std::string& reason, const Send& send) {
  drop_if([](const Transfer&) { return true; }, reason, send);
}

void StateSource::drop_if(const std::function<bool(const Transfer&)>& fails,
                          const std::string& reason, const Send& send) {
  std::erase_if(transfers_, [&](const auto& entry) {
    const auto& [receiver, transfer] = entry;
    const bool dropped = fails(transfer);
    if (dropped) send(receiver, StateRefusal{transfer.nonce, reason});
    return dropped;
  });
}

StateRequest StateReceiver::request(bool again) const {
  return {nonce_, next_, at_least_, again};
}

bool StateReceiver::on_piece(Instant now, const StatePiece& piece, const Take& take) {
  if (piece.transfer != nonce_) return false;
  heard_ = now;
  if (piece.number < next_ || piece.number >= next_ + kStatePiecesWindow) return false;
  early_.emplace(piece.number, piece);
  const uint64_t before = next_;
  for (auto it = early_.begin(); it != early_.end() && it->first == next_; ++next_) {
    if (next_ == 0) origin_ = it->second.origin;
    take(it->second.bytes.view());
    it = early_.erase(it);
  }
  return next_ != before;
}

}  // namespace ram::node
