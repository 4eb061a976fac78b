// Nodes for tests of NodeCore in which peers lag, are left behind, or lie: what passes between them
// is the test's to say.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "machine/command_codec.h"
#include "node/node_core.h"
#include "node/peer_message.h"
#include "node/read_gate.h"
#include "node/test_frame.h"
#include "store/reading.h"

namespace ram::node {

using namespace std::chrono_literals;

// Nodes whose letters take a millisecond, unless the test loses or changes them.
class Hamlet {
 public:
  explicit Hamlet(size_t size, CoreLimits limits = {}) : limits_(limits) {
    std::vector<std::string> founders;
    for (size_t at = 0; at < size; ++at) founders.push_back(address(at));
    for (size_t at = 0; at < size; ++at) move_in(size > 1 ? founders : std::vector<std::string>());
  }

  // A node at a new address; its number.
  size_t move_in(std::vector<std::string> join, Former former = {}) {
    houses_.push_back(std::make_unique<House>());
    houses_.back()->join = std::move(join);
    houses_.back()->former = std::move(former);
    live(houses_.size() - 1);
    return houses_.size() - 1;
  }
  void kill(size_t at) { houses_[at]->core.reset(); }
  static std::string address(size_t at) { return "n" + std::to_string(at) + ":1"; }

  void run(Duration time) {
    for (const Instant end = now_ + time; now_ < end; now_ += 1ms) {
      deliver();
      for (size_t at = 0; at < houses_.size(); ++at) {
        NodeCore* core = houses_[at]->core.get();
        if (core == nullptr) continue;
        if (core->next_deadline() <= now_) core->on_time(now_);
        core->turn(now_);
        core->check_invariants();
        if (core->spent()) {
          houses_[at]->former = core->former();
          live(at);
        }
      }
    }
  }
  template <class Holds>
  ::testing::AssertionResult until(Holds holds) {
    for (int i = 0; i < 10'000; ++i) {
      if (holds()) return ::testing::AssertionSuccess();
      run(1ms);
    }
    return ::testing::AssertionFailure() << "not within ten seconds";
  }

  NodeStatus status(size_t at) const { return houses_[at]->core->status(now_); }
  bool lives(size_t at) const { return houses_[at]->core != nullptr; }
  bool all_ok() const {
    for (size_t at = 0; at < houses_.size(); ++at) {
      if (lives(at) && status(at).state != NodeState::kOk) return false;
    }
    return true;
  }
  bool lost(size_t at) const { return status(at).state == NodeState::kNoQuorum; }
  size_t leader() const {
    size_t at = 0;
    while (at < houses_.size() && (!lives(at) || status(at).role != NodeRole::kLeader)) ++at;
    return at;
  }
  std::vector<size_t> followers() const {
    std::vector<size_t> all;
    for (size_t at = 0; at < houses_.size(); ++at) {
      if (lives(at) && at != leader()) all.push_back(at);
    }
    return all;
  }
  NodeCore& core(size_t at) { return *houses_[at]->core; }
  const consensus::Replica& replica(size_t at) { return *core(at).replica(); }
  NodeId id(size_t at) const { return houses_[at]->id; }
  LogIndex visible(size_t at) const { return houses_[at]->gate.applied(); }
  Instant now() const { return now_; }

