#include "node/state_transfer.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>
#include <set>

#include "base/limits.h"
#include "base/random.h"
#include "base/slowest_link.h"
#include "machine/command_codec.h"
#include "machine/machine.h"
#include "store/store_slot.h"

namespace ram::node {
namespace {

using namespace std::chrono_literals;

constexpr NodeId kReceiver{2};
constexpr Instant at(Duration time) {
  return Instant(time);
}

constexpr size_t kPieceBytes = 1'000;
constexpr StateSource::Rules kRules{
    .patience = 10s, .kept_bytes_min = 1'000, .window_bytes = kStatePiecesWindow * kPieceBytes};

// A state with some entries, and a way to add more while it is given out.
class Source {
 public:
  explicit Source(StateSource::Rules rules = kRules)
      : machine_(store_, {.cluster = {1, 2}}), source_(rules) {
    for (int i = 0; i < 200; ++i) write("k" + std::to_string(i), std::string(100, 'x'));
  }

  void write(const std::string& key, const std::string& value) {
    machine::Operation operation;
    operation.kind = machine::OperationKind::kPut;
    operation.key = key;
    operation.value = value;
    apply(operation);
  }
  void clear() {
    machine::Operation operation;
    operation.kind = machine::OperationKind::kClear;
    apply(operation);
  }
  void apply(machine::Operation& operation) {
    operation.table = "t";
    std::string operations;
    machine::encode(operations, operation);
    machine::RecordWriter record(NodeId(1), sequence_, Sequence());
    record.add(machine::encode_transaction(0, {}, 1, operations));
    ASSERT_TRUE(machine_.apply(machine_.applied().next(), record.finish(), nullptr, NodeId()));
    ++sequence_;
  }

  void request(Instant now, const StateRequest& request, NodeId from = kReceiver) {
    source_.on_request(
        now, from, request, [this] { return frozen(); }, send_);
    while (source_.turn(send_)) {
    }
  }

  StateSource::Frozen frozen() {
    ++frozen_;
    StateSource::Frozen frozen;
    frozen.origin.applied = frozen.origin.index = machine_.applied();
    frozen.state = machine_.freeze(kPieceBytes);
    frozen.bytes = bytes();
    return frozen;
  }
  // What the state takes.
  size_t bytes() const { return store_.memory_bytes() - store_.limbo_bytes(); }
  StateSource::Standing standing() const { return source_.standings().at(0); }

  store::Store store_{1};
  machine::Machine machine_;
  Sequence sequence_{1};
  StateSource source_;
  int frozen_ = 0;
  std::deque<PeerMessage> out_;
  StateSource::Send send_ = [this](NodeId, const PeerMessage& message) {
    const auto* coming = std::get_if<StateComing>(&message);
    // What it says at the beginning.
    if (coming == nullptr || !begun_.insert(coming->transfer).second) out_.push_back(message);
  };
  std::set<Nonce> begun_;
};

// Fetches over a network that loses, repeats and reorders, while `source` goes on writing.
std::unique_ptr<machine::Machine> fetch(Source& source, Random& random, double loss,
                                        store::Store& into) {
  machine::StateLoader loader(into);
  StateReceiver receiver(Nonce(7), LogIndex(1), at(0s));
  source.request(at(0s), receiver.request(false));
  for (int step = 0; step < 10'000 && !loader.complete(); ++step) {
    const Instant now = at(std::chrono::milliseconds(step));
    if (step % 50 == 49) source.request(now, receiver.request(/*again=*/true));
    if (random.one_in(10)) source.write("k" + std::to_string(random.below(200)), "new");
    if (source.out_.empty()) continue;
    const size_t pick = random.below(std::min<size_t>(3, source.out_.size()));
    const PeerMessage message = source.out_[pick];
    if (!random.one_in(8)) source.out_.erase(source.out_.begin() + static_cast<ptrdiff_t>(pick));
    if (random.chance(loss)) continue;
    const auto* piece = std::get_if<StatePiece>(&message);
    if (piece == nullptr) continue;
    const bool ask = receiver.on_piece(now, *piece, [&](std::string_view bytes) {
      const Status added = loader.add(bytes);
      EXPECT_TRUE(added.ok()) << added.message();
    });
    if (ask && !random.chance(loss)) source.request(now, receiver.request(false));
  }
  EXPECT_TRUE(loader.complete());
  return loader.complete() ? loader.take() : nullptr;
}

TEST(StateTransfer, AStateArrivesWholeWhateverTheNetworkDoes) {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Random random(seed);
    Source source;
    const LogIndex as_of = source.machine_.applied();
    const uint64_t digest = source.machine_.digest();
    store::Store store(2);
    const auto arrived = fetch(source, random, seed % 3 == 0 ? 0.3 : 0, store);
    ASSERT_NE(arrived, nullptr);
    EXPECT_EQ(arrived->applied(), as_of) << "as of the moment it was asked for";
    EXPECT_EQ(arrived->digest(), digest);
    EXPECT_EQ(source.frozen_, 1);
  }
}

TEST(StateTransfer, NoMoreThanAWindowIsOnItsWayAndNothingTwiceUnlessItIsLost) {
  Source source;
  source.request(at(0s), {Nonce(7), 0, LogIndex(1), false});
  EXPECT_EQ(source.out_.size(), kStatePiecesWindow);
  source.request(at(0s), {Nonce(7), 0, LogIndex(1), false});
  EXPECT_EQ(source.out_.size(), kStatePiecesWindow);
  source.request(at(0s), {Nonce(7), 3, LogIndex(1), false});
  EXPECT_EQ(source.out_.size(), kStatePiecesWindow + 3);
  source.out_.clear();
  const Instant lost = at(carried_in(kRules.window_bytes));
  source.request(lost, {Nonce(7), 3, LogIndex(1), true});
  ASSERT_EQ(source.out_.size(), kStatePiecesWindow);
  EXPECT_EQ(std::get<StatePiece>(source.out_.front()).number, 3u) << "the first that is missing";
}

TEST(StateTransfer, OfLargePiecesOneIsOnItsWayAtATime) {
  Source source;
  const size_t large = 3 * kRules.window_bytes;
  for (int i = 0; i < 4; ++i) source.write("large" + std::to_string(i), std::string(large, 'y'));
  const uint64_t digest = source.machine_.digest();
  StateReceiver receiver(Nonce(7), LogIndex(1), at(0s));
  store::Store store(2);
  machine::StateLoader loader(store);
  source.request(at(0s), receiver.request(false));
  size_t most = 0;
  while (!source.out_.empty()) {
    size_t bytes = 0;
    for (const PeerMessage& message : source.out_)
      bytes += std::get<StatePiece>(message).bytes.size();
    most = std::max(most, bytes);
    const auto piece = std::get<StatePiece>(source.out_.front());
    source.out_.pop_front();
    const bool ask = receiver.on_piece(
        at(0s), piece, [&](std::string_view taken) { EXPECT_TRUE(loader.add(taken).ok()); });
    if (ask) source.request(at(0s), receiver.request(false));
  }
  ASSERT_TRUE(loader.complete());
  EXPECT_EQ(loader.take()->digest(), digest);
  EXPECT_GT(most, large);
  EXPECT_LT(most, large + kPieceBytes);
}

TEST(StateTransfer, WhatTakesLongerThanAWindowIsNotSentAgainBeforeItsTime) {
  Source source;
  source.write("large", std::string(20 * kRules.window_bytes, 'y'));
  uint64_t from = 0;
  size_t bytes = 0;
  do {
    source.out_.clear();
    source.request(at(0s), {Nonce(7), from, LogIndex(1), false});
    ASSERT_FALSE(source.out_.empty());
    bytes = std::get<StatePiece>(source.out_.back()).bytes.size();
    from = std::get<StatePiece>(source.out_.back()).number + (bytes < kRules.window_bytes ? 1 : 0);
  } while (bytes < kRules.window_bytes);
  source.out_.clear();
  source.request(at(carried_in(bytes) - 1ms), {Nonce(7), from, LogIndex(1), true});
  ASSERT_EQ(source.out_.size(), 1u);
  ASSERT_TRUE(std::holds_alternative<StateComing>(source.out_.front()));
  EXPECT_EQ(std::get<StateComing>(source.out_.front()).transfer, Nonce(7));
  source.request(at(carried_in(bytes)), {Nonce(7), from, LogIndex(1), true});
  ASSERT_EQ(source.out_.size(), 2u);
  EXPECT_EQ(std::get<StatePiece>(source.out_.back()).number, from);
}

TEST(StateTransfer, AViewIsReadPieceByPiece) {
  Source source;
  StateRequest request{Nonce(7), 0, LogIndex(1), false};
  source.source_.on_request(
      at(0s), kReceiver, request, [&] { return source.frozen(); }, source.send_);
  for (size_t pieces = 1; pieces <= 3; ++pieces) {
    EXPECT_TRUE(source.source_.turn(source.send_));
    EXPECT_EQ(source.out_.size(), pieces);
  }
}

TEST(StateTransfer, ANewRequestEndsTheOneBefore) {
  Source source;
  source.request(at(0s), {Nonce(7), 0, LogIndex(1), false});
  source.request(at(0s), {Nonce(8), 0, LogIndex(1), false});
  EXPECT_EQ(source.frozen_, 2);
  EXPECT_EQ(source.source_.size(), 1u);
  source.out_.clear();
  source.request(at(0s), {Nonce(7), 4, LogIndex(1), false});
  ASSERT_EQ(source.out_.size(), 1u);
  EXPECT_TRUE(std::holds_alternative<StateRefusal>(source.out_.front()));
}

TEST(StateTransfer, RefusesWhatItDoesNotHaveYetAndMoreThanItMay) {
  Source source;
  source.request(at(0s), {Nonce(7), 0, LogIndex(9'999), false});
  EXPECT_TRUE(std::holds_alternative<StateRefusal>(source.out_.back()));
  for (uint64_t i = 0; i < 4; ++i)
    source.request(at(0s), {Nonce(7), 0, LogIndex(1), false}, NodeId(10 + i));
  source.request(at(0s), {Nonce(7), 0, LogIndex(1), false}, NodeId(20));
  EXPECT_TRUE(std::holds_alternative<StateRefusal>(source.out_.back()));
  source.source_.on_time(at(11s), 1 << 20, source.send_);  // all of them were given up
  source.request(at(11s), {Nonce(7), 0, LogIndex(1), false}, NodeId(20));
  EXPECT_TRUE(std::holds_alternative<StatePiece>(source.out_.back()));
}

TEST(StateTransfer, SaysHowItGetsOnAndEndsWhenTheReceiverHasItAll) {
  Source source;
  const LogIndex as_of = source.machine_.applied();
  source.request(at(0s), {Nonce(7), 0, LogIndex(5), false});
  EXPECT_EQ(source.standing().receiver, kReceiver);
  EXPECT_EQ(source.standing().index, as_of);
  EXPECT_EQ(source.standing().at_least, LogIndex(5));
  EXPECT_EQ(source.standing().room, Headway::kParts);
  EXPECT_EQ(source.standing().done, 0u) << "nothing has arrived";
  EXPECT_GT(source.standing().bytes_on_way, 0u);
  uint64_t done = 0;
  for (uint64_t from = 1; !source.source_.standings().empty(); ++from) {
    EXPECT_LE(source.standing().bytes_on_way, kRules.window_bytes);
    EXPECT_GE(source.standing().done, done);
    done = source.standing().done;
    source.request(at(1s), {Nonce(7), from, LogIndex(5), false});
  }
  EXPECT_GT(done, Headway::kParts / 2);
}

// Each write of a key for the first time since the view makes one more version that it keeps.
TEST(StateTransfer, SaysWhenThereIsNoMoreRoomForOldVersions) {
  Source source;
  source.request(at(0s), {Nonce(7), 0, LogIndex(1), false});
  uint64_t room = Headway::kParts;
  for (int i = 0; i < 100 && room > 0; ++i) {
    source.write("k" + std::to_string(i), "new");
    source.source_.on_time(at(0s), source.bytes(), source.send_);
    ASSERT_EQ(source.source_.size(), 1u);
    EXPECT_LE(source.standing().room, room);
    room = source.standing().room;
    EXPECT_LE(source.store_.limbo_bytes(), source.bytes() / 2);
  }
  EXPECT_EQ(room, 0u);
}

TEST(StateTransfer, KeepsFewerOldVersionsWhereMemoryIsShort) {
  StateSource::Rules rules = kRules;
  rules.memory_bytes_max = Source().bytes() + 4'000;
  Source source(rules);
  while (source.store_.tick(100)) {
  }
  source.request(at(0s), {Nonce(7), 0, LogIndex(1), false});
  for (int i = 0; i < 100 && source.standing().room > 0; ++i) {
    source.write("k" + std::to_string(i), std::string(100, 'y'));
    source.source_.on_time(at(0s), source.bytes(), source.send_);
    EXPECT_LT(source.store_.memory_bytes(), rules.memory_bytes_max) << "writes would be refused";
  }
  EXPECT_EQ(source.standing().room, 0u);
}

TEST(StateTransfer, WhoIsGivenUpIsTold) {
  Source source;
  const auto told = [&] {
    return !source.out_.empty() && std::holds_alternative<StateRefusal>(source.out_.back()) &&
           std::get<StateRefusal>(source.out_.back()).transfer == Nonce(7);
  };
  source.request(at(0s), {Nonce(7), 0, LogIndex(1), false});
  source.source_.on_time(at(11s), source.bytes(), source.send_);
  EXPECT_TRUE(told());
  source.request(at(11s), {Nonce(7), 0, LogIndex(1), false});
  ASSERT_FALSE(told());
  source.source_.drop(Nonce(7), "in vain", source.send_);
  EXPECT_TRUE(told());
  source.request(at(11s), {Nonce(7), 0, LogIndex(1), false});
  ASSERT_FALSE(told());
  source.source_.drop_all("we go", source.send_);
  EXPECT_TRUE(told());
  EXPECT_EQ(source.source_.size(), 0u);
}

TEST(StateTransfer, BeginsAgainAtOnceIfThatIsLessToDo) {
  Source source;
  source.request(at(0s), {Nonce(7), 0, LogIndex(1), false});
  source.clear();
  source.source_.on_time(at(0s), source.bytes(), source.send_);
  EXPECT_EQ(source.source_.size(), 0u);
}

}  // namespace
}  // namespace ram::node
