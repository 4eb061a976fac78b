#include "node/state_transfer.h"

#include <algorithm>
#include <utility>

#include "base/limits.h"

namespace ram::node {
namespace {

// Of the state's bytes, what may be kept for views.
constexpr size_t kKeptShare = 4;

}  // namespace

void StateSource::on_request(Instant now, NodeId receiver, const StateRequest& request,
                             const std::function<Frozen()>& freeze, const Send& send) {
  auto found = transfers_.find(receiver);
  if (found == transfers_.end() || found->second.nonce != request.transfer) {
    if (request.from != 0) {
      send(StateRefusal{request.transfer, "this transfer was given up; begin another"});
      return;
    }
    if (found == transfers_.end() && transfers_.size() >= kStateTransfersMax) {
      send(StateRefusal{request.transfer, "this node gives out as many states as it may already"});
      return;
    }
    Frozen frozen = freeze();
    if (!frozen.state || frozen.origin.index < request.at_least) {
      send(StateRefusal{request.transfer, "this node's state is not recent enough yet"});
      return;
    }
    Transfer transfer;
    transfer.nonce = request.transfer;
    transfer.origin = std::move(frozen.origin);
    transfer.state = std::move(frozen.state);
    transfer.bytes = frozen.bytes;
    transfer.at_least = request.at_least;
    kept_bytes_max_ = bound_of(frozen.bytes);
    found = transfers_.insert_or_assign(receiver, std::move(transfer)).first;
  }
  found->second.asked = now;
  if (!send_pieces(found->second, request, send)) transfers_.erase(found);
}

bool StateSource::send_pieces(Transfer& transfer, const StateRequest& request, const Send& send) {
  while (transfer.first < request.from && !transfer.pieces.empty()) {
    transfer.pieces.pop_front();
    ++transfer.first;
  }
  if (request.from != transfer.first) return true;  // overtaken by a later request
  while (transfer.pieces.size() < kStatePiecesWindow && !transfer.ended) {
    std::string piece;
    transfer.ended = !transfer.state->next_piece(piece);
    if (!transfer.ended) transfer.pieces.emplace_back(std::move(piece));
  }
  const uint64_t from = request.again ? transfer.first : std::max(transfer.first, transfer.sent);
  const uint64_t end = transfer.first + transfer.pieces.size();
  for (uint64_t number = from; number < end; ++number) {
    send(StatePiece{transfer.nonce, number, number == 0 ? transfer.origin : StateOrigin(),
                    transfer.pieces[number - transfer.first]});
  }
  transfer.sent = std::max(transfer.sent, end);
  return !(transfer.ended && transfer.pieces.empty());
}

size_t StateSource::kept_bytes() const {
  size_t bytes = 0;
  for (const auto& [receiver, transfer] : transfers_) bytes += transfer.state->kept_bytes();
  return bytes;
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
                         transfer.done(), room});
  }
  return standings;
}

void StateSource::on_time(Instant now, size_t bytes) {
  kept_bytes_max_ = bound_of(bytes);
  const size_t kept = kept_bytes();
  const bool crowded = kept >= kept_bytes_max_;
  const bool ease = kept < kept_bytes_max_ - kept_bytes_max_ / 16;
  for (auto& [receiver, transfer] : transfers_) {
    transfer.headway.look(now, transfer.done(), crowded, ease);
  }
  std::erase_if(transfers_, [&](const auto& entry) {
    const Transfer& transfer = entry.second;
    const uint64_t to_come = Headway::kParts - transfer.done();
    return now - transfer.asked > rules_.patience ||
           transfer.headway.stuck(now, rules_.stuck_after) ||
           (crowded && transfer.bytes / Headway::kParts * to_come > bytes + kept_bytes_max_);
  });
}

void StateSource::drop(Nonce transfer) {
  std::erase_if(transfers_, [&](const auto& entry) { return entry.second.nonce == transfer; });
}

StateRequest StateReceiver::request(bool again) const {
  return {nonce_, next_, at_least_, again};
}

bool StateReceiver::on_piece(Instant now, const StatePiece& piece, const Take& take) {
  if (piece.transfer != nonce_ || piece.number < next_ ||
      piece.number >= next_ + kStatePiecesWindow) {
    return false;
  }
  heard_ = now;
  early_.emplace(piece.number, piece);
  const uint64_t before = next_;
  for (auto it = early_.begin(); it != early_.end() && it->first == next_; ++next_) {
    if (next_ == 0) origin_ = it->second.origin;
    take(it->second.bytes.view());
    it = early_.erase(it);
  }
  // Ask when half a window is through: the source is never idle, and hears half as often.
  return next_ / (kStatePiecesWindow / 2) != before / (kStatePiecesWindow / 2);
}

}  // namespace ram::node
