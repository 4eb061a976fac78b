#include "resp/fake_node.h"

#include <charconv>
#include <iterator>
#include <utility>

#include "base/check.h"
#include "base/codec.h"

namespace ram {
namespace {

enum class Op : uint8_t {
  kIfAbsent,
  kIfPresent,
  kIfRevision,
  kPut,
  kExchange,
  kErase,
  kTake,
  kAppend,
  kAdd,
  kGet,
  kClear,
  kClearAll,
};

FakeNode* g_last = nullptr;

void encode(std::string& out, Op op, std::string_view table, std::string_view key,
            std::string_view value, uint64_t number) {
  Writer writer(out);
  writer.u8(static_cast<uint8_t>(op));
  writer.bytes(table);
  writer.bytes(key);
  writer.bytes(value);
  writer.u64(number);
}

std::optional<int64_t> number_of(std::string_view text) {
  int64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || text.empty()) return std::nullopt;
  return number;
}

}  // namespace

// ---- status.h ----

std::string_view code_name(Code code) {
  constexpr std::string_view kNames[] = {"ok",         "invalid",       "unavailable",    "joining",
                                         "overloaded", "out of memory", "unknown outcome"};
  return kNames[static_cast<size_t>(code)];
}

// ---- batch.h ----

#define RAM_FAKE_CONDITION(op, table, key, number)            \
  do {                                                        \
    ++conditions_;                                            \
    encode(condition_bytes_, Op::op, table, key, {}, number); \
    return *this;                                             \
  } while (false)
#define RAM_FAKE_EDIT(op, table, key, value, number)        \
  do {                                                      \
    ++edits_;                                               \
    encode(edit_bytes_, Op::op, table, key, value, number); \
    return *this;                                           \
  } while (false)

using View = std::string_view;
Batch& Batch::if_absent(View table, View key) {
  RAM_FAKE_CONDITION(kIfAbsent, table, key, 0);
}
Batch& Batch::if_present(View table, View key) {
  RAM_FAKE_CONDITION(kIfPresent, table, key, 0);
}
Batch& Batch::if_revision(View table, View key, uint64_t revision) {
  RAM_FAKE_CONDITION(kIfRevision, table, key, revision);
}
Batch& Batch::put(View table, View key, View value) {
  RAM_FAKE_EDIT(kPut, table, key, value, 0);
}
Batch& Batch::exchange(View table, View key, View value) {
  RAM_FAKE_EDIT(kExchange, table, key, value, 0);
}
Batch& Batch::erase(View table, View key) {
  RAM_FAKE_EDIT(kErase, table, key, {}, 0);
}
Batch& Batch::take(View table, View key) {
  RAM_FAKE_EDIT(kTake, table, key, {}, 0);
}
Batch& Batch::append(View table, View key, View suffix) {
  RAM_FAKE_EDIT(kAppend, table, key, suffix, 0);
}
Batch& Batch::add(View table, View key, int64_t delta) {
  RAM_FAKE_EDIT(kAdd, table, key, {}, static_cast<uint64_t>(delta));
}
Batch& Batch::get(View table, View key) {
  RAM_FAKE_EDIT(kGet, table, key, {}, 0);
}
Batch& Batch::clear(View table) {
  RAM_FAKE_EDIT(kClear, table, {}, {}, 0);
}
Batch& Batch::clear_all() {
  RAM_FAKE_EDIT(kClearAll, {}, {}, {}, 0);
}

class BatchAccess {
 public:
  static const std::string& conditions(const Batch& batch) { return batch.condition_bytes_; }
  static const std::string& edits(const Batch& batch) { return batch.edit_bytes_; }
};

// ---- what holds the data ----

FakeNode& fake_node() {
  RAM_CHECK(g_last != nullptr);
  return *g_last;
}

FakeNode::~FakeNode() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
  run_all();
}

void FakeNode::add(std::deque<Task>& to, Task task) {
  bool wake = false;
  {
    const std::lock_guard lock(mutex_);
    wake = serving_ && writes_.empty() && fences_.empty() && calls_.empty();
    to.push_back(std::move(task));
  }
  if (wake) changed_.notify_one();
}

