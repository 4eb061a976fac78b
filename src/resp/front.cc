#include "resp/front.h"

#include <algorithm>
#include <utility>

#include "base/check.h"

namespace ram::resp {
namespace {

const Status kOkStatus;

size_t bytes_of(const Result<BatchResult>& result) {
  size_t bytes = 0;
  if (!result.ok()) return bytes;
  for (const Answer& answer : result->answers) bytes += answer.value ? answer.value->size() : 0;
  return bytes;
}

}  // namespace

Front::Front(Node& node, const Clock& clock, Log& log, FrontOptions options,
             std::function<void()> wake)
    : node_(node),
      clock_(clock),
      log_(log),
      options_(std::move(options)),
      wake_(std::move(wake)),
      started_at_(clock.now()),
      sweep_at_(started_at_),
      completions_(Completions::create(wake_)) {}

Front::~Front() {
  RAM_CHECK(connections_.empty());
  completions_->close();
}

void Front::add(Connection& connection) {
  ++stats_.connections_received;
  connections_.emplace(connection.client().id, &connection);
}

void Front::remove(Connection& connection) {
  RAM_CHECK(!in_turn_);
  for (size_t i = 0; i < connection.queue_.size(); ++i) {
    const Connection::Queued& queued = connection.queue_[i];
    if (queued.kind == Connection::Kind::kRead) {
      if (queued.fence != 0) leave_fence(queued.fence);
    } else if (calls_[queued.call].done) {
      release_call(queued.call);
    } else {
      calls_[queued.call].connection = nullptr;
    }
  }
  waiting_ -= connection.queue_.size();
  unread_bytes_ -= connection.weight_;
  for (std::vector<Connection*>* list : {&marked_, &for_room_, &next_turn_}) {
    std::erase(*list, &connection);
  }
  for (size_t i = 0; i < fences_.size(); ++i) std::erase(fences_[i].waiting, &connection);
  connections_.erase(connection.client().id);
}

void Front::mark(Connection& connection) {
  if (connection.marked_) return;
  connection.marked_ = true;
  marked_.push_back(&connection);
}

void Front::again(Connection& connection) {
  if (next_turn_.empty()) wake_();
  next_turn_.push_back(&connection);
}

void Front::turn() {
  in_turn_ = true;
  // Of the last turn's replies the kernel has taken by now what it can.
  if (too_much_unread()) evict();
  collect();
  for (Connection* connection : next_turn_) mark(*connection);
  next_turn_.clear();
  if (has_room()) {
    for (Connection* connection : for_room_) {
      connection->waits_for_room_ = false;
      mark(*connection);
    }
    for_room_.clear();
  }

  pump_marked();
  hand_over();
  for (Connection* connection : pumping_) {
    connection->flush();
    weigh(*connection);
  }
  pumping_.clear();

  if (!marked_.empty() || (!for_room_.empty() && has_room()) || too_much_unread()) wake_();
  in_turn_ = false;
}

void Front::pump_marked() {
  pumping_.swap(marked_);
  size_t pumped = 0;
  // Once there is too much to read, the others have the next turn.
  while (pumped < pumping_.size() && !too_much_unread()) {
    Connection& connection = *pumping_[pumped++];
    connection.marked_ = false;
    connection.pump();
    weigh(connection);
  }
  const auto rest = pumping_.begin() + static_cast<std::ptrdiff_t>(pumped);
  marked_.insert(marked_.begin(), rest, pumping_.end());
  pumping_.erase(rest, pumping_.end());
}

void Front::sweep() {
  const Instant now = clock_.now();
  if (now > sweep_at_) {
    const std::chrono::duration<double> since = now - sweep_at_;
    const auto commands = static_cast<double>(stats_.commands_processed - commands_at_sweep_);
    stats_.commands_per_second = static_cast<uint64_t>(commands / since.count());
  }
  commands_at_sweep_ = stats_.commands_processed;
  sweep_at_ = now;
  for (const auto& [id, connection] : connections_) connection->sweep(now);
  weigh_all();
  log_evictions();
}

// ---- what is unread ----

size_t Front::output_bytes_max() const {
  const bool crowded = unread_bytes_ > options_.all_unread_bytes_max / 4;
  return crowded ? output_bytes_least() : options_.output_bytes_max;
}

size_t Front::output_bytes_least() const {
  return std::min(options_.turn_bytes_max, options_.output_bytes_max);
}

void Front::weigh(Connection& connection) {
  const size_t weight = connection.unread_bytes();
  unread_bytes_ = unread_bytes_ - connection.weight_ + weight;
  connection.weight_ = weight;
}

// Reading makes a connection lighter without our noticing.
void Front::weigh_all() {
  for (const auto& [id, connection] : connections_) weigh(*connection);
}

void Front::evict() {
  weigh_all();
  if (!too_much_unread()) return;
  const Instant now = clock_.now();
  std::vector<Connection*> heaviest;
  for (const auto& [id, connection] : connections_) heaviest.push_back(connection);
  // Whoever reads is closed after those that do not, unless these have left little.
  const auto place_of = [&](const Connection* connection) {
    const bool much = connection->weight_ > output_bytes_least();
    return std::pair(much && connection->reads_nothing(now), connection->weight_);
  };
  std::stable_sort(heaviest.begin(), heaviest.end(), [&](const Connection* a, const Connection* b) {
    return place_of(a) > place_of(b);
  });
  for (Connection* connection : heaviest) {
    if (!too_much_unread()) return;
    ++stats_.connections_evicted;
    last_evicted_ = connection->client().address + " unread=" + std::to_string(connection->weight_);
    connection->evict();
    weigh(*connection);
  }
}

// Not one line for each: there may be thousands.
void Front::log_evictions() {
  const uint64_t closed =
      stats_.connections_evicted - std::exchange(evictions_logged_, stats_.connections_evicted);
  if (closed == 0) return;
  log_.warning("closed clients=" + std::to_string(closed) +
               " that left most of their replies unread, the last one client=" + last_evicted_ +
               ": all together may leave " + std::to_string(options_.all_unread_bytes_max) +
               " bytes unread");
}

// ---- what the node answered ----

void Front::collect() {
  completions_->take(completed_);
  for (Completed::Write& write : completed_.writes) {
    Call& call = calls_[write.call];
    writing_bytes_ -= call.bytes;
    call.bytes = 0;
    if (call.connection == nullptr) {
      release_call(write.call);
      continue;
    }
    call.result = std::move(write.result);
    call.result_bytes = bytes_of(call.result);
    call.connection->results_bytes_ += call.result_bytes;
    call.done = true;
    mark(*call.connection);
  }
  for (Completed::Call& answered : completed_.calls) {
    Call& call = calls_[answered.call];
    if (call.connection == nullptr) {
      release_call(answered.call);
      continue;
    }
    call.answer = std::move(answered.answer);
    call.done = true;
    mark(*call.connection);
  }
  for (Completed::Fence& ended : completed_.fences) {
    Fence& fence = fences_[ended.number - first_fence_];
    fence.done = true;
    fence.status = std::move(ended.status);
    if (fence.status.ok()) fences_ok_ = std::max(fences_ok_, ended.number);
    for (Connection* connection : fence.waiting) mark(*connection);
    fence.waiting.clear();
  }
  forget_fences();
  completed_.clear();
}

void Front::hand_over() {
  if (!commits_.empty()) {
    completions_->expect(commits_.size());
    node_.commit(std::exchange(commits_, {}), {});
  }
  // After the commits, so that the reads do not wait for a pass of the node more than the writes.
  if (fence_wanted_) {
    fence_wanted_ = false;
    completions_->expect(1);
    const uint64_t number = first_fence_ + fences_.size() - 1;
    node_.fence({.reads = fence_reads_, .timeout = std::nullopt},
                [completions = completions_.get(), number](Status status) {
                  completions->push_fence(number, std::move(status));
                });
  }
}

// ---- calls ----

bool Front::has_room() const {
  return waiting_ < options_.waiting_commands_max && writing_bytes_ < options_.writing_bytes_max;
}

bool Front::admit(Connection& connection) {
  if (connection.queue_.empty() || has_room()) return true;
  if (!connection.waits_for_room_) {
    connection.waits_for_room_ = true;
    for_room_.push_back(&connection);
  }
  return false;
}

uint32_t Front::new_call(Connection& connection) {
  if (free_calls_.empty()) {
    calls_.emplace_back();
    free_calls_.push_back(static_cast<uint32_t>(calls_.size() - 1));
  }
  const uint32_t index = free_calls_.back();
  free_calls_.pop_back();
  calls_[index].connection = &connection;
  return index;
}

void Front::release_call(uint32_t index) {
  Call& call = calls_[index];
  if (call.connection != nullptr) call.connection->results_bytes_ -= call.result_bytes;
  call.result_bytes = 0;
  call.connection = nullptr;
  call.done = false;
  call.answer = nullptr;
  // A large old value goes now, not when the place is used again.
  call.result = BatchResult();
  free_calls_.push_back(index);
}

uint32_t Front::commit(Connection& connection, Batch batch, size_t bytes) {
  const uint32_t index = new_call(connection);
  calls_[index].bytes = bytes;
  writing_bytes_ += bytes;
  commits_.push_back(
      {std::move(batch), [completions = completions_.get(), index](Result<BatchResult> result) {
         completions->push(index, std::move(result));
       }});
  return index;
}

uint32_t Front::begin_call(Connection& connection) {
  completions_->expect(1);
  return new_call(connection);
}

void Front::cancel_call(uint32_t index) {
  completions_->expect_one_less();
  release_call(index);
}

// ---- fences ----

uint64_t Front::join_fence(Connection& connection) {
  if (!fence_wanted_) {
    fence_wanted_ = true;
    // A fence does for all before it: none asks less than one that is under way.
    if (fences_.empty()) fence_reads_ = Reads::kLocal;
    fences_.push({});
  }
  fence_reads_ = std::max(fence_reads_, connection.client_.reads);
  const uint64_t number = first_fence_ + fences_.size() - 1;
  Fence& fence = fences_.back();
  ++fence.uses;
  if (connection.fence_joined_ != number) {
    connection.fence_joined_ = number;
    fence.waiting.push_back(&connection);
  }
  return number;
}

const Status* Front::fence_status(uint64_t number) const {
  if (number <= fences_ok_) return &kOkStatus;
  const Fence& fence = fences_[number - first_fence_];
  return fence.done ? &fence.status : nullptr;
}

void Front::leave_fence(uint64_t number) {
  Fence& fence = fences_[number - first_fence_];
  RAM_CHECK(fence.uses > 0);
  --fence.uses;
  forget_fences();
}

void Front::forget_fences() {
  // The last one may not have been asked for yet, then it is not done either.
  while (!fences_.empty() && fences_.front().done && fences_.front().uses == 0) {
    fences_.pop();
    ++first_fence_;
  }
}

}  // namespace ram::resp
