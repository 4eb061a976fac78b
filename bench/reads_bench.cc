// What it costs that a read from a node's own memory is linearizable: three nodes in this process,
// 1 M entries of 16 + 100 bytes, reads at a follower; beside a bare lookup in a store of the same
// entries, and in a boost::unordered_flat_set of the same blocks.
//
//   build/release/bench/bench_reads --benchmark_repetitions=9
//       --benchmark_enable_random_interleaving=true --benchmark_report_aggregates_only=true
//
// Look at CPU time and compare only within one run. Every read copies the value out.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <atomic>
#include <boost/unordered/unordered_flat_set.hpp>
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/random.h"
#include "ram/ram.h"
#include "store/reading.h"

namespace {

using namespace std::chrono_literals;

constexpr size_t kEntries = 1'000'000;
constexpr uint64_t kSeed = 1;

struct Name {  // 16 bytes, spread over all of them
  uint64_t word[2];
  explicit Name(uint64_t i) : word{ram::mix64(i), i} {}
  std::string_view view() const { return {reinterpret_cast<const char*>(word), sizeof(word)}; }
};

void check(bool holds) {
  if (!holds) std::abort();
}

std::vector<uint32_t> shuffled() {
  ram::Random random(3);
  std::vector<uint32_t> order(kEntries);
  for (size_t i = 0; i < kEntries; ++i) order[i] = static_cast<uint32_t>(i);
  for (size_t i = kEntries - 1; i > 0; --i) std::swap(order[i], order[random.below(i + 1)]);
  return order;
}

// Three nodes, all with everything; `follower` is asked, and another one written at.
struct Cluster {
  std::unique_ptr<ram::Node> nodes[3];
  ram::Node* follower = nullptr;
  ram::Node* other = nullptr;

  explicit Cluster(ram::Reads reads = ram::Reads::kLocal) {
    std::vector<std::string> list;
    for (size_t i = 0; i < 3; ++i) list.push_back("127.0.0.1:" + std::to_string(kPort + i));
    for (size_t i = 0; i < 3; ++i) {
      ram::NodeOptions options;
      options.name = "n" + std::to_string(i);
      options.cluster_listen = list[i];
      options.join = list;
      options.reads = reads;
      options.log_from = ram::Severity::kError;
      auto node = ram::Node::start(options);
      check(node.ok());
      nodes[i] = std::move(*node);
    }
    for (auto& node : nodes) check(node->wait_until_ok(1min).ok());
    fill();
    for (auto& node : nodes) {
      const ram::Result<ram::NodeStatus> status = node->status();
      check(status.ok());
      if (status->role == ram::NodeRole::kLeader) continue;
      (follower == nullptr ? follower : other) = node.get();
    }
    while (!follower->may_read_all()) std::this_thread::yield();
  }
  void fill() {
    const std::string value(100, 'v');
    const std::vector<uint32_t> order = shuffled();
    std::atomic<size_t> under_way = 0;
    for (size_t i = 0; i < kEntries;) {
      ram::Batch batch;
      for (size_t end = std::min(kEntries, i + 500); i < end; ++i) {
        batch.put("0", Name(order[i]).view(), value);
      }
      while (under_way >= 16) std::this_thread::yield();
      ++under_way;
      nodes[0]->commit(std::move(batch), {.timeout = 1min}, [&](auto done) {
        check(done.ok());
        --under_way;
      });
    }
    while (under_way > 0) std::this_thread::yield();
  }
  static constexpr size_t kPort = 17'391;
};

Cluster& cluster() {
  static Cluster* made = new Cluster;
  return *made;
}

// The same entries, and nothing around them.
struct Bare {
  ram::store::StoreSlot slot{std::make_unique<ram::store::Store>(kSeed)};
  ram::store::Table* table = slot.current().make_table("0");

