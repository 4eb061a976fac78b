#include "machine/tables.h"

#include "base/check.h"
#include "base/limits.h"
#include "machine/digest.h"

namespace ram::machine {
namespace {

uint64_t digest_in(const Tables::Table& table, const store::Entry& entry) {
  return entry_digest(table.name_hash, entry.key(), entry.revision(), entry.type(), entry.value());
}

uint64_t bytes_of(const store::Entry& entry) {
  return entry.key().size() + entry.value().size();
}

}  // namespace

Tables::Tables(store::Store& store) : store_(store), by_name_(0, NameHash{&store}) {
  RAM_CHECK(store.table_count() == 0);
}

Tables::Table* Tables::find_other(std::string_view name) {
  const auto found = by_name_.find(name);
  if (found == by_name_.end()) return nullptr;
  last_ = found->second;
  return last_;
}

Tables::Table& Tables::make(std::string_view name) {
  store::Table* const stored = store_.make_table(name);
  RAM_CHECK(stored != nullptr);
  const uint64_t name_hash = digest_of(name, kTableSeed);
  tables_.push_back(std::make_unique<Table>(Table{stored, std::string(name), name_hash, 0, 0}));
  Table& table = *tables_.back();
  const bool is_new = by_name_.emplace(table.name, &table).second;
  RAM_CHECK(is_new);
  names_sum_ += name_hash;
  return table;
}

void Tables::put(Table& table, store::Key key, const store::Entry* old, std::string_view value,
                 Revision revision, uint8_t type) {
  uint64_t change = entry_digest(table.name_hash, key.bytes, revision, type, value);
  uint64_t more = key.bytes.size() + value.size();
  if (old != nullptr) {
    change -= digest_in(table, *old);
    more -= bytes_of(*old);
  } else {
    ++entries_;
  }
  table.sum += change;
  entries_sum_ += change;
  table.bytes += more;
  bytes_ += more;
  store_.put(*table.stored, key, value, revision, type);
}

void Tables::erase(Table& table, store::Key key, const store::Entry& old, Revision revision) {
  const uint64_t gone = digest_in(table, old);
  table.sum -= gone;
  entries_sum_ -= gone;
  table.bytes -= bytes_of(old);
  bytes_ -= bytes_of(old);
  --entries_;
  const bool erased = store_.erase(*table.stored, key, revision);
  RAM_CHECK(erased);
}

void Tables::clear(Table& table, Revision revision) {
  entries_sum_ -= table.sum;
  table.sum = 0;
  bytes_ -= table.bytes;
  table.bytes = 0;
  entries_ -= size(table);
  store_.clear(*table.stored, revision);
}

bool Tables::dismantle(size_t& budget) {
  for (; !tables_.empty(); --budget) {
    if (budget == 0) return true;
    tables_.pop_back();
  }
  return false;
}

void Tables::check_invariants() const {
  uint64_t entries = 0;
  uint64_t bytes = 0;
  uint64_t entries_sum = 0;
  uint64_t names_sum = 0;
  for (const auto& table : tables_) {
    entries += size(*table);
    bytes += table->bytes;
    entries_sum += table->sum;
    names_sum += table->name_hash;
    RAM_CHECK(size(*table) != 0 || table->sum == 0);
    RAM_CHECK(size(*table) != 0 || table->bytes == 0);
  }
  RAM_CHECK(entries == entries_);
  RAM_CHECK(bytes == bytes_);
  RAM_CHECK(entries_sum == entries_sum_);
  RAM_CHECK(names_sum == names_sum_);
  RAM_CHECK(tables_.size() <= kTablesMax);
}

}  // namespace ram::machine
