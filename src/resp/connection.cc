#include "resp/connection.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "resp/command_table.h"
#include "resp/front.h"

namespace ram::resp {
namespace {

// A block that is empty is given back after so long without a request.
constexpr Duration kIdle = std::chrono::seconds(10);

// Calls `each` with the words that are keys.
template <class Each>
void for_each_key(const Command& command, Words words, Each each) {
  const KeyWords& keys = command.keys;
  if (keys.first == 0) return;
  const auto count = static_cast<int>(words.size());
  const int last = keys.last < 0 ? count + keys.last : keys.last;
  for (int i = keys.first; i <= last && i < count; i += keys.step) {
    each(words[static_cast<size_t>(i)]);
  }
}

size_t count_keys(const Command& command, Words words) {
  size_t count = 0;
  for_each_key(command, words, [&](std::string_view) { ++count; });
  return count;
}

bool may_read_now(const Node& node, const Client& client, const Command& command, Words words) {
  const ReadOptions options{.reads = client.reads, .timeout = std::nullopt};
  if (command.keys.first == 0) return node.may_read_all(options);
  const size_t count = count_keys(command, words);
  const auto first = static_cast<size_t>(command.keys.first);
  if (count == 1) return node.may_read(client.table, words[first], options);
  RAM_CHECK(command.keys.step == 1);
  return node.may_read(client.table, words.subspan(first, count), options);
}

bool a_key_is_too_long(const Command& command, Words words) {
  bool found = false;
  for_each_key(command, words, [&](std::string_view key) { found |= key.size() > kKeyBytesMax; });
  return found;
}

// What browsers and scrapers say first: nobody of ours does.
bool is_http(Words words) {
  if (words[0] == "POST" || words[0] == "Host:") return true;
  const bool a_method = words[0] == "GET" || words[0] == "HEAD" || words[0] == "PUT";
  return a_method && words.size() == 3 && words[2].starts_with("HTTP/1.");
}

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

// ---- requests ----

bool Connection::parse() {
  bool taken = false;
  stalled_ = true;
  while (!closing() && !stopped_ && !solo_ && output_bytes() < front_.output_bytes_max()) {
    if (!held_) {
      const Parser::Outcome outcome = parser_.next(input_.from(parsed_));
      if (outcome == Parser::Outcome::kIncomplete) {
        stalled_ = false;
        break;
      }
      if (outcome == Parser::Outcome::kMalformed) {
        if (refuse("ERR " + parser_.error())) closing_ = true;
        break;
      }
      held_ = true;
    }
    if (budget_ == 0) {
      front_.again(*this);
      break;
    }
    if (!dispatch()) break;
    --budget_;
    taken = true;
    parsed_ += parser_.size();
    parser_.accept();
    held_ = false;
  }
  return taken;
}

// The words of the request that the parser has.
Words Connection::request() {
  const std::span<char> input = input_.from(parsed_);
  std::vector<std::string_view>& words = front_.scratch();
  words.clear();
  for (const Span span : parser_.words()) {
    words.emplace_back(input.data() + span.offset, span.size);
  }
  return words;
}

bool Connection::dispatch() {
  const Words words = request();
  if (words.empty()) return true;
  const Command* command = find_command(words);
  if (command == nullptr || !arity_fits(*command, words)) {
    if (is_http(words)) {
      // What follows was never meant as commands.
      if (!refuse("ERR this port speaks the Redis protocol, not HTTP")) return false;
      closing_ = true;
      return true;
    }
    return refuse(command == nullptr ? unknown_command(words) : wrong_arity(*command));
  }
  if (a_key_is_too_long(*command, words)) {
    return refuse("ERR a key is at most " + std::to_string(kKeyBytesMax) + " bytes");
  }

  struct Run {
    Connection& self;
    const Command& command;
    Words words;
    bool operator()(std::monostate) { RAM_CHECK(false); }
    bool operator()(LocalHandler) { return self.dispatch_local(command, words); }
    bool operator()(ReadHandler) { return self.dispatch_read(command, words); }
    bool operator()(WriteHandler) { return self.dispatch_write(command, words); }
    bool operator()(NodeHandler) { return self.dispatch_call(command, words); }
  };
  client_.last_command = command;
  if (!std::visit(Run{*this, *command, words}, command->handler)) return false;
  ++front_.stats().commands_processed;
  return true;
}

bool Connection::refuse(std::string_view error) {
  if (!queue_.empty()) return false;
  return reply([&](Reply& to) {
    to.error(error);
    return true;
  });
}

bool Connection::dispatch_local(const Command& command, Words words) {
  if (!queue_.empty()) return false;
  return reply([&](Reply& to) {
    LocalCall call{front_, *this, words};
    std::get<LocalHandler>(command.handler)(call, to);
    return true;
  });
}

bool Connection::dispatch_read(const Command& command, Words words) {
  const bool solo =
      command.has(kSolo) ||
      count_keys(command, words) > std::min(front_.options().keys_per_turn, kReadKeysAtOnce);
  if (solo && !queue_.empty()) return false;
  if (must_wait(command, words) || !has_room()) return false;
  const bool now = may_read_now(front_.node(), client_, command, words);
  const uint64_t fence = now ? 0 : front_.join_fence(*this);
  enqueue({.command = &command,
           .kind = Kind::kRead,
           .exclusive = solo,
           .words = static_cast<uint32_t>(words.size()),
           .call = 0,
           .fence = fence,
           .answer = nullptr,
           .begin = parsed_},
          words);
  return true;
}

bool Connection::dispatch_write(const Command& command, Words words) {
  const bool solo = command.has(kSolo);
  if (solo && !queue_.empty()) return false;
  if (must_wait(command, words) || !has_room()) return false;

  Batch batch;
  WriteCall call{.table = client_.table, .words = words, .batch = batch};
  call.exclusive = solo;
  std::string error;
  Reply to(error, client_.version);
  if (!std::get<WriteHandler>(command.handler)(call, to)) {
    if (!queue_.empty()) return false;
    return reply([&](Reply& out) {
      out.raw(error);
      return true;
    });
  }
  if (call.exclusive && !queue_.empty()) return false;
  const uint32_t index = front_.commit(*this, std::move(batch), parser_.size());
  enqueue({.command = &command,
           .kind = Kind::kWrite,
           .exclusive = call.exclusive,
           .words = call.exclusive ? static_cast<uint32_t>(words.size()) : 0,
           .call = index,
           .fence = 0,
           .answer = call.answer,
           .begin = call.exclusive ? parsed_ : parsed_ + parser_.size()},
          words);
  return true;
}

bool Connection::dispatch_call(const Command& command, Words words) {
  if (!queue_.empty()) return false;
  const uint32_t index = front_.begin_call(*this);
  NodeCall call{.front = front_,
                .connection = *this,
                .node = front_.node(),
                .table = client_.table,
                .words = words,
                .read_options = {.reads = client_.reads, .timeout = std::nullopt}};
  std::string error;
  Reply to(error, client_.version);
  if (!std::get<NodeHandler>(command.handler)(call, front_.finish_of(index), to)) {
    front_.cancel_call(index);
    return reply([&](Reply& out) {
      out.raw(error);
      return true;
    });
  }
  enqueue({.command = &command,
           .kind = Kind::kCall,
           .exclusive = true,
           .words = 0,
           .call = index,
           .fence = 0,
           .answer = nullptr,
           .begin = parsed_ + parser_.size()},
          words);
  return true;
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

// ---- replies ----

template <class Write>
bool Connection::reply(Write write) {
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
