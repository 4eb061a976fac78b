#include "ram/table.h"

#include <memory>
#include <type_traits>
#include <utility>

#include "api/node_inside.h"
#include "base/limits.h"
#include "ram/node.h"

namespace ram {
namespace {

template <class T>
using CommitEnd = Result<T> (*)(Result<BatchResult>&&);

// ---- what a batch's result means to who made it ----

Result<uint64_t> revision_of(Result<BatchResult>&& done) {
  if (!done.ok()) return done.status();
  return done->revision;
}

Result<bool> was_applied(Result<BatchResult>&& done) {
  if (!done.ok()) return done.status();
  return done->outcome == Outcome::kApplied;
}

Result<std::optional<uint64_t>> revision_if_applied(Result<BatchResult>&& done) {
  if (!done.ok()) return done.status();
  if (done->outcome != Outcome::kApplied) return std::optional<uint64_t>();
  return std::optional(done->revision);
}

Result<bool> did_exist(Result<BatchResult>&& done) {
  if (!done.ok()) return done.status();
  return done->answers.at(0).number != 0;
}

Result<std::optional<std::string>> value_before(Result<BatchResult>&& done) {
  if (!done.ok()) return done.status();
  return std::move(done->answers.at(0).value);
}

Callback<Result<BatchResult>> then_status(Callback<Status> callback) {
  return [callback = std::move(callback)](Result<BatchResult> done) { callback(done.status()); };
}

template <class T>
Callback<Result<BatchResult>> then(CommitEnd<T> end, Callback<Result<T>> callback) {
  return [end, callback = std::move(callback)](Result<BatchResult> done) {
    callback(end(std::move(done)));
  };
}

// ---- limits ----

Status check_size(std::string_view what, size_t bytes, size_t bytes_max) {
  if (bytes <= bytes_max) return {};
  return Status::invalid("the " + std::string(what) + " has " + std::to_string(bytes) +
                         " bytes; at most " + std::to_string(bytes_max) + " are allowed");
}

Status check_read(std::string_view table, std::string_view key) {
  if (Status status = check_size("table's name", table.size(), kTableNameBytesMax); !status.ok()) {
    return status;
  }
  return check_size("key", key.size(), kKeyBytesMax);
}

Status check_write(std::string_view table, std::string_view key, std::string_view value) {
  if (Status status = check_read(table, key); !status.ok()) return status;
  return check_size("value", value.size(), kValueBytesMax);
}

// ---- the batches ----

Batch put_batch(std::string_view table, std::string_view key, std::string_view value) {
  Batch batch;
  batch.put(table, key, value);
  return batch;
}

Batch insert_batch(std::string_view table, std::string_view key, std::string_view value) {
  Batch batch;
  batch.if_absent(table, key).put(table, key, value);
  return batch;
}

Batch set_batch(std::string_view table, std::string_view key, uint64_t revision,
                std::string_view value) {
  if (revision == 0) return insert_batch(table, key, value);
  Batch batch;
  batch.if_revision(table, key, revision).put(table, key, value);
  return batch;
}

Batch erase_batch(std::string_view table, std::string_view key) {
  Batch batch;
  batch.erase(table, key);
  return batch;
}

Batch take_batch(std::string_view table, std::string_view key) {
  Batch batch;
  batch.take(table, key);
  return batch;
}

Batch clear_batch(std::string_view table) {
  Batch batch;
  batch.clear(table);
  return batch;
}

// ---- reads ----

using Values = std::vector<std::optional<std::string>>;

std::optional<std::string> value_in(const Moment& moment, std::string_view table,
                                    std::string_view key) {
  const std::optional<Found> found = moment.get(table, key);
  if (!found) return std::nullopt;
  return std::string(found->value);
}

std::optional<Entry> entry_in(const Moment& moment, std::string_view table, std::string_view key) {
  const std::optional<Found> found = moment.get(table, key);
  if (!found) return std::nullopt;
  return Entry{.value = std::string(found->value), .revision = found->revision};
}

bool is_in(const Moment& moment, std::string_view table, std::string_view key) {
  return moment.get(table, key).has_value();
}

template <class Keys>
Values values_in(const Moment& moment, std::string_view table, const Keys& keys) {
  Values values;
  values.reserve(keys.size());
  for (const std::string_view key : keys) values.push_back(value_in(moment, table, key));
  return values;
}

template <class T>
using Lookup = T (*)(const Moment& moment, std::string_view table, std::string_view key);

// Blocks until what `key` must show is here, then looks it up. `Inside` is Node::Inside.
template <class T, class Inside>
Result<T> read(const Inside& inside, const Node& node, std::string_view table, std::string_view key,
               ReadOptions options, Lookup<T> lookup) {
  if (Status status = check_read(table, key); !status.ok()) return status;
  if (Status status = inside.pass(inside.passage(options.reads, table, key), options);
      !status.ok()) {
    return status;
  }
  return lookup(node.moment(), table, key);
}

template <class T, class Inside>
void read(const Inside& inside, const Node& node, const std::string& table, std::string_view key,
          ReadOptions options, Lookup<T> lookup, Callback<Result<T>> callback) {
  if (Status status = check_read(table, key); !status.ok()) return callback(std::move(status));
  const auto passage = inside.passage(options.reads, table, key);
  if (passage.open()) return callback(lookup(node.moment(), table, key));
  inside.pass(passage, options,
              [&node, table, key = std::string(key), lookup,
               callback = std::move(callback)](const Status& status) {
                if (!status.ok()) return callback(status);
                callback(lookup(node.moment(), table, key));
              });
}

// ---- update ----

using Change = std::function<std::string(std::string_view)>;

// An optimistic loop: change what is here, write it if the key is still as it was. No fence is
// needed before the first attempt: if what is here is old, the write has no effect; and when such a
// write has ended, what came between is here.
struct Attempt {
  uint64_t revision = 0;
  std::string value;

