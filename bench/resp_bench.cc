// What the Redis front costs without sockets and without a node: parsing, replies, and whole
// commands over a stand-in that answers at once, in pipelines of 1, 16 and 64.
//
// The difference between BM_Get and BM_GetStale is the way of a read through a fence; what the
// stand-in itself takes (a std::map, a mutex) is in both.

#include <benchmark/benchmark.h>

#include <algorithm>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "resp/fake_node.cc"  // NOLINT(bugprone-suspicious-include): no layer links it
#include "resp/front.h"
#include "resp/parser.h"
#include "resp/reply.h"

namespace {

using namespace ram;        // NOLINT(google-build-using-namespace)
using namespace ram::resp;  // NOLINT(google-build-using-namespace)

std::string request(const std::vector<std::string>& words) {
  std::string bytes = "*" + std::to_string(words.size()) + "\r\n";
  for (const std::string& word : words) {
    bytes += "$" + std::to_string(word.size()) + "\r\n" + word + "\r\n";
  }
  return bytes;
}

std::string key_of(int64_t i) {
  std::string key = std::to_string(i);
  return "key:" + std::string(12 - key.size(), '0') + key;
}

// 16-byte keys, 100-byte values.
const std::string kValue(100, 'v');

void BM_Parse(benchmark::State& state) {
  std::string bytes = request({"SET", key_of(1), kValue});
  Parser parser;
  for (auto _ : state) {
    benchmark::DoNotOptimize(parser.next(std::span(bytes.data(), bytes.size())));
    parser.accept();
  }
}
BENCHMARK(BM_Parse);

void BM_ReplyBulk(benchmark::State& state) {
  std::string out;
  for (auto _ : state) {
    if (out.size() > 60'000) out.clear();
    Reply(out, Version::k2).bulk(kValue);
  }
}
BENCHMARK(BM_ReplyBulk);

class StoppedClock final : public Clock {
 public:
  Instant now() const override { return Instant(); }
  WallMs wall() const override { return WallMs{0}; }
};

class Sink final : public Wire {
 public:
  void send(std::string& output) override {
    bytes += output.size();
    output.clear();
  }
  size_t unsent_bytes() const override { return 0; }
  uint64_t sent_bytes() const override { return bytes; }
  void pause() override {}
  void resume() override {}
  void finish() override {}
  void close() override {}

  uint64_t bytes = 0;
};

// A pipeline of `make(i)`, again and again; time per command.
template <class Make>
void run_pipeline(benchmark::State& state, Make make, const std::string& first = "PING\r\n") {
  const std::unique_ptr<Node> node = std::move(*Node::start({.name = "n1"}));
  const StoppedClock clock;
  NoLog log;
  Front front(*node, clock, log, {}, [] {});
  Sink sink;
  {
    Client client;
    client.id = front.next_client_id();
    Connection connection(front, sink, std::move(client));
    const auto send = [&](const std::string& bytes) {
      const std::span<char> space = connection.space();
      std::copy(bytes.begin(), bytes.end(), space.begin());
      connection.filled(bytes.size());
      do {
        front.turn();
      } while (fake_node().run_all() > 0);
    };
    for (int i = 0; i < 1000; ++i) send(request({"SET", key_of(i), kValue}));
    send(first);

    std::string bytes;
    for (int64_t i = 0; i < state.range(0); ++i) bytes += make(i);
    for (auto _ : state) send(bytes);
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}

void BM_Ping(benchmark::State& state) {
  run_pipeline(state, [](int64_t) { return request({"PING"}); });
}
BENCHMARK(BM_Ping)->Arg(1)->Arg(16)->Arg(64);

void BM_Get(benchmark::State& state) {
  run_pipeline(state, [](int64_t i) { return request({"GET", key_of(i)}); });
}
BENCHMARK(BM_Get)->Arg(1)->Arg(16)->Arg(64);

void BM_GetStale(benchmark::State& state) {
  run_pipeline(
      state,
      [](int64_t i) {
        return request({"GET", key_of(i)});
      },
      "RAM.READS stale\r\n");
}
BENCHMARK(BM_GetStale)->Arg(1)->Arg(16)->Arg(64);

void BM_Set(benchmark::State& state) {
  run_pipeline(state, [](int64_t i) { return request({"SET", key_of(i), kValue}); });
}
BENCHMARK(BM_Set)->Arg(1)->Arg(16)->Arg(64);

// Of keys that do not conflict.
void BM_GetAndSet(benchmark::State& state) {
  run_pipeline(state, [](int64_t i) {
    return i % 2 == 0 ? request({"GET", key_of(i)}) : request({"SET", key_of(i), kValue});
  });
}
BENCHMARK(BM_GetAndSet)->Arg(16)->Arg(64);

void BM_Mset10(benchmark::State& state) {
  run_pipeline(state, [](int64_t i) {
    std::vector<std::string> words{"MSET"};
    for (int64_t j = 0; j < 10; ++j) {
      words.push_back(key_of(10 * i + j));
      words.push_back(kValue);
    }
    return request(words);
  });
}
BENCHMARK(BM_Mset10)->Arg(1)->Arg(8);

}  // namespace
