#include "sim/workloads/calls.h"

#include <algorithm>
#include <utility>

#include "machine/command_codec.h"

namespace ram::sim {

using Ending = StoreOperation::Ending;
using std::chrono::milliseconds;

namespace {

constexpr const char* kTokens = "tokens";

Duration random_up_to(Random& random, Duration most) {
  return Duration(static_cast<int64_t>(random.below(static_cast<uint64_t>(most.count()) + 1)));
}

}  // namespace

Version look_up(const store::Reading& reading, const KeyName& key) {
  const store::Table* table = reading.table(key.table);
  if (table == nullptr) return {};
  const store::Entry* entry = reading.find(*table, reading.store().key(key.key));
  if (entry == nullptr) return {};
  return {entry->revision().value, std::string(entry->value())};
}

Calls::Calls(World& world, const Swarm& swarm, History& history)
    : world_(world), swarm_(swarm), history_(history), random_(world.stream("calls")) {}

Duration Calls::draw_timeout() {
  if (!random_.one_in(4)) return swarm_.request_timeout;
  return milliseconds(20) + random_up_to(random_, swarm_.request_timeout);
}

uint64_t Calls::open_call(Place& place, StoreOperation operation, Done done) {
  const uint64_t number = ++numbers_;
  operation.begun = world_.tick();
  world_.trace().note(number);
  Call& call = calls_[number];
  call.place = &place;
  call.operation = std::move(operation);
  call.done = std::move(done);
  call.deadline = kNever;
  return number;
}

void Calls::write(Place& place, Write write, std::optional<Duration> timeout, Done done) {
  StoreOperation operation;
  operation.is_write = true;
  operation.tracked = write.tracked;
  operation.transaction = std::move(write.transaction);
  if (write.tracked) {
    operation.token = token_of(numbers_ + 1);
    tokens_.push_back(operation.token);
    operation.transaction.edits.push_back({.kind = machine::OperationKind::kAdd,
                                           .key = {kTokens, operation.token},
                                           .value = {},
                                           .delta = 1});
  }
  std::string bytes = encode(operation.transaction);
  const Duration span = timeout ? *timeout : draw_timeout();
  const uint64_t number = open_call(place, std::move(operation), std::move(done));
  ++history_.counters.writes;
  place.deliver([this, number, span, bytes](node::NodeCore& core, Instant now) {
    calls_.at(number).deadline = now + span;
    core.submit(
        now, bytes, now + span,
        [this, number, ended = false](const Status& status, const machine::Reply* reply) mutable {
          if (std::exchange(ended, true)) world_.fail("a write ended twice");
          on_written(number, status, reply);
        });
  });
}

void Calls::on_written(uint64_t number, const Status& status, const machine::Reply* reply) {
  const auto found = calls_.find(number);
  if (found == calls_.end()) return;  // its process is being torn down
  Call& call = found->second;
  check_in_time(call);
  if (!status.ok()) {
    if (status.code() == Code::kInvalid) world_.fail("invalid: " + status.message());
    end(number, status.perhaps_applied() ? Ending::kUnknown : Ending::kRefused);
    return;
  }
  if (reply == nullptr) {
    world_.fail("a write ended well, without a reply");
    return;
  }
  StoreOperation& operation = call.operation;
  operation.outcome = reply->outcome;
  operation.revision = reply->revision.value;
  machine::AnswerReader answers(*reply);
  for (machine::Answer answer; answers.next(answer);) {
    operation.answers.push_back(
        {answer.value ? std::optional<std::string>(*answer.value) : std::nullopt, answer.number});
  }
  if (!answers.finished()) world_.fail("answers that cannot be read");
  const size_t expected =
      reply->outcome == machine::Outcome::kApplied ? operation.transaction.edits.size() : 0;
  if (operation.answers.size() != expected) world_.fail("a reply with too few or many answers");
  end(number, Ending::kDone);
}

void Calls::read(Place& place, std::vector<KeyName> keys, bool tracked,
                 std::optional<Duration> timeout, Done done) {
  StoreOperation operation;
  operation.tracked = tracked;
  operation.keys = std::move(keys);
  const Duration span = timeout ? *timeout : draw_timeout();
  const uint64_t number = open_call(place, std::move(operation), std::move(done));
  ++history_.counters.reads;
  using Trust = node::NodeCore::Trust;
  const std::optional<Trust> asked = !random_.one_in(6)  ? std::nullopt
                                     : random_.one_in(2) ? std::optional(Trust::kLeader)
                                                         : std::optional(Trust::kQuorum);
  place.run([this, number, span, asked] {
    const auto found = calls_.find(number);
    if (found == calls_.end()) return;
    found->second.deadline = found->second.place->clock().now() + span;
    if (asked) {
      fence(number, *asked);
    } else {
      take_lease(number);
    }
  });
}

// Whether the thread of a read loses the processor now: of one with many keys less often.
bool Calls::takes_time(const Call& call) {
  return random_.one_in(std::max<uint64_t>(swarm_.read_step_in, call.operation.keys.size()));
}

void Calls::step(uint64_t number, void (Calls::*next)(uint64_t number)) {
  if (!takes_time(calls_.at(number))) {
    (this->*next)(number);
    return;
  }
  world_.after(random_up_to(random_, swarm_.read_step_max), [this, number, next] {
    const auto open = calls_.find(number);
    if (open == calls_.end()) return;
    open->second.place->run([this, number, next] {
      if (calls_.contains(number)) (this->*next)(number);
    });
  });
}

void Calls::take_lease(uint64_t number) {
  Call& call = calls_.at(number);
  call.local.emplace(call.place->gate());
  const bool pending_first = call.place->mistakes().lease.pendingfirst;
  step(number, pending_first ? &Calls::look_at_pending : &Calls::look_at_clock);
}

void Calls::take_lease_late(uint64_t number) {
  Call& call = calls_.at(number);
  if (node::LocalRead(call.place->gate()).holds(call.place->clock().now())) {
    step(number, &Calls::look_at_applied);
  } else {
    fence(number, node::NodeCore::Trust::kLeader);
  }
}

void Calls::look_at_clock(uint64_t number) {
  Call& call = calls_.at(number);
  if (call.local->holds(call.place->clock().now())) {
    ++history_.counters.leased;
    step(number, &Calls::look_at_pending);
  } else {
    fence(number, node::NodeCore::Trust::kLeader);
  }
}

void Calls::look_at_pending(uint64_t number) {
  Call& call = calls_.at(number);
  if (call.place->mistakes().lease.nopending) {
    step(number, &Calls::begin_reading);
    return;
  }
  const store::Store& store = call.place->slot().current();
  call.local->touches(store.key(call.operation.keys[call.touched].key).hash);
  const bool all = ++call.touched == call.operation.keys.size();
  const auto next =
      call.place->mistakes().lease.pendingfirst ? &Calls::take_lease_late : &Calls::look_at_applied;
  step(number, all ? next : &Calls::look_at_pending);
}

void Calls::look_at_applied(uint64_t number) {
  Call& call = calls_.at(number);
  if (call.local->ready()) {
    step(number, &Calls::begin_reading);
    return;
  }
  ++history_.counters.waited;
  call.place->deliver([this, number](node::NodeCore& core, Instant now) {
    const auto found = calls_.find(number);
    if (found == calls_.end()) return;
    Call& waiting = found->second;
    waiting.deadline = std::max(waiting.deadline, now);  // its thread may be late itself
    core.wait_applied(now, waiting.local->wait_for(), waiting.deadline,
                      [this, number, ended = false](const Status& status) mutable {
                        if (std::exchange(ended, true)) world_.fail("a wait ended twice");
                        on_fenced(number, status);
                      });
  });
}

void Calls::fence(uint64_t number, node::NodeCore::Trust trust) {
  calls_.at(number).place->deliver([this, number, trust](node::NodeCore& core, Instant now) {
    const auto found = calls_.find(number);
    if (found == calls_.end()) return;
    found->second.deadline =
        std::max(found->second.deadline, now);  // its thread may be late itself
    core.fence(now, found->second.deadline, trust,
               [this, number, ended = false](const Status& status) mutable {
                 if (std::exchange(ended, true)) world_.fail("a fence ended twice");
                 on_fenced(number, status);
               });
  });
}

void Calls::on_fenced(uint64_t number, const Status& status) {
  const auto found = calls_.find(number);
  if (found == calls_.end()) return;
  check_in_time(found->second);
  if (!status.ok()) {
    end(number, Ending::kRefused);
    return;
  }
  // What follows is done by the reader's thread; in production the same one, or another.
  world_.after(random_up_to(random_, swarm_.read_step_max), [this, number] {
    const auto call = calls_.find(number);
    if (call == calls_.end()) return;
    call->second.place->run([this, number] {
      if (calls_.contains(number)) begin_reading(number);
    });
  });
}

void Calls::begin_reading(uint64_t number) {
  calls_.at(number).reading.reset();
  look_up(number);
}

void Calls::look_up(uint64_t number) {
  const auto found = calls_.find(number);
  if (found == calls_.end()) return;
  Call& call = found->second;
  if (!call.reading) call.reading = std::make_unique<store::Reading>(call.place->slot());
  StoreOperation& operation = call.operation;
  operation.revision = call.reading->revision().value;
  while (operation.seen.size() < operation.keys.size()) {
    operation.seen.push_back(sim::look_up(*call.reading, operation.keys[operation.seen.size()]));
    if (operation.seen.size() == operation.keys.size() || !takes_time(call)) continue;
    if (call.place->mistakes().lease.splitread) call.reading.reset();
    // The thread loses the processor between two lookups.
    world_.after(random_up_to(random_, swarm_.read_step_max), [this, number] {
      const auto open = calls_.find(number);
      if (open != calls_.end()) open->second.place->run([this, number] { look_up(number); });
    });
    return;
  }
  call.reading.reset();
  end(number, Ending::kDone);
}

// A call ends by its deadline; of a process that was paused, soon after it went on.
void Calls::check_in_time(const Call& call) {
  const Duration grace = milliseconds(60);
  if (call.deadline == kNever || call.place->clock().now() <= call.deadline + grace) return;
  if (world_.now() - call.place->resumed_at() <= grace) return;
  world_.fail("a call ended too late at " + call.place->name());
}

void Calls::end(uint64_t number, Ending ending) {
  const auto found = calls_.find(number);
  Call call = std::move(found->second);
  calls_.erase(found);
  StoreOperation& operation = call.operation;
  operation.ending = ending;
  operation.ended = world_.tick();
  world_.trace().note(number << 3 | static_cast<uint64_t>(ending));
  world_.trace().note(operation.revision);
  History::Counters& counters = history_.counters;
  if (ending == Ending::kDone) {
    if (operation.revision > 0) history_.anything_known = true;
    ++(operation.is_write ? counters.writes_done : counters.reads_done);
    if (operation.outcome == machine::Outcome::kConditionFailed) ++counters.conditions_failed;
  } else if (operation.is_write) {
    ++(ending == Ending::kUnknown ? counters.writes_unknown : counters.writes_refused);
  }
  if (operation.is_write || ending == Ending::kDone) history_.operations.push_back(operation);
  call.done(operation);
}

void Calls::end_all_at(Place& place) {
  std::vector<uint64_t> numbers;
  for (const auto& [number, call] : calls_) {
    if (call.place == &place) numbers.push_back(number);
  }
  for (uint64_t number : numbers) {
    calls_.at(number).reading.reset();
    end(number, Ending::kUnknown);
  }
}

std::string Calls::describe_open() const {
  std::string text;
  for (const auto& [number, call] : calls_) {
    text += (call.operation.is_write ? " write " : " read ") + std::to_string(number) + " at " +
            call.place->name();
  }
  return text;
}

}  // namespace ram::sim