  Bare() {
    ram::store::Store& store = slot.current();
    const std::string value(100, 'v');
    uint64_t revision = 0;
    for (const uint32_t i : shuffled()) {
      const Name name(i);
      store.put(*table, store.key(name.view()), value, ram::Revision(++revision));
      store.publish(ram::Revision(revision), ram::LogIndex(revision));
    }
  }
};

Bare& bare() {
  static Bare* made = new Bare;
  return *made;
}

struct Hash {
  using is_transparent = void;
  using is_avalanching = void;
  size_t operator()(std::string_view key) const { return ram::store::hash_of(key, kSeed); }
  size_t operator()(const ram::store::Entry* entry) const { return (*this)(entry->key()); }
};
struct Equal {
  using is_transparent = void;
  static std::string_view of(std::string_view key) { return key; }
  static std::string_view of(const ram::store::Entry* entry) { return entry->key(); }
  bool operator()(const auto& a, const auto& b) const { return of(a) == of(b); }
};
using FlatSet = boost::unordered_flat_set<const ram::store::Entry*, Hash, Equal>;

const FlatSet& flat_set() {
  static const FlatSet* made = [] {
    auto* set = new FlatSet;
    ram::store::Store& store = bare().slot.current();
    for (const uint32_t i : shuffled()) {
      const Name name(i);
      set->insert(store.find(*bare().table, store.key(name.view())));
    }
    return set;
  }();
  return *made;
}

// Each thread draws keys of its own; `look` copies the value of one to `out` and returns its size.
// Chained: each key depends on the value before, as in a program that acts on what it reads; else
// the processor begins with the next lookup while it waits for memory.
template <bool kChained, class Look>
void loop(benchmark::State& state, Look look) {
  ram::Random random(static_cast<uint64_t>(state.thread_index()) + 7);
  char out[128] = "v";
  size_t bytes = 0;
  for (auto _ : state) {
    const Name name(random.below(kEntries) + (kChained ? static_cast<uint64_t>(out[0] - 'v') : 0));
    bytes += look(name.view(), out);
    benchmark::DoNotOptimize(out);
  }
  check(bytes == 100 * static_cast<size_t>(state.iterations()));
}

template <class Look>
void run(benchmark::State& state, Look look) {
  state.range(0) != 0 ? loop<true>(state, look) : loop<false>(state, look);
}

size_t copy(std::string_view value, char* out) {
  std::memcpy(out, value.data(), value.size());
  return value.size();
}

void bare_flat_set(benchmark::State& state) {
  const FlatSet& set = flat_set();
  run(state, [&](std::string_view key, char* out) { return copy((*set.find(key))->value(), out); });
}
BENCHMARK(bare_flat_set)->ArgName("chained")->Arg(0)->Arg(1)->Threads(1)->Threads(2);

void bare_table(benchmark::State& state) {
  Bare& subject = bare();
  const ram::store::Store& store = subject.slot.current();
  run(state, [&](std::string_view key, char* out) {
    const ram::store::Reading reading(subject.slot);
    return copy(reading.find(*subject.table, store.key(key))->value(), out);
  });
}
BENCHMARK(bare_table)->ArgName("chained")->Arg(0)->Arg(1)->Threads(1)->Threads(2);

// A linearizable read at a follower. Now and then, in hundreds of millions, a lease may be late.
size_t linearizable(ram::Node& node, std::string_view key, char* out) {
  while (!node.may_read("0", key)) check(node.fence().ok());
  return copy(node.moment().get("0", key)->value, out);
}
void linearizable_get(benchmark::State& state) {
  ram::Node& node = *cluster().follower;
  run(state, [&](std::string_view key, char* out) { return linearizable(node, key, out); });
}
BENCHMARK(linearizable_get)->ArgName("chained")->Arg(0)->Arg(1)->Threads(1)->Threads(2);

// The same through Table, which returns a string.
void table_get(benchmark::State& state) {
  const ram::Table table = cluster().follower->table("0");
  run(state, [&](std::string_view key, char* out) { return copy(**table.get(key), out); });
}
BENCHMARK(table_get)->ArgName("chained")->Arg(0)->Arg(1)->Threads(1)->Threads(2);

// While another node writes other keys as fast as it can.
void linearizable_get_beside_a_writer(benchmark::State& state) {
  static std::atomic<bool> stop;
  static std::atomic<uint64_t> writes;
  static std::thread writer;
  ram::Node& node = *cluster().follower;
  if (state.thread_index() == 0) {
    stop = false;
    writes = 0;
    writer = std::thread([&other = *cluster().other] {
      const std::string value(100, 'w');
      std::atomic<size_t> under_way = 0;
      for (uint64_t i = 0; !stop; ++i) {
        while (under_way >= 256) std::this_thread::yield();
        ++under_way;
        other.table("1").put(Name(i % 10'000).view(), value, {}, [&](auto done) {
          check(done.ok());
          ++writes;
          --under_way;
        });
      }
      while (under_way > 0) std::this_thread::yield();
    });
    while (writes < 1'000) std::this_thread::yield();
  }
  run(state, [&](std::string_view key, char* out) { return linearizable(node, key, out); });
  if (state.thread_index() == 0) {
    stop = true;
    writer.join();
    state.counters["writes"] = static_cast<double>(writes);
  }
}
BENCHMARK(linearizable_get_beside_a_writer)->ArgName("chained")->Arg(0)->Arg(1);

}  // namespace
