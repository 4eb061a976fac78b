// The store against std::map: random writes to several tables, and all that readers, views and
// scans may see of it, now and at older revisions.
#include <gtest/gtest.h>

#include <array>
#include <map>
#include <optional>
#include <string>

#include "base/random.h"
#include "store/test_support.h"

namespace ram::store {
namespace {

struct Value {
  std::string bytes;
  Revision revision;
  uint8_t type = 0;
  bool operator==(const Value&) const = default;
};
using Contents = std::map<std::string, Value>;
using State = std::map<std::string, Contents>;  // by name of table

Value value_of(const Entry& entry) {
  return {std::string(entry.value()), entry.revision(), entry.type()};
}

class Comparison {
 public:
  explicit Comparison(uint64_t seed) : seed_(seed), random_(seed), slot_(fresh_store()) {
    tables_ = 1 + random_.below(4);
    keys_ = size_t{1} << random_.between(1, 12);
    slot_.current().publish(revision_, LogIndex());
  }

  void run() {
    const size_t records = random_.between(500, 4'000);
    for (size_t i = 0; i < records; ++i) {
      if (i % 500 == 0) growth_ = random_.between(2, 8);
      record();
      if (random_.one_in(3)) slot_.tick(random_.below(200));
      if (random_.one_in(200)) open_view();
      if (random_.one_in(100)) begin_reading();
      for (size_t v = 0; v < views_.size(); ++v) {
        if (random_.one_in(10)) advance_view(v);
      }
      for (auto& held : held_) {
        if (held && random_.one_in(20)) check_reading(*held);
        if (held && random_.one_in(60)) held.reset();
      }
      if (random_.one_in(100)) check_newest();
      if (random_.one_in(1'000)) replace();
    }
    finish();
  }

 private:
  struct OpenView {
    std::unique_ptr<FrozenView> view;
    State expected;  // less what was handed out
  };
  struct Held {
    std::unique_ptr<Holder> holder;
    State expected;
    uint64_t cursor = 0;  // of a scan that goes on over the life of the reading
    Contents scanned;
  };

  static std::string table_name(size_t i) { return "table" + std::to_string(i); }
  std::string any_table() { return table_name(random_.below(tables_)); }
  std::string any_key() { return "key" + std::to_string(random_.below(keys_)); }
  std::unique_ptr<Store> fresh_store() { return std::make_unique<Store>(seed_); }
  Store& store() { return slot_.current(); }

  void record() {
    for (uint64_t i = random_.between(1, 5); i > 0; --i) {
      if (!random_.one_in(4)) ++revision_;  // some share one
      if (revision_ <= store().revision()) ++revision_;
      const std::string name = any_table();
      Table& table = *store().make_table(name);
      Contents& contents = state_[name];
      if (random_.one_in(300)) {
        store().clear(table, revision_);
        contents.clear();
        continue;
      }
      const std::string key = any_key();
      if (random_.below(10) < growth_) {
        Value value{std::string(random_.below(80), static_cast<char>('a' + random_.below(26))),
                    revision_, static_cast<uint8_t>(random_.below(32))};
        store().put(table, store().key(key), value.bytes, value.revision, value.type);
        contents[key] = value;
      } else {
        ASSERT_EQ(store().erase(table, store().key(key), revision_), contents.erase(key) != 0);
      }
      ASSERT_EQ(store().size(table), contents.size());
    }
    store().publish(revision_, LogIndex(revision_.value));
  }

  void open_view() {
    if (views_.size() < 4) views_.push_back({store().freeze(), state_});
  }
  void advance_view(size_t v) {
    OpenView& open = views_[v];
    const bool more =
        open.view->next(1 + random_.below(64), [&](const Table& table, const Entry& entry) {
          Contents& contents = open.expected[std::string(table.name())];
          const auto expected = contents.find(std::string(entry.key()));
          ASSERT_NE(expected, contents.end()) << entry.key();
          ASSERT_EQ(expected->second, value_of(entry));
          contents.erase(expected);
        });
    if (!more) {
      for (const auto& [name, contents] : open.expected) ASSERT_TRUE(contents.empty()) << name;
    }
    if (!more || random_.one_in(300)) views_.erase(views_.begin() + static_cast<ptrdiff_t>(v));
  }

  void begin_reading() {
    auto& held = held_[random_.below(held_.size())];
    held.reset();
    held = Held{std::make_unique<Holder>(slot_), state_, 0, {}};
  }
  void check_reading(Held& held) {
    held.holder->read([&](const Reading& reading) {
      for (int i = 0; i < 20; ++i) check_key(reading, held.expected, any_table(), any_key());
      // Another piece of its scan of the first table.
      const Table* table = reading.table(table_name(0));
      if (table == nullptr) return;
      held.cursor = reading.scan(*table, held.cursor, random_.below(50), [&](const Entry& entry) {
        const bool fresh = held.scanned.emplace(entry.key(), value_of(entry)).second;
        ASSERT_TRUE(fresh) << entry.key();
      });
      if (held.cursor != 0) return;
      ASSERT_EQ(held.scanned, held.expected[table_name(0)]);
      held.scanned.clear();
    });
  }
  static void check_key(const Reading& reading, const State& state, const std::string& name,
                        const std::string& key) {
    std::optional<Value> expected;
    if (const auto contents = state.find(name); contents != state.end()) {
      const auto found = contents->second.find(key);
      if (found != contents->second.end()) expected = found->second;
    }
    const Table* table = reading.table(name);
    const Entry* entry =
        table == nullptr ? nullptr : reading.find(*table, reading.store().key(key));
    ASSERT_EQ(entry != nullptr, expected.has_value()) << key;
    if (entry != nullptr) {
      ASSERT_EQ(entry->key(), key);
      ASSERT_EQ(value_of(*entry), *expected);
    }
  }
  void check_newest() {
    store().check_invariants();
    const Reading reading(slot_);
    for (const auto& [name, contents] : state_) {
      for (const auto& [key, value] : contents) check_key(reading, state_, name, key);
      Contents scanned;
      uint64_t cursor = 0;
      do {
        cursor = reading.scan(*reading.table(name), cursor, 7, [&](const Entry& entry) {
          ASSERT_TRUE(scanned.emplace(entry.key(), value_of(entry)).second);
        });
      } while (cursor != 0);
      ASSERT_EQ(scanned, contents);
    }
  }
  // The whole state moves into another store, as a snapshot does it. Readings and views go on.
  void replace() {
    auto next = fresh_store();
    for (const auto& [name, contents] : state_) {
      Table& table = *next->make_table(name);
      for (const auto& [key, value] : contents) {
        next->put(table, next->key(key), value.bytes, value.revision, value.type);
      }
    }
    next->publish(revision_, LogIndex(revision_.value));
    slot_.replace(std::move(next));
  }
  void finish() {
    check_newest();
    views_.clear();
    for (auto& held : held_) held.reset();
    for (size_t i = 0; i < tables_; ++i) {
      Table& table = *store().make_table(table_name(i));
      if (random_.one_in(2)) {
        store().clear(table, ++revision_);
      } else {
        const Contents contents = state_[table_name(i)];
        for (const auto& [key, value] : contents) {
          ASSERT_TRUE(store().erase(table, store().key(key), ++revision_));
        }
      }
      store().publish(revision_, LogIndex(revision_.value));
    }
    while (slot_.tick(1'000)) {
    }
    store().check_invariants();
    ASSERT_EQ(store().entries(), 0u);
    ASSERT_EQ(store().limbo_bytes(), 0u);
    ASSERT_EQ(slot_.memory_bytes(), store().memory_bytes());
  }

  const uint64_t seed_;
  Random random_;
  StoreSlot slot_;
  Revision revision_{1};
  State state_;
  size_t tables_ = 0;
  size_t keys_ = 0;
  uint64_t growth_ = 5;  // puts of ten writes
  std::vector<OpenView> views_;
  std::array<std::optional<Held>, 3> held_;
};

TEST(StoreModel, AgreesWithAMapAtEveryRevisionThatIsHeld) {
  const char* one = std::getenv("RAM_SEED");
  const uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  const uint64_t last = one != nullptr ? first : 40;
  for (uint64_t seed = first; seed <= last && !::testing::Test::HasFatalFailure(); ++seed) {
    Comparison(seed).run();
    if (::testing::Test::HasFatalFailure()) {
      ADD_FAILURE() << "to replay: RAM_SEED=" << seed << " store_model_test";
    }
  }
}

}  // namespace
}  // namespace ram::store
