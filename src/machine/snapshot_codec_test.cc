#include "machine/snapshot_codec.h"

#include <algorithm>
#include <cmath>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "machine/testing.h"

namespace ram::machine {
namespace {

using testing::from_hex;
using testing::Node;
using testing::pieces_of;
using testing::record_of;
using testing::to_hex;
using testing::Transaction;

constexpr NodeId kMine{7};
constexpr NodeId kOther{8};

// A small state with something of everything.
std::unique_ptr<Node> sample() {
  auto node = std::make_unique<Node>();
  EXPECT_TRUE(node->apply(
      record_of(kMine, 1, 0,
                {Transaction().put("k", "v").bytes(), Transaction().in("u").put("gone", "").bytes(),
                 Transaction().add("n", 5).get("k").bytes(), Transaction().if_absent("k").bytes()},
                1000)));
  EXPECT_TRUE(node->apply(record_of(kOther, 1, 0, {Transaction().in("u").clear().bytes()}, 999)));
  EXPECT_TRUE(node->apply(record_of(kMine, 5, 2, {Transaction().put("k", "w").bytes()}, 2000)));
  return node;
}

struct Loaded {
  std::unique_ptr<store::Store> store = std::make_unique<store::Store>(99);
  std::unique_ptr<StateLoader> loader = std::make_unique<StateLoader>(*store);

