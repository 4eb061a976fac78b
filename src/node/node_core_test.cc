// NodeCore in a calm world: a network that loses nothing, a millisecond everywhere. What happens in
// rough ones is the simulator's (sim/).
#include "node/node_core.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <memory>
#include <set>

#include "consensus/configuration.h"
#include "consensus/entry_log.h"
#include "machine/command_codec.h"
#include "node/peer_message.h"
#include "node/read_path.h"
#include "store/reading.h"

namespace ram::node {
namespace {

using namespace std::chrono_literals;

class StoppedClock final : public Clock {
 public:
  Instant now() const override { return Instant(); }
  WallMs wall() const override { return WallMs(1'000); }
};

class Lines final : public Log {
 public:
  void write(LogLevel, std::string_view line) override { lines_.emplace_back(line); }
  bool enabled(LogLevel) const override { return true; }
  size_t with(std::string_view words) const {
    return static_cast<size_t>(std::count_if(
        lines_.begin(), lines_.end(),
        [&](const std::string& line) { return line.find(words) != std::string::npos; }));
  }

 private:
  std::vector<std::string> lines_;
};

std::string put(std::string_view key, std::string_view value) {
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
  // The process goes on, as a new incarnation: threads that read see both.
  void live(size_t at) {
    House& house = houses_[at];
    house.core.reset();
    CoreOptions options;
    options.id = NodeId(++last_id_);
    options.name = "n" + std::to_string(at);
    options.address = list_[at];
    if (list_.size() > 1) options.join = list_;
    options.parameters.failover_after = 100ms;
    options.seed = last_id_;
    options.limits = limits_;
    options.mistakes = mistakes_;
    house.id = options.id;
    house.network.village = this;
    house.network.at = at;
    house.core =
        std::make_unique<NodeCore>(options, *house.slot, *house.gate, clock_, house.network, log_);
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
        if (house.core->spent()) live(i);
        if (house.core->left()) kill(i);
      }
    }
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
  bool was_sent_to(const std::string& address) const { return sent_to_.contains(address); }
  // How many lines of all nodes' logs have those words.
  size_t lines_with(std::string_view words) const { return log_.with(words); }
  // How many states were given out, or in part.
  size_t states() const { return states_.size(); }
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
    void send(const std::string& address, Lane, Pieces frame) override {
      std::string bytes;
      for (const SharedBytes& piece : frame) bytes += piece.view();
      if (village->houses_[at].cut_off) return;
      const std::optional<Frame> sent = decode_frame(SharedBytes(std::string(bytes)));
      if (sent && std::holds_alternative<StateRequest>(sent->message)) {
        village->houses_[at].wanted = std::get<StateRequest>(sent->message).at_least;
      }
      if (sent && std::holds_alternative<StatePiece>(sent->message)) {
        village->states_.insert(std::get<StatePiece>(sent->message).transfer);
      }
      village->sent_to_.insert(address);
      village->letters_.emplace(village->now_ + 1ms,
                                Letter{{village->houses_[at].id, village->list_[at]},
                                       address,
                                       SharedBytes(std::move(bytes))});
    }
    void forget(const std::string&) override {}
  };
  struct House {
    NodeId id;
    std::unique_ptr<store::StoreSlot> slot;
    std::unique_ptr<ReadGate> gate;
    Wire network;
    std::unique_ptr<NodeCore> core;
    bool cut_off = false;
    std::optional<LogIndex> wanted;  // how new a state it asked for last
  };

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
  std::set<std::string> sent_to_;
};

TEST(NodeCore, OneNodeWritesAndReads) {
  Village village(1);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  EXPECT_EQ(village.read(0, "k"), "v");
}

TEST(NodeCore, ThreeNodesFoundAClusterAndEachReadsWhatAnyWrote) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  for (size_t writer = 0; writer < 3; ++writer) {
    const std::string value = "v" + std::to_string(writer);
    ASSERT_TRUE(village.write_and_wait(writer, "k", value));
    for (size_t reader = 0; reader < 3; ++reader) EXPECT_EQ(village.read(reader, "k"), value);
  }
  village.run(200ms);
  EXPECT_EQ(village.core(0).digest().digest, village.core(1).digest().digest);
  EXPECT_EQ(village.core(0).digest().digest, village.core(2).digest().digest);
}

TEST(NodeCore, AKilledNodeComesBackWhole) {
  for (const bool kill_leader : {true, false}) {
    Village village(3);
    ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
    ASSERT_TRUE(village.write_and_wait(0, "before", "1"));
    const size_t victim = kill_leader ? village.leader() : (village.leader() + 1) % 3;
    const size_t other = (victim + 1) % 3;
    village.kill(victim);
    ASSERT_TRUE(village.write_and_wait(other, "meanwhile", "2"));
    village.start(victim);
    ASSERT_TRUE(village.until([&] { return village.all_ok(); }))
        << village.core(victim).status(village.now()).waiting_for;
    EXPECT_EQ(village.core(victim).status(village.now()).voters, 3u);
    EXPECT_EQ(village.read(victim, "before"), "1");
    EXPECT_EQ(village.read(victim, "meanwhile"), "2");
    ASSERT_TRUE(village.write_and_wait(victim, "after", "3"));
    EXPECT_EQ(village.read(other, "after"), "3");
  }
}

TEST(NodeCore, ANodeThatWasCutOffIsOkOnceItHasWhatItMissed) {
  CoreLimits limits;
  limits.record_bytes = 1;
  limits.message_entries = 4;
  limits.replication_bytes = 1;  // an entry at a time
  Village village(3, limits);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  const size_t lost = (village.leader() + 1) % 3;
  const auto status = [&] { return village.core(lost).status(village.now()); };
  village.cut_off(lost, true);
  for (int i = 0; i < 300; ++i) {
    ASSERT_TRUE(village.write_and_wait(village.leader(), "k", std::to_string(i)));
  }
  ASSERT_TRUE(village.until([&] { return status().state == NodeState::kNoQuorum; }));
  const LogIndex missed = village.visible(village.leader());
  const LogIndex had = village.visible(lost);
  ASSERT_GE(missed - had, 300u);
  village.cut_off(lost, false);
  size_t behind = 0;
  ASSERT_TRUE(village.until([&] {
    behind += status().waiting_for.find("what it missed, ") == 0;
    if (status().state != NodeState::kOk) return false;
    EXPECT_GE(village.visible(lost), missed);
    return true;
  }));
  EXPECT_GT(behind, 0u);
}

// A leader that dies is no silence after which anybody would be behind.
TEST(NodeCore, WhoHasAllIsOkAsSoonAsItKnowsItsLeader) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  village.kill(village.leader());
  ASSERT_TRUE(village.until([&] { return !village.all_there_ok(); }));
  ASSERT_TRUE(village.until([&] {
    for (size_t at = 0; at < 3; ++at) {
      if (!village.lives(at)) continue;
      EXPECT_EQ(village.core(at).status(village.now()).waiting_for.find("what it missed"),
                std::string::npos);
    }
    return village.all_there_ok();
  }));
}

