// Whatever arrives, from members, former members and strangers: nothing crashes, nothing is leaked,
// and each replica stays consistent with itself. That lies are believed cannot be helped: Raft
// trusts its members.
#include <gtest/gtest.h>

#include <cstdlib>

#include "base/random.h"
#include "consensus/configuration_codec.h"
#include "consensus/engine.h"
#include "consensus/message_codec.h"
#include "consensus/test_cluster.h"

namespace ram::consensus {
namespace {

using namespace std::chrono_literals;

// Draws messages from what is near the receiver's state, and from the edges.
class Liar {
 public:
  Liar(Random& random, TestNode& victim) : random_(random), victim_(victim) {}

  Message message() {
    switch (random_.below(6)) {
      case 0:
        return append();
      case 1:
        return AppendEntriesResult{.term = term(),
                                   .rejected = random_.chance(0.5) ? LogIndex() : index(),
                                   .last = index(),
                                   .features = static_cast<uint16_t>(random_.below(3)),
                                   .capacity = static_cast<uint16_t>(random_.next()),
                                   .version = version(2)};
      case 2:
        return RequestVote{.term = term(),
                           .last = index(),
                           .last_term = term(),
                           .disrupt_leader = random_.chance(0.5),
                           .pre_vote = random_.chance(0.5),
                           .version = version(2)};
      case 3:
        return RequestVoteResult{.term = term(),
                                 .granted = random_.chance(0.8),
                                 .pre_vote = random_.chance(0.5),
                                 .features = 1,
                                 .version = version(2)};
      case 4:
        return install();
      default:
        return TimeoutNow{
            .term = term(), .last = index(), .last_term = term(), .version = version(0)};
    }
  }

 private:
  Term term() {
    if (random_.one_in(400)) return Term(edge());
    return Term(victim_->term().value + random_.below(4) -
                std::min<uint64_t>(2, victim_->term().value));
  }
  LogIndex index() {
    if (random_.one_in(400)) return LogIndex(edge());
    const uint64_t around = random_.chance(0.5) ? victim_->last().value : victim_->commit().value;
    return LogIndex(around + random_.below(9) - std::min<uint64_t>(4, around));
  }
  uint64_t edge() {
    constexpr uint64_t kEdges[] = {0,
                                   1,
                                   0x7fffffff,
                                   0x80000000,
                                   0xffffffff,
                                   (uint64_t{1} << 63) - 1,
                                   uint64_t{1} << 63,
                                   ~uint64_t{0} - 1,
                                   ~uint64_t{0}};
    return kEdges[random_.below(std::size(kEdges))];
  }
  uint8_t version(uint8_t right) {
    return random_.one_in(20) ? static_cast<uint8_t>(random_.below(4)) : right;
  }

  Configuration configuration() {
    Configuration configuration = victim_->latest();
    switch (random_.below(5)) {
      case 0:
        configuration.servers.pop_back();
        break;
      case 1:
        configuration.servers.push_back({NodeId(random_.below(9)), "liar", Role::kVoter});
        break;
      case 2:
        configuration.servers[0].role = Role::kStandby;
        break;
      case 3:
        configuration.servers = {{victim_->id(), "alone", Role::kVoter}};
        break;
      default:
        break;
    }
    return configuration;
  }

  LogEntry entry(Term term) {
    const auto kind =
        static_cast<EntryKind>(random_.one_in(30) ? random_.below(256) : random_.between(1, 3));
    LogEntry entry{term, kind, {}};
    if (kind == EntryKind::kRecord) entry.payload = SharedBytes(std::string(random_.below(9), 'r'));
    if (kind == EntryKind::kChange) {
      const Configuration next = configuration();
      entry.payload = is_valid(next) ? encode(next) : SharedBytes(std::string("junk"));
      if (random_.one_in(10))
        entry.payload = entry.payload.part(0, random_.below(entry.payload.size()));
    }
    return entry;
  }

  AppendEntries append() {
    AppendEntries m{.term = term(), .previous = index(), .commit = index(), .version = version(0)};
    m.previous_term = random_.chance(0.8) ? victim_->term_at(m.previous) : term();
    Term last = random_.chance(0.8) ? std::max(m.previous_term, Term(1)) : term();
    for (uint64_t count = random_.below(6); count > 0; --count) {
      if (random_.one_in(4) && last < m.term) ++last;
      m.entries.push_back(entry(random_.one_in(20) ? term() : last));
    }
    return m;
  }

  InstallSnapshot install() {
    return {.term = term(),
            .token = {.index = index() + (random_.one_in(4) ? random_.below(100) : 0),
                      .term = term(),
                      .configuration = configuration(),
                      .configuration_index = random_.chance(0.8) ? LogIndex(1) : index()},
            .version = version(0)};
  }

  Random& random_;
  TestNode& victim_;
};

// What an honest node sent, bent.
Message bend(Random& random, const Message& message) {
  std::string bytes;
  encode(message, bytes);
  for (uint64_t edits = random.between(1, 3); edits > 0; --edits) {
    bytes[random.below(bytes.size())] ^= static_cast<char>(1 << random.below(8));
  }
  return decode(SharedBytes(std::move(bytes))).value_or(message);
}

uint64_t torment(uint64_t seed) {
  Random random(seed);
  TestCluster c({.inflight_entries_max = random.between(1, 64), .log_entries_bound = 1 << 20});
  c.found(3, 1);
  for (int step = 0; step < 2'000; ++step) {
    const uint64_t id = random.between(1, 4);
    TestNode& node = c[id];
    switch (random.below(12)) {
      case 0:
        c.fire(id);
        break;
      case 1:
        if (node->installing() && random.chance(0.5)) node->installed(c.now);
        break;
      case 2:
        node->submit(c.now, SharedBytes(std::string("record")));
        break;
      case 3:
        node->compact(c.now, node->commit(), random.below(8));
        break;
      case 4:
        node->transfer(c.now, NodeId(random.between(1, 4)));
        break;
      case 5:
        c.change(id, random.between(1, 6), random.chance(0.5) ? Role::kVoter : Role::kStandby);
        break;
      case 6:
      case 7:
        if (c.net.empty()) break;
        c.give(c.net.front().from.value, c.net.front().to.value, c.net.front().message);
        if (random.chance(0.9)) c.net.pop_front();
        break;
      case 8: {
        if (c.net.empty()) break;
        const Wire wire = c.net[random.below(c.net.size())];
        c.give(wire.from.value, wire.to.value, bend(random, wire.message));
        break;
      }
      default:
        c.give(random.below(8), id, Liar(random, node).message());
        break;
    }
    node->flush(c.now);
    node->check_invariants();
    c.wait(std::chrono::milliseconds(random.below(20)));
    if (c.net.size() > 100) c.net.erase(c.net.begin(), c.net.begin() + 50);
  }
  uint64_t steps = 0;
  for (uint64_t id = 1; id <= 4; ++id) steps += c[id]->counters().steps;
  return steps;
}

TEST(ReplicaHostile, SurvivesWhateverArrives) {
  const char* count = std::getenv("RAM_HOSTILE_COUNT");
  const uint64_t seeds = count != nullptr ? std::strtoull(count, nullptr, 10) : 80;
  const int64_t before = Engine::blocks_held();
  uint64_t steps = 0;
  for (uint64_t seed = 1; seed <= seeds; ++seed) {
    SCOPED_TRACE(seed);
    steps += torment(seed);
  }
  EXPECT_GT(steps, seeds * 300);  // it does reach the engine
  EXPECT_EQ(Engine::blocks_held(), before);
}

}  // namespace
}  // namespace ram::consensus
