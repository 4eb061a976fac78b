#include "machine/sessions.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/random.h"
#include "machine/digest.h"

namespace ram::machine {
namespace {

constexpr size_t kRepliesMin = 16;
// A buffer larger than this is given back once it is empty.
constexpr size_t kRepliesKept = 4096;

}  // namespace

void Session::add(Reply reply) {
  if (replies_.full()) replies_.set_capacity(std::max(kRepliesMin, 2 * replies_.capacity()));
  answer_bytes_ += reply.answer_bytes.size();
  replies_.push_back(std::move(reply));
  ++last_;
}

void Session::drop_oldest() {
  answer_bytes_ -= replies_.front().answer_bytes.size();
  replies_.pop_front();
  ++floor_;
}

void Session::acknowledge(Sequence floor) {
  const Sequence to = std::min(floor, last_);
  while (floor_ < to) drop_oldest();
  if (replies_.empty() && replies_.capacity() > kRepliesKept) replies_.set_capacity(0);
}

void Session::trim(size_t replies_max, size_t answer_bytes_max) {
  while (replies_.size() > replies_max || answer_bytes_ > answer_bytes_max) drop_oldest();
}

const Reply* Session::reply(Sequence sequence) const {
  if (sequence <= floor_ || sequence > last_) return nullptr;
  return &replies_[sequence - floor_ - 1];
}

void Session::skip_to(Sequence next) {
  replies_.clear();
  answer_bytes_ = 0;
  last_ = floor_ = next.previous();
}

void Session::check_invariants() const {
  RAM_CHECK(floor_ <= last_);
  RAM_CHECK(replies_.size() == last_ - floor_);
  size_t answer_bytes = 0;
  for (const Reply& reply : replies_) {
    answer_bytes += reply.answer_bytes.size();
    RAM_CHECK(reply.outcome == Outcome::kApplied || reply.answers == 0);
  }
  RAM_CHECK(answer_bytes == answer_bytes_);
}

Session* Sessions::find(NodeId origin) {
  const auto found = sessions_.find(origin);
  return found == sessions_.end() ? nullptr : &found->second;
}

const Session* Sessions::find(NodeId origin) const {
  return const_cast<Sessions*>(this)->find(origin);
}

Session* Sessions::restore(NodeId origin, Sequence floor) {
  const auto [at, is_new] = sessions_.try_emplace(origin, floor);
  return is_new ? &at->second : nullptr;
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