  static Attempt make(const Node& node, std::string_view table, std::string_view key,
                      std::string_view absent, const Change& change) {
    // The copy ends the Moment before the caller's code runs.
    const std::optional<Entry> entry = entry_in(node.moment(), table, key);
    return {.revision = entry ? entry->revision : 0,
            .value = change(entry ? entry->value : absent)};
  }
};

Status outrun() {
  return Status::unavailable(
      "other writes to the key came between until the deadline; not applied");
}

// The callback form's own state; shared by the callback of each attempt, which is also its owner.
// `Inside` is Node::Inside.
template <class Inside>
struct Update : std::enable_shared_from_this<Update<Inside>> {
  Update(Node& of, Inside& in, std::string of_table)
      : node(of), inside(in), table(std::move(of_table)) {}

  // Node's thread.
  void run() {
    const Attempt attempt = Attempt::make(node, table, key, absent, change);
    inside.commit(
        set_batch(table, key, attempt.revision, attempt.value), deadline,
        [self = this->shared_from_this(), value = attempt.value](const Result<BatchResult>& done) {
          if (!done.ok()) return self->callback(done.status());
          if (done->outcome == Outcome::kApplied) return self->callback(value);
          if (self->inside.runtime->now() >= self->deadline) return self->callback(outrun());
          self->run();
        });
  }