// A thread that took a step under the old incarnation's lease may take the next one now.
TEST(NodeCore, ANewIncarnationInTheSameProcessNeverShowsLess) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  const size_t again = (village.leader() + 1) % 3;
  ASSERT_TRUE(village.until([&] { return village.visible(again) > LogIndex(2); }));
  const LogIndex visible = village.visible(again);
  village.live(again);
  ASSERT_TRUE(village.until([&] {
    EXPECT_GE(village.visible(again), visible);
    return village.all_ok();
  }));
  ASSERT_TRUE(village.wanted(again));
  EXPECT_GE(*village.wanted(again), visible) << "an older state would have done";
  EXPECT_EQ(village.read(again, "k"), "v");
}

TEST(NodeCore, WithoutAMajorityNothingIsAnswered) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  village.kill(0);
  village.kill(1);
  const auto sent = village.write(2, put("k", "v"));
  ASSERT_TRUE(village.until(
      [&] { return village.core(2).status(village.now()).state == NodeState::kNoQuorum; }));
  const auto refused = village.write(2, put("k", "v"));
  ASSERT_TRUE(refused->has_value()) << "at once";
  EXPECT_EQ((*refused)->code(), Code::kUnavailable);
  EXPECT_EQ(village.read(2, "k"), "(failed)");
}

TEST(NodeCore, AForgottenLogIsMadeGoodByAState) {
  CoreLimits limits;
  limits.log_entries = 8;
  limits.record_bytes = 1;
  limits.state_piece_bytes = 200;
  Village village(3, limits);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  for (int i = 0; i < 50; ++i) {
    ASSERT_TRUE(village.write_and_wait(0, "k" + std::to_string(i), std::string(50, 'x')));
  }
  village.kill(2);
  ASSERT_TRUE(village.write_and_wait(0, "last", "1"));
  village.start(2);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  EXPECT_EQ(village.read(2, "k0"), std::string(50, 'x'));
  EXPECT_EQ(village.read(2, "last"), "1");
}

// Writers at two nodes that never rest: each has so many writes under way, of keys there are.
class Writers {
 public:
  Writers(Village& village, std::vector<size_t> places, size_t keys, size_t value_bytes)
      : village_(village), places_(std::move(places)), keys_(keys), value_(value_bytes, 'x') {}

  // Once per millisecond.
  void act() {
    std::erase_if(under_way_, [&](const auto& write) {
      if (!write->has_value()) return false;
      if ((*write)->ok()) {
        ++done_;
        longest_gap_ = std::max(longest_gap_, village_.now() - last_);
        last_ = village_.now();
      }
      return true;
    });
    while (under_way_.size() < 60) {
      const size_t place = places_[next_ % places_.size()];
      if (!village_.lives(place)) {
        ++next_;
        continue;
      }
      under_way_.push_back(
          village_.write(place, put("k" + std::to_string(next_++ % keys_), value_)));
    }
    if (const size_t leader = village_.leader(); village_.lives(leader)) {
      longest_log_ = std::max(longest_log_, village_.core(leader).replica()->log().size());
    }
  }
  void forget_gaps() {
    longest_gap_ = Duration();
    last_ = village_.now();
  }

  size_t done() const { return done_; }
  Duration longest_gap() const { return longest_gap_; }
  size_t longest_log() const { return longest_log_; }

 private:
  Village& village_;
  const std::vector<size_t> places_;
  const size_t keys_;
  const std::string value_;
  std::vector<std::shared_ptr<std::optional<Status>>> under_way_;
  size_t next_ = 0;
  size_t done_ = 0;
  size_t longest_log_ = 0;
  Instant last_{};
  Duration longest_gap_{};
};

// The log holds what is written within 3 ms; a state takes some 300.
CoreLimits short_log() {
  CoreLimits limits;
  limits.log_entries = 40;
  limits.transfer_log_entries = 800;
  limits.record_bytes = 1;
  limits.state_piece_bytes = 400;
  return limits;
}

// Some nodes, one of which starts again while others write.
class Return {
 public:
  Return(CoreLimits limits, size_t keys, Mistakes mistakes = {}, size_t nodes = 3)
      : village(nodes, limits, mistakes), nodes_(nodes), keys_(keys) {}

  ::testing::AssertionResult begin() {
    if (const auto founded = village.until([&] { return village.all_ok(); }); !founded) {
      return founded;
    }
    joiner = (village.leader() + 1) % nodes_;
    other = (village.leader() + 2) % nodes_;
    writers.emplace(village, std::vector<size_t>{village.leader(), other}, keys_, 100);
    while (writers->done() < 2 * keys_) act();
    village.kill(joiner);
    village.run(300ms);  // its leases end
    village.start(joiner);
    writers->forget_gaps();
    before = writers->done();
    begun = village.now();
    return ::testing::AssertionSuccess();
  }
  void act() {
    writers->act();
    village.run(1ms);
  }
  ::testing::AssertionResult end() {
    return village.until([&] {
      writers->act();
      return village.all_ok();
    });
  }

  Village village;
  size_t joiner = 0, other = 0;
  std::optional<Writers> writers;
  size_t before = 0;
  Instant begun;

 private:
  const size_t nodes_;
  const size_t keys_;
};

