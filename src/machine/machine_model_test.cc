// Random transactions, against a model that copies its maps: replies, state, digest, and that two
// nodes with different hash seeds, one of them restored from a state on the way, agree.

#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "base/random.h"
#include "machine/decimal.h"
#include "machine/testing.h"

namespace ram::machine {
namespace {

using testing::Node;
using testing::record_of;
using testing::Transaction;

constexpr NodeId kMine{7};

struct Value {
  std::string bytes;
  uint64_t revision = 0;
  bool operator==(const Value&) const = default;
};
using Model = std::map<std::string, std::map<std::string, Value>>;

struct Part {
  int kind;
  std::string table, key, value;
  int64_t delta = 0;
  uint64_t revision = 0;
};

// One random transaction: what it is made of.
struct Plan {
  std::vector<Part> conditions, operations;

  std::string bytes() const {
    Transaction transaction;
    for (const Part& part : conditions) {
      transaction.condition({.kind = static_cast<ConditionKind>(part.kind),
                             .table = part.table,
                             .key = part.key,
                             .revision = Revision(part.revision)});
    }
    for (const Part& part : operations) {
      transaction.operation({.kind = static_cast<OperationKind>(part.kind),
                             .table = part.table,
                             .key = part.key,
                             .value = part.value,
                             .delta = part.delta});
    }
    return transaction.bytes();
  }
};

class Chooser {
 public:
  explicit Chooser(uint64_t seed) : random_(seed) {}

  Plan plan(const Model& model) {
    Plan plan;
    const uint64_t conditions = random_.one_in(3) ? random_.between(1, 2) : 0;
    const uint64_t operations = random_.one_in(20)  ? random_.between(20, 60)
                                : random_.one_in(3) ? random_.between(2, 8)
                                                    : random_.below(2) + 1 - random_.below(2);
    for (uint64_t i = 0; i < conditions; ++i) plan.conditions.push_back(condition(model));
    for (uint64_t i = 0; i < operations; ++i) plan.operations.push_back(operation());
    return plan;
  }

  Random& random() { return random_; }

 private:
  std::string table() { return std::string(random_.below(4), 't'); }
  std::string key() { return std::to_string(random_.below(random_.one_in(2) ? 4 : 40)); }
  std::string value() {
    if (random_.one_in(3)) return std::to_string(static_cast<int64_t>(random_.below(100)) - 50);
    if (random_.one_in(20)) return "9223372036854775807";
    if (random_.one_in(20)) return std::string(random_.below(5000), 'x');
    return std::string(random_.below(12), 'v');
  }

  Part condition(const Model& model) {
    Part part{static_cast<int>(random_.between(1, 3)), table(), key(), "", 0, 0};
    if (part.kind == 3) {
      part.revision = random_.below(5);
      const auto in = model.find(part.table);
      if (in != model.end() && in->second.contains(part.key) && !random_.one_in(4)) {
        part.revision = in->second.at(part.key).revision;
      }
    }
    return part;
  }

  Part operation() {
    int kind = static_cast<int>(random_.between(1, 7));
    if (random_.one_in(40)) kind = 8;
    if (random_.one_in(150)) kind = 9;
    Part part{kind, kind == 9 ? "" : table(), kind >= 8 ? "" : key(), "", 0, 0};
    if (kind == 1 || kind == 2 || kind == 5) part.value = value();
    if (kind == 6) part.delta = static_cast<int64_t>(random_.below(20)) - 10;
    return part;
  }

