// What a call costs on its way to the loop thread and back, on a cluster of one: no network, no
// majority, so what is left is the hand-over.

#include <benchmark/benchmark.h>

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "net/loop.h"
#include "node/mailbox.h"
#include "ram/ram.h"

namespace {

// As large as what a Runtime puts in.
struct Call {
  std::string transaction;
  uint64_t deadline = 0;
  std::function<void()> done;
};

void push_uncontended(benchmark::State& state) {
  ram::node::Mailbox<Call> mailbox(1 << 20, 1 << 30, [] {});
  std::vector<Call> taken;
  int waiting = 0;
  for (auto _ : state) {
    Call call{.transaction = "0123456789", .deadline = 1, .done = {}};
    benchmark::DoNotOptimize(mailbox.push(call, 10));
    if (++waiting == 1024) {
      state.PauseTiming();
      mailbox.take(taken);
      taken.clear();
      waiting = 0;
      state.ResumeTiming();
    }
  }
}
BENCHMARK(push_uncontended);

// Producers at full speed against a loop that only takes: how often it has to be woken.
void wake_ups(benchmark::State& state) {
  static std::atomic<uint64_t> wakes;
  static std::unique_ptr<ram::net::Loop> loop;
  static std::unique_ptr<ram::node::Mailbox<Call>> mailbox;
  static std::thread consumer;
  if (state.thread_index() == 0) {
    wakes = 0;
    loop = std::make_unique<ram::net::Loop>();
    mailbox = std::make_unique<ram::node::Mailbox<Call>>(1 << 14, 1 << 30, [] {
      ++wakes;
      loop->wake();
    });
    loop->on_pass([taken = std::vector<Call>()]() mutable {
      mailbox->take(taken);
      taken.clear();
    });
    consumer = std::thread([] { loop->run(); });
  }
  for (auto _ : state) {
    Call call{.transaction = "0123456789", .deadline = 1, .done = {}};
    while (mailbox->push(call, 10) != ram::node::Pushed::kYes) std::this_thread::yield();
  }
  if (state.thread_index() == 0) {
    state.counters["wakes_per_1000"] = 1000.0 * static_cast<double>(wakes) /
                                       static_cast<double>(state.iterations() * state.threads());
    loop->stop();
    consumer.join();
    mailbox.reset();
    loop.reset();
  }
}
BENCHMARK(wake_ups)->Threads(1)->Threads(4)->UseRealTime();

std::unique_ptr<ram::Node> one_node() {
  ram::NodeOptions options;
  options.cluster_listen = "127.0.0.1:0";
  options.log_from = ram::Severity::kError;
  auto node = ram::Node::start(options);
  if (!node.ok() || !(*node)->wait_until_ok(std::chrono::minutes(1)).ok()) std::abort();
  return std::move(*node);
}

void blocking_put(benchmark::State& state) {
  const auto node = one_node();
  ram::Table table = node->table("t");
  for (auto _ : state) {
    if (!table.put("key", "0123456789").ok()) std::abort();
  }
}
BENCHMARK(blocking_put)->UseRealTime();

void blocking_get(benchmark::State& state) {
  const auto node = one_node();
  ram::Table table = node->table("t");
  if (!table.put("key", "0123456789").ok()) std::abort();
  for (auto _ : state) {
    if (!table.get("key").ok()) std::abort();
  }
}
BENCHMARK(blocking_get)->UseRealTime();

// At once, from this thread's own memory.
void stale_get(benchmark::State& state) {
  const auto node = one_node();
  ram::Table table = node->table("t");
  if (!table.put("key", "0123456789").ok()) std::abort();
  for (auto _ : state) {
    if (!table.get("key", {.reads = ram::Reads::kStale}).ok()) std::abort();
  }
}
BENCHMARK(stale_get);

void moment_get(benchmark::State& state) {
  const auto node = one_node();
  ram::Table table = node->table("t");
  if (!table.put("key", "0123456789").ok()) std::abort();
  for (auto _ : state) benchmark::DoNotOptimize(node->moment().get("t", "key"));
}
BENCHMARK(moment_get);

// `range` calls are under way at any time, each a callback.
void callback_puts(benchmark::State& state) {
  const auto node = one_node();
  ram::Table table = node->table("t");
  std::atomic<int64_t> under_way = 0;
  for (auto _ : state) {
    while (under_way.load(std::memory_order_relaxed) >= state.range(0)) std::this_thread::yield();
    ++under_way;
    table.put("key", "0123456789", {}, [&](const ram::Result<uint64_t>& done) {
      if (!done.ok()) std::abort();
      --under_way;
    });
  }
  while (under_way > 0) std::this_thread::yield();
}
BENCHMARK(callback_puts)->Arg(16)->Arg(1024)->UseRealTime();

}  // namespace
