// Consensus: three replicas in one process, no sockets, no codec but where said; 102-byte records.
//
//   build/release/bench/bench_consensus --benchmark_repetitions=9
//       --benchmark_enable_random_interleaving --benchmark_report_aggregates_only
//
// Look at CPU time: it is that of all three replicas. Times are of one record, one round or one
// entry (items); failover is in virtual time, as counters.
//
// Sketch, from the study of the engine (docs/decisions/0001-engine.md): 0.76 us a record alone, and
// 0.8 us a heartbeat round of three; 1 M entries behind are caught up with in 0.3 s. Failover with
// an election timeout of 300 ms: mean 432 ms, worst of 1000 1089 ms.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/check.h"
#include "consensus/entry_log.h"
#include "consensus/message_codec.h"
#include "consensus/ports.h"
#include "consensus/replica.h"

namespace ram::consensus {
namespace {

using namespace std::chrono_literals;

constexpr size_t kRecordBytes = 102;
constexpr size_t kTrailing = 70'000;  // more than the window

class Member final : public Transport, public StateMachine {
 public:
  struct Wire {
    NodeId from, to;
    Message message;
  };
  using Net = std::deque<Wire>;

  Member(NodeId id, const ReplicaOptions& options, uint32_t seed, Net& net)
      : replica(id, options, seed, *this, *this), net_(net) {}

  void send(NodeId to, Message message) override {
    net_.push_back({replica.id(), to, std::move(message)});
  }
  void on_log_changed(LogIndex) override {}
  void on_committed(LogIndex) override {}
  void on_install(const SnapshotToken&, NodeId) override {}

  Replica replica;

 private:
  Net& net_;
};

class Trio {
 public:
  explicit Trio(const ReplicaOptions& options = {}, uint32_t seed = 1) {
    Configuration configuration;
    for (uint64_t id = 1; id <= 3; ++id) {
      configuration.servers.push_back({NodeId(id), "", Role::kVoter});
      members_.push_back(std::make_unique<Member>(NodeId(id), options,
                                                  seed * 31 + static_cast<uint32_t>(id), net_));
    }
    for (auto& member : members_) member->replica.found(now, configuration);
    wait_for_leader();
    for (int i = 0; i < 3; ++i) beat();
  }

  Replica* leader() {
    for (auto& member : members_) {
      if (member && member->replica.is_leader()) return &member->replica;
    }
    return nullptr;
  }
  Replica& follower() {
    for (auto& member : members_) {
      if (member && !member->replica.is_leader()) return member->replica;
    }
    RAM_CHECK(false);
    return members_[0]->replica;
  }
  void kill_leader() {
    for (auto& member : members_) {
      if (member && member->replica.is_leader()) member.reset();
    }
  }

  // Everything under way moves one hop, but to and from `deaf`.
  bool hop(NodeId deaf = {}) {
    Member::Net moving;
    moving.swap(net_);
    for (Member::Wire& wire : moving) {
      Member* to = members_[wire.to.value - 1].get();
      if (to == nullptr || wire.to == deaf || wire.from == deaf) continue;
      to->replica.receive(now, wire.from, std::move(wire.message));
    }
    for (auto& member : members_) {
      if (member) member->replica.flush(now);
    }
    return !moving.empty();
  }
  void settle(NodeId deaf = {}) {
    while (hop(deaf)) {
    }
  }
  void beat(NodeId deaf = {}) {
    now += 50ms;
    leader()->on_time(now);
    settle(deaf);
  }
  // Time passes until somebody leads.
  void wait_for_leader() {
    while (leader() == nullptr) {
      Instant next = kNever;
      for (auto& member : members_) {
        if (member) next = std::min(next, member->replica.next_deadline());
      }
      now = std::max(now, next);
      for (auto& member : members_) {
        if (member) member->replica.on_time(now);
      }
      settle();
    }
  }
  void compact() {
    for (auto& member : members_) {
      if (!member || member->replica.log().size() < 2 * kTrailing) continue;
      member->replica.compact(now, member->replica.commit(), kTrailing);
    }
  }

  Instant now = Instant(1s);

