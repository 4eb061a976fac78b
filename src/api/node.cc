#include "ram/node.h"

#include <utility>

#include "api/batch_access.h"
#include "api/node_inside.h"
#include "api/waiter.h"
#include "base/limits.h"
#include "machine/command_codec.h"

namespace ram {
namespace {

using node::NodeCore;
using node::OperationKind;
using node::Runtime;

Outcome public_outcome(machine::Outcome outcome) {
  switch (outcome) {
    case machine::Outcome::kConditionFailed:
      return Outcome::kConditionFailed;
    case machine::Outcome::kNotANumber:
      return Outcome::kNotANumber;
    case machine::Outcome::kOverflow:
      return Outcome::kOverflow;
    default:
      return Outcome::kApplied;
  }
}

// Outcomes that no caller asked about are failures.
Status failure_of(machine::Outcome outcome) {
  switch (outcome) {
    case machine::Outcome::kTooManyTables:
      return Status::invalid("the cluster has " + std::to_string(kTablesMax) +
                             " tables, which is the limit; put the data into existing ones");
    case machine::Outcome::kTooLarge:
      return Status::invalid("the batch's answers exceed " + std::to_string(kTransactionBytesMax) +
                             " bytes together; split it");
    case machine::Outcome::kOverloaded:
      return Status::overloaded("too much answers were asked for at once; try again after a pause");
    default:
      return {};
  }
}

Result<BatchResult> result_of(const Status& status, const machine::Reply* reply) {
  if (!status.ok()) return status;
  if (Status failure = failure_of(reply->outcome); !failure.ok()) return failure;
  BatchResult result{.outcome = public_outcome(reply->outcome), .revision = reply->revision.value};
  result.answers.reserve(reply->answers);
  machine::AnswerReader reader(*reply);
  for (machine::Answer answer; reader.next(answer);) {
    Answer& mine = result.answers.emplace_back();
    mine.number = answer.number;
    if (answer.value) mine.value.emplace(*answer.value);
  }
  return result;
}

NodeCore::WriteDone write_done(Callback<Result<BatchResult>> callback) {
  return [callback = std::move(callback)](const Status& status, const machine::Reply* reply) {
    callback(result_of(status, reply));
  };
}

}  // namespace

// ---- Inside ----

Status Node::Inside::may_block() const {
  if (!runtime->on_own_thread()) return {};
  return Status::invalid(
      "a blocking call from a callback, which would wait for itself; use the callback form");
}

Result<BatchResult> Node::Inside::commit(Batch batch, Instant deadline) {
  Result<std::string> transaction = BatchAccess::take(std::move(batch));
  if (!transaction.ok()) return transaction.status();
  Waiter<Result<BatchResult>> waiter;
  runtime->submit({std::move(*transaction), deadline,
                   [&waiter](const Status& status, const machine::Reply* reply) {
                     waiter.set(result_of(status, reply));
                   }});
  return waiter.wait();
}

void Node::Inside::commit(Batch batch, Instant deadline, Callback<Result<BatchResult>> callback) {
  Result<std::string> transaction = BatchAccess::take(std::move(batch));
  if (!transaction.ok()) return callback(transaction.status());
  runtime->submit({std::move(*transaction), deadline, write_done(std::move(callback))});
}

// ---- life ----

Node::Node(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}

Node::~Node() {
  // Callbacks that end now may still ask us for something; inside_ must not be gone yet.
  (void)stop();
}

Status Node::stop() {
  return inside_->runtime->stop();
}

Result<std::unique_ptr<Node>> Node::start(NodeOptions options) {
  auto inside = std::make_unique<Inside>();
  inside->request_timeout = options.request_timeout;
  inside->reads = options.reads;
  Result<std::unique_ptr<Runtime>> runtime = Runtime::start(std::move(options));
  if (!runtime.ok()) return runtime.status();
  inside->runtime = std::move(*runtime);
  return std::unique_ptr<Node>(new Node(std::move(inside)));
}

Status Node::wait_until_ok(std::chrono::nanoseconds timeout) {
  return inside_->wait_for<Status>([&](auto callback) {
    inside_->runtime->when_ok(inside_->runtime->after(timeout), std::move(callback));
  });
}

std::string Node::address() const {
  return inside_->runtime->address();
}
std::string Node::name() const {
  return inside_->runtime->name();
}

Table Node::table(std::string_view name) {
  return Table(this, std::string(name));
}

// ---- writes ----

Result<BatchResult> Node::commit(Batch batch, WriteOptions options) {
  if (Status refused = inside_->may_block(); !refused.ok()) return refused;
  return inside_->commit(std::move(batch), inside_->deadline(options.timeout));
}

void Node::commit(Batch batch, WriteOptions options, Callback<Result<BatchResult>> callback) {
  inside_->commit(std::move(batch), inside_->deadline(options.timeout), std::move(callback));
}

void Node::commit(std::vector<Call> calls, WriteOptions options) {
  const Instant deadline = inside_->deadline(options.timeout);
  std::vector<Runtime::Write> writes;
  writes.reserve(calls.size());
  for (Call& call : calls) {
    Result<std::string> transaction = BatchAccess::take(std::move(call.batch));
    if (!transaction.ok()) {
      call.callback(transaction.status());
      continue;
    }
    writes.push_back({std::move(*transaction), deadline, write_done(std::move(call.callback))});
  }
  inside_->runtime->submit(writes);
}

// ---- reads ----

Moment Node::moment() const {
  return Moment(&inside_->runtime->slot());
}

// ---- the node itself ----

namespace {

// Tells `callback` what `see` sees of the core.
template <class T, class See>
void look(Runtime& runtime, Callback<Result<T>> callback, See see) {
  runtime.look([callback = std::move(callback), see](const Status& status, const NodeCore* core,
                                                     Instant now) {
    status.ok() ? callback(see(*core, now)) : callback(status);
  });
}

}  // namespace

void Node::status(Callback<Result<NodeStatus>> callback) const {
  look(*inside_->runtime, std::move(callback),
       [reads = inside_->reads](const NodeCore& core, Instant now) {
         NodeStatus status = core.status(now);
         status.reads = reads;
         return status;
       });
}
Result<NodeStatus> Node::status() const {
  return inside_->wait_for<Result<NodeStatus>>(
      [this](auto callback) { status(std::move(callback)); });
}

void Node::members(Callback<Result<std::vector<Member>>> callback) const {
  look(*inside_->runtime, std::move(callback),
       [](const NodeCore& core, Instant now) { return core.members(now); });
}
Result<std::vector<Member>> Node::members() const {
  return inside_->wait_for<Result<std::vector<Member>>>(
      [this](auto callback) { members(std::move(callback)); });
}

void Node::digest(Callback<Result<Digest>> callback) const {
  look(*inside_->runtime, std::move(callback),
       [](const NodeCore& core, Instant) { return core.digest(); });
}
Result<Digest> Node::digest() const {
  return inside_->wait_for<Result<Digest>>([this](auto callback) { digest(std::move(callback)); });
}

void Node::tables(Callback<Result<std::vector<TableInfo>>> callback) const {
  look(*inside_->runtime, std::move(callback),
       [](const NodeCore& core, Instant) { return core.tables(); });
}
Result<std::vector<TableInfo>> Node::tables() const {
  return inside_->wait_for<Result<std::vector<TableInfo>>>(
      [this](auto callback) { tables(std::move(callback)); });
}

void Node::evict(std::string_view name, WriteOptions options, Callback<Status> callback) {
  inside_->runtime->operate({OperationKind::kEvict, std::string(name),
                             inside_->deadline(options.timeout), std::move(callback)});
}
Status Node::evict(std::string_view name, WriteOptions options) {
  return inside_->wait_for<Status>(
      [&](auto callback) { evict(name, options, std::move(callback)); });
}

void Node::transfer(std::string_view name, WriteOptions options, Callback<Status> callback) {
  inside_->runtime->operate({OperationKind::kTransfer, std::string(name),
                             inside_->deadline(options.timeout), std::move(callback)});
}
Status Node::transfer(std::string_view name, WriteOptions options) {
  return inside_->wait_for<Status>(
      [&](auto callback) { transfer(name, options, std::move(callback)); });
}

void Node::recover(bool others_are_dead, Callback<Result<std::string>> callback) {
  inside_->runtime->recover({others_are_dead, std::move(callback)});
}
Result<std::string> Node::recover(bool others_are_dead) {
  return inside_->wait_for<Result<std::string>>(
      [&](auto callback) { recover(others_are_dead, std::move(callback)); });
}

Status Node::on_event(std::function<void(const Event&)> listener) {
  return inside_->runtime->on_event(std::move(listener));
}

void Node::wait_for_copies(size_t wanted, std::chrono::nanoseconds timeout,
                           Callback<Result<size_t>> callback) const {
  inside_->runtime->wait_for_copies(wanted, inside_->runtime->after(timeout), std::move(callback));
}

}  // namespace ram
