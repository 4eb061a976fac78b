#include "machine/staging.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "machine/decimal.h"

namespace ram::machine {
namespace {

// Up to so many tables, and keys, are looked through one by one.
constexpr size_t kFew = 8;
// What a large transaction needed beyond this is given back.
constexpr size_t kItemsKept = 4096;
constexpr size_t kOwnBytesKept = 4096;

}  // namespace

void Staging::reset() {
  if (items_.size() > kItemsKept || uses_.size() > kItemsKept) {
    items_ = {};
    uses_ = {};
    item_of_name_ = decltype(item_of_name_)();
    use_of_name_ = decltype(use_of_name_)(0, NameHash{&tables_});
  } else {
    for (size_t i = 0; i < items_used_; ++i) {
      if (items_[i].own.capacity() > kOwnBytesKept) items_[i].own = {};
    }
    uses_.clear();
    if (!item_of_name_.empty()) item_of_name_.clear();
    if (!use_of_name_.empty()) use_of_name_.clear();
  }
  items_used_ = 0;
  operation_ = 0;
  all_cleared_at_ = 0;
  changes_ = false;
}

void Staging::run(TransactionReader transaction, size_t& work_left, Reply& reply) {
  reset();
  reply.outcome = Outcome::kApplied;
  reply.answers = 0;
  reply.answer_bytes.clear();

  for (Condition condition; transaction.next(condition);) {
    if (!holds(condition)) {
      reply.outcome = Outcome::kConditionFailed;
      return;
    }
  }

  AnswerWriter answers(reply.answer_bytes);
  size_t appended = 0;  // bytes of values copied or lengthened
  for (Operation operation; transaction.next(operation);) {
    ++operation_;
    reply.outcome = operate(operation, answers, appended);
    const size_t work = appended + reply.answer_bytes.size();
    if (work > kTransactionBytesMax) {
      reply.outcome = Outcome::kTooLarge;
    } else if (work > work_left) {
      reply.outcome = Outcome::kOverloaded;
    }
    if (reply.outcome != Outcome::kApplied) break;
  }
  RAM_CHECK(reply.outcome != Outcome::kApplied || transaction.finished());
  if (reply.outcome == Outcome::kApplied) reply.outcome = survey();
  if (reply.outcome != Outcome::kApplied) {
    reply.answer_bytes = {};
    return;
  }
  reply.answers = transaction.operations();
  work_left -= appended + reply.answer_bytes.size();
}

bool Staging::holds(const Condition& condition) {
  const Tables::Table* table = tables_.find(condition.table);
  const store::Entry* entry =
      table == nullptr ? nullptr : tables_.find(*table, tables_.key(condition.key));
  switch (condition.kind) {
    case ConditionKind::kAbsent:
      return entry == nullptr;
    case ConditionKind::kPresent:
      return entry != nullptr;
    case ConditionKind::kRevisionIs:
      return entry != nullptr && entry->revision() == condition.revision;
  }
  return false;
}

Outcome Staging::operate(const Operation& operation, AnswerWriter& answers, size_t& work) {
  if (operation.kind == OperationKind::kClear) {
    uses_[use_of(operation.table)].cleared_at = operation_;
    answers.nothing();
    return Outcome::kApplied;
  }
  if (operation.kind == OperationKind::kClearAll) {
    all_cleared_at_ = operation_;
    answers.nothing();
    return Outcome::kApplied;
  }
  Item& item = item_of(operation);
  switch (operation.kind) {
    case OperationKind::kPut:
      set(item, operation.value);
      answers.nothing();
      return Outcome::kApplied;
    case OperationKind::kExchange:
      answer(item, answers);
      set(item, operation.value);
      return Outcome::kApplied;
    case OperationKind::kErase:
      answers.number(exists(item) ? 1 : 0);
      set_absent(item);
      return Outcome::kApplied;
    case OperationKind::kTake:
      answer(item, answers);
      set_absent(item);
      return Outcome::kApplied;
    case OperationKind::kAppend:
      return append(item, operation, answers, work);
    case OperationKind::kAdd:
      return add(item, operation, answers);
    case OperationKind::kGet:
      answer(item, answers);
      return Outcome::kApplied;
    case OperationKind::kClear:
    case OperationKind::kClearAll:
      break;
  }
  return Outcome::kApplied;
}

Outcome Staging::append(Item& item, const Operation& operation, AnswerWriter& answers,
                        size_t& work) {
  const std::string_view before = current(item);
  const size_t bytes = before.size() + operation.value.size();
  if (bytes > kValueBytesMax) return Outcome::kOverflow;
  if (item.state != State::kPut || !item.owns) {
    work += before.size();
    item.own.assign(before);
    item.owns = true;
    item.state = State::kPut;
  }
  work += operation.value.size();
  item.own.append(operation.value);
  answers.number(static_cast<int64_t>(bytes));
  return Outcome::kApplied;
}

Outcome Staging::add(Item& item, const Operation& operation, AnswerWriter& answers) {
  int64_t sum = 0;
  if (exists(item)) {
    const std::optional<int64_t> number = parse_decimal(current(item));
    if (!number) return Outcome::kNotANumber;
    sum = *number;
  }
  if (__builtin_add_overflow(sum, operation.delta, &sum)) return Outcome::kOverflow;
  item.own.assign(Decimal(sum).text());
  item.owns = true;
  item.state = State::kPut;
  answers.number(sum);
  return Outcome::kApplied;
}

// What is left in the end, and whether there is room for its tables.
Outcome Staging::survey() {
  size_t new_tables = 0;
  for (size_t i = 0; i < items_used_; ++i) {
    const Item& item = items_[i];
    if (is_void(item)) continue;
    if (item.state == State::kErased && item.base != nullptr) changes_ = true;
    if (item.state != State::kPut) continue;
    changes_ = true;
    TableUse& use = uses_[item.use];
    if (use.table == nullptr && !use.wanted) {
      use.wanted = true;
      ++new_tables;
    }
  }
  for (const TableUse& use : uses_) {
    if (use.cleared_at != 0 && use.table != nullptr && tables_.size(*use.table) > 0) {
      changes_ = true;
    }
  }
  if (all_cleared_at_ != 0 && tables_.entries() > 0) changes_ = true;
  if (tables_.count() + new_tables <= kTablesMax) return Outcome::kApplied;
  changes_ = false;
  return Outcome::kTooManyTables;
}

void Staging::apply(Revision revision) {
  RAM_CHECK(std::exchange(changes_, false));
  if (all_cleared_at_ != 0 && tables_.entries() > 0) {
    for (const auto& table : tables_.all()) {
      if (tables_.size(*table) > 0) tables_.clear(*table, revision);
    }
  }
  for (TableUse& use : uses_) {
    if (use.wanted) use.table = &tables_.make(use.name);
    if (use.cleared_at != 0 && use.table != nullptr && tables_.size(*use.table) > 0) {
      tables_.clear(*use.table, revision);
    }
  }
  for (size_t i = 0; i < items_used_; ++i) {
    const Item& item = items_[i];
    if (item.state == State::kUntouched || is_void(item)) continue;
    Tables::Table* const table = uses_[item.use].table;
    if (item.state == State::kPut) {
      tables_.put(*table, item.key, item.base, item.value(), revision);
    } else if (item.base != nullptr) {
      tables_.erase(*table, item.key, *item.base, revision);
    }
  }
}

// ---- what the transaction names ----

uint32_t Staging::use_of(std::string_view table) {
  const auto number = static_cast<uint32_t>(uses_.size());
  // Most transactions name one table; the codec then hands out the very same view.
  if (number > 0 && uses_.back().name.data() == table.data() &&
      uses_.back().name.size() == table.size()) {
    return number - 1;
  }
  if (use_of_name_.empty()) {
    for (uint32_t i = 0; i < number; ++i) {
      if (uses_[i].name == table) return i;
    }
  } else if (const auto found = use_of_name_.find(table); found != use_of_name_.end()) {
    return found->second;
  }
  uses_.push_back({.name = table, .table = tables_.find(table)});
  if (!use_of_name_.empty()) {
    use_of_name_.emplace(table, number);
  } else if (uses_.size() > kFew) {
    for (uint32_t i = 0; i <= number; ++i) use_of_name_.emplace(uses_[i].name, i);
  }
  return number;
}

Staging::Item& Staging::item_of(const Operation& operation) {
  const uint32_t use = use_of(operation.table);
  const ItemName name{use, tables_.key(operation.key)};
  Item* item = nullptr;
  if (item_of_name_.empty()) {
    for (size_t i = 0; i < items_used_ && item == nullptr; ++i) {
      if (name == ItemName{items_[i].use, items_[i].key}) item = &items_[i];
    }
  } else if (const auto found = item_of_name_.find(name); found != item_of_name_.end()) {
    item = &items_[found->second];
  }

  const bool is_new = item == nullptr;
  if (is_new) {
    if (items_used_ == items_.size()) items_.emplace_back();
    item = &items_[items_used_++];
    item->use = use;
    item->key = name.key;
    if (!item_of_name_.empty()) {
      item_of_name_.emplace(name, static_cast<uint32_t>(items_used_ - 1));
    } else if (items_used_ > kFew) {
      for (uint32_t i = 0; i < items_used_; ++i) {
        item_of_name_.emplace(ItemName{items_[i].use, items_[i].key}, i);
      }
    }
  }
  const uint32_t cleared = cleared_at(use);
  if (is_new || item->at < cleared) {
    const Tables::Table* table = uses_[use].table;
    item->state = State::kUntouched;
    item->owns = false;
    item->base = cleared != 0 || table == nullptr ? nullptr : tables_.find(*table, name.key);
  }
  item->at = operation_;
  return *item;
}

uint32_t Staging::cleared_at(uint32_t use) const {
  return std::max(uses_[use].cleared_at, all_cleared_at_);
}

bool Staging::exists(const Item& item) {
  return item.state == State::kPut || (item.state == State::kUntouched && item.base != nullptr);
}

std::string_view Staging::current(const Item& item) {
  if (item.state == State::kPut) return item.value();
  return exists(item) ? item.base->value() : std::string_view();
}

void Staging::set(Item& item, std::string_view value) {
  item.state = State::kPut;
  item.owns = false;
  item.view = value;
}

void Staging::answer(const Item& item, AnswerWriter& answers) {
  if (exists(item)) {
    answers.value(current(item));
  } else {
    answers.nothing();
  }
}

}  // namespace ram::machine