TEST(NodeCoreStates, OneIsReceivedUnderFullLoadThoughTheLogIsShort) {
  const CoreLimits limits = short_log();
  Return scene(limits, 2'000);
  ASSERT_TRUE(scene.begin());
  ASSERT_TRUE(scene.end());
  EXPECT_LT(scene.village.now() - scene.begun, 3s);
  EXPECT_EQ(scene.village.states(), 1u);
  EXPECT_GT(scene.writers->done() - scene.before, limits.transfer_log_entries) << "or it was none";
  EXPECT_LT(scene.writers->longest_gap(), 200ms) << "nobody waits for long";
  EXPECT_LT(scene.writers->longest_log(), limits.log_entries + limits.transfer_log_entries + 60);
}

TEST(NodeCoreStates, OneIsNeverReceivedIfTheLogIsNotKeptForIt) {
  Mistakes mistakes;
  mistakes.forgets_transfers = true;
  Return scene(short_log(), 2'000, mistakes);
  ASSERT_TRUE(scene.begin());
  EXPECT_FALSE(scene.end());
}

TEST(NodeCoreStates, ANewLeaderThatForgotTheLogSaysSoAtOnce) {
  CoreLimits limits = short_log();
  limits.state_piece_bytes = 100;  // a second and more
  Return scene(limits, 8'000, {}, /*nodes=*/5);
  ASSERT_TRUE(scene.begin());
  while (scene.village.states() == 0) scene.act();
  for (int i = 0; i < 50; ++i) scene.act();
  scene.village.kill(scene.village.leader());
  const Instant begun = scene.village.now();
  ASSERT_TRUE(scene.village.until([&] {
    scene.writers->act();
    return scene.village.states() == 2;
  }));
  EXPECT_LT(scene.village.now() - begun, 500ms) << "an election, and a heartbeat or two";
  ASSERT_TRUE(scene.village.until([&] {
    scene.writers->act();
    return scene.village.core(scene.joiner).status(scene.village.now()).state == NodeState::kOk;
  }));
  EXPECT_EQ(scene.village.states(), 2u);
}

TEST(NodeCoreStates, OldVersionsAreBoundedWhileOneIsGivenOut) {
  CoreLimits limits = short_log();
  limits.transfer_log_entries = 100'000;
  limits.kept_bytes = 0;
  limits.state_piece_bytes = 200;  // slowly: writers replace far more than it takes
  Return scene(limits, 10'000);
  ASSERT_TRUE(scene.begin());
  const size_t all = scene.village.state_bytes(scene.other);
  size_t most = 0;
  ASSERT_TRUE(scene.village.until([&] {
    scene.writers->act();
    for (const size_t at : {scene.other, scene.village.leader()}) {
      most = std::max(most, scene.village.old_bytes(at));
    }
    return scene.village.all_ok();
  }));
  EXPECT_GT(scene.writers->done() - scene.before, 10'000u) << "or there were no more";
  EXPECT_GT(most, all / 5);
  EXPECT_LT(most, all / 4 + 200'000) << "and what waits for its readers in any case";
  EXPECT_LT(scene.writers->longest_gap(), 200ms);
  EXPECT_EQ(scene.village.states(), 1u);
}

TEST(NodeCoreStates, ABrokenLinkDoesNotMakeOneBeginAgain) {
  CoreLimits limits;
  limits.state_piece_bytes = 100;
  Return scene(limits, 4'000);
  ASSERT_TRUE(scene.begin());
  while (scene.village.now() - scene.begun < 700ms) scene.act();
  ASSERT_NE(scene.village.core(scene.joiner).status(scene.village.now()).state, NodeState::kOk);
  scene.village.cut_off(scene.joiner, true);
  for (int i = 0; i < 550; ++i) scene.act();
  scene.village.cut_off(scene.joiner, false);
  ASSERT_TRUE(scene.end());
  EXPECT_EQ(scene.village.states(), 1u);
}

TEST(NodeCoreLeases, AllNodesOfAnIdleClusterHoldThem) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  const auto all = [&] { return village.leased(0) && village.leased(1) && village.leased(2); };
  ASSERT_TRUE(village.until(all));
  for (int i = 0; i < 2'000; ++i) {
    village.run(1ms);
    ASSERT_TRUE(all()) << "after " << i << " ms";
  }
}

TEST(NodeCoreLeases, AKeyWaitsWhileAWriteOfItIsUnderWayAndOthersDoNot) {
  Village village(3);
  ASSERT_TRUE(village.until([&] { return village.leased(0) && village.leased(1); }));
  const size_t follower = (village.leader() + 1) % 3;
  ASSERT_TRUE(village.write_and_wait(follower, "k", "old"));
  village.run(100ms);
  EXPECT_FALSE(village.pending(follower, "k"));
  const auto ended = village.write(village.leader(), put("k", "new"));
  ASSERT_TRUE(village.until([&] { return static_cast<bool>(village.pending(follower, "k")); }));
  EXPECT_FALSE(ended->has_value()) << "it cannot have been acknowledged before";
  EXPECT_FALSE(village.pending(follower, "other"));
  Status waited = Status::unavailable("not yet");
  village.core(follower).wait_applied(village.now(), village.pending(follower, "k"),
                                      village.now() + 2s,
                                      [&](const Status& status) { waited = status; });
  ASSERT_TRUE(village.until([&] { return waited.ok(); }));
  EXPECT_FALSE(village.pending(follower, "k"));
}

TEST(NodeCoreLeases, AWriteWaitsForAHolderThatIsCutOffUntilItsLeaseIsOver) {
  Village village(3);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  const size_t leader = village.leader();
  const size_t lost = (leader + 1) % 3;
  village.cut_off(lost, true);
  const Instant begun = village.now();
  const auto ended = village.write(leader, put("k", "v"));
  while (village.leased(lost)) {
    EXPECT_FALSE(ended->has_value()) << "a node that cannot know of it may still be read";
    village.run(1ms);
  }
  EXPECT_EQ(village.core(leader).status(village.now()).delayed_by, "n" + std::to_string(lost));
  EXPECT_GT(village.member(leader, lost).delaying_ms, 0U);
  ASSERT_TRUE(village.until([&] { return ended->has_value(); }));
  EXPECT_TRUE((*ended)->ok());
  // D + h + delay, with D = 60 ms and h = 10 ms.
  EXPECT_LT(village.now() - begun, 75ms);
  const Member its = village.member(leader, lost);
  EXPECT_GT(its.delayed_ms, 40U);
  EXPECT_LT(its.delayed_ms, 75U);
  EXPECT_EQ(its.delaying_ms, 0U);
  EXPECT_EQ(village.member(leader, (leader + 2) % 3).delayed_ms, 0U);
  EXPECT_EQ(village.core(leader).status(village.now()).delayed_ms, its.delayed_ms);
  ASSERT_TRUE(village.write_and_wait(leader, "k", "v2")) << "later writes do not wait";

  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.leased(lost); })) << "it comes back by itself";
  EXPECT_EQ(village.read(lost, "k"), "v2");
}

// What clocks that agree show.
ClockReading clocks_at(Instant now) {
  const Duration shown = now - Instant();
  return {now, shown, shown, shown, now};
}
ClockReading slewed_at(Instant now) {
  ClockReading reading = clocks_at(now);
  reading.raw -= 1s;
  return reading;
}
ClockReading slept_at(Instant now) {
  ClockReading reading = clocks_at(now);
  reading.monotonic -= 1s;
  reading.raw -= 1s;
  return reading;
}

TEST(NodeCoreLeases, WhoHasNoneSaysWhy) {
  Village village(3);
  EXPECT_EQ(village.why_no_lease(0), NoLease::kJoining);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  const size_t leader = village.leader();
  const size_t lost = (leader + 1) % 3;
  const size_t other = (leader + 2) % 3;
  EXPECT_EQ(village.why_no_lease(leader), NoLease::kHolds);
  EXPECT_EQ(village.member(leader, lost).lease_reason, NoLease::kHolds);
  EXPECT_GT(village.member(leader, lost).lease_ms, 30U);
  EXPECT_GT(village.member(lost, lost).lease_ms, 20U);

  village.cut_off(lost, true);
  ASSERT_TRUE(village.until([&] { return !village.leased(lost); }));
  EXPECT_EQ(village.why_no_lease(lost), NoLease::kNotGranted);
  ASSERT_TRUE(village.until([&] { return village.why_no_lease(lost) == NoLease::kNoLeader; }));
  EXPECT_EQ(village.member(leader, lost).lease_reason, NoLease::kSilent);
  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.leased(lost); }));

  ASSERT_EQ(village.leader(), leader);
  village.core(lost).look_at_clocks(clocks_at(village.now()));
  village.core(lost).look_at_clocks(slewed_at(village.now()));
  EXPECT_EQ(village.why_no_lease(lost), NoLease::kClock);
  village.run(50ms);
  EXPECT_EQ(village.member(leader, lost).lease_reason, NoLease::kNotAsked);

  village.cut_off(lost, true);
  village.cut_off(other, true);
  ASSERT_TRUE(village.until([&] { return !village.leased(leader); }));
  EXPECT_EQ(village.why_no_lease(leader), NoLease::kNoMajority);
}