size_t FakeNode::run(std::deque<Task>& from, size_t max) {
  std::deque<Task> taken;
  {
    const std::lock_guard lock(mutex_);
    if (from.size() <= max) {
      taken.swap(from);
    } else {
      const auto end = from.begin() + static_cast<std::ptrdiff_t>(max);
      taken.assign(std::make_move_iterator(from.begin()), std::make_move_iterator(end));
      from.erase(from.begin(), end);
    }
  }
  for (const Task& task : taken) task();
  return taken.size();
}

void FakeNode::serve() {
  serving_ = true;
  thread_ = std::thread([this] { serve_until_stopped(); });
}

void FakeNode::serve_until_stopped() {
  for (;;) {
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] {
        return stopping_ || !writes_.empty() || !fences_.empty() || !calls_.empty();
      });
      if (stopping_) return;
    }
    run_all();
  }
}

std::shared_ptr<const FakeNode::State> FakeNode::state() const {
  const std::lock_guard lock(mutex_);
  return state_;
}

void FakeNode::let_go(std::shared_ptr<const State>& state) const {
  const std::lock_guard lock(mutex_);
  state.reset();
}

Result<BatchResult> FakeNode::apply(const std::string& conditions, const std::string& edits) {
  const std::lock_guard lock(mutex_);
  // Someone looks at it: he keeps what he has.
  if (state_.use_count() > 1) state_ = std::make_shared<State>(*state_);
  State& state = *state_;
  if (write_status) {
    const Status failed = write_status();
    if (!failed.ok()) return failed;
  }

  const auto find = [&state](View table, View key) -> Value* {
    const auto in = state.tables.find(table);
    if (in == state.tables.end()) return nullptr;
    const auto at = in->second.find(key);
    return at == in->second.end() ? nullptr : &at->second;
  };
  BatchResult result;
  for (Reader reader(conditions); !reader.rest().empty();) {
    const Op op = static_cast<Op>(reader.u8());
    const View table = reader.bytes();
    const View key = reader.bytes();
    reader.bytes();
    const uint64_t revision = reader.u64();
    const Value* value = find(table, key);
    const bool holds = op == Op::kIfAbsent    ? value == nullptr
                       : op == Op::kIfPresent ? value != nullptr
                                              : value != nullptr && value->revision == revision;
    if (!holds) {
      result.outcome = Outcome::kConditionFailed;
      return result;
    }
  }

  const uint64_t revision = state.revision + 1;
  const auto put = [&](View table, View key, std::string bytes) {
    state.tables[std::string(table)][std::string(key)] = {std::move(bytes), revision};
    state.revision = result.revision = revision;
  };
  for (Reader reader(edits); !reader.rest().empty();) {
    const Op op = static_cast<Op>(reader.u8());
    const View table = reader.bytes();
    const View key = reader.bytes();
    const View bytes = reader.bytes();
    const auto delta = static_cast<int64_t>(reader.u64());
    const Value* value = find(table, key);
    Answer answer;
    if ((op == Op::kExchange || op == Op::kTake || op == Op::kGet) && value != nullptr) {
      answer.value = value->bytes;
    }
    if (op == Op::kPut || op == Op::kExchange) put(table, key, std::string(bytes));
    if (op == Op::kAppend) {
      std::string longer = value == nullptr ? std::string() : value->bytes;
      longer.append(bytes);
      answer.number = static_cast<int64_t>(longer.size());
      put(table, key, std::move(longer));
    }
    if (op == Op::kErase || op == Op::kTake) {
      answer.number = value != nullptr ? 1 : 0;
      if (value != nullptr) {
        state.tables[std::string(table)].erase(std::string(key));
        state.revision = result.revision = revision;
      }
    }
    if (op == Op::kAdd) {
      RAM_CHECK(result.answers.empty());  // the front adds alone; else there would be more to undo
      const std::optional<int64_t> before = value == nullptr ? 0 : number_of(value->bytes);
      if (!before) return BatchResult{.outcome = Outcome::kNotANumber};
      if (__builtin_add_overflow(*before, delta, &answer.number)) {
        return BatchResult{.outcome = Outcome::kOverflow};
      }
      put(table, key, std::to_string(answer.number));
    }
    if (op == Op::kClear) state.tables[std::string(table)].clear();
    if (op == Op::kClearAll) state.tables.clear();
    if (op == Op::kClear || op == Op::kClearAll) state.revision = result.revision = revision;
    result.answers.push_back(std::move(answer));
  }
  return result;
}

