// What a client is answered: from the front of the queue, as far as it is known.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "resp/connection.h"
#include "resp/front.h"

namespace ram::resp {

bool Connection::reply(FunctionRef<bool(Reply&)> write) {
  const size_t before = output_.size();
  const bool skip = std::exchange(client_.skip_next_reply, false);
  Reply to(output_, client_.version);
  if (!write(to)) {
    RAM_CHECK(output_.size() == before);
    client_.skip_next_reply = skip;
    return false;
  }
  if (output_.size() > before && output_[before] == '-') ++front_.stats().errors_replied;
  if (skip || client_.replies_off) output_.resize(before);
  return true;
}

void Connection::append_pieces(Progress& progress) {
  pieces_bytes_ += output_.size() + progress.bytes;
  pieces_.push_back(std::move(output_));
  output_.clear();
  for (std::string& piece : progress.pieces) pieces_.push_back(std::move(piece));
}

bool Connection::drain() {
  if (queue_.empty()) return false;
  const uint64_t before = done_;
  const size_t unsent = wire_.unsent_bytes();
  const auto may_answer = [&] {
    // What has a Moment goes on with it, whether the client reads or not: it must not keep it.
    return slow_ != nullptr || unsent_output() + unsent < front_.output_bytes_max();
  };
  std::optional<Taken> taken;
  while (!queue_.empty() && !gone_ && may_answer()) {
    if (keys_budget_ == 0 || bytes_budget_ == 0) {
      front_.again(*this);
      break;
    }
    Queued& queued = queue_.front();
    const size_t before_it = unsent_output();
    if (!answer(queued, taken)) break;
    bytes_budget_ -= std::min(bytes_budget_, unsent_output() - before_it);
    keys_budget_ -= std::min<size_t>(keys_budget_, queued.words);
    dequeue();
  }
  return done_ != before;
}

bool Connection::answer(Queued& queued, std::optional<Taken>& taken) {
  switch (queued.kind) {
    case Kind::kRead:
      return answer_read(queued, taken);
    case Kind::kWrite:
      return answer_write(queued);
    case Kind::kCall:
      return answer_call(queued);
  }
  RAM_CHECK(false);
}

bool Connection::answer_read(Queued& read, std::optional<Taken>& taken) {
  if (read.fence != 0) {
    const Status* fenced = front_.fence_status(read.fence);
    if (fenced == nullptr) return false;
    if (!fenced->ok()) {
      return reply([&](Reply& to) {
        to.error(*fenced);
        return true;
      });
    }
  }
  // A read of many keys, or of much, takes several turns, and keeps its Moment for them: what it
  // conflicts with waits for it.
  const bool own_moment = read.exclusive || slow_ != nullptr;
  if (own_moment && slow_ == nullptr) slow_ = std::make_unique<Taken>(front_.node());
  if (!own_moment && !taken.has_value()) taken.emplace(front_.node());
  Taken& state = own_moment ? *slow_ : *taken;
  ReadCall call{.moment = state.moment,
                .table = client_.table,
                .words = words_of(read),
                .progress = state.progress,
                .reply_bytes_max = front_.options().reply_bytes_max,
                .keys_per_turn = front_.options().keys_per_turn,
                .turn_bytes_max = front_.options().turn_bytes_max,
                .own_moment = own_moment};
  const size_t before = output_.size();
  const bool answered =
      reply([&](Reply& to) { return std::get<ReadHandler>(read.command->handler)(call, to); });
  if (!answered) {
    if (!own_moment) slow_ = std::make_unique<Taken>(front_.node());
    front_.again(*this);
    return false;
  }
  // Nothing was written if the client wants no replies.
  if (own_moment && !state.progress.pieces.empty() && output_.size() > before) {
    append_pieces(state.progress);
  }
  slow_.reset();
  return true;
}

bool Connection::answer_write(Queued& write) {
  const Front::Call& call = front_.call(write.call);
  if (!call.done) return false;
  const bool answered = reply([&](Reply& to) {
    if (!call.result.ok()) {
      to.error(call.result.status());
      return true;
    }
    return write.answer({.result = *call.result,
                         .node = front_.node(),
                         .table = client_.table,
                         .words = words_of(write)},
                        to);
  });
  if (answered) return true;

  RAM_CHECK(write.exclusive);
  Batch batch;
  WriteCall again{.table = client_.table, .words = words_of(write), .batch = batch};
  std::string error;
  Reply to(error, client_.version);
  RAM_CHECK(std::get<WriteHandler>(write.command->handler)(again, to));
  front_.release_call(write.call);
  write.call = front_.commit(*this, std::move(batch), 0);
  return false;
}

bool Connection::answer_call(Queued& queued) {
  Front::Call& call = front_.call(queued.call);
  if (!call.done) return false;
  return reply([&](Reply& to) {
    call.answer(to);
    return true;
  });
}

}  // namespace ram::resp
