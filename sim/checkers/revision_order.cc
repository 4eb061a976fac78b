#include "sim/checkers/revision_order.h"

#include <algorithm>

namespace ram::sim {

namespace {

using Ending = StoreOperation::Ending;

std::string name_of(const StoreOperation& operation) {
  std::string text = operation.is_write ? "write" : "read";
  if (!operation.token.empty()) text += " " + operation.token;
  text += " [" + std::to_string(operation.begun) + ", " +
          (operation.ended == kNoTick ? "?" : std::to_string(operation.ended)) + "]";
  if (operation.revision != 0) text += " at revision " + std::to_string(operation.revision);
  return text;
}

std::string text_of(const Version& version) {
  if (!version.value) return "absent";
  return "\"" + version.value->substr(0, 60) + "\" of revision " + std::to_string(version.revision);
}

bool same(const Version& a, const Version& b) {
  return a.value == b.value && (!a.value || a.revision == b.revision);
}

class Check {
 public:
  Check(std::vector<StoreOperation> operations, const FinalState& final_state, size_t lines_max)
      : operations_(std::move(operations)), final_(final_state), lines_max_(lines_max) {}

  std::vector<std::string> run() {
    place_by_tokens();
    order_writes();
    replay();
    bound();
    for (size_t i = 0; i < operations_.size(); ++i) look_at(i);
    return std::move(violations_);
  }

 private:
  void violation(std::string line) {
    if (violations_.size() < lines_max_) violations_.push_back(std::move(line));
  }

  // The revision of a write that is known to have had an effect; 0: not known, or none.
  static uint64_t placed(const StoreOperation& operation) {
    if (!operation.is_write) return 0;
    return operation.ending == Ending::kDone ? operation.revision : operation.found_at;
  }

  void place_by_tokens() {
    for (StoreOperation& operation : operations_) {
      if (!operation.is_write || operation.token.empty()) continue;
      const auto found = final_.tokens.find(operation.token);
      const bool present = found != final_.tokens.end() && found->second.value.has_value();
      if (present && found->second.value != "1") {
        violation("applied more than once: " + name_of(operation) + ", its token is " +
                  text_of(found->second));
      }
      switch (operation.ending) {
        case Ending::kDone:
          if (operation.outcome != machine::Outcome::kApplied) {
            if (present) violation("had no effect, yet has: " + name_of(operation));
          } else if (!present) {
            violation("acknowledged and lost: " + name_of(operation));
          } else if (found->second.revision != operation.revision) {
            violation("token of " + name_of(operation) + " is " + text_of(found->second));
          }
          break;
        case Ending::kRefused:
          if (present) violation("refused, yet applied: " + name_of(operation));
          break;
        case Ending::kUnknown:
          if (present) operation.found_at = found->second.revision;
          break;
      }
    }
  }

  void order_writes() {
    for (size_t i = 0; i < operations_.size(); ++i) {
      if (placed(operations_[i]) != 0) writes_.push_back(i);
    }
    std::stable_sort(writes_.begin(), writes_.end(), [&](size_t a, size_t b) {
      return placed(operations_[a]) < placed(operations_[b]);
    });
    for (size_t i = 1; i < writes_.size(); ++i) {
      const StoreOperation &a = operations_[writes_[i - 1]], &b = operations_[writes_[i]];
      if (placed(a) == placed(b)) {
        violation("two writes of one revision " + std::to_string(placed(a)) + ": " + name_of(a) +
                  ", " + name_of(b));
      }
    }
    uint64_t unplaced = 0;
    for (const StoreOperation& operation : operations_) {
      if (is_unplaced(operation)) ++unplaced;
    }
    if (final_.revision > writes_.size() + unplaced) {
      violation("the store ends at revision " + std::to_string(final_.revision) + ", but only " +
                std::to_string(writes_.size()) + " writes are known to have had an effect and " +
                std::to_string(unplaced) + " perhaps had: something was applied twice");
    }
  }

  static bool is_unplaced(const StoreOperation& operation) {
    return operation.is_write && operation.ending == Ending::kUnknown && operation.found_at == 0 &&
           operation.token.empty();
  }

  void replay() {
    uint64_t last = 0;
    for (size_t i : writes_) {
      const StoreOperation& write = operations_[i];
      if (!write.tracked || placed(write) == last) continue;
      last = placed(write);
      if (!model_.holds(write.transaction, last - 1)) {
        violation("applied although a condition does not hold: " + name_of(write) +
                  describe(write));
      }
      std::vector<Answer> answers;
      if (!model_.apply(write.transaction, last, answers)) {
        violation("applied although an edit fails: " + name_of(write));
      } else if (write.ending == Ending::kDone && answers != write.answers) {
        violation("answers of " + name_of(write) + " are not those of its revision" +
                  describe(write));
      }
    }
  }