// ---- moment.h ----

struct Moment::Inside {
  const FakeNode* node;
  std::shared_ptr<const FakeNode::State> state;
};

Moment::Moment(const void* node) {
  const auto* fake = static_cast<const FakeNode*>(node);
  static_assert(sizeof(Inside) <= sizeof inside_);
  new (inside_) Inside{fake, fake->state()};
}

Moment::~Moment() {
  auto* inside = reinterpret_cast<Inside*>(inside_);
  inside->node->let_go(inside->state);
  inside->~Inside();
}

std::optional<Found> Moment::get(View table, View key) const {
  const auto& tables = reinterpret_cast<const Inside*>(inside_)->state->tables;
  const auto in = tables.find(table);
  if (in == tables.end()) return std::nullopt;
  const auto at = in->second.find(key);
  if (at == in->second.end()) return std::nullopt;
  return Found{at->second.bytes, at->second.revision};
}

uint64_t Moment::scan(View table, uint64_t cursor, size_t count,
                      const std::function<void(View key, Found found)>& each) const {
  const auto& tables = reinterpret_cast<const Inside*>(inside_)->state->tables;
  const auto in = tables.find(table);
  if (in == tables.end() || cursor >= in->second.size()) return 0;
  auto at = std::next(in->second.begin(), static_cast<std::ptrdiff_t>(cursor));
  for (; count > 0 && at != in->second.end(); --count, ++at, ++cursor) {
    each(at->first, {at->second.bytes, at->second.revision});
  }
  return at == in->second.end() ? 0 : cursor;
}

uint64_t Moment::revision() const {
  return reinterpret_cast<const Inside*>(inside_)->state->revision;
}

// ---- node.h, table.h: what the front uses of them ----

std::string_view state_name(NodeState state) {
  constexpr std::string_view kNames[] = {"joining", "ok", "no-quorum", "leaving"};
  return kNames[static_cast<size_t>(state)];
}

std::string_view role_name(NodeRole role) {
  constexpr std::string_view kNames[] = {"joining", "standby", "follower", "leader"};
  return kNames[static_cast<size_t>(role)];
}

std::string_view no_lease_name(NoLease why) {
  return why == NoLease::kOff ? "off" : "";
}

std::string_view member_state_name(MemberState state) {
  constexpr std::string_view kNames[] = {"up", "silent", "catching-up", "leaving", "joining"};
  return kNames[static_cast<size_t>(state)];
}

struct Node::Inside {
  FakeNode fake;
};

