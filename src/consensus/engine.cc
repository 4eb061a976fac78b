#include "consensus/engine.h"

// raft.h is C only: it has structs inside sizeof, and no extern "C".
extern "C" {
#define static_assert(...) static_assert(true, "")
#include <raft.h>
#undef static_assert
}

#include <atomic>
#include <cstdlib>
#include <mutex>
#include <span>
#include <string>
#include <utility>
#include <variant>

#include "base/check.h"
#include "consensus/engine_values.h"

namespace ram::consensus {
namespace {

// Later sources changed who frees what, without changing the number they report at run time.
static_assert(RAFT_VERSION_NUMBER == 2201);

// ---- memory: out of it, the process ends; the engine's own way out is not one ----

std::atomic<int64_t> g_blocks_held{0};  // a count, ordering nothing

void* held(void* block) {
  RAM_CHECK(block != nullptr);
  g_blocks_held.fetch_add(1, std::memory_order_relaxed);
  return block;
}
void let_go(void* block) {
  if (block == nullptr) return;
  g_blocks_held.fetch_sub(1, std::memory_order_relaxed);
  std::free(block);
}

raft_heap g_heap = {
    .data = nullptr,
    .malloc = [](void*, size_t size) { return held(std::malloc(size > 0 ? size : 1)); },
    .free = [](void*, void* block) { let_go(block); },
    .calloc =
        [](void*, size_t count, size_t size) {
          return held(std::calloc(count > 0 ? count : 1, size > 0 ? size : 1));
        },
    .realloc =
        [](void*, void* block, size_t size) {
          if (block == nullptr) return held(std::malloc(size > 0 ? size : 1));
          void* moved = std::realloc(block, size > 0 ? size : 1);
          RAM_CHECK(moved != nullptr);
          return moved;
        },
    .aligned_alloc = [](void*, size_t alignment,
                        size_t size) { return held(std::aligned_alloc(alignment, size)); },
    .aligned_free = [](void*, size_t, void* block) { let_go(block); },
};

void use_own_heap() {
  static std::once_flag once;
  std::call_once(once, [] { raft_heap_set(&g_heap); });
}

raft_event event_of(raft_event_type type, EngineTime now) {
  raft_event event{};
  event.type = type;
  event.time = now;
  return event;
}

}  // namespace

void Engine::Close::operator()(raft* engine) const {
  raft_close(engine, nullptr);  // at once, as there is no raft_io
  delete engine;
}

Engine::Engine(NodeId id, const EngineSettings& settings, uint32_t seed) : id_(id) {
  use_own_heap();
  auto fresh = std::make_unique<raft>();  // all zero: raft_init leaves fields as they are
  RAM_CHECK(raft_init(fresh.get(), nullptr, nullptr, id.value, "-") == 0);
  raft_.reset(fresh.release());
  // Else every step formats text into a buffer that all instances share.
  raft_->tracer = nullptr;
  // Before the setters: the election timeout draws a random number.
  raft_seed(raft_.get(), seed);
  raft_set_election_timeout(raft_.get(), settings.election_timeout_ms);
  raft_set_heartbeat_timeout(raft_.get(), settings.heartbeat_ms);
  raft_set_install_snapshot_timeout(raft_.get(), settings.install_timeout_ms);
  raft_set_max_inflight_entries(raft_.get(), settings.inflight_entries_max);
  raft_set_pre_vote(raft_.get(), true);
}

Engine::~Engine() = default;

// ---- one step ----

EngineStep& Engine::step(raft_event& event) {
  step_.messages.clear();
  step_ = EngineStep{.messages = std::move(step_.messages)};

  raft_update update{};
  const int error = raft_step(raft_.get(), &event, &update);
  RAM_CHECK(error != RAFT_NOMEM);
  if (error != 0) {
    step_.refused = true;
    return step_;
  }
  // The names of the flags lack parentheses of their own.
  if ((update.flags & (RAFT_UPDATE_ENTRIES)) != 0) {
    step_.store_from = LogIndex(update.entries.index);
    step_.store_count = update.entries.n;
    if (update.entries.batch == &raft_->barrier) {
      // Of its payload, eight zeros, nothing is told; the block is ours.
      raft_free(raft_->barrier.buf.base);
      raft_->barrier.buf.base = nullptr;
      step_.store_barrier = true;
    } else {
      // The array that was handed in, or its middle.
      step_.store_first = static_cast<size_t>(update.entries.batch - handed_.data());
      RAM_CHECK(step_.store_first + step_.store_count <= handed_.size());
    }
  }
  // Its configuration is the empty one that was handed in.
  step_.replaced = (update.flags & (RAFT_UPDATE_SNAPSHOT)) != 0;
  if ((update.flags & (RAFT_UPDATE_MESSAGES)) != 0) {
    // Copied at once: the array is used again, and addresses point into the engine.
    for (const raft_message& m : std::span(update.messages.batch, update.messages.n)) {
      step_.messages.push_back(from_engine(m));
      const auto* result = std::get_if<AppendEntriesResult>(&step_.messages.back().message);
      step_.rejected = step_.rejected || (result != nullptr && result->rejected);
    }
  }
  step_.commit_moved = (update.flags & (RAFT_UPDATE_COMMIT_INDEX)) != 0;
  return step_;
}

// ---- events ----

EngineStep& Engine::found(EngineTime now, const LogEntry& entry) {
  raft_event event = event_of(RAFT_START, now);
  // Array and batch are freed by the engine if it fails, and stay ours if not.
  auto* first = static_cast<raft_entry*>(raft_malloc(sizeof(raft_entry)));
  *first = to_engine(entry, raft_malloc(1));
  event.start.term = entry.term.value;
  event.start.start_index = 1;
  event.start.entries = first;
  event.start.n_entries = 1;
  EngineStep& out = step(event);
  RAM_CHECK(!out.refused);
  raft_free(first->batch);
  raft_free(first);
  return out;
}

EngineStep& Engine::resume(EngineTime now, const SnapshotToken& token) {
  raft_event event = event_of(RAFT_START, now);
  raft_snapshot_metadata metadata = to_engine(token);
  event.start.term = token.term.value;
  event.start.metadata = &metadata;
  event.start.start_index = token.index.value + 1;
  EngineStep& out = step(event);
  RAM_CHECK(!out.refused);
  return out;
}

EngineStep& Engine::timeout(EngineTime now) {
  raft_event event = event_of(RAFT_TIMEOUT, now);
  return step(event);
}

EngineStep& Engine::append(EngineTime now, NodeId from, const AppendPiece& piece) {
  raft_message message = append_message(from);
  raft_append_entries& args = message.append_entries;
  args.version = piece.version;
  args.term = piece.term.value;
  args.prev_log_index = piece.previous.value;
  args.prev_log_term = piece.previous_term.value;
  args.leader_commit = piece.commit.value;
  args.n_entries = static_cast<unsigned>(piece.entries.size());

  void* batch = nullptr;
  handed_.clear();
  if (!piece.entries.empty()) {
    batch = raft_malloc(1);
    for (const LogEntry& entry : piece.entries) handed_.push_back(to_engine(entry, batch));
    args.entries = handed_.data();
  }
  raft_event event = event_of(RAFT_RECEIVE, now);
  event.receive.message = &message;
  EngineStep& out = step(event);
  // The engine has freed the batch, unless it asks for entries to be stored.
  if (out.store_count > 0) raft_free(batch);
  return out;
}

EngineStep& Engine::receive(EngineTime now, NodeId from, const Message& message, bool as_voter) {
  raft_message translated = to_engine(from, message);
  raft_event event = event_of(RAFT_RECEIVE, now);
  event.receive.message = &translated;
  if (!as_voter) return step(event);

  // F7: a public field, which a vote only reads. It is a follower: nothing else looks at it.
  RAM_CHECK(raft_->state == RAFT_FOLLOWER && std::holds_alternative<RequestVote>(message));
  std::string address = "-";
  raft_server self = {.id = id_.value, .address = address.data(), .role = RAFT_VOTER};
  const raft_configuration own = raft_->configuration;
  raft_->configuration = {.servers = &self, .n = 1};
  EngineStep& out = step(event);
  raft_->configuration = own;
  return out;
}

EngineStep& Engine::submit(EngineTime now, const LogEntry& entry) {
  RAM_CHECK(entry.term == term());
  handed_.clear();
  handed_.push_back(to_engine(entry, this));  // any pointer: never freed on this path
  raft_event event = event_of(RAFT_SUBMIT, now);
  event.submit.entries = handed_.data();
  event.submit.n = 1;
  return step(event);
}

EngineStep& Engine::persisted(EngineTime now, LogIndex last) {
  RAM_CHECK(last > stored() && last <= this->last() && !installing());
  raft_event event = event_of(RAFT_PERSISTED_ENTRIES, now);
  event.persisted_entries.index = last.value;
  return step(event);
}

EngineStep& Engine::committed(EngineTime now, LogIndex index, const Configuration& configuration) {
  raft_event event = event_of(RAFT_CONFIGURATION, now);
  event.configuration.index = index.value;
  event.configuration.conf = to_engine(configuration);  // taken in every case
  return step(event);
}

EngineStep& Engine::compacted(EngineTime now, const SnapshotToken& token, size_t trailing) {
  RAM_CHECK(token.index <= commit() && !installing());
  raft_event event = event_of(RAFT_SNAPSHOT, now);
  event.snapshot.metadata = to_engine(token);  // taken in every case
  event.snapshot.trailing = static_cast<unsigned>(trailing);
  return step(event);
}

EngineStep& Engine::installed(EngineTime now, const SnapshotToken& token) {
  RAM_CHECK(installing());
  raft_event event = event_of(RAFT_PERSISTED_SNAPSHOT, now);
  event.persisted_snapshot.metadata = to_engine(token);  // taken
  event.persisted_snapshot.last = true;
  return step(event);
}

EngineStep& Engine::transfer(EngineTime now, NodeId to) {
  raft_event event = event_of(RAFT_TRANSFER, now);
  event.transfer.server_id = to.value;
  return step(event);
}

// ---- questions ----

EngineTime Engine::deadline() const {
  return raft_timeout(raft_.get());
}

Engine::State Engine::state() const {
  switch (raft_->state) {
    case RAFT_LEADER:
      return State::kLeader;
    case RAFT_CANDIDATE:
      return State::kCandidate;
    default:
      return State::kFollower;
  }
}

bool Engine::pre_voting() const {
  return raft_->state == RAFT_CANDIDATE && raft_->candidate_state.in_pre_vote;
}

Term Engine::term() const {
  return Term(raft_current_term(raft_.get()));
}
LogIndex Engine::last() const {
  return LogIndex(raft_last_index(raft_.get()));
}
LogIndex Engine::stored() const {
  return LogIndex(raft_->last_stored);
}
LogIndex Engine::commit() const {
  return LogIndex(raft_commit_index(raft_.get()));
}
bool Engine::installing() const {
  return raft_->snapshot.installing;
}
bool Engine::is_voter() const {
  return raft_role(raft_.get()) == RAFT_VOTER;
}
NodeId Engine::transferee() const {
  return NodeId(raft_transferee(raft_.get()));
}

LogIndex Engine::match(NodeId member) const {
  raft_index index = 0;
  const int error = raft_match_index(raft_.get(), member.value, &index);
  return LogIndex(error == 0 ? index : 0);
}

LogIndex Engine::pending_change() const {
  return LogIndex(raft_->configuration_uncommitted_index);
}
LogIndex Engine::committed_change() const {
  return LogIndex(raft_->configuration_committed_index);
}
Configuration Engine::latest_configuration() const {
  return from_engine(raft_->configuration);
}
Configuration Engine::committed_configuration() const {
  return from_engine(raft_->configuration_committed);
}

int64_t Engine::blocks_held() {
  return g_blocks_held.load(std::memory_order_relaxed);
}

}  // namespace ram::consensus