  // The bounds of each operation by real time. Ticks are met in order; a write counts from its
  // beginning as one that may be seen, from its end (or any sight of it) as one that must be.
  void bound() {
    struct Edge {
      Tick tick;
      bool ends;
      size_t operation;
    };
    std::vector<Edge> edges;
    for (size_t i = 0; i < operations_.size(); ++i) {
      const StoreOperation& operation = operations_[i];
      if (operation.ending == Ending::kRefused) continue;
      edges.push_back({operation.begun, false, i});
      if (operation.ending == Ending::kDone) edges.push_back({operation.ended, true, i});
    }
    std::stable_sort(edges.begin(), edges.end(), [](const Edge& a, const Edge& b) {
      return a.tick != b.tick ? a.tick < b.tick : a.ends < b.ends;
    });
    lower_.assign(operations_.size(), 0);
    upper_.assign(operations_.size(), UINT64_MAX);
    uint64_t known = 0, begun = 0, unplaced = 0;
    for (const Edge& edge : edges) {
      const StoreOperation& operation = operations_[edge.operation];
      if (edge.ends) {
        upper_[edge.operation] = begun + unplaced;
        known = std::max(known, operation.revision);
        continue;
      }
      lower_[edge.operation] = known;
      begun = std::max(begun, placed(operation));
      if (is_unplaced(operation)) ++unplaced;
    }
  }

  void look_at(size_t i) {
    const StoreOperation& operation = operations_[i];
    if (operation.ending == Ending::kRefused) return;
    if (operation.is_write) {
      const uint64_t revision = placed(operation);
      if (revision != 0 && revision <= lower_[i]) {
        violation("takes effect before it began: " + name_of(operation) + ", though revision " +
                  std::to_string(lower_[i]) + " was known before");
      }
      if (operation.ending == Ending::kDone && operation.tracked &&
          operation.outcome == machine::Outcome::kConditionFailed && !may_fail(operation, i)) {
        violation("refused although its conditions hold all the time: " + name_of(operation) +
                  describe(operation));
      }
      return;
    }
    if (operation.ending != Ending::kDone) return;
    const uint64_t change = next_change(operation);
    if (change != 0 && change <= lower_[i]) {
      violation("stale: " + name_of(operation) + ", though revision " + std::to_string(change) +
                " changed what it read, and revision " + std::to_string(lower_[i]) +
                " was acknowledged or read before it began");
    }
    if (operation.revision > upper_[i]) {
      violation("from the future: " + name_of(operation) + ", though at most revision " +
                std::to_string(upper_[i]) + " had begun when it ended");
    }
    if (!operation.tracked) return;
    for (size_t k = 0; k < operation.keys.size(); ++k) {
      const Version expected = model_.at(operation.keys[k], operation.revision);
      if (same(expected, operation.seen[k])) continue;
      violation("one of " + std::to_string(operation.keys.size()) + " keys of " +
                name_of(operation) + ", " + operation.keys[k].table + "/" + operation.keys[k].key +
                ", was seen as " + text_of(operation.seen[k]) + ", and is " + text_of(expected));
      break;
    }
  }

  // The first revision at which a read would have seen something else; 0: none is known.
  uint64_t next_change(const StoreOperation& read) const {
    uint64_t first = 0;
    if (!read.tracked) return first;  // the search's to judge
    for (const KeyName& key : read.keys) {
      const uint64_t change = model_.next_change(key, read.revision);
      if (change != 0 && (first == 0 || change < first)) first = change;
    }
    return first;
  }

  // Whether the conditions fail at some revision between the bounds.
  bool may_fail(const StoreOperation& operation, size_t i) const {
    const uint64_t upper = std::min(upper_[i], final_.revision);
    for (uint64_t revision = lower_[i];;) {
      if (!model_.holds(operation.transaction, revision)) return true;
      uint64_t next = 0;
      for (const Condition& condition : operation.transaction.conditions) {
        const uint64_t change = model_.next_change(condition.key, revision);
        if (change != 0 && (next == 0 || change < next)) next = change;
      }
      if (next == 0 || next > upper) return false;
      revision = next;
    }
  }

  static std::string describe(const StoreOperation& operation) {
    std::string text = ":";
    for (const Condition& condition : operation.transaction.conditions) {
      text += " if " + condition.key.table + "/" + condition.key.key;
      text += condition.kind == machine::ConditionKind::kRevisionIs
                  ? "@" + std::to_string(condition.revision)
              : condition.kind == machine::ConditionKind::kAbsent ? " absent"
                                                                  : " present";
    }
    for (size_t e = 0; e < operation.transaction.edits.size(); ++e) {
      const Edit& edit = operation.transaction.edits[e];
      text += " edit" + std::to_string(static_cast<int>(edit.kind)) + " " + edit.key.table + "/" +
              edit.key.key;
      if (e < operation.answers.size()) {
        text += " -> " + operation.answers[e].value.value_or("-").substr(0, 40) + "," +
                std::to_string(operation.answers[e].number);
      }
    }
    return text;
  }

  std::vector<StoreOperation> operations_;
  const FinalState& final_;
  const size_t lines_max_;
  Model model_;
  std::vector<size_t> writes_;  // placed, by revision
  std::vector<uint64_t> lower_, upper_;
  std::vector<std::string> violations_;
};

}  // namespace

std::vector<std::string> check_revision_order(std::vector<StoreOperation> operations,
                                              const FinalState& final_state, size_t lines_max) {
  return Check(std::move(operations), final_state, lines_max).run();
}

}  // namespace ram::sim
