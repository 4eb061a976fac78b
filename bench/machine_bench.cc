// What a transaction costs between the log and the store.
//
//   build/release/bench/bench_machine --benchmark_min_time=1
//
// ApplyRecord: a full record of 256 transactions, each one put of 16 + 100 bytes, keys drawn
// uniformly from the range of the argument: in cache (4096), and beyond it (1 M). The items are
// transactions. Encode and decode are of one such transaction.
#include <benchmark/benchmark.h>

#include <cstdint>
#include <cstdio>
#include <memory>
#include <string>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "machine/command_codec.h"
#include "machine/digest.h"
#include "machine/machine.h"
#include "machine/snapshot_codec.h"
#include "store/store.h"

namespace {

using namespace ram;           // NOLINT(google-build-using-namespace)
using namespace ram::machine;  // NOLINT(google-build-using-namespace)

constexpr NodeId kOrigin{7};
constexpr int kPerRecord = 256;

std::string key_of(uint64_t number) {
  char key[17];
  std::snprintf(key, sizeof key, "%016llx", static_cast<unsigned long long>(mix64(number)));
  return key;
}

std::string transaction_of(OperationKind kind, const std::string& key, const std::string& value) {
  std::string section;
  encode(section, Operation{.kind = kind, .table = "0", .key = key, .value = value, .delta = 1});
  return encode_transaction(0, {}, 1, section);
}

// A machine that holds `keys` entries, and records of random transactions on them.
struct Setting {
  Setting(uint64_t keys, OperationKind kind) : store(42), machine(store, {.cluster = {1, 2}}) {
    Random random(1);
    const std::string value(100, 'v');
    for (uint64_t key = 0; key < keys;) {
      RecordWriter writer(NodeId(1), Sequence(key + 1), Sequence(key));
      for (int i = 0; i < 1000 && key < keys; ++i, ++key) {
        writer.add(transaction_of(OperationKind::kPut, key_of(key),
                                  kind == OperationKind::kAdd ? "1" : value));
      }
      RAM_CHECK(machine.apply(machine.applied().next(), writer.finish(), nullptr, NodeId()));
    }
    for (int i = 0; i < 512; ++i) {
      RecordWriter writer(kOrigin, Sequence(1), Sequence());
      for (int t = 0; t < kPerRecord; ++t) {
        writer.add(transaction_of(kind, key_of(random.below(keys)), value));
      }
      records.push_back(writer.finish());
    }
  }

  // The next record, numbered as the next.
  const std::string& next() {
    std::string& record = records[at++ % records.size()];
    const uint64_t floor = sequence - 1;
    std::memcpy(record.data() + 10, &sequence, sizeof sequence);
    std::memcpy(record.data() + 18, &floor, sizeof floor);
    sequence += kPerRecord;
    return record;
  }