TEST(NodeCoreLeases, ANodeWhoseMachineSleptAsksForAnotherLease) {
  Village village(3);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  for (size_t at = 0; at < 3; ++at) {
    village.core(at).look_at_clocks(clocks_at(village.now()));
    EXPECT_TRUE(village.leased(at));
    village.core(at).look_at_clocks(slept_at(village.now()));
    EXPECT_FALSE(village.leased(at));
    EXPECT_TRUE(village.core(at).clock_trusted());
    ASSERT_TRUE(village.until([&] { return village.leased(at); }));
    ASSERT_TRUE(village.write_and_wait(at, "k", "v" + std::to_string(at)));
  }
}

TEST(NodeCoreLeases, ALeaderWhoseMachineSleptCountsTheLeasesOfOthersAnew) {
  Village village(3);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  const size_t leader = village.leader();
  const size_t lost = (leader + 1) % 3;
  village.core(leader).look_at_clocks(clocks_at(village.now()));
  village.cut_off(lost, true);
  village.run(50ms);  // of a lease of 60 ms
  village.core(leader).look_at_clocks(slept_at(village.now()));
  const Instant slept = village.now();
  const auto ended = village.write(leader, put("k", "v"));
  ASSERT_TRUE(village.until([&] { return ended->has_value(); }));
  EXPECT_TRUE((*ended)->ok());
  EXPECT_GE(village.now() - slept, 60ms);
  EXPECT_LT(village.now() - slept, 75ms);
}

// Nobody can lead in its place.
TEST(NodeCoreLeases, ANodeAloneGoesOnWithAClockThatMisbehaves) {
  Village village(1);
  ASSERT_TRUE(village.until([&] { return village.leased(0); }));
  village.core(0).look_at_clocks(clocks_at(village.now()));
  village.core(0).look_at_clocks(slewed_at(village.now()));
  EXPECT_FALSE(village.core(0).clock_trusted());
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  EXPECT_EQ(village.read(0, "k"), "v");
  EXPECT_FALSE(village.leased(0));
}

TEST(NodeCoreLeases, NodesWhoseClocksAllMisbehaveGoOnUnderOneLeader) {
  Village village(3);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  for (size_t at = 0; at < 3; ++at) {
    village.core(at).look_at_clocks(clocks_at(village.now()));
    village.core(at).look_at_clocks(slewed_at(village.now()));
  }
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  const size_t leader = village.leader();
  for (size_t at = 0; at < 3; ++at) {
    ASSERT_TRUE(village.write_and_wait(at, "k", "v" + std::to_string(at)));
    EXPECT_EQ(village.read(2 - at, "k"), "v" + std::to_string(at));
    EXPECT_FALSE(village.leased(at));
  }
  EXPECT_EQ(village.leader(), leader) << "nobody is better than it";
}

