#include "sim/checkers/linearizable.h"

#include <algorithm>
#include <cstddef>
#include <set>
#include <unordered_set>

#include "base/random.h"

namespace ram::sim {

namespace {

// What a search state is, apart from time: which operations are done, and the value they left.
struct Visited {
  std::vector<uint64_t> done;
  KeyValue value;
  bool operator==(const Visited&) const = default;
};

struct VisitedHash {
  size_t operator()(const Visited& visited) const {
    uint64_t hash = visited.value ? mix64(static_cast<uint64_t>(*visited.value)) : 1;
    for (uint64_t word : visited.done) hash = mix64(hash ^ word);
    return static_cast<size_t>(hash);
  }
};

// Stands for all values that no answer shows: to swap two of them changes no answer.
constexpr int64_t kUnseen = std::numeric_limits<int64_t>::min();

// Operations known to have ended come first, by their beginning; then those of unknown outcome.
class Search {
 public:
  Search(const std::vector<KeyOperation>& history, KeyValue initial, uint64_t states_max)
      : states_max_(states_max), operations_(history) {
    // A read that never answered says nothing.
    std::erase_if(operations_, [](const KeyOperation& operation) {
      return operation.unknown && operation.kind == KeyOperation::Kind::kGet;
    });
    std::stable_sort(operations_.begin(), operations_.end(),
                     [](const KeyOperation& a, const KeyOperation& b) {
                       return a.unknown != b.unknown ? b.unknown : a.begun < b.begun;
                     });
    while (known_ < operations_.size() && !operations_[known_].unknown) ++known_;
    told_ = operations_;
    merge_unseen(initial);
    find_twins();
    here_.done.resize((operations_.size() + 63) / 64);
    here_.value = initial;
  }

  LinearizableResult run() {
    LinearizableResult result;
    push();
    while (!stack_.empty()) {
      if (longest_.size() < order_.size() || longest_.empty()) longest_ = order_;
      if (known_done_ == known_) {
        result.states = states_;
        return result;
      }
      if (states_ > states_max_) {
        result.verdict = Verdict::kUndecided;
        result.states = states_;
        return result;
      }
      if (!advance()) pop();
    }
    result.verdict = Verdict::kNotLinearizable;
    result.states = states_;
    result.explanation = explain();
    return result;
  }

 private:
  // One step of the path: what may come next, and how far we got trying.
  struct Step {
    std::vector<uint32_t> candidates;
    size_t next = 0;
    KeyValue value_before;
  };

  void merge_unseen(KeyValue initial) {
    std::set<int64_t> seen;
    for (const KeyOperation& operation : operations_) {
      if (operation.kind == KeyOperation::Kind::kAdd) return;  // values are counted with
      if (operation.expected) seen.insert(*operation.expected);
      if (!operation.unknown && operation.value) seen.insert(*operation.value);
    }
    if (initial) seen.insert(*initial);
    for (KeyOperation& operation : operations_) {
      if (!seen.contains(operation.argument)) operation.argument = kUnseen;
    }
  }

  // Of unknown operations that do the same, the one that began first may as well come first.
  void find_twins() {
    twin_.assign(operations_.size(), kNoTwin);
    for (size_t i = known_; i < operations_.size(); ++i) {
      for (size_t earlier = i; earlier-- > known_;) {
        const KeyOperation &a = operations_[earlier], &b = operations_[i];
        if (a.kind == b.kind && a.argument == b.argument && a.expected == b.expected) {
          twin_[i] = earlier;
          break;
        }
      }
    }
  }

  bool is_done(size_t i) const { return (here_.done[i / 64] >> (i % 64) & 1) != 0; }
  void flip(size_t i) { here_.done[i / 64] ^= uint64_t{1} << (i % 64); }

  // What may take effect next: what began before everything that is not done ended.
  void push() {
    Step step;
    Tick first_end = kNoTick;
    size_t i = 0;
    while (i < known_ && is_done(i)) ++i;
    for (; i < known_ && operations_[i].begun <= first_end; ++i) {
      if (is_done(i)) continue;
      step.candidates.push_back(static_cast<uint32_t>(i));
      first_end = std::min(first_end, operations_[i].ended);
    }
    std::erase_if(step.candidates, [&](uint32_t c) { return operations_[c].begun > first_end; });
    std::stable_sort(step.candidates.begin(), step.candidates.end(), [&](uint32_t a, uint32_t b) {
      return operations_[a].ended < operations_[b].ended;
    });
    for (i = known_; i < operations_.size() && operations_[i].begun <= first_end; ++i) {
      if (is_done(i) || (twin_[i] != kNoTwin && !is_done(twin_[i]))) continue;
      step.candidates.push_back(static_cast<uint32_t>(i));
    }
    step.value_before = here_.value;
    stack_.push_back(std::move(step));
  }

