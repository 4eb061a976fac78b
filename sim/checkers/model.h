// The simplest store there could be, and transactions on it: what the real one is compared with.
//
// Every version of every key is kept, so that one can ask what was there at any revision.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "machine/command.h"

namespace ram::sim {

struct KeyName {
  std::string table;
  std::string key;
  auto operator<=>(const KeyName&) const = default;
};

struct Condition {
  machine::ConditionKind kind = machine::ConditionKind::kAbsent;
  KeyName key;
  uint64_t revision = 0;
};

struct Edit {
  machine::OperationKind kind = machine::OperationKind::kGet;
  KeyName key;
  std::string value;
  int64_t delta = 0;
};

struct Answer {
  std::optional<std::string> value;
  int64_t number = 0;
  bool operator==(const Answer&) const = default;
};

struct Transaction {
  std::vector<Condition> conditions;
  std::vector<Edit> edits;
};

// As machine/command_codec.h has it.
std::string encode(const Transaction& transaction);

struct Version {
  uint64_t revision = 0;             // 0: the key never existed
  std::optional<std::string> value;  // nothing: erased
  bool operator==(const Version&) const = default;
};

class Model {
 public:
  // The version of `key` at `revision`; an absent key has no value, whatever its revision.
  Version at(const KeyName& key, uint64_t revision) const;
  // The first revision above `revision` at which `key` has another version; 0: none.
  uint64_t next_change(const KeyName& key, uint64_t revision) const;

  // Whether the conditions hold in the state as of `revision`.
  bool holds(const Transaction& transaction, uint64_t revision) const;
  // Applies the edits at `revision`, above all before, whatever the conditions say. False: an edit
  // fails, and there was no effect.
  bool apply(const Transaction& transaction, uint64_t revision, std::vector<Answer>& answers);

 private:
  std::map<KeyName, std::vector<Version>> versions_;
};

}  // namespace ram::sim