// For how long it answered no leader would shorten the new leader's wait for leases of old.
TEST(NodeCoreLeases, AVoterWhoseClockMisbehavedSaysNothingOfItsSilence) {
  bool elected_by_it = false;
  for (const size_t after : {1, 2}) {
    Village village(3);
    ASSERT_TRUE(
        village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
    const size_t old = village.leader();
    const size_t voter = (old + after) % 3;
    village.core(voter).look_at_clocks(clocks_at(village.now()));
    village.core(voter).look_at_clocks(slewed_at(village.now()));
    village.kill(old);
    ASSERT_TRUE(village.until([&] { return village.leader() < 3; }));
    if (village.leader() == voter) continue;
    elected_by_it = true;
    const Instant elected = village.now();
    ASSERT_TRUE(village.write_and_wait(village.leader(), "k", "v"));
    // (1 + epsilon) D from the vote, which was a message and a pass before.
    EXPECT_GE(village.now() - elected, 72ms - 2ms);
    EXPECT_LT(village.now() - elected, 80ms);
  }
  EXPECT_TRUE(elected_by_it);
}

TEST(NodeCoreLeases, AStaleReadTellsHowOldItMayBe) {
  Village village(3);
  EXPECT_EQ(village.core(0).status(village.now()).age_ms, -1);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  const size_t leader = village.leader();
  const size_t lost = (leader + 1) % 3;
  const auto age = [&] { return village.core(lost).status(village.now()).age_ms; };
  for (int i = 0; i < 20; ++i) {
    ASSERT_TRUE(village.write_and_wait(leader, "k", std::to_string(i)));
    EXPECT_GE(age(), 0);
    EXPECT_LT(age(), 100) << "while writes go on";
  }
  village.cut_off(lost, true);
  village.run(1s);
  EXPECT_GE(age(), 1'000 - 60);
  EXPECT_LE(age(), 1'100);
  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.leased(lost) && age() < 100; }));
}

TEST(NodeCoreLeases, ANodeWhoseClockMisbehavedReadsThroughTheLeaderAndDoesNotLead) {
  Village village(3);
  ASSERT_TRUE(
      village.until([&] { return village.leased(0) && village.leased(1) && village.leased(2); }));
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  const size_t leader = village.leader();
  village.core(leader).look_at_clocks(clocks_at(village.now()));
  village.core(leader).look_at_clocks(slewed_at(village.now()));
  village.run(1ms);
  EXPECT_FALSE(village.leased(leader));
  ASSERT_TRUE(village.until([&] {
    const size_t now = village.leader();
    return now < 3 && now != leader && village.leased(now);
  }));
  village.run(500ms);
  EXPECT_FALSE(village.leased(leader));
  EXPECT_EQ(village.read(leader, "k"), "v");
}

// ---- going, and giving up (MEMBERSHIP.md sections 4, 5, 7) ----

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

  Village village{3};
};

TEST_F(NodeCoreMembers, ANodeThatLeavesHoldsNobodyUp) {
  for (const bool leader : {false, true}) {
    SCOPED_TRACE(leader ? "the leader" : "a follower");
    const size_t leaver = leader ? village.leader() : follower();
    const size_t other = (leaver + 1) % 3;
    village.core(leaver).leave();
    EXPECT_EQ(status(leaver).state, NodeState::kLeaving);
    Duration slowest{};
    for (int i = 0; i < 1'000 && (village.lives(leaver) || i < 50); ++i) {
      const Instant begun = village.now();
      ASSERT_TRUE(village.write_and_wait(other, "k", std::to_string(i)));
      slowest = std::max(slowest, village.now() - begun);
    }
    EXPECT_FALSE(village.lives(leaver));
    // A lease is 60 ms, an election 100 ms: neither is waited for.
    EXPECT_LT(slowest, 40ms);
    ASSERT_TRUE(village.until([&] { return status(other).members == 2; }));
    village.start(leaver);
    ASSERT_TRUE(village.until([&] { return village.all_ok() && status(other).voters == 3; }));
  }
}

TEST_F(NodeCoreMembers, WritesUnderWayEndBeforeTheNodeGoes) {
  for (const bool leader : {false, true}) {
    const size_t leaver = leader ? village.leader() : follower();
    std::vector<std::shared_ptr<std::optional<Status>>> writes;
    for (int i = 0; i < 100; ++i) {
      if (i == 50) village.core(leaver).leave();
      writes.push_back(village.write(leaver, put("k" + std::to_string(i), "v")));
    }
    ASSERT_TRUE(village.until([&] { return !village.lives(leaver); }));
    for (const auto& write : writes) {
      ASSERT_TRUE(write->has_value());
      // Applied, or refused before it was sent; never in doubt.
      EXPECT_TRUE((*write)->ok() || (*write)->code() == Code::kUnavailable) << (*write)->message();
    }
    EXPECT_TRUE((*writes.front())->ok());
    village.start(leaver);
    ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  }
}

// The leader has not missed the dead one: taken out then, the one that leaves would cost the
// majority.
TEST_F(NodeCoreMembers, WhoLeavesRightAfterADeathIsKeptUntilTheDeadOneIsReplaced) {
  const size_t leader = village.leader(), dead = (leader + 1) % 3, leaver = (leader + 2) % 3;
  ASSERT_TRUE(village.write_and_wait(leader, "k", "before"));
  village.kill(dead);
  village.core(leaver).leave();
  ASSERT_TRUE(village.until([&] { return static_cast<bool>(village.core(leader).removing()); }));
  EXPECT_EQ(village.core(leader).removing(), village.id(leaver));
  Duration slowest{};
  for (const Instant begun = village.now(); village.now() - begun < 500ms;) {
    const Instant asked = village.now();
    ASSERT_TRUE(village.write_and_wait(leader, "k", "meanwhile"));
    slowest = std::max(slowest, village.now() - asked);
    ASSERT_EQ(status(leader).members, 3u);
  }
  EXPECT_LT(slowest, 80ms) << "the lease of the dead one is waited for, nothing else";
  EXPECT_TRUE(village.lives(leaver));
  village.start(dead);
  ASSERT_TRUE(village.until([&] { return !village.lives(leaver); }));
  EXPECT_EQ(village.read(leader, "k"), "meanwhile");
  ASSERT_TRUE(village.write_and_wait(leader, "k", "after"));
}