  void pop() {
    stack_.pop_back();
    if (stack_.empty()) return;
    const uint32_t last = order_.back();
    order_.pop_back();
    flip(last);
    if (last < known_) --known_done_;
    here_.value = stack_.back().value_before;
  }

  // Goes one step deeper; false if there is none left to go.
  bool advance() {
    Step& step = stack_.back();
    while (step.next < step.candidates.size()) {
      const uint32_t candidate = step.candidates[step.next++];
      KeyValue after = step.value_before;
      if (!take_effect(operations_[candidate], after)) continue;
      // Of what is unknown, that which changes nothing need not be.
      if (candidate >= known_ && after == step.value_before) continue;
      flip(candidate);
      here_.value = after;
      if (!visited_.insert(here_).second) {
        flip(candidate);
        here_.value = step.value_before;
        continue;
      }
      ++states_;
      order_.push_back(candidate);
      if (candidate < known_) ++known_done_;
      push();
      return true;
    }
    return false;
  }

  std::string explain() const {
    std::string text = "explained in this order, at most:\n";
    std::set<uint32_t> done(longest_.begin(), longest_.end());
    const size_t from = longest_.size() > 12 ? longest_.size() - 12 : 0;
    if (from > 0) text += "  ... " + std::to_string(from) + " operations\n";
    for (size_t i = from; i < longest_.size(); ++i) {
      text += "  " + describe(told_[longest_[i]]) + "\n";
    }
    text += "not explained, the first of them:\n";
    size_t shown = 0;
    for (uint32_t i = 0; i < known_ && shown < 6; ++i) {
      if (done.contains(i)) continue;
      text += "  " + describe(told_[i]) + "\n";
      ++shown;
    }
    return text;
  }

  static constexpr size_t kNoTwin = SIZE_MAX;

  const uint64_t states_max_;
  std::vector<KeyOperation> operations_;
  std::vector<KeyOperation> told_;  // the same before merge_unseen()
  std::vector<size_t> twin_;        // of an unknown one, the one before that does the same
  size_t known_ = 0;
  size_t known_done_ = 0;
  Visited here_;
  std::vector<Step> stack_;
  std::vector<uint32_t> order_;
  std::vector<uint32_t> longest_;
  std::unordered_set<Visited, VisitedHash> visited_;
  uint64_t states_ = 0;
};

std::string text_of(const KeyValue& value) {
  return value ? std::to_string(*value) : "absent";
}

}  // namespace

LinearizableResult check_linearizable(const std::vector<KeyOperation>& history, KeyValue initial,
                                      uint64_t states_max) {
  return Search(history, initial, states_max).run();
}

bool take_effect(const KeyOperation& operation, KeyValue& value) {
  using Kind = KeyOperation::Kind;
  const KeyValue before = value;
  const bool known = !operation.unknown;
  switch (operation.kind) {
    case Kind::kGet:
      return !known || operation.value == before;
    case Kind::kPut:
      value = operation.argument;
      return true;
    case Kind::kExchange:
      value = operation.argument;
      return !known || operation.value == before;
    case Kind::kCompareAndSet: {
      const bool matches = before == operation.expected;
      if (matches) value = operation.argument;
      return !known || operation.done == matches;
    }
    case Kind::kAdd:
      value = before.value_or(0) + operation.argument;
      return !known || operation.value == value;
    case Kind::kErase:
      value.reset();
      return !known || operation.done == before.has_value();
    case Kind::kTake:
      value.reset();
      return !known || operation.value == before;
  }
  return false;
}

std::string describe(const KeyOperation& operation) {
  using Kind = KeyOperation::Kind;
  std::string text = "[" + std::to_string(operation.begun) + ", ";
  text += operation.unknown ? "?" : std::to_string(operation.ended);
  text += "] ";
  const std::string argument = std::to_string(operation.argument);
  const bool known = !operation.unknown;
  const std::string value = known ? " -> " + text_of(operation.value) : " -> ?";
  const std::string done = known ? (operation.done ? " -> done" : " -> not done") : " -> ?";
  switch (operation.kind) {
    case Kind::kGet:
      return text + "get" + value;
    case Kind::kPut:
      return text + "put " + argument + (known ? "" : " -> ?");
    case Kind::kExchange:
      return text + "exchange " + argument + value;
    case Kind::kCompareAndSet:
      return text + "compare " + text_of(operation.expected) + " and set " + argument + done;
    case Kind::kAdd:
      return text + "add " + argument + value;
    case Kind::kErase:
      return text + "erase" + done;
    case Kind::kTake:
      return text + "take" + value;
  }
  return text;
}

}  // namespace ram::sim
