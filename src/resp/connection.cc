#include "resp/connection.h"

#include <algorithm>
#include <utility>

#include "resp/front.h"
#include "resp/key_words.h"

namespace ram::resp {
namespace {

// A block that is empty is given back after so long without a request.
constexpr Duration kIdle = std::chrono::seconds(10);

}  // namespace

Connection::Connection(Front& front, Wire& wire, Client client)
    : front_(front), wire_(wire), client_(std::move(client)), parser_(front.options().parser) {
  client_.reads = front_.options().reads;
  client_.connected_at = client_.active_at = sent_at_ = front_.clock().now();
  front_.add(*this);
}

Connection::~Connection() {
  front_.remove(*this);
}

void Connection::reset() {
  client_.name.clear();
  client_.version = Version::k2;
  client_.table = "0";
  client_.reads = front_.options().reads;
  client_.replies_off = client_.skip_next_reply = false;
  client_.no_evict = client_.no_touch = false;
}

// ---- the socket's side ----

void Connection::filled(size_t bytes) {
  input_.filled(bytes);
  client_.active_at = front_.clock().now();
  front_.stats().input_bytes += bytes;
  front_.mark(*this);
}

void Connection::pump() {
  if (gone_) return;
  budget_ = front_.options().commands_per_turn;
  keys_budget_ = front_.options().keys_per_turn;
  bytes_budget_ = front_.options().turn_bytes_max;
  for (;;) {
    const bool drained = drain();
    const bool parsed = parse();
    if (!drained && !parsed) break;
  }
  input_.release_to(queue_.empty() ? parsed_ : queue_.front().begin);
  update_reading();
}

void Connection::flush() {
  if (gone_) return;
  if (unsent_output() > 0) {
    front_.stats().output_bytes += unsent_output();
    const bool stopped_by_it = output_bytes() >= front_.output_bytes_least();
    for (std::string& piece : pieces_) wire_.send(piece);
    pieces_.clear();
    pieces_bytes_ = 0;
    if (!output_.empty()) wire_.send(output_);
    // The wire calls when it has drained, but only if the kernel does not take all at once.
    if (stopped_by_it) front_.again(*this);
  }
  if (queue_.empty() && (stopped_ || (ended_ && !stalled_))) closing_ = true;
  if (closing_) {
    gone_ = true;
    wire_.finish();
  }
}

void Connection::end() {
  ended_ = true;
  front_.mark(*this);
}

void Connection::stop() {
  stopped_ = true;
  // Nothing is lost: why wait until the client has noticed?
  if (queue_.empty() && input_.size() == 0 && output_bytes() == 0) return kill();
  front_.mark(*this);
}

void Connection::kill() {
  if (gone_) return;
  gone_ = true;
  wire_.close();
}

void Connection::evict() {
  evicted_ = gone_ = true;
  wire_.close();
}

size_t Connection::unread_bytes() const {
  if (evicted_) return 0;
  return output_bytes() + results_bytes_ + (slow_ != nullptr ? slow_->progress.bytes : 0);
}

void Connection::sweep(Instant now) {
  if (gone_) return;
  if (wire_.unsent_bytes() == 0 || wire_.sent_bytes() != sent_seen_) {
    sent_seen_ = wire_.sent_bytes();
    sent_at_ = now;
  } else if (now - sent_at_ > front_.options().unread_max) {
    return kill();
  }
  if (queue_.empty() && input_.size() == 0 && now - client_.active_at > kIdle) {
    input_.release();
    queue_.release();
    words_.release();
    conflicts_.reset();
    if (output_.empty()) output_.shrink_to_fit();
    if (pieces_.empty()) pieces_.shrink_to_fit();
  }
}

void Connection::update_reading() {
  if (gone_) return;
  const bool enough = stalled_ && input_.end() - parsed_ >= front_.options().unparsed_bytes_max;
  if (enough == paused_) return;
  paused_ = enough;
  enough ? wire_.pause() : wire_.resume();
}

// ---- the queue ----

bool Connection::has_room() {
  return queue_.size() < front_.options().waiting_commands_per_client_max && front_.admit(*this);
}

bool Connection::must_wait(const Command& command, Words words) {
  const bool reads = std::holds_alternative<ReadHandler>(command.handler);
  if ((reads ? last_write_ : last_read_) <= done_) return false;  // nothing of the other kind
  bool waits = false;
  for_each_key(command, words, [&](std::string_view key) {
    waits |= reads ? conflicts_->read_waits(key, done_) : conflicts_->write_waits(key, done_);
  });
  return waits;
}

void Connection::enqueue(const Queued& queued, Words words) {
  ++number_;
  ++front_.waiting_;
  if (queued.kind == Kind::kRead) last_read_ = number_;
  if (queued.kind == Kind::kWrite) last_write_ = number_;
  if (conflicts_ == nullptr) conflicts_ = std::make_unique<Conflicts>();
  for_each_key(*queued.command, words, [&](std::string_view key) {
    if (queued.kind == Kind::kRead) conflicts_->on_read(key, number_);
    if (queued.kind == Kind::kWrite) conflicts_->on_write(key, number_);
  });
  if (queued.words > 0) {
    for (const Span span : parser_.words()) words_.push(span);
  }
  solo_ = queued.exclusive;
  queue_.push(queued);
}

void Connection::dequeue() {
  const Queued& queued = queue_.front();
  if (queued.kind == Kind::kRead) {
    if (queued.fence != 0) front_.leave_fence(queued.fence);
  } else {
    front_.release_call(queued.call);
  }
  if (queued.exclusive) solo_ = false;
  words_.pop(queued.words);
  queue_.pop();
  ++done_;
  --front_.waiting_;
}

Words Connection::words_of(const Queued& queued) {
  std::vector<std::string_view>& words = front_.scratch();
  words.clear();
  const char* input = input_.from(queued.begin).data();
  for (size_t i = 0; i < queued.words; ++i) {
    words.emplace_back(input + words_[i].offset, words_[i].size);
  }
  return words;
}

}  // namespace ram::resp