  std::shared_ptr<std::optional<Status>> write(size_t at, std::string_view key,
                                               std::string_view value) {
    std::string operations;
    machine::Operation operation;
    operation.kind = machine::OperationKind::kPut;
    operation.table = "t";
    operation.key = key;
    operation.value = value;
    machine::encode(operations, operation);
    auto ended = std::make_shared<std::optional<Status>>();
    core(at).submit(now_, machine::encode_transaction(0, {}, 1, operations), now_ + 5s,
                    [ended](const Status& status, const machine::Reply*) { *ended = status; });
    return ended;
  }
  bool write_and_wait(size_t at, std::string_view key, std::string_view value) {
    const auto ended = write(at, key, value);
    return until([&] { return ended->has_value(); }) && (*ended)->ok();
  }
  bool write_some(size_t at, int count) {
    for (int i = 0; i < count; ++i) {
      if (!write_and_wait(at, "k" + std::to_string(i), "x")) return false;
    }
    return true;
  }
  // What is in memory at `at`.
  std::string value(size_t at, std::string_view key) {
    store::Reading reading(houses_[at]->slot);
    const store::Table* table = reading.table("t");
    if (table == nullptr) return "(absent)";
    const store::Entry* entry = reading.find(*table, reading.store().key(key));
    return entry == nullptr ? "(absent)" : std::string(entry->value());
  }
  using Report = std::shared_ptr<std::optional<Result<std::string>>>;
  Report begin_recovery(size_t at) {
    auto ended = std::make_shared<std::optional<Result<std::string>>>();
    core(at).recover(now_, /*others_are_dead=*/true,
                     [ended](Result<std::string> report) { *ended = std::move(report); });
    return ended;
  }
  // The report, or why it was refused.
  std::string recover(size_t at) {
    const Report ended = begin_recovery(at);
    EXPECT_TRUE(until([&] { return ended->has_value(); }));
    return text_of(ended);
  }
  static std::string text_of(const Report& report) {
    return (*report)->ok() ? ***report : (*report)->status().message();
  }
  // To `to`, from somebody with that id and at an address where nobody lives.
  void tell(size_t to, NodeId from, const PeerMessage& message) {
    core(to).receive(now_, {from, "nowhere:1"},
                     frame_of({core(to).cluster(), from, houses_[to]->id}, message));
  }

  // False: lost. It may be changed.
  using Passes = std::function<bool(size_t from, size_t to, PeerMessage& message)>;
  Passes passes = [](size_t, size_t, PeerMessage&) { return true; };

 private:
  struct Letter {
    Peer from;
    size_t to;
    SharedBytes bytes;
  };
  struct House final : Network {
    void send(const std::string& to, Lane, Pieces frame) override {
      hamlet->post(at, to, std::move(frame));
    }
    void forget(const std::string&) override {}

    Hamlet* hamlet = nullptr;
    size_t at = 0;
    NodeId id;
    std::vector<std::string> join;
    Former former;
    store::StoreSlot slot{std::make_unique<store::Store>(1)};
    ReadGate gate;
    std::unique_ptr<NodeCore> core;
  };

  void live(size_t at) {
    House& house = *houses_[at];
    house.core.reset();
    house.hamlet = this;
    house.at = at;
    house.id = NodeId(++last_id_);
    CoreOptions options;
    options.id = house.id;
    options.name = "n" + std::to_string(at);
    options.address = address(at);
    options.join = house.join;
    options.former = house.former;
    options.parameters.failover_after = 100ms;
    options.seed = last_id_;
    options.limits = limits_;
    house.core = std::make_unique<NodeCore>(options, house.slot, house.gate, clock_, house, log_);
    house.core->start(now_);
  }
  void post(size_t from, const std::string& address_to, Pieces frame) {
    for (size_t to = 0; to < houses_.size(); ++to) {
      if (address(to) != address_to) continue;
      std::optional<Frame> sent = decode_frame(joined(frame));
      if (!sent || !passes(from, to, sent->message)) return;
      letters_.emplace(
          now_ + 1ms,
          Letter{{houses_[from]->id, address(from)}, to, frame_of(sent->heading, sent->message)});
    }
  }
  void deliver() {
    while (!letters_.empty() && letters_.begin()->first <= now_) {
      const Letter letter = std::move(letters_.begin()->second);
      letters_.erase(letters_.begin());
      if (NodeCore* core = houses_[letter.to]->core.get()) {
        core->receive(now_, letter.from, letter.bytes);
      }
    }
  }

  struct StoppedClock final : Clock {
    Instant now() const override { return Instant(); }
    WallMs wall() const override { return WallMs(1'000); }
  };

  const CoreLimits limits_;
  StoppedClock clock_;
  NoLog log_;
  std::vector<std::unique_ptr<House>> houses_;
  std::multimap<Instant, Letter> letters_;
  Instant now_{1s};
  uint64_t last_id_ = 0;
};

}  // namespace ram::node
