// The store: 1 M entries of 16 + 100 bytes, beside a bare boost::unordered_flat_set of the same
// blocks.
//
//   build/release/bench/bench_store --benchmark_repetitions=9
//   --benchmark_enable_random_interleaving
//       --benchmark_report_aggregates_only
//
// Look at CPU time and compare only within one run. Times are of one operation; with two threads
// the sum of both threads' CPU time over the sum of their operations. Each write is a record of its
// own, published; every 64 of them are followed by a tick, as on a busy loop.
#include <benchmark/benchmark.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "store/reading.h"

namespace ram::store {
namespace {

constexpr size_t kEntries = 1'000'000;
constexpr size_t kHot = 64;
constexpr uint64_t kSeed = 1;

struct Name {  // 16 bytes, spread over all of them
  uint64_t word[2];
  explicit Name(uint64_t i) : word{mix64(i), i} {}
  std::string_view view() const { return {reinterpret_cast<const char*>(word), sizeof(word)}; }
};

const std::string& value() {
  static const std::string value(100, 'v');
  return value;
}

size_t resident_bytes() {
  std::FILE* file = std::fopen("/proc/self/statm", "r");
  unsigned long all = 0;
  unsigned long resident = 0;
  RAM_CHECK(file != nullptr && std::fscanf(file, "%lu %lu", &all, &resident) == 2);
  std::fclose(file);
  return resident * 4096;
}

std::vector<uint32_t> shuffled(Random& random) {
  std::vector<uint32_t> order(kEntries);
  for (size_t i = 0; i < kEntries; ++i) order[i] = static_cast<uint32_t>(i);
  for (size_t i = kEntries - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
  return order;
}

// A store with one table, and its writer.
struct Subject {
  Subject() : slot(std::make_unique<Store>(kSeed)), table(store().make_table("0")) { publish(); }
  Store& store() { return slot.current(); }
  void publish() {
    store().publish(Revision(revision), LogIndex(revision));
    if (++revision % 64 == 0) slot.tick(64);
  }
  void put(uint64_t i) {
    const Name name(i);
    store().put(*table, store().key(name.view()), value(), Revision(revision));
    publish();
  }
  void erase(uint64_t i) {
    const Name name(i);
    store().erase(*table, store().key(name.view()), Revision(revision));
    publish();
  }
  void fill() {
    Random random(3);
    for (uint32_t i : shuffled(random)) put(i);
  }

  StoreSlot slot;
  uint64_t revision = 1;
  Table* table;
};

struct Hash {
  using is_transparent = void;
  using is_avalanching = void;
  size_t operator()(std::string_view key) const { return hash_of(key, kSeed); }
  size_t operator()(const Entry* entry) const { return hash_of(entry->key(), kSeed); }
};
struct Equal {
  using is_transparent = void;
  static std::string_view of(std::string_view key) { return key; }
  static std::string_view of(const Entry* entry) { return entry->key(); }
  bool operator()(const auto& a, const auto& b) const { return of(a) == of(b); }
};
using FlatSet = boost::unordered_flat_set<const Entry*, Hash, Equal>;

// Filled in random order, then updated once in another: neighbours in memory are strangers.
Subject& filled() {
  static Subject* subject = [] {
    const size_t before = resident_bytes();
    auto* made = new Subject;
    made->fill();
    while (made->slot.tick(1'000)) {
    }
    std::printf("# memory per entry: %.1f counted, %.1f resident\n",
                static_cast<double>(made->store().memory_bytes()) / kEntries,
                static_cast<double>(resident_bytes() - before) / kEntries);
    Random random(4);
    for (uint32_t i : shuffled(random)) made->put(i);
    while (made->slot.tick(1'000)) {
    }
    return made;
  }();
  return *subject;
}

// Another store, for a writer beside the readers of it.
Subject& busy() {
  static Subject* subject = [] {
    auto* made = new Subject;
    made->fill();
    return made;
  }();
  return *subject;
}

size_t copy_out(const Entry* entry, char* out) {
  const std::string_view bytes = entry->value();
  std::memcpy(out, bytes.data(), bytes.size());
  return bytes.size();
}

// ---- reads ----

size_t get(const StoreSlot& slot, std::string_view name, char* out) {
  const Reading reading(slot);
  const Table* table = reading.table("0");
  const Entry* entry = reading.find(*table, reading.store().key(name));
  return entry == nullptr ? 0 : copy_out(entry, out);
}

void find_among(benchmark::State& state, Subject& subject, size_t names) {
  Random random(static_cast<uint64_t>(state.thread_index()) + 7);
  char out[256];
  size_t bytes = 0;
  for (auto _ : state) bytes += get(subject.slot, Name(random.below(names)).view(), out);
  RAM_CHECK(bytes > 0);
  benchmark::DoNotOptimize(bytes);
}

void find(benchmark::State& state) {
  find_among(state, filled(), kEntries);
}
void find_hot(benchmark::State& state) {
  find_among(state, filled(), kHot);
}

// The next key depends on the value before: lookups cannot overlap in the processor.
void find_chained(benchmark::State& state) {
  Subject& subject = filled();
  Random random(7);
  char out[256] = {};
  for (auto _ : state) {
    const uint64_t i = random.below(kEntries - 1) + (static_cast<uint8_t>(out[99]) & 1);
    get(subject.slot, Name(i).view(), out);
  }
}

void find_16_at_once(benchmark::State& state) {
  Subject& subject = filled();
  Random random(7);
  char out[256];
  size_t bytes = 0;
  while (state.KeepRunningBatch(16)) {
    std::vector<Name> names;
    names.reserve(16);
    Key keys[16];
    const Reading reading(subject.slot);
    const Table* table = reading.table("0");
    for (Key& key : keys) {
      names.emplace_back(random.below(kEntries));
      key = reading.store().key(names.back().view());
      reading.prefetch(*table, key);
    }
    for (const Key& key : keys) bytes += copy_out(reading.find(*table, key), out);
  }
  benchmark::DoNotOptimize(bytes);
}

void flat_set_among(benchmark::State& state, size_t names, bool chained) {
  static const FlatSet* set = [] {
    auto* made = new FlatSet;
    const Reading reading(filled().slot);
    uint64_t cursor = 0;
    do {
      cursor = reading.scan(*reading.table("0"), cursor, 1'000,
                            [&](const Entry& entry) { made->insert(&entry); });
    } while (cursor != 0);
    RAM_CHECK(made->size() == kEntries);
    return made;
  }();
  Random random(7);
  char out[256] = {};
  size_t bytes = 0;
  for (auto _ : state) {
    const size_t more = chained ? static_cast<uint8_t>(out[99]) & 1 : 0;
    bytes += copy_out(*set->find(Name(random.below(names - 1) + more).view()), out);
  }
  benchmark::DoNotOptimize(bytes);
}
void flat_set(benchmark::State& state) {
  flat_set_among(state, kEntries, false);
}
void flat_set_hot(benchmark::State& state) {
  flat_set_among(state, kHot, false);
}
void flat_set_chained(benchmark::State& state) {
  flat_set_among(state, kEntries, true);
}

void find_beside_a_writer(benchmark::State& state) {
  static std::atomic<bool> stop;
  static std::thread writer;
  static std::atomic<uint64_t> writes;
  Subject& subject = busy();
  if (state.thread_index() == 0) {
    stop = false;
    writes = 0;
    writer = std::thread([&subject] {
      Random random(9);
      while (!stop.load(std::memory_order_relaxed)) {
        subject.put(random.below(kEntries));
        writes.fetch_add(1, std::memory_order_relaxed);
      }
    });
  }
  find_among(state, subject, kEntries);
  if (state.thread_index() == 0) {
    stop = true;
    writer.join();
    state.counters["writes"] =
        benchmark::Counter(static_cast<double>(writes.load()), benchmark::Counter::kIsRate);
  }
}

void begin_and_end_a_reading(benchmark::State& state) {
  Subject& subject = filled();
  for (auto _ : state) benchmark::DoNotOptimize(Reading(subject.slot).revision());
}

void find_table(benchmark::State& state) {
  const Reading reading(filled().slot);
  std::string_view name = "0";
  for (auto _ : state) {
    benchmark::DoNotOptimize(name);
    benchmark::DoNotOptimize(reading.table(name));
  }
}

void scan(benchmark::State& state) {
  Subject& subject = filled();
  uint64_t cursor = 0;
  size_t entries = 0;
  size_t bytes = 0;
  for (auto _ : state) {
    const Reading reading(subject.slot);
    cursor = reading.scan(*reading.table("0"), cursor, 100, [&](const Entry& entry) {
      bytes += entry.value().size();
      ++entries;
    });
  }
  benchmark::DoNotOptimize(bytes);
  state.counters["per_entry"] = benchmark::Counter(
      static_cast<double>(entries), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}

// ---- writes ----

void per_operation(benchmark::State& state) {
  state.counters["per_operation"] = benchmark::Counter(
      kEntries, benchmark::Counter::kIsIterationInvariantRate | benchmark::Counter::kInvert);
}

void insert_all(benchmark::State& state) {
  Random random(5);
  const auto order = shuffled(random);
  for (auto _ : state) {
    auto subject = std::make_unique<Subject>();
    for (uint32_t i : order) subject->put(i);
    state.PauseTiming();
    subject.reset();
    state.ResumeTiming();
  }
  per_operation(state);
}

void erase_all(benchmark::State& state) {
  Random random(5);
  const auto order = shuffled(random);
  for (auto _ : state) {
    state.PauseTiming();
    auto subject = std::make_unique<Subject>();
    subject->fill();
    state.ResumeTiming();
    for (uint32_t i : order) subject->erase(i);
    state.PauseTiming();
    subject.reset();
    state.ResumeTiming();
  }
  per_operation(state);
}

void update(benchmark::State& state) {
  Subject& subject = busy();
  Random random(11);
  for (auto _ : state) subject.put(random.below(kEntries));
}

void update_beside_a_view(benchmark::State& state) {
  Subject& subject = busy();
  Random random(11);
  auto view = subject.store().freeze();
  for (auto _ : state) subject.put(random.below(kEntries));
  view.reset();
  while (subject.slot.tick(1'000)) {
  }
}

void freeze_and_iterate(benchmark::State& state) {
  Subject& subject = filled();
  for (auto _ : state) {
    auto view = subject.store().freeze();
    size_t bytes = 0;
    while (view->next(1'000, [&](const Table&, const Entry& entry) {
      bytes += entry.key().size() + entry.value().size();
    })) {
    }
    benchmark::DoNotOptimize(bytes);
  }
  per_operation(state);
}

BENCHMARK(find)->Threads(1)->Threads(2);
BENCHMARK(flat_set);
BENCHMARK(find_chained);
BENCHMARK(flat_set_chained);
BENCHMARK(find_16_at_once);
BENCHMARK(find_hot)->Threads(1)->Threads(2);
BENCHMARK(flat_set_hot);
BENCHMARK(find_beside_a_writer)->Threads(1)->Threads(2);
BENCHMARK(begin_and_end_a_reading);
BENCHMARK(find_table);
BENCHMARK(scan);
BENCHMARK(update);
BENCHMARK(update_beside_a_view);
BENCHMARK(insert_all)->Unit(benchmark::kMillisecond);
BENCHMARK(erase_all)->Unit(benchmark::kMillisecond);
BENCHMARK(freeze_and_iterate)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace ram::store
