// What a client sends: requests are parsed, refused, or put on their way.
#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "resp/command_table.h"
#include "resp/connection.h"
#include "resp/front.h"
#include "resp/key_words.h"

namespace ram::resp {
namespace {

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

}  // namespace ram::resp
