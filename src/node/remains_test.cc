#include "node/remains.h"

#include <memory>
#include <string>

#include <gtest/gtest.h>

#include "machine/command_codec.h"
#include "store/store.h"

namespace ram::node {
namespace {

// A log of payloads that all share `block`.
consensus::EntryLog log_of(const std::shared_ptr<const std::string>& block, size_t entries) {
  consensus::EntryLog log;
  for (size_t i = 0; i < entries; ++i) {
    log.push(
        {Term(1), consensus::EntryKind::kRecord, SharedBytes(block, std::string_view(*block))});
  }
  return log;
}

TEST(Remains, AreFreedInPieces) {
  const auto block = std::make_shared<const std::string>("block");
  const auto held = [&] { return block.use_count() - 1; };
  Remains remains;
  EXPECT_FALSE(remains.give_back(1)) << "there is nothing";
  remains.add(log_of(block, 1000));
  remains.add(log_of(block, 500));
  EXPECT_EQ(held(), 1500);
  EXPECT_TRUE(remains.give_back(100));
  EXPECT_EQ(held(), 1300);
  Remains next = std::move(remains);
  EXPECT_TRUE(next.give_back(400));
  EXPECT_EQ(held(), 500);
  EXPECT_FALSE(next.give_back(500));
  EXPECT_EQ(held(), 0);
}

// With tables, and replies in chunks; its store goes first.
std::unique_ptr<machine::Machine> machine_of(size_t tables, size_t replies) {
  store::Store store(1);
  auto machine = std::make_unique<machine::Machine>(store, machine::Parameters());
  const auto apply = [&](NodeId origin, uint64_t sequence, const std::string& table) {
    std::string section;
    encode(section, machine::Operation{.kind = machine::OperationKind::kPut, .table = table});
    machine::RecordWriter record(origin, Sequence(sequence), Sequence());
    record.add(machine::encode_transaction(0, {}, 1, section));
    EXPECT_TRUE(machine->apply(machine->applied().next(), record.finish(), nullptr, NodeId()));
  };
  for (size_t i = 0; i < tables; ++i) apply(NodeId(1), i + 1, std::to_string(i));
  for (size_t i = 0; i < replies; ++i) apply(NodeId(2), i + 1, "0");
  return machine;
}

TEST(Remains, OfMachinesAreFreedInPieces) {
  constexpr size_t kTables = 500, kReplies = 6'400;
  Remains remains;
  remains.add(machine_of(kTables, kReplies));
  remains.add(std::unique_ptr<machine::Machine>());
  size_t turns = 1;
  while (remains.give_back(64)) ++turns;
  EXPECT_GE(turns, (kTables + kTables + kReplies) / 64);
  EXPECT_LE(turns, (kTables + kTables + kReplies) / 64 + 10);
  remains.add(machine_of(kTables, 0));
  EXPECT_TRUE(remains.give_back(64)) << "what is left goes with it";
}

}  // namespace
}  // namespace ram::node