Node::Node(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Node::~Node() = default;

Result<std::unique_ptr<Node>> Node::start(NodeOptions options) {
  auto inside = std::make_unique<Inside>();
  g_last = &inside->fake;
  inside->fake.status = {.name = options.name,
                         .id = 0xabc,
                         .cluster = "0123456789abcdef0123456789abcdef",
                         .role = NodeRole::kLeader,
                         .state = NodeState::kOk,
                         .leader = options.name,
                         .term = 3,
                         .members = 1,
                         .voters = 1,
                         .version = "0.1.0"};
  return std::unique_ptr<Node>(new Node(std::move(inside)));
}

Table Node::table(View name) {
  return {this, std::string(name)};
}

void Node::commit(std::vector<Call> calls, WriteOptions) {
  FakeNode& fake = inside_->fake;
  ++fake.commits;
  for (Call& call : calls) {
    fake.add_write([&fake, batch = std::move(call.batch), callback = std::move(call.callback)] {
      callback(fake.apply(BatchAccess::conditions(batch), BatchAccess::edits(batch)));
    });
  }
}

bool Node::may_read(View, View, ReadOptions options) const {
  return options.reads == Reads::kStale || (options.reads == Reads::kLocal && inside_->fake.lease);
}
bool Node::may_read(View, std::span<const View>, ReadOptions options) const {
  return may_read_all(options);
}
bool Node::may_read_all(ReadOptions options) const {
  return may_read(View(), View(), options);
}

std::string_view reads_name(Reads reads) {
  constexpr std::string_view kNames[] = {"local", "leader", "quorum", "stale"};
  return kNames[static_cast<size_t>(reads)];
}

void Node::fence(ReadOptions options, Callback<Status> callback) {
  FakeNode& fake = inside_->fake;
  fake.fenced_as = options.reads;
  ++fake.fences;
  fake.add_fence([&fake, callback = std::move(callback)] {
    callback(fake.fence_status ? fake.fence_status() : Status());
  });
}

Moment Node::moment() const {
  return Moment(&inside_->fake);
}

namespace {

// Answers later, with what `see` sees, or with the failure that the test wants.
template <class T, class See>
void look(FakeNode& fake, Callback<Result<T>> callback, See see) {
  fake.add_call([&fake, callback = std::move(callback), see] {
    const Status failed = fake.look_status ? fake.look_status() : Status();
    failed.ok() ? callback(see(fake)) : callback(failed);
  });
}

}  // namespace

void Node::status(Callback<Result<NodeStatus>> callback) const {
  look(inside_->fake, std::move(callback), [](FakeNode& fake) { return fake.status; });
}

void Node::members(Callback<Result<std::vector<Member>>> callback) const {
  look(inside_->fake, std::move(callback), [](FakeNode&) {
    return std::vector<Member>{{.name = "n1",
                                .id = 0xabc,
                                .address = "127.0.0.1:7379",
                                .client = "127.0.0.1:6379",
                                .voter = true,
                                .leader = true,
                                .version = "0.1.0"},
                               {.name = "n2",
                                .id = 0xdef,
                                .address = "127.0.0.1:7380",
                                .state = MemberState::kJoining,
                                .lease_reason = NoLease::kJoining,
                                .version = "0.1.0",
                                .waiting_for = "the state"}};
  });
}

void Node::digest(Callback<Result<Digest>> callback) const {
  look(inside_->fake, std::move(callback), [](FakeNode& fake) {
    return Digest{.applied = 9, .revision = fake.state()->revision, .digest = "00ff"};
  });
}

void Node::tables(Callback<Result<std::vector<TableInfo>>> callback) const {
  look(inside_->fake, std::move(callback), [](FakeNode& fake) {
    std::vector<TableInfo> all;
    auto state = fake.state();
    for (const auto& [name, entries] : state->tables) all.push_back({name, entries.size()});
    fake.let_go(state);
    return all;
  });
}

void Node::wait_for_copies(size_t, std::chrono::nanoseconds,
                           Callback<Result<size_t>> callback) const {
  FakeNode& fake = inside_->fake;
  fake.add_call([&fake, callback = std::move(callback)] { callback(fake.copies); });
}

Status Node::stop() {
  return {};
}

void Node::evict(View name, WriteOptions, Callback<Status> callback) {
  FakeNode& fake = inside_->fake;
  fake.add_call([callback = std::move(callback), name = std::string(name)] {
    callback(name == "dead" ? Status() : Status::invalid(name + " is alive"));
  });
}
void Node::transfer(View name, WriteOptions, Callback<Status> callback) {
  FakeNode& fake = inside_->fake;
  fake.add_call([callback = std::move(callback), name = std::string(name)] {
    callback(name.empty() ? Status() : Status::unknown_outcome("not done in time: " + name));
  });
}

Status Node::on_event(std::function<void(const Event&)>) {
  return {};
}

void Node::recover(bool others_are_dead, Callback<Result<std::string>> callback) {
  FakeNode& fake = inside_->fake;
  fake.add_call([callback = std::move(callback), others_are_dead] {
    others_are_dead ? callback(std::string("recovered"))
                    : callback(Status::invalid("missing: n2, n3"));
  });
}

void Table::size(ReadOptions, Callback<Result<uint64_t>> callback) const {
  const Moment now = node_->moment();
  uint64_t count = 0;
  now.scan(name_, 0, SIZE_MAX, [&](View, Found) { ++count; });
  callback(count);
}

}  // namespace ram
