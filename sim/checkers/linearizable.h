// Is there one order of a key's operations that explains every answer, and in which an operation
// that ended before another began comes first?
//
// A search, not a heuristic: depth first over which operation takes effect next, with a memo of the
// (set of operations done, value) that led nowhere. Operations whose outcome is unknown may take
// effect at any time after they began, or never; they are tried last, as few are needed, and of
// those that do the same only the first. Values that no answer shows count as one.
//
// Source: Wing and Gong, "Testing and Verifying Concurrent Objects" (1993); the memo is Lowe's,
// "Testing for linearizability" (2017), section 4.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <vector>

namespace ram::sim {

// Counts whatever happens in a run, one after the other: finer than virtual time, in which many
// things happen at once.
using Tick = uint64_t;
inline constexpr Tick kNoTick = std::numeric_limits<Tick>::max();

// What a key holds.
using KeyValue = std::optional<int64_t>;

// One operation on one key. Operations that are known to have had no effect and no answer (refused)
// are not part of a history.
struct KeyOperation {
  enum class Kind : uint8_t {
    kGet,            // answer: value
    kPut,            // sets `argument`
    kExchange,       // sets `argument`; answer: value before
    kCompareAndSet,  // sets `argument` if the value is `expected`; answer: done
    kAdd,            // adds `argument`, to 0 if absent; answer: value after
    kErase,          // answer: done, if there was a value
    kTake,           // erases; answer: value before
  };
  Kind kind = Kind::kGet;
  int64_t argument = 0;
  KeyValue expected;
  // Outcome unknown: it may have taken effect, or may yet; `ended` and the answer mean nothing.
  bool unknown = false;
  Tick begun = 0;
  Tick ended = kNoTick;
  KeyValue value;         // answer
  bool done = false;      // answer
  uint64_t revision = 0;  // of the store that was read, or that it made; 0: it had no effect
};

enum class Verdict : uint8_t {
  kLinearizable,
  kNotLinearizable,
  kUndecided,  // gave up: too many states
};

struct LinearizableResult {
  Verdict verdict = Verdict::kLinearizable;
  uint64_t states = 0;  // visited
  // Not linearizable: the longest prefix that could be explained, and what could not follow it.
  std::string explanation;
};

// The history of one key, in any order; the key starts with `initial`.
LinearizableResult check_linearizable(const std::vector<KeyOperation>& history,
                                      KeyValue initial = {}, uint64_t states_max = 2'000'000);

// The effect of `operation` on `value`; false if its answer does not fit (never for unknown ones).
bool take_effect(const KeyOperation& operation, KeyValue& value);

std::string describe(const KeyOperation& operation);

}  // namespace ram::sim
