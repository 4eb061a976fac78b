// How a read on any thread gets to what it must see (node/read_path.h): from this node's memory
// while it holds a lease, else by asking the leader.

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "api/node_inside.h"
#include "api/waiter.h"
#include "ram/node.h"
#include "store/reading.h"

namespace ram {

using node::LocalRead;
using Trust = node::NodeCore::Trust;

std::optional<Node::Inside::Passage> Node::Inside::chosen(Reads asked) const {
  if (asked == Reads::kStale) return Passage{.kind = Passage::Kind::kOpen};
  asked = std::max(asked, reads);
  if (asked == Reads::kQuorum) return Passage{.kind = Passage::Kind::kAsk, .trust = Trust::kQuorum};
  if (asked == Reads::kLeader) return Passage{.kind = Passage::Kind::kAsk, .trust = Trust::kLeader};
  return std::nullopt;
}

template <class Touch>
Node::Inside::Passage Node::Inside::by_lease(Touch touch) const {
  LocalRead read(runtime->gate());
  if (!read.holds(runtime->now())) return {.kind = Passage::Kind::kAsk, .trust = Trust::kLeader};
  touch(read);
  if (!read.ready()) return {.kind = Passage::Kind::kWait, .index = read.wait_for()};
  runtime->gate().count_local();
  return {.kind = Passage::Kind::kOpen};
}

Node::Inside::Passage Node::Inside::by_lease(std::string_view table,
                                             std::span<const store::Key> keys) const {
  {
    // Reading a clock waits for what was loaded, not for what is only asked for.
    const store::Reading reading(runtime->slot());
    const store::Table* const at = reading.table(table);
    for (const store::Key& key : keys) {
      if (at != nullptr) reading.prefetch(*at, key);
      runtime->gate().prefetch(key.hash);
    }
  }
  return by_lease([keys](LocalRead& read) {
    for (const store::Key& key : keys) read.touches(key.hash);
  });
}

Node::Inside::Passage Node::Inside::passage(Reads asked, std::string_view table,
                                            std::string_view key) const {
  if (const std::optional<Passage> passage = chosen(asked)) return *passage;
  return by_lease(table, std::array{store::Key{key, runtime->hash_of(key)}});
}

template <class Keys>
Node::Inside::Passage Node::Inside::passage(Reads asked, std::string_view table,
                                            const Keys& keys) const {
  if (const std::optional<Passage> passage = chosen(asked)) return *passage;
  std::vector<store::Key> hashed;
  hashed.reserve(keys.size());
  for (const std::string_view key : keys) hashed.push_back({key, runtime->hash_of(key)});
  return by_lease(table, hashed);
}
template Node::Inside::Passage Node::Inside::passage(
    Reads asked, std::string_view table, const std::span<const std::string_view>& keys) const;
template Node::Inside::Passage Node::Inside::passage(Reads asked, std::string_view table,
                                                     const std::vector<std::string>& keys) const;

Node::Inside::Passage Node::Inside::passage_of_all(Reads asked) const {
  if (const std::optional<Passage> passage = chosen(asked)) return *passage;
  return by_lease([](LocalRead& read) { read.touches_all(); });
}

void Node::Inside::pass(const Passage& passage, ReadOptions options,
                        node::NodeCore::FenceDone done) const {
  switch (passage.kind) {
    case Passage::Kind::kOpen:
      return done(Status());
    case Passage::Kind::kWait:
      return runtime->wait_applied(passage.index, deadline(options.timeout), std::move(done));
    case Passage::Kind::kAsk:
      return runtime->fence(deadline(options.timeout), passage.trust, std::move(done));
  }
}

Status Node::Inside::pass(const Passage& passage, ReadOptions options) const {
  if (passage.open()) return {};
  if (Status refused = may_block(); !refused.ok()) return refused;
  Waiter<Status> waiter;
  pass(passage, options, [&waiter](const Status& status) { waiter.set(status); });
  return waiter.wait();
}

bool Node::may_read(std::string_view table, std::string_view key, ReadOptions options) const {
  return inside_->passage(options.reads, table, key).open();
}
bool Node::may_read(std::string_view table, std::span<const std::string_view> keys,
                    ReadOptions options) const {
  return inside_->passage(options.reads, table, keys).open();
}
bool Node::may_read_all(ReadOptions options) const {
  return inside_->passage_of_all(options.reads).open();
}

Status Node::fence(ReadOptions options) {
  return inside_->pass(inside_->passage_of_all(options.reads), options);
}
void Node::fence(ReadOptions options, Callback<Status> callback) {
  inside_->pass(inside_->passage_of_all(options.reads), options,
                [callback = std::move(callback)](const Status& status) { callback(status); });
}

std::string_view reads_name(Reads reads) {
  switch (reads) {
    case Reads::kLocal:
      return "local";
    case Reads::kLeader:
      return "leader";
    case Reads::kQuorum:
      return "quorum";
    case Reads::kStale:
      return "stale";
  }
  return "unknown";
}

}  // namespace ram
