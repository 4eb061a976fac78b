#include "machine/sessions.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "machine/digest.h"

namespace ram::machine {
namespace {

// Freed with each chunk that begins: more than one, so that none is left before as many again are
// dropped.
constexpr size_t kGivenBackPerChunk = 2;

}  // namespace

bool Session::newest_is_full() const {
  return places_.back().chunk->size == ReplyChunk::kReplies ||
         added_bytes_ - places_.back().bytes_before >= ReplyChunk::kAnswerBytes;
}

void Session::begin_chunk() {
  limbo_.give_back(kGivenBackPerChunk);
  boost::intrusive_ptr<ReplyChunk> chunk(new ReplyChunk(limbo_, last_.next()));
  ReplyChunk* const at = chunk.get();
  (places_.empty() ? first_ : places_.back().chunk->next) = std::move(chunk);
  places_.push_back({at->first, added_bytes_, at});
}

void Session::add(Reply reply) {
  if (places_.empty() || newest_is_full()) begin_chunk();
  ReplyChunk& chunk = *places_.back().chunk;
  added_bytes_ += reply.answer_bytes.size();
  chunk.bytes += reply.answer_bytes.size();
  limbo_.on_answer(reply.answer_bytes.size());
  chunk.replies[chunk.size++] = std::move(reply);
  ++last_;
}

void Session::drop_up_to(Sequence to) {
  if (to == floor_) return;
  if (to == last_ && newest_is_full()) {
    places_.clear();
    first_.reset();
    dropped_bytes_ = added_bytes_;
    floor_ = to;
    return;
  }
  size_t gone = 0;
  while (gone + 1 < places_.size() && places_[gone + 1].first <= to.next()) ++gone;
  if (gone > 0) {
    places_.erase(places_.begin(), places_.begin() + static_cast<ptrdiff_t>(gone));
    first_ = places_.front().chunk;
    dropped_bytes_ = places_.front().bytes_before;
    floor_ = places_.front().first.previous();
  }
  while (floor_ < to) dropped_bytes_ += first_->at(++floor_).answer_bytes.size();
}

void Session::acknowledge(Sequence floor) {
  drop_up_to(std::clamp(floor, floor_, last_));
}

void Session::trim(size_t replies_max, size_t answer_bytes_max) {
  if (replies() > replies_max) drop_up_to(last_ - replies_max);
  while (answer_bytes() > answer_bytes_max) {
    // A whole chunk, if what comes after it is still too much.
    const bool whole =
        places_.size() > 1 && added_bytes_ - places_[1].bytes_before > answer_bytes_max;
    drop_up_to(whole ? places_[1].first.previous() : floor_.next());
  }
}

const Reply* Session::reply(Sequence sequence) const {
  if (sequence <= floor_ || sequence > last_) return nullptr;
  // Mostly the newest are asked for.
  if (sequence >= places_.back().first) return &places_.back().chunk->at(sequence);
  const auto after =
      std::upper_bound(places_.begin(), places_.end(), sequence,
                       [](Sequence wanted, const Place& place) { return wanted < place.first; });
  return &std::prev(after)->chunk->at(sequence);
}

void Session::skip_to(Sequence next) {
  places_.clear();
  first_.reset();
  dropped_bytes_ = added_bytes_;
  last_ = floor_ = next.previous();
}

void Session::check_invariants() const {
  RAM_CHECK(floor_ <= last_);
  RAM_CHECK(places_.empty() == (first_ == nullptr));
  RAM_CHECK(!places_.empty() || floor_ == last_);
  if (places_.empty()) return;
  Sequence next = places_.front().first;
  RAM_CHECK(next <= floor_.next());
  size_t answer_bytes = 0;
  const ReplyChunk* chunk = first_.get();
  for (const Place& place : places_) {
    RAM_CHECK(place.chunk == chunk);
    RAM_CHECK(place.first == next && chunk->first == next);
    for (; next - chunk->first < chunk->size; ++next) {
      if (next <= floor_) continue;
      const Reply& reply = chunk->at(next);
      answer_bytes += reply.answer_bytes.size();
      RAM_CHECK(reply.outcome == Outcome::kApplied || reply.answers == 0);
    }
    chunk = chunk->next.get();
  }
  RAM_CHECK(chunk == nullptr);
  RAM_CHECK(next == last_.next());
  RAM_CHECK(answer_bytes == this->answer_bytes());
}

Session* Sessions::find(NodeId origin) {
  const auto found = sessions_.find(origin);
  return found == sessions_.end() ? nullptr : &found->second;
}

const Session* Sessions::find(NodeId origin) const {
  return const_cast<Sessions*>(this)->find(origin);
}

Session* Sessions::restore(NodeId origin, Sequence floor) {
  const auto [at, is_new] = sessions_.try_emplace(origin, limbo_, floor);
  return is_new ? &at->second : nullptr;
}

size_t Sessions::kept_bytes() const {
  size_t bytes = limbo_.answer_bytes();
  for (const auto& [_, session] : sessions_) bytes -= session.answer_bytes();
  return bytes;
}

bool Sessions::dismantle(size_t& budget) {
  for (; !sessions_.empty(); --budget) {
    if (budget == 0) return true;
    sessions_.erase(sessions_.begin());
  }
  for (; limbo_.size() > 0; budget -= std::min(budget, ReplyChunk::kReplies)) {
    if (budget == 0) return true;
    limbo_.give_back(1);
  }
  return false;
}

uint64_t Sessions::digest() const {
  uint64_t sum = 0;
  for (const auto& [origin, session] : sessions_) {
    sum += mix64(mix64(kSessionSeed ^ origin.value) ^ session.last().value);
  }
  return sum;
}

void Sessions::check_invariants() const {
  for (const auto& [_, session] : sessions_) session.check_invariants();
}

}  // namespace ram::machine
