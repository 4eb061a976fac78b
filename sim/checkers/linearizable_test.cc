#include "sim/checkers/linearizable.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "base/random.h"

namespace ram::sim {
namespace {

using Kind = KeyOperation::Kind;

KeyOperation get(Tick begun, Tick ended, KeyValue value) {
  return {.kind = Kind::kGet, .begun = begun, .ended = ended, .value = value};
}
KeyOperation put(Tick begun, Tick ended, int64_t argument) {
  return {.kind = Kind::kPut, .argument = argument, .begun = begun, .ended = ended};
}
KeyOperation add(Tick begun, Tick ended, int64_t delta, int64_t sum) {
  return {.kind = Kind::kAdd, .argument = delta, .begun = begun, .ended = ended, .value = sum};
}
KeyOperation compare_and_set(Tick begun, Tick ended, KeyValue expected, int64_t argument,
                             bool done) {
  return {.kind = Kind::kCompareAndSet,
          .argument = argument,
          .expected = expected,
          .begun = begun,
          .ended = ended,
          .done = done};
}
KeyOperation erase(Tick begun, Tick ended, bool done) {
  return {.kind = Kind::kErase, .begun = begun, .ended = ended, .done = done};
}
KeyOperation unknown(KeyOperation operation) {
  operation.unknown = true;
  operation.ended = kNoTick;
  return operation;
}

Verdict verdict(const std::vector<KeyOperation>& history) {
  return check_linearizable(history).verdict;
}
void expect_good(const std::vector<KeyOperation>& history) {
  const LinearizableResult result = check_linearizable(history);
  EXPECT_EQ(result.verdict, Verdict::kLinearizable) << result.explanation;
}
void expect_bad(const std::vector<KeyOperation>& history) {
  const LinearizableResult result = check_linearizable(history);
  EXPECT_EQ(result.verdict, Verdict::kNotLinearizable);
  EXPECT_FALSE(result.explanation.empty());
}

TEST(Linearizable, AcceptsOneAfterTheOther) {
  expect_good({});
  expect_good({get(1, 2, {}), put(3, 4, 7), get(5, 6, 7), erase(7, 8, true), get(9, 10, {}),
               add(11, 12, 5, 5), compare_and_set(13, 14, 5, 6, true), get(15, 16, 6)});
}

TEST(Linearizable, AcceptsEitherOrderOfWhatOverlaps) {
  expect_good({put(1, 10, 1), get(2, 3, {}), get(4, 5, 1)});
  expect_good({put(1, 10, 1), put(2, 9, 2), get(11, 12, 1)});
  expect_good({put(1, 10, 1), put(2, 9, 2), get(11, 12, 2)});
}

TEST(Linearizable, RejectsAStaleRead) {
  expect_bad({put(1, 2, 1), put(3, 4, 2), get(5, 6, 1)});
  expect_bad({put(1, 2, 1), get(3, 4, {})});
  // New, then old again, while the write is still under way.
  expect_bad({put(1, 10, 1), get(2, 3, 1), get(4, 5, {})});
}

TEST(Linearizable, RejectsALostUpdate) {
  expect_bad({add(1, 2, 1, 1), add(3, 4, 1, 1)});
  expect_bad({put(1, 2, 1), compare_and_set(3, 6, 1, 2, true), compare_and_set(4, 5, 1, 3, true)});
  expect_bad({put(1, 2, 1), put(3, 4, 2), erase(5, 6, false)});
}

TEST(Linearizable, RejectsADoubleIncrement) {
  expect_bad({add(1, 2, 1, 1), get(3, 4, 2)});
  expect_bad({unknown(add(1, 0, 1, 0)), get(2, 3, 1), get(4, 5, 2)});
}

TEST(Linearizable, RejectsAReadOfWhatWasNeverWritten) {
  expect_bad({put(1, 2, 1), get(3, 4, 9)});
  expect_bad({get(1, 2, 1), put(3, 4, 1)});  // nor before it was
}

TEST(Linearizable, RejectsAFork) {
  // Two halves, each consistent in itself.
  expect_bad({put(1, 2, 1), get(3, 4, 1), put(5, 6, 2), get(7, 8, 2), get(9, 10, 1)});
  expect_bad({put(1, 20, 1), put(2, 19, 2), get(3, 4, 1), get(5, 6, 2), get(7, 8, 1)});
}

TEST(Linearizable, RejectsAFailureWithoutCause) {
  expect_bad({put(1, 2, 1), compare_and_set(3, 4, 1, 2, false)});
}

TEST(Linearizable, AcceptsThatTheUnknownHappensLateOrNever) {
  expect_good({unknown(put(1, 0, 1)), get(2, 3, {})});
  expect_good({unknown(put(1, 0, 1)), get(2, 3, {}), get(4, 5, {}), get(6, 7, 1)});
  expect_good({put(1, 2, 1), unknown(put(3, 0, 2)), compare_and_set(4, 5, 1, 3, false)});
  expect_good({unknown(add(1, 0, 1, 0)), unknown(add(1, 0, 1, 0)), unknown(add(1, 0, 1, 0)),
               get(2, 3, 1), get(4, 5, 3)});
}

TEST(Linearizable, RejectsThatTheUnknownHappensTwice) {
  expect_bad({unknown(put(1, 0, 1)), get(2, 3, 1), put(4, 5, 2), get(6, 7, 1)});
  expect_bad({unknown(add(1, 0, 5, 0)), unknown(add(1, 0, 1, 0)), get(2, 3, 7)});
}

TEST(Linearizable, RejectsThatTheUnknownHappensBeforeItBegan) {
  expect_bad({get(1, 2, 1), unknown(put(3, 0, 1))});
}

TEST(Linearizable, SaysWhenItGivesUp) {
  std::vector<KeyOperation> history;
  for (int i = 0; i < 24; ++i) history.push_back(unknown(add(1, 0, int64_t{1} << i, 0)));
  history.push_back(get(100, 101, -1));
  EXPECT_EQ(check_linearizable(history, {}, 10'000).verdict, Verdict::kUndecided);
}

// Every order of every selection: the definition itself.
bool brute_force(const std::vector<KeyOperation>& history) {
  std::vector<size_t> order(history.size());
  std::iota(order.begin(), order.end(), size_t{0});
  do {
    // What is unknown may be left out: try all prefixes that have everything known, and all
    // selections of the unknown in them.
    for (uint32_t left_out = 0; left_out < (uint32_t{1} << history.size()); ++left_out) {
      bool selection_is_fine = true;
      for (size_t i = 0; i < history.size(); ++i) {
        if ((left_out >> i & 1) != 0 && !history[i].unknown) selection_is_fine = false;
      }
      if (!selection_is_fine) continue;
      KeyValue value;
      bool fits = true;
      std::vector<size_t> done;
      for (size_t i : order) {
        if ((left_out >> i & 1) != 0) continue;
        for (size_t earlier : done) {
          if (!history[i].unknown && history[i].ended < history[earlier].begun) fits = false;
        }
        if (!fits || !take_effect(history[i], value)) {
          fits = false;
          break;
        }
        done.push_back(i);
      }
      if (fits) return true;
    }
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

KeyOperation random_operation(Random& random, Tick& tick, bool sequential) {
  KeyOperation operation;
  operation.kind = static_cast<Kind>(random.below(7));
  operation.argument = static_cast<int64_t>(random.between(1, 2));
  if (!random.one_in(3)) operation.expected = static_cast<int64_t>(random.between(1, 2));
  if (!random.one_in(3)) operation.value = static_cast<int64_t>(random.between(1, 3));
  operation.done = random.one_in(2);
  if (sequential) {
    operation.begun = ++tick;
    operation.ended = ++tick;
  } else {
    operation.begun = random.between(1, 8);
    operation.ended = random.between(operation.begun, 9);
  }
  if (random.one_in(4)) operation = unknown(operation);
  return operation;
}

TEST(Linearizable, AgreesWithBruteForceOnTinyHistories) {
  Random random(1);
  int good = 0, bad = 0;
  for (int round = 0; round < 30'000; ++round) {
    std::vector<KeyOperation> history;
    Tick tick = 0;
    const bool sequential = random.one_in(4);
    const size_t size = random.between(1, 5);
    for (size_t i = 0; i < size; ++i) {
      history.push_back(random_operation(random, tick, sequential));
    }
    // Half of them: answers from one real order, so that good ones are not rare.
    if (random.one_in(2)) {
      std::vector<size_t> order(size);
      std::iota(order.begin(), order.end(), size_t{0});
      std::stable_sort(order.begin(), order.end(),
                       [&](size_t a, size_t b) { return history[a].begun < history[b].begun; });
      KeyValue value;
      for (size_t i : order) {
        KeyOperation& operation = history[i];
        const KeyValue before = value;
        KeyOperation effect = operation;
        effect.unknown = true;
        take_effect(effect, value);
        operation.value = operation.kind == Kind::kAdd ? value : before;
        operation.done =
            operation.kind == Kind::kErase ? before.has_value() : before == operation.expected;
      }
    }
    const bool expected = brute_force(history);
    ++(expected ? good : bad);
    std::string text;
    for (const KeyOperation& operation : history) text += describe(operation) + "\n";
    ASSERT_EQ(verdict(history), expected ? Verdict::kLinearizable : Verdict::kNotLinearizable)
        << "round " << round << "\n"
        << text;
  }
  EXPECT_GT(good, 5'000);
  EXPECT_GT(bad, 5'000);
}

TEST(Linearizable, DecidesLongHistoriesOfManyClients) {
  // Eight clients, a thousand operations, one in twenty of them unknown.
  Random random(2);
  std::vector<KeyOperation> history;
  std::vector<Tick> free_at(8, 0);
  KeyValue value;
  Tick tick = 0;
  std::vector<std::pair<Tick, KeyOperation>> effects;
  for (int i = 0; i < 1'000; ++i) {
    const size_t client = random.below(free_at.size());
    KeyOperation operation;
    operation.kind = static_cast<Kind>(random.below(3));
    operation.argument = i + 1;
    operation.begun = std::max(tick, free_at[client]) * 10 + client + 1;
    tick += 1 + random.below(2);
    const Tick effect = operation.begun + random.below(40);
    operation.ended = effect + random.below(40);
    free_at[client] = operation.ended / 10 + 1;
    if (random.one_in(20)) operation = unknown(operation);
    effects.emplace_back(effect, operation);
  }
  std::stable_sort(effects.begin(), effects.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  for (auto& [_, operation] : effects) {
    if (operation.unknown && random.one_in(2)) {
      history.push_back(operation);
      continue;  // never took effect
    }
    const KeyValue before = value;
    KeyOperation effect = operation;
    effect.unknown = true;
    take_effect(effect, value);
    operation.value = before;
    history.push_back(operation);
  }
  expect_good(history);
  // One answer that is off by one.
  for (KeyOperation& operation : history) {
    if (operation.kind == Kind::kGet && !operation.unknown && operation.begun > 4'000) {
      operation.value = operation.value.value_or(0) + 1'000'000;
      break;
    }
  }
  expect_bad(history);
}

}  // namespace
}  // namespace ram::sim