  Node& node;
  Inside& inside;
  const std::string table;
  std::string key;
  std::string absent;
  Change change;
  Instant deadline;
  Callback<Result<std::string>> callback;
};

}  // namespace

// ---- reads ----

Result<std::optional<std::string>> Table::get(std::string_view key, ReadOptions options) const {
  return read(*node_->inside_, *node_, name_, key, options, value_in);
}
void Table::get(std::string_view key, ReadOptions options,
                Callback<Result<std::optional<std::string>>> callback) const {
  read(*node_->inside_, *node_, name_, key, options, value_in, std::move(callback));
}

Result<Values> Table::get(std::span<const std::string_view> keys, ReadOptions options) const {
  for (const std::string_view key : keys) {
    if (Status status = check_read(name_, key); !status.ok()) return status;
  }
  const Node::Inside& inside = *node_->inside_;
  if (Status status = inside.pass(inside.passage(options.reads, name_, keys), options);
      !status.ok()) {
    return status;
  }
  return values_in(node_->moment(), name_, keys);
}
void Table::get(std::vector<std::string> keys, ReadOptions options,
                Callback<Result<Values>> callback) const {
  for (const std::string& key : keys) {
    if (Status status = check_read(name_, key); !status.ok()) return callback(std::move(status));
  }
  const Node::Inside& inside = *node_->inside_;
  const auto passage = inside.passage(options.reads, name_, keys);
  inside.pass(passage, options,
              [node = node_, name = name_, keys = std::move(keys),
               callback = std::move(callback)](const Status& status) {
                if (!status.ok()) return callback(status);
                callback(values_in(node->moment(), name, keys));
              });
}

Result<std::optional<Entry>> Table::fetch(std::string_view key, ReadOptions options) const {
  return read(*node_->inside_, *node_, name_, key, options, entry_in);
}
void Table::fetch(std::string_view key, ReadOptions options,
                  Callback<Result<std::optional<Entry>>> callback) const {
  read(*node_->inside_, *node_, name_, key, options, entry_in, std::move(callback));
}

Result<bool> Table::contains(std::string_view key, ReadOptions options) const {
  return read(*node_->inside_, *node_, name_, key, options, is_in);
}
void Table::contains(std::string_view key, ReadOptions options,
                     Callback<Result<bool>> callback) const {
  read(*node_->inside_, *node_, name_, key, options, is_in, std::move(callback));
}

Result<uint64_t> Table::size(ReadOptions options) const {
  return node_->inside_->wait_for<Result<uint64_t>>(
      [&](auto callback) { size(options, std::move(callback)); });
}
void Table::size(ReadOptions options, Callback<Result<uint64_t>> callback) const {
  if (Status status = check_read(name_, ""); !status.ok()) return callback(std::move(status));
  node_->fence(
      options, [node = node_, name = name_, callback = std::move(callback)](Status status) mutable {
        if (!status.ok()) return callback(std::move(status));
        // Between passes: what the fence waited for is there.
        node->inside_->runtime->look([name = std::move(name), callback = std::move(callback)](
                                         const Status& seen, const node::NodeCore* core, Instant) {
          if (!seen.ok()) return callback(seen);
          callback(core->table_size(name));
        });
      });
}

// ---- writes ----

Result<uint64_t> Table::put(std::string_view key, std::string_view value, WriteOptions options) {
  if (Status status = check_write(name_, key, value); !status.ok()) return status;
  return revision_of(node_->commit(put_batch(name_, key, value), options));
}
void Table::put(std::string_view key, std::string_view value, WriteOptions options,
                Callback<Result<uint64_t>> callback) {
  if (Status status = check_write(name_, key, value); !status.ok()) {
    return callback(std::move(status));
  }
  node_->commit(put_batch(name_, key, value), options, then(revision_of, std::move(callback)));
}

Result<bool> Table::insert(std::string_view key, std::string_view value, WriteOptions options) {
  if (Status status = check_write(name_, key, value); !status.ok()) return status;
  return was_applied(node_->commit(insert_batch(name_, key, value), options));
}
void Table::insert(std::string_view key, std::string_view value, WriteOptions options,
                   Callback<Result<bool>> callback) {
  if (Status status = check_write(name_, key, value); !status.ok()) {
    return callback(std::move(status));
  }
  node_->commit(insert_batch(name_, key, value), options, then(was_applied, std::move(callback)));
}

Result<std::optional<uint64_t>> Table::compare_and_set(std::string_view key, uint64_t revision,
                                                       std::string_view value,
                                                       WriteOptions options) {
  if (Status status = check_write(name_, key, value); !status.ok()) return status;
  return revision_if_applied(node_->commit(set_batch(name_, key, revision, value), options));
}
void Table::compare_and_set(std::string_view key, uint64_t revision, std::string_view value,
                            WriteOptions options,
                            Callback<Result<std::optional<uint64_t>>> callback) {
  if (Status status = check_write(name_, key, value); !status.ok()) {
    return callback(std::move(status));
  }
  node_->commit(set_batch(name_, key, revision, value), options,
                then(revision_if_applied, std::move(callback)));
}

Result<std::string> Table::update(std::string_view key, std::string_view absent,
                                  const Change& change, WriteOptions options) {
  if (Status refused = node_->inside_->may_block(); !refused.ok()) return refused;
  if (Status status = check_read(name_, key); !status.ok()) return status;
  const Instant deadline = node_->inside_->deadline(options.timeout);
  while (true) {
    Attempt attempt = Attempt::make(*node_, name_, key, absent, change);
    const Result<BatchResult> done =
        node_->inside_->commit(set_batch(name_, key, attempt.revision, attempt.value), deadline);
    if (!done.ok()) return done.status();
    if (done->outcome == Outcome::kApplied) return std::move(attempt.value);
    if (node_->inside_->runtime->now() >= deadline) return outrun();
  }
}
void Table::update(std::string_view key, std::string_view absent, Change change,
                   WriteOptions options, Callback<Result<std::string>> callback) {
  if (Status status = check_read(name_, key); !status.ok()) return callback(std::move(status));
  Node::Inside& inside = *node_->inside_;
  auto update = std::make_shared<Update<Node::Inside>>(*node_, inside, name_);
  update->key = key;
  update->absent = absent;
  update->change = std::move(change);
  update->deadline = inside.deadline(options.timeout);
  update->callback = std::move(callback);
  inside.runtime->look([update](const Status& seen, const node::NodeCore*, Instant) {
    if (!seen.ok()) return update->callback(seen);
    update->run();
  });
}

Result<bool> Table::erase(std::string_view key, WriteOptions options) {
  return did_exist(node_->commit(erase_batch(name_, key), options));
}
void Table::erase(std::string_view key, WriteOptions options, Callback<Result<bool>> callback) {
  node_->commit(erase_batch(name_, key), options, then(did_exist, std::move(callback)));
}

Result<std::optional<std::string>> Table::take(std::string_view key, WriteOptions options) {
  return value_before(node_->commit(take_batch(name_, key), options));
}
void Table::take(std::string_view key, WriteOptions options,
                 Callback<Result<std::optional<std::string>>> callback) {
  node_->commit(take_batch(name_, key), options, then(value_before, std::move(callback)));
}

Status Table::clear(WriteOptions options) {
  return node_->commit(clear_batch(name_), options).status();
}
void Table::clear(WriteOptions options, Callback<Status> callback) {
  node_->commit(clear_batch(name_), options, then_status(std::move(callback)));
}

}  // namespace ram