// It dies between the question whether it is there and its answer.
TEST_F(NodeCoreMembers, WhoseQuestionIsUnansweredCountsNotAmongThoseWhoRemain) {
  const size_t leader = village.leader(), dead = (leader + 1) % 3, leaver = (leader + 2) % 3;
  village.core(leaver).leave();
  ASSERT_TRUE(village.until([&] { return static_cast<bool>(village.core(leader).removing()); }));
  ASSERT_EQ(village.core(leader).removing(), village.id(leaver));
  village.kill(dead);
  village.run(500ms);
  EXPECT_EQ(status(leader).members, 3u);
  ASSERT_TRUE(village.write_and_wait(leader, "k", "v"));
}

TEST_F(NodeCoreMembers, AllMayLeaveAtOnce) {
  for (size_t at = 0; at < 3; ++at) village.core(at).leave();
  ASSERT_TRUE(
      village.until([&] { return !village.lives(0) && !village.lives(1) && !village.lives(2); }));
}

TEST_F(NodeCoreMembers, TheLastOfThreeIsAClusterThatServes) {
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  const size_t stays = 1;
  village.core(0).leave();
  village.core(2).leave();
  ASSERT_TRUE(village.until([&] { return !village.lives(0) && !village.lives(2); }));
  EXPECT_EQ(village.read(stays, "k"), "v");
  ASSERT_TRUE(village.write_and_wait(stays, "k", "w"));
  EXPECT_EQ(status(stays).members, 1u);
  village.core(stays).leave();
  ASSERT_TRUE(village.until([&] { return !village.lives(stays); }));
}

// Who waits for `ok` and then stops another node must not stop the only voter.
TEST_F(NodeCoreMembers, NobodyIsOkBeforeTheVoteThatIsDueToIt) {
  for (const size_t leaver : {0, 2}) village.core(leaver).leave();
  ASSERT_TRUE(village.until([&] { return !village.lives(0) && !village.lives(2); }));
  village.start(0);
  ASSERT_TRUE(village.until([&] { return village.all_there_ok(); }));
  EXPECT_EQ(status(0).voters, 1u) << "two voters would be no safer than one";
  village.start(2);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  EXPECT_EQ(status(2).voters, 3u);
}

TEST_F(NodeCoreMembers, LeadershipMovesOnRequestUnderLoadAndWritesHardlyWait) {
  for (int round = 0; round < 6; ++round) {
    const size_t leader = village.leader();
    const size_t to = (leader + 1 + static_cast<size_t>(round) % 2) % 3;
    const size_t asked = static_cast<size_t>(round) % 3;
    const auto ended = transfer(asked, "n" + std::to_string(to));
    Duration slowest{};
    while (!ended->has_value()) {
      const Instant begun = village.now();
      ASSERT_TRUE(village.write_and_wait((leader + 2) % 3, "k", std::to_string(round)));
      slowest = std::max(slowest, village.now() - begun);
    }
    EXPECT_TRUE((*ended)->ok()) << (*ended)->message();
    EXPECT_LT(slowest, 40ms);
    EXPECT_EQ(village.leader(), to);
    village.run(50ms);
  }
  const auto anybody = transfer(0, "");
  const size_t before = village.leader();
  ASSERT_TRUE(village.until([&] { return anybody->has_value(); }));
  EXPECT_TRUE((*anybody)->ok());
  EXPECT_NE(village.leader(), before);
}

TEST_F(NodeCoreMembers, WhatCannotBeDoneIsRefusedWithAReason) {
  const auto refused = [&](const Ended& ended) {
    EXPECT_TRUE(village.until([&] { return ended->has_value(); }));
    return (*ended)->code() == Code::kInvalid ? (*ended)->message() : "not refused";
  };
  EXPECT_NE(refused(evict(follower(), "nobody")).find("no member 'nobody'"), std::string::npos);
  for (const size_t asked : {village.leader(), follower()}) {
    EXPECT_NE(refused(evict(asked, "n" + std::to_string(follower()))).find("is alive"),
              std::string::npos);
    EXPECT_NE(refused(evict(asked, "n" + std::to_string(village.leader()))).find("leads"),
              std::string::npos);
  }
  const size_t lost = follower();
  village.cut_off(lost, true);
  village.run(300ms);
  EXPECT_NE(refused(transfer(village.leader(), "n" + std::to_string(lost))).find("silent"),
            std::string::npos);
}

TEST_F(NodeCoreMembers, AnEvictedNodeIsToldAndComesBackAsANewIncarnation) {
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  const size_t lost = follower();
  const size_t other = (lost + 1) % 3;
  const NodeId before = village.id(lost);
  village.cut_off(lost, true);
  village.run(300ms);
  const auto ended = evict(other, "n" + std::to_string(lost));
  ASSERT_TRUE(village.until([&] { return ended->has_value(); }));
  EXPECT_TRUE((*ended)->ok()) << (*ended)->message();
  EXPECT_EQ(status(other).members, 2u);
  EXPECT_EQ(village.id(lost), before) << "nobody can have told it";
  village.run(2s);
  EXPECT_EQ(village.id(lost), before) << "silence never makes a node discard its state";
  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.id(lost) != before; }));
  ASSERT_TRUE(village.until([&] { return village.all_ok() && status(other).voters == 3; }));
  EXPECT_EQ(village.read(lost, "k"), "v");
}

// The others may all be new: it knows their addresses, not who lives there now.
TEST_F(NodeCoreMembers, ANodeThatWasAwayWhileAllOthersWereReplacedIsTold) {
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  const size_t lost = follower();
  const NodeId before = village.id(lost);
  village.cut_off(lost, true);
  village.run(300ms);
  const auto ended = evict(village.leader(), "n" + std::to_string(lost));
  ASSERT_TRUE(village.until([&] { return ended->has_value(); }));
  ASSERT_TRUE((*ended)->ok()) << (*ended)->message();
  for (const size_t at : {(lost + 1) % 3, (lost + 2) % 3}) {
    village.core(at).leave();
    ASSERT_TRUE(village.until([&] { return !village.lives(at); }));
    village.start(at);
    ASSERT_TRUE(village.until([&] { return status(at).role >= NodeRole::kStandby; }));
  }
  village.cut_off(lost, false);
  ASSERT_TRUE(village.until([&] { return village.id(lost) != before && village.all_ok(); }));
  EXPECT_EQ(village.read(lost, "k"), "v");
}