 private:
  Member::Net net_;
  std::vector<std::unique_ptr<Member>> members_;
};

SharedBytes record() {
  static const SharedBytes bytes(std::string(kRecordBytes, 'r'));
  return bytes;
}

// So many records are outstanding at a time; one is submitted per call, all in one pass.
void replicate(benchmark::State& state) {
  const auto outstanding = static_cast<uint64_t>(state.range(0));
  Trio trio;
  Replica& leader = *trio.leader();
  for (auto _ : state) {
    while (leader.last() - leader.commit() < outstanding) leader.submit(trio.now, record());
    trio.hop();
    trio.compact();
  }
  state.SetItemsProcessed(static_cast<int64_t>(leader.commit().value));
}
BENCHMARK(replicate)->Arg(1)->Arg(16)->Arg(256)->Arg(4096);

// A timeout, two heartbeats, two answers.
void heartbeat_round(benchmark::State& state) {
  Trio trio;
  for (auto _ : state) trio.beat();
  state.SetItemsProcessed(state.iterations());
}
BENCHMARK(heartbeat_round);

// One follower lacks so many entries; until it has them. Items are entries.
void catch_up(benchmark::State& state) {
  const auto entries = static_cast<uint64_t>(state.range(0));
  for (auto _ : state) {
    state.PauseTiming();
    {
      Trio trio;
      Replica& leader = *trio.leader();
      Replica& behind = trio.follower();
      for (uint64_t i = 0; i < entries; ++i) {
        leader.submit(trio.now, record());
        if (i % 1024 == 0) trio.settle(behind.id());
      }
      trio.settle(behind.id());
      state.ResumeTiming();
      while (behind.last() < leader.last()) trio.beat();
      state.PauseTiming();
    }
    state.ResumeTiming();
  }
  state.SetItemsProcessed(static_cast<int64_t>(entries) * state.iterations());
}
BENCHMARK(catch_up)->Arg(100'000)->Unit(benchmark::kMillisecond);

// Virtual milliseconds from a leader's death to the next leader, over many seeds.
void failover(benchmark::State& state) {
  std::vector<double> ms;
  uint32_t seed = 0;
  for (auto _ : state) {
    Trio trio({.election_timeout = 300ms}, ++seed);
    const Instant died = trio.now;
    trio.kill_leader();
    trio.wait_for_leader();
    ms.push_back(std::chrono::duration<double, std::milli>(trio.now - died).count());
  }
  std::sort(ms.begin(), ms.end());
  double sum = 0;
  for (const double one : ms) sum += one;
  state.counters["mean_ms"] = sum / static_cast<double>(ms.size());
  state.counters["p99_ms"] = ms[ms.size() * 99 / 100];
  state.counters["worst_ms"] = ms.back();
}
BENCHMARK(failover)->Iterations(1000);

// ---- the codec: a message of so many entries of so many bytes ----

AppendEntries message_of(int64_t entries, int64_t bytes) {
  AppendEntries m{.term = Term(7),
                  .previous = LogIndex(1'000'000),
                  .previous_term = Term(7),
                  .commit = LogIndex(999'000)};
  for (int64_t i = 0; i < entries; ++i) {
    m.entries.push_back(
        {Term(7), EntryKind::kRecord, SharedBytes(std::string(static_cast<size_t>(bytes), 'r'))});
  }
  return m;
}

void encode_message(benchmark::State& state) {
  const Message message = message_of(state.range(0), state.range(1));
  std::vector<SharedBytes> pieces;
  for (auto _ : state) {
    pieces.clear();
    encode(message, pieces);
    benchmark::DoNotOptimize(pieces.data());
  }
}
BENCHMARK(encode_message)->Args({0, 0})->Args({1, 102})->Args({64, 102})->Args({4, 262'144});

void decode_message(benchmark::State& state) {
  std::string bytes;
  encode(Message(message_of(state.range(0), state.range(1))), bytes);
  const SharedBytes frame(std::move(bytes));
  for (auto _ : state) benchmark::DoNotOptimize(decode(frame));
}
BENCHMARK(decode_message)->Args({0, 0})->Args({1, 102})->Args({64, 102})->Args({4, 262'144});

}  // namespace
}  // namespace ram::consensus
