// What the tests of NodeCore share: nodes in a calm world, where a network loses nothing and takes
// a millisecond everywhere. What happens in rough ones is the simulator's (sim/).
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "machine/command_codec.h"
#include "node/node_core.h"
#include "node/peer_message.h"
#include "node/read_path.h"
#include "node/test_frame.h"
#include "store/reading.h"

namespace ram::node {

using namespace std::chrono_literals;

class StoppedClock final : public Clock {
 public:
  Instant now() const override { return Instant(); }
  WallMs wall() const override { return WallMs(1'000); }
};

class Lines final : public Log {
 public:
  void write(Severity, std::string_view line) override { lines_.emplace_back(line); }
  bool enabled(Severity) const override { return true; }
  size_t with(std::string_view words) const {
    return static_cast<size_t>(std::count_if(
        lines_.begin(), lines_.end(),
        [&](const std::string& line) { return line.find(words) != std::string::npos; }));
  }

 private:
  std::vector<std::string> lines_;
};

inline std::string put(std::string_view key, std::string_view value) {
  std::string operations;
  machine::Operation operation;
  operation.kind = machine::OperationKind::kPut;
  operation.table = "t";
  operation.key = key;
  operation.value = value;
  machine::encode(operations, operation);
  return machine::encode_transaction(0, {}, 1, operations);
}

class Village {
 public:
  explicit Village(size_t size, CoreLimits limits = {}, Mistakes mistakes = {})
      : limits_(limits), mistakes_(mistakes) {
    for (size_t i = 0; i < size; ++i) list_.push_back("n" + std::to_string(i) + ":1");
    houses_.resize(size);
    for (size_t i = 0; i < size; ++i) start(i);
  }

  void start(size_t at) {
    House& house = houses_[at];
    house.slot = std::make_unique<store::StoreSlot>(std::make_unique<store::Store>(1));
    house.gate = std::make_unique<ReadGate>();
    live(at);
  }
  // Knowing the address of `member` alone.
  void start_through(size_t at, size_t member) {
    houses_[at].list = {list_[member]};
    start(at);
  }
  // As a cluster of its own.
  void start_alone(size_t at) {
    houses_[at].alone = true;
    start(at);
  }
  // The process goes on, as a new incarnation: threads that read see both.
  void live(size_t at) {
    House& house = houses_[at];
    Remains remains;
    if (house.core) remains = house.core->take_remains();
    house.core.reset();
    CoreOptions options;
    options.id = NodeId(++last_id_);
    options.name = "n" + std::to_string(at);
    options.address = list_[at];
    if (list_.size() > 1 && !house.alone) options.join = house.list.empty() ? list_ : house.list;
    options.parameters.failover_after = 100ms;
    options.seed = last_id_;
    options.limits = limits_;
    options.mistakes = mistakes_;
    options.former = std::exchange(house.former, {});
    house.id = options.id;
    house.network.village = this;
    house.network.at = at;
    house.core =
        std::make_unique<NodeCore>(options, *house.slot, *house.gate, clock_, house.network, log_);
    house.core->take_over(std::move(remains));
    house.core->start(now_);
  }
  void kill(size_t at) {
    houses_[at].core.reset();
    houses_[at].gate.reset();
    houses_[at].slot.reset();
  }

  void run(Duration time) {
    const Instant end = now_ + time;
    for (; now_ < end; now_ += 1ms) {
      while (!letters_.empty() && letters_.begin()->first <= now_) {
        const Letter letter = std::move(letters_.begin()->second);
        letters_.erase(letters_.begin());
        for (size_t i = 0; i < list_.size(); ++i) {
          if (list_[i] == letter.to && houses_[i].core && !houses_[i].cut_off &&
              !is_cut(letter.from.address, letter.to)) {
            houses_[i].core->receive(now_, letter.from, letter.bytes);
          }
        }
      }
      for (size_t i = 0; i < houses_.size(); ++i) {
        House& house = houses_[i];
        if (!house.core) continue;
        if (house.core->next_deadline() <= now_) house.core->on_time(now_);
        house.core->turn(now_);
        house.core->check_invariants();
        if (house.core->spent()) {
          house.former = house.core->former();
          live(i);
        }
        if (house.core->left()) kill(i);
      }
    }
  }
  // Runs for as long as `at` has more to do at once; how many turns it took.
  size_t busy_turns(size_t at) {
    size_t turns = 0;
    for (; houses_[at].core->next_deadline() == Instant::min() && turns < 10'000; ++turns) run(1ms);
    return turns;
  }
  // Runs until `holds` does, for at most ten seconds.
  template <class Holds>
  ::testing::AssertionResult until(Holds holds) {
    for (int i = 0; i < 10'000; ++i) {
      if (holds()) return ::testing::AssertionSuccess();
      run(1ms);
    }
    return ::testing::AssertionFailure() << "not within ten seconds";
  }

  bool all_ok() {
    for (const House& house : houses_) {
      if (!house.core) return false;
    }
    return all_there_ok();
  }
  bool all_there_ok() {
    for (const House& house : houses_) {
      if (house.core && house.core->status(now_).state != NodeState::kOk) return false;
    }
    return true;
  }
  size_t leader() {
    for (size_t i = 0; i < houses_.size(); ++i) {
      if (houses_[i].core && houses_[i].core->status(now_).role == NodeRole::kLeader) return i;
    }
    return houses_.size();
  }
  // Writes at `at`; empty while it is under way.
  std::shared_ptr<std::optional<Status>> write(size_t at, std::string transaction) {
    auto ended = std::make_shared<std::optional<Status>>();
    houses_[at].core->submit(now_, std::move(transaction), now_ + 2s,
                             [ended](const Status& status, const machine::Reply*) {
                               EXPECT_FALSE(*ended);
                               *ended = status;
                             });
    return ended;
  }
  bool write_and_wait(size_t at, std::string_view key, std::string_view value) {
    const auto ended = write(at, put(key, value));
    return until([&] { return ended->has_value(); }) && (*ended)->ok();
  }
  // What a thread would do now: true if it may read `key` from memory.
  bool leased(size_t at) { return LocalRead(*houses_[at].gate).holds(now_); }
  LogIndex pending(size_t at, std::string_view key) {
    LocalRead local(*houses_[at].gate);
    local.touches(houses_[at].slot->current().key(key).hash);
    return local.ready() ? LogIndex() : local.wait_for();
  }
  LogIndex visible(size_t at) const { return houses_[at].gate->applied(); }
  std::optional<LogIndex> wanted(size_t at) const { return houses_[at].wanted; }
  NodeId id(size_t at) const { return houses_[at].id; }
  // Nothing between the two arrives.
  void cut(size_t a, size_t b) { cuts_.insert({list_[a], list_[b]}); }
  void cut_one_way(size_t from, size_t to) { one_way_.insert({list_[from], list_[to]}); }
  void mend() {
    cuts_.clear();
    one_way_.clear();
  }
  // How many frames were sent to `address`, whether they arrived or not.
  size_t sent_to(const std::string& address) const {
    const auto found = sent_to_.find(address);
    return found == sent_to_.end() ? 0 : found->second;
  }
  // How many frames were sent through another member.
  size_t relayed() const { return relayed_; }
  // How many lines of all nodes' logs have those words.
  size_t lines_with(std::string_view words) const { return log_.with(words); }
  // From now on links carry so much of states in a second.
  void limit_bulk_links(size_t bytes_per_second) { bulk_bytes_per_second_ = bytes_per_second; }
  // Bytes of states that were sent, whether they arrived or not.
  size_t bulk_bytes() const { return bulk_bytes_; }
  // How many states were given out, or in part.
  size_t states() const { return states_.size(); }
  // Pieces of states that were sent from `at`.
  size_t pieces(size_t at) const { return houses_[at].pieces; }
  // What is kept at `at` beside what the newest state needs.
  size_t old_bytes(size_t at) const { return houses_[at].slot->current().limbo_bytes(); }
  size_t state_bytes(size_t at) const {
    return houses_[at].slot->current().memory_bytes() - old_bytes(at);
  }
  // Nothing from or to `at` arrives.
  void cut_off(size_t at, bool off) { houses_[at].cut_off = off; }
  // A fenced read.
  std::string read(size_t at, std::string_view key) {
    auto ended = std::make_shared<std::optional<Status>>();
    houses_[at].core->fence(now_, now_ + 2s, NodeCore::Trust::kLeader,
                            [ended](const Status& status) { *ended = status; });
    if (!until([&] { return ended->has_value(); }) || !(*ended)->ok()) return "(failed)";
    store::Reading reading(*houses_[at].slot);
    const store::Table* table = reading.table("t");
    if (table == nullptr) return "(absent)";
    const store::Entry* entry = reading.find(*table, reading.store().key(key));
    return entry == nullptr ? "(absent)" : std::string(entry->value());
  }
  // What `at` says of `of`.
  Member member(size_t at, size_t of) {
    for (const Member& member : houses_[at].core->members(now_)) {
      if (member.name == "n" + std::to_string(of)) return member;
    }
    ADD_FAILURE() << "n" << at << " knows no n" << of;
    return {};
  }
  NoLease why_no_lease(size_t at) { return houses_[at].core->status(now_).lease_reason; }
  NodeCore& core(size_t at) { return *houses_[at].core; }
  bool lives(size_t at) const { return at < houses_.size() && houses_[at].core != nullptr; }
  Instant now() const { return now_; }

 private:
  struct Letter {
    Peer from;
    std::string to;
    SharedBytes bytes;
  };
  struct Wire final : Network {
    Village* village = nullptr;
    size_t at = 0;
    void send(const std::string& address, Lane lane, Pieces frame) override {
      if (village->houses_[at].cut_off) return;
      SharedBytes bytes = joined(frame);
      const std::optional<Frame> sent = decode_frame(bytes);
      if (sent && std::holds_alternative<StateRequest>(sent->message)) {
        village->houses_[at].wanted = std::get<StateRequest>(sent->message).at_least;
      }
      if (sent && std::holds_alternative<StatePiece>(sent->message)) {
        village->states_.insert(std::get<StatePiece>(sent->message).transfer);
        ++village->houses_[at].pieces;
      }
      village->relayed_ += sent && std::holds_alternative<Relay>(sent->message);
      ++village->sent_to_[address];
      village->letters_.emplace(
          village->arrival(at, address, lane, bytes.size()),
          Letter{{village->houses_[at].id, village->list_[at]}, address, std::move(bytes)});
    }
    void forget(const std::string&) override {}
  };
  struct House {
    NodeId id;
    std::unique_ptr<store::StoreSlot> slot;
    std::unique_ptr<ReadGate> gate;
    Wire network;
    std::unique_ptr<NodeCore> core;
    Former former;  // of the next incarnation
    bool cut_off = false;
    bool alone = false;
    std::vector<std::string> list;   // empty: all
    std::optional<LogIndex> wanted;  // how new a state it asked for last
    size_t pieces = 0;               // of states, that it sent
  };

  Instant arrival(size_t from, const std::string& to, Lane lane, size_t bytes) {
    if (lane != Lane::kBulk) return now_ + 1ms;
    bulk_bytes_ += bytes;
    if (bulk_bytes_per_second_ == 0) return now_ + 1ms;
    Instant& busy_until = busy_until_[{from, to}];
    busy_until = std::max(busy_until, now_) +
                 Duration(static_cast<int64_t>(bytes * 1'000'000'000 / bulk_bytes_per_second_));
    return busy_until + 1ms;
  }
  bool is_cut(const std::string& from, const std::string& to) const {
    return cuts_.contains({from, to}) || cuts_.contains({to, from}) ||
           one_way_.contains({from, to});
  }

  const CoreLimits limits_;
  const Mistakes mistakes_;
  std::vector<std::string> list_;
  std::set<std::pair<std::string, std::string>> cuts_;
  std::set<std::pair<std::string, std::string>> one_way_;
  StoppedClock clock_;
  Lines log_;
  std::vector<House> houses_;
  std::multimap<Instant, Letter> letters_;
  Instant now_{1s};
  uint64_t last_id_ = 0;
  std::set<Nonce> states_;
  std::map<std::string, size_t> sent_to_;
  size_t relayed_ = 0;
  size_t bulk_bytes_ = 0;
  size_t bulk_bytes_per_second_ = 0;                              // 0: any number
  std::map<std::pair<size_t, std::string>, Instant> busy_until_;  // of links
};

// Three that are well, and all with leases.
class NodeCoreMembers : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
    ASSERT_TRUE(
        village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  }
  NodeStatus status(size_t at) { return village.core(at).status(village.now()); }
  size_t follower() { return (village.leader() + 1) % 3; }
  using Ended = std::shared_ptr<std::optional<Status>>;
  template <class Start>
  Ended operate(Start start) {
    auto ended = std::make_shared<std::optional<Status>>();
    start([ended](const Status& status) { *ended = status; });
    return ended;
  }
  Ended transfer(size_t asked, const std::string& to, Duration timeout = 2s) {
    return operate([&](NodeCore::FenceDone done) {
      village.core(asked).transfer(village.now(), to, village.now() + timeout, std::move(done));
    });
  }
  Ended evict(size_t asked, const std::string& whom) {
    return operate([&](NodeCore::FenceDone done) {
      village.core(asked).evict(village.now(), whom, village.now() + 2s, std::move(done));
    });
  }
  // Cuts `lost` off, and has it evicted, which it does not learn.
  ::testing::AssertionResult evicted_unheard(size_t asked, size_t lost) {
    village.cut_off(lost, true);
    village.run(300ms);
    const Ended ended = evict(asked, "n" + std::to_string(lost));
    if (auto in_time = village.until([&] { return ended->has_value(); }); !in_time) return in_time;
    if ((*ended)->ok()) return ::testing::AssertionSuccess();
    return ::testing::AssertionFailure() << (*ended)->message();
  }

  Village village{3};
};

}  // namespace ram::node