  store::Store store;
  Machine machine;
  std::vector<std::string> records;
  size_t at = 0;
  uint64_t sequence = 1;
};

void apply_records(benchmark::State& state, OperationKind kind) {
  Setting setting(static_cast<uint64_t>(state.range(0)), kind);
  for (auto _ : state) {
    const LogIndex index = setting.machine.applied().next();
    RAM_CHECK(setting.machine.apply(index, setting.next(), nullptr, kOrigin));
    setting.store.tick(2 * kPerRecord);
  }
  state.SetItemsProcessed(state.iterations() * kPerRecord);
}

void ApplyPuts(benchmark::State& state) {
  apply_records(state, OperationKind::kPut);
}
BENCHMARK(ApplyPuts)->Arg(4096)->Arg(1'000'000);

void ApplyAdds(benchmark::State& state) {
  apply_records(state, OperationKind::kAdd);
}
BENCHMARK(ApplyAdds)->Arg(4096)->Arg(1'000'000);

// The store alone, for comparison: what the same puts cost without a machine.
void StorePuts(benchmark::State& state) {
  Setting setting(static_cast<uint64_t>(state.range(0)), OperationKind::kPut);
  store::Store store(42);
  store::Table& table = *store.make_table("0");
  const std::string value(100, 'v');
  const auto keys = static_cast<uint64_t>(state.range(0));
  uint64_t revision = 0;
  for (uint64_t key = 0; key < keys; ++key) {
    store.put(table, store.key(key_of(key)), value, Revision(++revision));
    if (key % kPerRecord == 0) store.publish(Revision(revision), LogIndex(revision));
  }
  std::vector<std::string> names;
  Random random(1);
  for (int i = 0; i < 512 * kPerRecord; ++i) names.push_back(key_of(random.below(keys)));
  store.publish(Revision(revision), LogIndex(revision));
  size_t at = 0;
  for (auto _ : state) {
    for (int i = 0; i < kPerRecord; ++i) {
      store.put(table, store.key(names[at++ % names.size()]), value, Revision(++revision));
    }
    store.publish(Revision(revision), LogIndex(revision));
    store.tick(2 * kPerRecord);
  }
  state.SetItemsProcessed(state.iterations() * kPerRecord);
}
BENCHMARK(StorePuts)->Arg(4096)->Arg(1'000'000);

void CheckRecord(benchmark::State& state) {
  Setting setting(16, OperationKind::kPut);
  for (auto _ : state) benchmark::DoNotOptimize(check_record(setting.next()).ok());
  state.SetItemsProcessed(state.iterations() * kPerRecord);
}
BENCHMARK(CheckRecord);

void EncodeTransaction(benchmark::State& state) {
  const std::string key = key_of(1);
  const std::string value(100, 'v');
  for (auto _ : state) {
    benchmark::DoNotOptimize(transaction_of(OperationKind::kPut, key, value));
  }
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(EncodeTransaction);

void WriteRecord(benchmark::State& state) {
  const std::string transaction =
      transaction_of(OperationKind::kPut, key_of(1), std::string(100, 'v'));
  for (auto _ : state) {
    RecordWriter writer(kOrigin, Sequence(1), Sequence());
    for (int i = 0; i < kPerRecord; ++i) writer.add(transaction);
    benchmark::DoNotOptimize(writer.finish());
  }
  state.SetItemsProcessed(state.iterations() * kPerRecord);
}
BENCHMARK(WriteRecord);

void EntryDigest(benchmark::State& state) {
  const std::string key = key_of(1);
  const std::string value(static_cast<size_t>(state.range(0)), 'v');
  uint64_t revision = 0;
  for (auto _ : state) {
    benchmark::DoNotOptimize(entry_digest(1, key, Revision(++revision), 0, value));
  }
}
BENCHMARK(EntryDigest)->Arg(100)->Arg(1000);

void WriteState(benchmark::State& state) {
  Setting setting(static_cast<uint64_t>(state.range(0)), OperationKind::kPut);
  for (auto _ : state) {
    std::unique_ptr<FrozenState> frozen = setting.machine.freeze();
    for (std::string piece; frozen->next_piece(piece);) benchmark::DoNotOptimize(piece.data());
    frozen.reset();
    while (setting.store.tick(1000)) {
    }
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(WriteState)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

void LoadState(benchmark::State& state) {
  Setting setting(static_cast<uint64_t>(state.range(0)), OperationKind::kPut);
  std::vector<std::string> pieces;
  std::unique_ptr<FrozenState> frozen = setting.machine.freeze();
  for (std::string piece; frozen->next_piece(piece);) pieces.push_back(std::move(piece));
  for (auto _ : state) {
    auto store = std::make_unique<store::Store>(43);
    StateLoader loader(*store);
    for (const std::string& piece : pieces) RAM_CHECK(loader.add(piece).ok());
    RAM_CHECK(loader.complete());
    state.PauseTiming();
    loader.take();
    store.reset();
    state.ResumeTiming();
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(LoadState)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