  Random random_;
};

// What the plan does to the model, and its reply as text.
std::string run(Model& model, uint64_t& revision, const Plan& plan) {
  for (const Part& part : plan.conditions) {
    const auto table = model.find(part.table);
    const Value* value = nullptr;
    if (table != model.end() && table->second.contains(part.key)) {
      value = &table->second.at(part.key);
    }
    const bool holds = part.kind == 1   ? value == nullptr
                       : part.kind == 2 ? value != nullptr
                                        : value != nullptr && value->revision == part.revision;
    if (!holds) return "condition failed";
  }
  Model after = model;
  const uint64_t next = revision + 1;
  bool put = false;
  std::string answers;
  for (const Part& part : plan.operations) {
    if (part.kind == 8) {
      after[part.table].clear();
      answers += " -";
      continue;
    }
    if (part.kind == 9) {
      for (auto& [_, keys] : after) keys.clear();
      answers += " -";
      continue;
    }
    auto& keys = after[part.table];
    const auto found = keys.find(part.key);
    const bool exists = found != keys.end();
    const std::string old = exists ? found->second.bytes : "";
    const std::string old_text = exists ? " =" + old : " -";
    switch (static_cast<OperationKind>(part.kind)) {
      case OperationKind::kPut:
        keys[part.key] = {part.value, next};
        answers += " -";
        break;
      case OperationKind::kExchange:
        keys[part.key] = {part.value, next};
        answers += old_text;
        break;
      case OperationKind::kErase:
        keys.erase(part.key);
        answers += exists ? " #1" : " #0";
        break;
      case OperationKind::kTake:
        keys.erase(part.key);
        answers += old_text;
        break;
      case OperationKind::kAppend:
        keys[part.key] = {old + part.value, next};
        answers += " #" + std::to_string(old.size() + part.value.size());
        break;
      case OperationKind::kAdd: {
        int64_t sum = 0;
        if (exists) {
          const std::optional<int64_t> number = parse_decimal(old);
          if (!number) return "not a number";
          sum = *number;
        }
        if (__builtin_add_overflow(sum, part.delta, &sum)) return "overflow";
        keys[part.key] = {std::to_string(sum), next};
        answers += " #" + std::to_string(sum);
        break;
      }
      default:
        answers += old_text;
    }
  }
  for (const auto& [table, keys] : after) {
    for (const auto& [key, value] : keys) put = put || value.revision == next;
  }
  bool lost = false;
  for (const auto& [table, keys] : model) {
    for (const auto& [key, value] : keys) lost = lost || !after[table].contains(key);
  }
  if (!put && !lost) return "r0" + answers;
  // A table stays once it had something; one that was only named is none.
  for (auto it = after.begin(); it != after.end();) {
    it = it->second.empty() && !model.contains(it->first) ? after.erase(it) : std::next(it);
  }
  model = std::move(after);
  revision = next;
  return "r" + std::to_string(revision) + answers;
}

Model contents_of(store::Store& store) {
  Model contents;
  store.for_each_table([&](const store::Table& table) { contents[std::string(table.name())]; });
  auto view = store.freeze();
  while (view->next(64, [&](const store::Table& table, const store::Entry& entry) {
    const bool is_new = contents[std::string(table.name())]
                            .emplace(std::string(entry.key()),
                                     Value{std::string(entry.value()), entry.revision().value})
                            .second;
    RAM_CHECK(is_new);
  })) {
  }
  return contents;
}

std::unique_ptr<Node> restored(FrozenState& state, uint64_t hash_seed) {
  auto store = std::make_unique<store::Store>(hash_seed);
  StateLoader loader(*store);
  for (std::string piece; state.next_piece(piece);) {
    const Status status = loader.add(piece);
    EXPECT_TRUE(status.ok()) << status.message();
  }
  EXPECT_TRUE(loader.complete());
  std::unique_ptr<Machine> machine = loader.take();
  return std::make_unique<Node>(std::move(store), std::move(machine));
}

void play(uint64_t seed, int records) {
  Chooser choose(seed);
  Random& random = choose.random();
  Model model;
  uint64_t revision = 0;
  uint64_t sent = 0;
  uint64_t floor = 0;
  auto one = std::make_unique<Node>(random.next());
  auto two = std::make_unique<Node>(random.next());
  std::vector<std::string> history;
  std::unique_ptr<FrozenState> frozen;
  size_t frozen_at = 0;

  for (int i = 0; i < records; ++i) {
    std::vector<std::string> expected;
    std::string record;
    if (random.one_in(30)) {
      record =
          record_of(kMine, sent + 2 + random.below(3), floor, {Transaction().clear_all().bytes()});
      expected.push_back("gap " + std::to_string(RecordReader(record).header().first.value) + "-" +
                         std::to_string(RecordReader(record).header().last().value));
      if (sent == 0) expected.clear();
    } else {
      const uint64_t repeats =
          random.one_in(4) ? random.between(0, std::min<uint64_t>(sent, 3)) : 0;
      std::vector<std::string> transactions(repeats, Transaction().clear_all().bytes());
      if (repeats > 0) {
        expected.push_back("repeat " + std::to_string(sent - repeats + 1) + "-" +
                           std::to_string(sent));
      }
      const uint64_t first = sent - repeats + 1;
      const uint64_t count = random.between(repeats > 0 ? 0 : 1, 30);
      for (uint64_t n = 0; n < count; ++n) {
        const Plan plan = choose.plan(model);
        transactions.push_back(plan.bytes());
        const std::string reply = run(model, revision, plan);
        expected.push_back(std::to_string(++sent) + ": " + reply);
      }
      record =
          record_of(kMine, first, floor, transactions, static_cast<int64_t>(random.below(1000)));
    }
    floor = random.between(floor, sent);
    if (sent == 0) continue;
    history.push_back(record);

    for (Node* node : {one.get(), two.get()}) {
      node->log().clear();
      ASSERT_TRUE(node->apply(record));
      ASSERT_EQ(node->log(), expected);
      while (random.one_in(2) && node->store().tick(16)) {
      }
    }
    ASSERT_EQ(one->machine().digest(), two->machine().digest());
    ASSERT_EQ(one->machine().revision(), Revision(revision));

    if (random.one_in(10)) {
      ASSERT_EQ(contents_of(one->store()), model);
      ASSERT_EQ(one->machine().digest(), one->recomputed_digest());
      ASSERT_EQ(two->machine().digest(), two->recomputed_digest());
      one->store().check_invariants();
    }
    // A third begins from what the first was a while ago, applies what came since, and takes the
    // second's place.
    if (frozen == nullptr && random.one_in(15)) {
      frozen = one->machine().freeze(random.between(1, 3000));
      frozen_at = history.size();
    } else if (frozen != nullptr && random.one_in(8)) {
      const uint64_t digest = frozen->digest();
      std::unique_ptr<Node> three = restored(*frozen, random.next());
      frozen.reset();
      ASSERT_EQ(three->machine().digest(), digest);
      ASSERT_EQ(three->machine().digest(), three->recomputed_digest());
      for (size_t n = frozen_at; n < history.size(); ++n) {
        ASSERT_TRUE(three->apply(history[n]));
      }
      ASSERT_EQ(three->machine().digest(), one->machine().digest());
      ASSERT_EQ(contents_of(three->store()), model);
      const Session* ours = one->machine().sessions().find(kMine);
      const Session* theirs = three->machine().sessions().find(kMine);
      ASSERT_EQ(ours->floor(), theirs->floor());
      for (Sequence s = ours->floor().next(); s <= ours->last(); ++s) {
        ASSERT_EQ(*ours->reply(s), *theirs->reply(s));
      }
      two = std::move(three);
    }
  }
  ASSERT_EQ(contents_of(two->store()), model);
}

TEST(MachineModel, RandomTransactionsDoWhatTheModelDoes) {
  const char* given = std::getenv("RAM_TEST_SEED");
  const uint64_t first = given == nullptr ? 1 : std::strtoull(given, nullptr, 10);
  const uint64_t count = given == nullptr ? 25 : 1;
  for (uint64_t seed = first; seed < first + count; ++seed) {
    play(seed, 120);
    if (HasFatalFailure()) {
      FAIL() << "replay: RAM_TEST_SEED=" << seed << " machine_model_test";
    }
  }
}

}  // namespace
}  // namespace ram::machine