  Status add_all(const std::vector<std::string>& pieces) {
    for (const std::string& piece : pieces) {
      if (Status status = loader->add(piece); !status.ok()) return status;
    }
    return loader->complete() ? Status() : Status::invalid("incomplete");
  }
};

TEST(StateCodec, AStateComesBackAsItWas) {
  std::unique_ptr<Node> node = sample();
  for (const size_t piece_bytes : {size_t{1}, size_t{60}, size_t{1000}, kStatePieceBytes}) {
    std::unique_ptr<FrozenState> frozen = node->machine().freeze(piece_bytes);
    const std::vector<std::string> pieces = pieces_of(*frozen);
    EXPECT_EQ(frozen->next_number(), pieces.size());
    EXPECT_EQ(pieces.size() == 1, piece_bytes >= 1000);
    Loaded loaded;
    const Status status = loaded.add_all(pieces);
    ASSERT_TRUE(status.ok()) << status.message();
    std::unique_ptr<Machine> machine = loaded.loader->take();
    machine->check_invariants();
    EXPECT_EQ(machine->digest(), node->machine().digest());
    EXPECT_EQ(machine->revision(), node->machine().revision());
    EXPECT_EQ(machine->applied(), node->machine().applied());
    EXPECT_EQ(machine->time(), static_cast<WallMs>(2000));
    EXPECT_EQ(machine->parameters(), Node::parameters());
    EXPECT_EQ(machine->tables().count(), 2u);
    EXPECT_EQ(loaded.store->revision(), machine->revision());
    EXPECT_EQ(loaded.store->applied(), machine->applied());
    const Session* session = machine->sessions().find(kMine);
    EXPECT_EQ(session->floor(), Sequence(2));
    EXPECT_EQ(testing::text_of(*session->reply(Sequence(3))), "r3 #5 =v");
    EXPECT_EQ(testing::text_of(*session->reply(Sequence(4))), "condition failed");
  }
}

// The bytes of version 1, as in docs/formats/state.md.
const std::string& golden() {
  // clang-format off
  static const std::string bytes = from_hex(
      "01 0000000000000000 "  // version, number
      // begin: revision, applied, time, digest; a table, a session, an entry; parameters
      "01 0100000000000000 0100000000000000 e803000000000000 75c33544179efa59 01 01 01 "
      "03 1111000000000000 2222000000000000 00 "
      "0065cd1d00000000 05000000 01 c8000000 "
      "02 0174 "                      // table
      "03 0700000000000000 02 00 "    // session: applied up to 2, no floor
      "04 00 01 01 00 "               // reply: revision 1, one answer, nothing
      "04 00 00 01 03020176 "         // reply: no revision, one answer, "v"
      "05 00 016b 01 00 0176 "        // entry
      "06");                          // end
  // clang-format on
  return bytes;
}

TEST(StateFormat, VersionOneHasTheseBytes) {
  Node node;
  ASSERT_TRUE(node.apply(record_of(
      kMine, 1, 0, {Transaction().put("k", "v").bytes(), Transaction().get("k").bytes()}, 1000)));
  std::unique_ptr<FrozenState> frozen = node.machine().freeze();
  const std::vector<std::string> pieces = pieces_of(*frozen);
  ASSERT_EQ(pieces.size(), 1u);
  EXPECT_EQ(to_hex(pieces[0]), to_hex(golden()));
}

TEST(StateFormat, VersionOneIsRead) {
  Loaded loaded;
  const Status status = loaded.add_all({golden()});
  ASSERT_TRUE(status.ok()) << status.message();
  Node node(std::move(loaded.store), loaded.loader->take());
  EXPECT_EQ(node.value("k"), "v");
  EXPECT_EQ(node.machine().sessions().find(kMine)->last(), Sequence(2));
}

TEST(StateCodec, AViewIsOfItsMomentWhateverComesAfter) {
  Node node;
  for (int i = 0; i < 500; ++i) {
    node.run(Transaction().put(std::to_string(i), std::string(100, 'a')));
  }
  const uint64_t digest = node.machine().digest();
  std::unique_ptr<FrozenState> frozen = node.machine().freeze(2000);
  std::vector<std::string> pieces;
  int i = 0;
  for (std::string piece; frozen->next_piece(piece);) {
    pieces.push_back(piece);
    node.run(Transaction().put(std::to_string(i % 500), "b").erase(std::to_string((i + 7) % 500)));
    node.run(Transaction().in("new" + std::to_string(i)).put("k", "c"));
    if (++i == 10) node.run(Transaction().clear_all());
  }
  EXPECT_GT(pieces.size(), 20u);
  Loaded loaded;
  const Status status = loaded.add_all(pieces);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(loaded.loader->take()->digest(), digest);
  EXPECT_EQ(frozen->kept_bytes(), 0u);
}

TEST(StateCodec, RepliesAreOfTheMomentWhateverBecomesOfTheirSessions) {
  for (const size_t piece_bytes : {size_t{50}, size_t{5'000}}) {
    Node node;
    const auto write = [&](NodeId origin, uint64_t first, uint64_t floor, int count) {
      const std::string value(300, 'v');
      const std::vector<std::string> transactions(count,
                                                  Transaction().exchange("k", value).bytes());
      ASSERT_TRUE(node.apply(record_of(origin, first, floor, transactions)));
    };
    write(kMine, 1, 0, 1000);
    write(kOther, 1, 0, 500);
    write(NodeId(9), 1, 0, 1);
    write(NodeId(9), 2, 1, 1);
    std::unique_ptr<FrozenState> frozen = node.machine().freeze(piece_bytes);
    std::vector<std::string> pieces(1);
    ASSERT_TRUE(frozen->next_piece(pieces[0]));
    write(kMine, 1001, 900, 30);
    write(NodeId(9), 3, 2, 100);
    ASSERT_TRUE(node.apply(encode_close_session(kOther)));
    for (std::string piece; frozen->next_piece(piece); write(kOther, 1, 0, 1)) {
      pieces.push_back(piece);
      node.machine().give_back(1);
    }
    Loaded loaded;
    const Status status = loaded.add_all(pieces);
    ASSERT_TRUE(status.ok()) << status.message();
    std::unique_ptr<Machine> machine = loaded.loader->take();
    machine->check_invariants();
    const std::map<NodeId, Session>& sessions = machine->sessions().all();
    ASSERT_EQ(sessions.size(), 3u);
    EXPECT_EQ(sessions.at(kMine).replies(), 1000u);
    EXPECT_EQ(sessions.at(kOther).replies(), 500u);
    EXPECT_EQ(sessions.at(NodeId(9)).replies(), 1u);
    EXPECT_EQ(sessions.at(kMine).reply(Sequence(1000))->revision, Revision(1000));
    EXPECT_EQ(sessions.at(kOther).reply(Sequence(500))->revision, Revision(1500));
    EXPECT_EQ(sessions.at(NodeId(9)).reply(Sequence(2))->revision, Revision(1502));
  }
}

TEST(StateCodec, PiecesAreAsLargeAsAskedOrHoldOneItem) {
  Node node;
  for (int i = 0; i < 200; ++i)
    node.run(Transaction().put(std::to_string(i), std::string(50, 'x')));
  node.run(Transaction().put("large", std::string(100'000, 'x')));
  std::unique_ptr<FrozenState> frozen = node.machine().freeze(4096);
  size_t large = 0;
  for (const std::string& piece : pieces_of(*frozen)) {
    if (piece.size() > 4096) ++large;
    EXPECT_LT(piece.size(), 100'200u);
  }
  EXPECT_EQ(large, 1u);
}

// So many entries of `value_bytes`; every tenth had another size before, and others were erased.
void fill(Node& node, size_t entries, size_t value_bytes) {
  Transaction transaction;
  size_t bytes = 0;
  const auto flush = [&] {
    node.run(std::exchange(transaction, Transaction()));
    bytes = 0;
  };
  const auto put = [&](const std::string& key, size_t size) {
    transaction.put(key, std::string(size, 'x'));
    bytes += size + 100;
    if (bytes > 200'000) flush();
  };
  for (size_t i = 0; i < entries; ++i) {
    if (i % 10 == 0) put(std::to_string(i), value_bytes / 2 + 100);
    put(std::to_string(i), value_bytes);
  }
  put("gone", value_bytes);
  transaction.in("u").put("gone", std::string(value_bytes, 'x'));
  flush();
  node.run(Transaction().erase("gone").in("u").clear());
}

// How far FrozenState::read() ever is from what the pieces say up to there, of 1.
double error_of_read(Node& node) {
  constexpr uint64_t kParts = 1 << 20;
  constexpr size_t kPieceBytes = 4096;
  std::unique_ptr<FrozenState> frozen = node.machine().freeze(kPieceBytes);
  EXPECT_EQ(frozen->read(kParts), 0u);
  std::vector<std::pair<size_t, uint64_t>> places;  // bytes, read
  size_t bytes = 0;
  for (std::string piece; frozen->next_piece(piece);) {
    bytes += piece.size();
    const uint64_t read = frozen->read(kParts);
    EXPECT_GE(read, places.empty() ? 0 : places.back().second);
    places.emplace_back(bytes, read);
  }
  EXPECT_EQ(frozen->read(kParts), kParts);
  double error = 0;
  for (const auto& [so_far, read] : places) {
    const double is = static_cast<double>(so_far) / static_cast<double>(bytes);
    error = std::max(error, std::abs(is - static_cast<double>(read) / kParts));
  }
  return error;
}

TEST(StateCodec, WhatWasReadIsCountedInBytes) {
  // A bucket of the store is read at once: a dozen entries at most, of which four are usual.
  const std::vector<std::tuple<size_t, size_t, double>> cases = {
      {50'000, 16, 0.001}, {5'000, 1'000, 0.01}, {128, size_t{1} << 20, 12.0 / 128}};
  for (const auto& [entries, value_bytes, error_max] : cases) {
    Node node;
    fill(node, entries, value_bytes);
    EXPECT_LE(error_of_read(node), error_max) << value_bytes;
  }
}

TEST(StateCodec, FewLargeEntriesBesideManySmallOnesCountByTheirBytes) {
  Node node;
  fill(node, 50'000, 16);
  for (int i = 0; i < 100; ++i) {
    const std::string value(size_t{1} << 20, 'x');
    node.run(Transaction().in("large").put(std::to_string(i), value));
  }
  EXPECT_LE(error_of_read(node), 0.12);
}

TEST(StateCodec, APieceOfManyEmptyTablesTakesNoLongerThanOthers) {
  Node node;
  constexpr size_t kTables = 20'000;
  for (size_t i = 0; i < kTables;) {
    Transaction transaction;
    for (size_t n = 0; n < 1000; ++n, ++i) transaction.in(std::to_string(i)).put("k", "v");
    node.run(transaction);
  }
  node.run(Transaction().clear_all());
  node.run(Transaction().in("12345").put("k", "v"));
  std::unique_ptr<FrozenState> frozen = node.machine().freeze(size_t{1} << 20);
  std::vector<std::string> pieces;
  for (std::string piece; frozen->next_piece(piece);) {
    pieces.push_back(piece);
    if (pieces.size() == 2) node.run(Transaction().clear_all());
  }
  EXPECT_GE(pieces.size(), 4u) << "eight buckets of each have to be seen";
  Loaded loaded;
  const Status status = loaded.add_all(pieces);
  ASSERT_TRUE(status.ok()) << status.message();
  Node copy(std::move(loaded.store), loaded.loader->take());
  EXPECT_EQ(copy.machine().tables().count(), kTables);
  EXPECT_EQ(copy.value("12345", "k"), "v");
}

TEST(StateCodec, PiecesComeInOrderAndRepeatsArePassedOver) {
  std::unique_ptr<Node> node = sample();
  std::unique_ptr<FrozenState> frozen = node->machine().freeze(40);
  const std::vector<std::string> pieces = pieces_of(*frozen);
  ASSERT_GT(pieces.size(), 4u);
  Loaded loaded;
  EXPECT_FALSE(loaded.loader->add(pieces[1]).ok());
  EXPECT_TRUE(loaded.loader->add(pieces[0]).ok());
  EXPECT_TRUE(loaded.loader->add(pieces[1]).ok());
  EXPECT_TRUE(loaded.loader->add(pieces[0]).ok());
  EXPECT_TRUE(loaded.loader->add(pieces[1]).ok());
  EXPECT_FALSE(loaded.loader->add(pieces[3]).ok());
  EXPECT_EQ(loaded.loader->next_number(), 2u);
  EXPECT_FALSE(loaded.loader->complete());
  const Status status = loaded.add_all(pieces);
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST(StateCodec, WhatIsCutOffIsNeverComplete) {
  std::unique_ptr<Node> node = sample();
  std::unique_ptr<FrozenState> frozen = node->machine().freeze();
  const std::string piece = pieces_of(*frozen).front();
  for (size_t size = 0; size < piece.size(); ++size) {
    Loaded loaded;
    EXPECT_FALSE(loaded.add_all({piece.substr(0, size)}).ok()) << size;
    EXPECT_FALSE(loaded.loader->complete());
  }
  Loaded loaded;
  EXPECT_FALSE(loaded.add_all({piece + '\6'}).ok());
}

// Whatever one bit is: another state, with another digest; or something the digest does not cover
// (the index, what replies say), or no state at all.
TEST(StateCodec, AChangedBitIsFoundOrHarmless) {
  std::unique_ptr<Node> node = sample();
  std::unique_ptr<FrozenState> frozen = node->machine().freeze();
  const std::string piece = pieces_of(*frozen).front();
  size_t accepted = 0;
  for (size_t bit = 0; bit < piece.size() * 8; ++bit) {
    std::string changed = piece;
    changed[bit / 8] = static_cast<char>(changed[bit / 8] ^ (1 << (bit % 8)));
    Loaded loaded;
    if (!loaded.add_all({changed}).ok()) continue;
    ++accepted;
    std::unique_ptr<Machine> machine = loaded.loader->take();
    machine->check_invariants();
    EXPECT_EQ(machine->digest(), node->machine().digest());
  }
  EXPECT_LT(accepted, 120u);
}

TEST(StateCodec, ABadStateStaysBad) {
  std::unique_ptr<Node> node = sample();
  std::unique_ptr<FrozenState> frozen = node->machine().freeze(40);
  std::vector<std::string> pieces = pieces_of(*frozen);
  Loaded loaded;
  ASSERT_TRUE(loaded.loader->add(pieces[0]).ok());
  std::string bad = pieces[1];
  bad[9] = 77;
  EXPECT_EQ(loaded.loader->add(bad).code(), Code::kInvalid);
  EXPECT_EQ(loaded.loader->add(pieces[1]).code(), Code::kInvalid);
  EXPECT_FALSE(loaded.loader->complete());
}

TEST(StateCodec, AnEmptyStateIsOne) {
  Node node;
  std::unique_ptr<FrozenState> frozen = node.machine().freeze();
  Loaded loaded;
  ASSERT_TRUE(loaded.add_all(pieces_of(*frozen)).ok());
  EXPECT_EQ(loaded.loader->take()->digest(), node.machine().digest());
}

TEST(StateCodec, TheStoreHasRoomForSoManyViews) {
  Node node;
  node.run(Transaction().put("k", "v"));
  std::vector<std::unique_ptr<FrozenState>> states;
  for (std::unique_ptr<FrozenState> state; (state = node.machine().freeze()) != nullptr;) {
    states.push_back(std::move(state));
    ASSERT_LT(states.size(), 1000u);
  }
  states.clear();
  while (node.store().tick(1000)) {
  }
  EXPECT_NE(node.machine().freeze(), nullptr);
}

}  // namespace
}  // namespace ram::machine
