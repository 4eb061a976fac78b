#include "sim/checkers/model.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "machine/command_codec.h"

namespace ram::sim {

std::string encode(const Transaction& transaction) {
  std::string conditions, operations;
  for (const Condition& condition : transaction.conditions) {
    machine::encode(conditions, machine::Condition{.kind = condition.kind,
                                                   .table = condition.key.table,
                                                   .key = condition.key.key,
                                                   .revision = Revision(condition.revision)});
  }
  for (const Edit& edit : transaction.edits) {
    machine::encode(operations, machine::Operation{.kind = edit.kind,
                                                   .table = edit.key.table,
                                                   .key = edit.key.key,
                                                   .value = edit.value,
                                                   .delta = edit.delta});
  }
  return machine::encode_transaction(transaction.conditions.size(), conditions,
                                     transaction.edits.size(), operations);
}

Version Model::at(const KeyName& key, uint64_t revision) const {
  const auto found = versions_.find(key);
  if (found == versions_.end()) return {};
  const auto& versions = found->second;
  auto after =
      std::upper_bound(versions.begin(), versions.end(), revision,
                       [](uint64_t r, const Version& version) { return r < version.revision; });
  return after == versions.begin() ? Version{} : *std::prev(after);
}

uint64_t Model::next_change(const KeyName& key, uint64_t revision) const {
  const auto found = versions_.find(key);
  if (found == versions_.end()) return 0;
  const auto& versions = found->second;
  auto after =
      std::upper_bound(versions.begin(), versions.end(), revision,
                       [](uint64_t r, const Version& version) { return r < version.revision; });
  return after == versions.end() ? 0 : after->revision;
}

bool Model::holds(const Transaction& transaction, uint64_t revision) const {
  return std::all_of(transaction.conditions.begin(), transaction.conditions.end(),
                     [&](const Condition& condition) {
                       const Version version = at(condition.key, revision);
                       switch (condition.kind) {
                         case machine::ConditionKind::kAbsent:
                           return !version.value.has_value();
                         case machine::ConditionKind::kPresent:
                           return version.value.has_value();
                         case machine::ConditionKind::kRevisionIs:
                           return version.value.has_value() &&
                                  version.revision == condition.revision;
                       }
                       return false;
                     });
}

bool Model::apply(const Transaction& transaction, uint64_t revision, std::vector<Answer>& answers) {
  using Kind = machine::OperationKind;
  answers.clear();
  std::map<KeyName, std::optional<std::string>> changed;
  for (const Edit& edit : transaction.edits) {
    const auto before = changed.find(edit.key);
    const std::optional<std::string> value =
        before != changed.end() ? before->second : at(edit.key, revision).value;
    Answer answer;
    switch (edit.kind) {
      case Kind::kPut:
        changed[edit.key] = edit.value;
        break;
      case Kind::kExchange:
        answer.value = value;
        changed[edit.key] = edit.value;
        break;
      case Kind::kErase:
        answer.number = value ? 1 : 0;
        if (value) changed[edit.key] = std::nullopt;
        break;
      case Kind::kTake:
        answer.value = value;
        if (value) changed[edit.key] = std::nullopt;
        break;
      case Kind::kAppend:
        changed[edit.key] = value.value_or("") + edit.value;
        answer.number = static_cast<int64_t>(changed[edit.key]->size());
        break;
      case Kind::kAdd: {
        const std::string text = value.value_or("0");
        int64_t number = 0;
        const auto end = text.data() + text.size();
        const auto parsed = std::from_chars(text.data(), end, number);
        if (parsed.ec != std::errc() || parsed.ptr != end) return false;
        answer.number = number + edit.delta;
        changed[edit.key] = std::to_string(answer.number);
        break;
      }
      case Kind::kGet:
        answer.value = value;
        break;
      case Kind::kClear:
        for (const auto& [key, versions] : versions_) {
          if (key.table == edit.key.table && versions.back().value) changed[key] = std::nullopt;
        }
        for (auto& [key, now] : changed) {
          if (key.table == edit.key.table) now = std::nullopt;
        }
        break;
      case Kind::kClearAll:
        RAM_CHECK(false && "no workload clears all");
    }
    answers.push_back(std::move(answer));
  }
  for (auto& [key, value] : changed) {
    std::vector<Version>& versions = versions_[key];
    RAM_CHECK(versions.empty() || versions.back().revision < revision);
    versions.push_back({revision, std::move(value)});
  }
  return true;
}

}  // namespace ram::sim