TEST_F(NodeCoreMembers, AStrangersWordMovesNobody) {
  const size_t lost = follower();
  const NodeId before = village.id(lost);
  const ClusterId cluster = village.core(lost).cluster();
  // Of its cluster, but as of a configuration that it has itself; then of another cluster.
  for (const auto& [of, index] :
       {std::pair{cluster, LogIndex(1)}, std::pair{ClusterId{1, 2}, LogIndex(1'000)}}) {
    std::string bytes;
    for (const SharedBytes& piece : encode_frame({of, NodeId(99), before}, Removed{index})) {
      bytes += piece.view();
    }
    village.core(lost).receive(village.now(), {NodeId(99), "nowhere:1"}, SharedBytes(bytes));
    village.run(50ms);
    EXPECT_EQ(village.id(lost), before);
  }
  EXPECT_EQ(village.lines_with("the node at nowhere:1 is of another cluster"), 1u);
}

// One of an old configuration must answer a candidate that it does not know (F15), whatever else
// comes from others that it does not know.
TEST_F(NodeCoreMembers, ACandidateIsAnsweredHoweverManyStrangersThereAre) {
  const size_t asked = follower();
  const auto say = [&](uint64_t id, const std::string& address, const PeerMessage& message) {
    std::string bytes;
    const Heading heading{village.core(asked).cluster(), NodeId(id), village.id(asked)};
    for (const SharedBytes& piece : encode_frame(heading, message)) bytes += piece.view();
    village.core(asked).receive(village.now(), {NodeId(id), address}, SharedBytes(bytes));
  };
  say(999, "candidate:1",
      RaftMessage{{}, consensus::RequestVote{.term = Term(99), .pre_vote = true, .version = 2}});
  for (uint64_t id = 1'000; id < 1'000 + kPeerLinksMax - 1; ++id) say(id, "noise:1", Ping{});
  village.run(1ms);
  EXPECT_TRUE(village.was_sent_to("candidate:1"));
}

TEST_F(NodeCoreMembers, ANodeCutOffFromTheLeaderAloneGoesOnThroughTheOther) {
  const size_t leader = village.leader();
  const size_t lost = follower();
  const uint64_t term = status(leader).term;
  village.cut(leader, lost);
  ASSERT_TRUE(village.until([&] {
    return status(lost).state == NodeState::kOk && village.write_and_wait(lost, "k", "v");
  }));
  village.run(1s);
  // Reads from memory, under a lease that comes the same way.
  ASSERT_TRUE(village.until([&] { return village.leased(lost); }));
  for (int i = 0; i < 50; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_TRUE(village.write_and_wait(i % 2 ? leader : lost, "k", value));
    EXPECT_EQ(village.read(lost, "k"), value);
  }
  EXPECT_EQ(village.leader(), leader);
  EXPECT_EQ(status(leader).term, term) << "nobody deposes a leader that a majority hears";
  village.mend();
  village.run(1s);
  EXPECT_TRUE(village.all_ok());
}

// ---- going on alone (MEMBERSHIP.md section 6) ----

class NodeCoreRecovery : public NodeCoreMembers {
 protected:
  std::shared_ptr<std::optional<Result<std::string>>> recover(size_t at, bool others_are_dead) {
    auto ended = std::make_shared<std::optional<Result<std::string>>>();
    village.core(at).recover(village.now(), others_are_dead,
                             [ended](Result<std::string> report) { *ended = std::move(report); });
    EXPECT_TRUE(village.until([&] { return ended->has_value(); }));
    return ended;
  }
  std::string refusal(size_t at, bool others_are_dead) {
    const auto ended = recover(at, others_are_dead);
    return ended->value().ok() ? "not refused: " + *ended->value()
                               : ended->value().status().message();
  }
  void lose_majority() {
    ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
    survivor = (village.leader() + 2) % 3;
    village.run(50ms);
    village.kill(village.leader());
    village.kill(3 - survivor - first_dead());
    ASSERT_TRUE(village.until([&] { return status(survivor).state == NodeState::kNoQuorum; }));
  }
  size_t first_dead() {
    for (size_t at = 0; at < 3; ++at) {
      if (!village.lives(at)) return at;
    }
    return 3;
  }

  size_t survivor = 0;
};

TEST_F(NodeCoreRecovery, IsRefusedWhileTheClusterIsNotLost) {
  EXPECT_NE(refusal(0, true).find("not lost"), std::string::npos);
  village.kill(follower());
  village.run(1s);
  EXPECT_NE(refusal(village.leader(), true).find("not lost"), std::string::npos);
}

TEST_F(NodeCoreRecovery, ASurvivorGoesOnWithAllItHasAndTheOthersJoinIt) {
  lose_majority();
  const ClusterId before = village.core(survivor).cluster();
  const std::string asked = refusal(survivor, false);
  EXPECT_NE(asked.find("missing: n"), std::string::npos) << asked;
  EXPECT_NE(asked.find("--others-are-dead"), std::string::npos) << asked;
  EXPECT_NE(asked.find("every write that was acknowledged until"), std::string::npos) << asked;
  EXPECT_EQ(status(survivor).state, NodeState::kNoQuorum) << "asking changes nothing";

  const auto done = recover(survivor, true);
  ASSERT_TRUE(done->value().ok()) << done->value().status().message();
  EXPECT_FALSE(village.core(survivor).cluster() == before);
  ASSERT_TRUE(village.until([&] { return status(survivor).state == NodeState::kOk; }));
  EXPECT_EQ(village.read(survivor, "k"), "v");
  ASSERT_TRUE(village.write_and_wait(survivor, "k", "w"));
  for (size_t at = 0; at < 3; ++at) {
    if (at != survivor) village.start(at);
  }
  ASSERT_TRUE(village.until([&] { return village.all_ok() && status(survivor).voters == 3; }));
  EXPECT_EQ(village.read((survivor + 1) % 3, "k"), "w");
  EXPECT_FALSE(status(survivor).ancestor.empty());
}

TEST_F(NodeCoreRecovery, WhoWasLeftBehindJoinsWhatWentOn) {
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  survivor = (village.leader() + 1) % 3;
  const size_t left_behind = 3 - survivor - village.leader();
  const NodeId before = village.id(left_behind);
  village.kill(village.leader());
  village.cut(survivor, left_behind);
  ASSERT_TRUE(village.until([&] {
    return status(survivor).state == NodeState::kNoQuorum &&
           status(left_behind).state == NodeState::kNoQuorum;
  }));
  ASSERT_TRUE(recover(survivor, true)->value().ok());
  ASSERT_TRUE(village.write_and_wait(survivor, "k", "w"));
  village.mend();
  ASSERT_TRUE(village.until([&] {
    return village.id(left_behind) != before && status(left_behind).state == NodeState::kOk;
  }));
  EXPECT_EQ(village.read(left_behind, "k"), "w");
  EXPECT_EQ(village.core(left_behind).cluster(), village.core(survivor).cluster());
  EXPECT_EQ(village.lines_with("was recovered; it joins by itself"), 1u);
  EXPECT_EQ(village.lines_with("there are two clusters;"), 1u) << "as a case, in the same line";
}

// The operator was wrong: the others were not dead.
TEST_F(NodeCoreRecovery, WhereThereAreTwoClustersBothSaySoOnceAMinute) {
  const std::string leader = "n" + std::to_string(village.leader()) + ":1";
  survivor = follower();
  village.cut_off(survivor, true);
  ASSERT_TRUE(village.until([&] { return status(survivor).state == NodeState::kNoQuorum; }));
  ASSERT_TRUE(recover(survivor, true)->value().ok());
  const std::string before = status(survivor).ancestor;
  const std::string after = status(survivor).cluster;
  village.cut_off(survivor, false);
  const auto told_here = [&] {
    return village.lines_with("the node at " + leader + " is of cluster " + before +
                              ", from which this one, " + after);
  };
  const auto told_there = [&] {
    return village.lines_with("was recovered from this cluster, " + before + ", as " + after);
  };
  ASSERT_TRUE(village.until([&] { return told_here() == 1 && told_there() >= 1; }));
  village.run(50s);
  EXPECT_EQ(told_here(), 1u);
  EXPECT_LE(told_there(), 2u) << "by two";
  village.run(20s);
  EXPECT_EQ(told_here(), 2u);
  EXPECT_GT(told_there(), 1u);
  EXPECT_EQ(status(survivor).cluster, after) << "a word moves nobody who has a majority";
  EXPECT_EQ(status((survivor + 1) % 3).cluster, before);
}

TEST(NodeCoreRecoveryOfFive, WhoHasLessIsToldWhoHasMore) {
  Village village(5);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  const size_t leader = village.leader();
  const size_t less = (leader + 1) % 5, more = (leader + 2) % 5;
  village.cut_off(less, true);
  ASSERT_TRUE(village.write_and_wait(leader, "k", "v"));
  village.run(50ms);
  for (size_t at = 0; at < 5; ++at) {
    if (at != less && at != more) village.kill(at);
  }
  village.cut_off(less, false);
  const auto no_quorum = [&](size_t at) {
    return village.core(at).status(village.now()).state == NodeState::kNoQuorum;
  };
  ASSERT_TRUE(village.until([&] { return no_quorum(less) && no_quorum(more); }));
  const auto recover = [&](size_t at) {
    auto ended = std::make_shared<std::optional<Result<std::string>>>();
    village.core(at).recover(village.now(), true,
                             [ended](Result<std::string> report) { *ended = std::move(report); });
    EXPECT_TRUE(village.until([&] { return ended->has_value(); }));
    return ended->value();
  };
  const Result<std::string> refused = recover(less);
  ASSERT_FALSE(refused.ok());
  EXPECT_NE(refused.status().message().find("n" + std::to_string(more) + " has more of the log"),
            std::string::npos)
      << refused.status().message();
  ASSERT_TRUE(recover(more).ok());
  // The other joins it by itself.
  ASSERT_TRUE(village.until([&] {
    return village.core(less).cluster() == village.core(more).cluster() &&
           village.core(less).status(village.now()).role >= NodeRole::kStandby;
  }));
  EXPECT_EQ(village.read(less, "k"), "v");
}

// A script that runs over all survivors: one of them goes on, and the others join it.
TEST(NodeCoreRecoveryOfFive, TwoAtOnceMakeOneCluster) {
  Village village(5);
  ASSERT_TRUE(village.until([&] { return village.all_ok(); }));
  ASSERT_TRUE(village.write_and_wait(0, "k", "v"));
  village.run(50ms);
  for (size_t at = 0; at < 3; ++at) village.kill(at);
  const auto state = [&](size_t at) { return village.core(at).status(village.now()).state; };
  ASSERT_TRUE(village.until(
      [&] { return state(3) == NodeState::kNoQuorum && state(4) == NodeState::kNoQuorum; }));
  size_t ended = 0, recovered = 0;
  for (const size_t at : {3, 4}) {
    village.core(at).recover(village.now(), true, [&](const Result<std::string>& report) {
      ++ended;
      recovered += report.ok();
    });
    village.run(30ms);
  }
  ASSERT_TRUE(village.until([&] { return ended == 2; }));
  EXPECT_EQ(recovered, 1u);
  ASSERT_TRUE(village.until(
      [&] { return village.core(3).cluster() == village.core(4).cluster() && village.lives(4); }));
  EXPECT_EQ(village.read(4, "k"), "v");
}

TEST_F(NodeCoreMembers, OneThatIsNotHeardByTheLeaderAnswersThroughTheOther) {
  const size_t leader = village.leader();
  const size_t mute = follower();
  village.cut_one_way(mute, leader);
  village.run(500ms);
  ASSERT_TRUE(village.until([&] { return village.leased(mute); }));
  for (int i = 0; i < 20; ++i) {
    const std::string value = std::to_string(i);
    ASSERT_TRUE(village.write_and_wait(i % 2 ? leader : mute, "k", value));
    EXPECT_EQ(village.read(mute, "k"), value);
  }
  EXPECT_EQ(village.leader(), leader);
}

}  // namespace
}  // namespace ram::node
