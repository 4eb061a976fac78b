#include "store/store.h"

#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"
#include "base/random.h"
#include "store/test_support.h"

namespace ram::store {
namespace {

std::string name(size_t i) {
  return "key" + std::to_string(i);
}

// ---- revisions ----

TEST(Store, ReadersSeeNothingOfARecordUntilItIsPublished) {
  Subject s;
  s.put("a", "1");
  s.store().put(*s.table, s.store().key("a"), "2", s.next());
  s.store().put(*s.table, s.store().key("b"), "2", s.next());
  EXPECT_EQ(s.get("a"), "1");
  EXPECT_EQ(s.get("b"), "-");
  EXPECT_EQ(s.store().find(*s.table, s.store().key("b"))->value(), "2");  // the writer does
  s.publish();
  EXPECT_EQ(s.get("a"), "2");
  EXPECT_EQ(s.get("b"), "2");
}

TEST(Store, AReadingStaysAtItsRevision) {
  Subject s;
  s.put("a", "1");
  s.put("gone", "1");
  Holder before(s.slot);
  s.put("a", "2");
  s.erase("gone");
  s.put("new", "2");
  Holder between(s.slot);
  s.clear();
  s.put("a", "3");
  for (int round = 0; round < 2; ++round) {
    EXPECT_EQ(before.get("a"), "1");
    EXPECT_EQ(before.get("gone"), "1");
    EXPECT_EQ(before.get("new"), "-");
    EXPECT_EQ(between.get("a"), "2");
    EXPECT_EQ(between.get("gone"), "-");
    EXPECT_EQ(between.get("new"), "2");
    EXPECT_EQ(s.get("a"), "3");
    EXPECT_EQ(s.get("new"), "-");
    s.drain();
  }
}

TEST(Store, AReadingWithinAReadingHasALaterRevision) {
  Subject s;
  s.put("a", "1");
  const Reading outer(s.slot);
  s.put("a", "2");
  {
    const Reading inner(s.slot);
    EXPECT_GT(inner.revision(), outer.revision());
    EXPECT_EQ(Subject::get(inner, "a"), "2");
  }
  s.drain();
  EXPECT_EQ(Subject::get(outer, "a"), "1");
}

TEST(Store, AKeyCarriesTheRevisionThatLastChangedIt) {
  Subject s;
  s.put("a", "1");
  const Revision first(s.revision);
  s.put("b", "1");
  const Reading reading(s.slot);
  EXPECT_EQ(reading.find(*reading.table("t"), s.store().key("a"))->revision(), first);
  EXPECT_EQ(reading.revision(), Revision(s.revision));
  EXPECT_EQ(s.store().revision(), Revision(s.revision));
  EXPECT_EQ(s.store().applied(), LogIndex(s.revision));
}

TEST(Store, ARecordWithoutEffectKeepsTheRevision) {
  Subject s;
  s.put("a", "1");
  EXPECT_FALSE(s.store().erase(*s.table, s.store().key("b"), s.next()));
  Table* empty = s.store().make_table("empty");
  s.store().clear(*empty, s.next());
  s.store().publish(Revision(s.revision), LogIndex(99));
  EXPECT_EQ(s.store().revision(), Revision(s.revision));
  EXPECT_EQ(s.store().applied(), LogIndex(99));
}

TEST(StoreDeathTest, RefusesToWriteBelowWhatIsPublished) {
  Subject s;
  EXPECT_DEATH(s.store().put(*s.table, s.store().key("a"), "1", Revision(s.revision)),
               "does not hold");
}

// ---- entries ----

TEST(Store, KeepsTypesAndBytesAsGiven) {
  Subject s;
  const std::string key("\0k\xff", 3);
  const std::string value("\0\0", 2);
  s.store().put(*s.table, s.store().key(key), value, s.next(), Entry::kTypeMax);
  s.store().put(*s.table, s.store().key(""), "", s.next(), 3);
  const std::string long_key(kKeyBytesMax, 'k');
  const std::string long_value(kValueBytesMax, 'v');
  s.store().put(*s.table, s.store().key(long_key), long_value, s.next());
  s.publish();
  const Reading reading(s.slot);
  const Table& table = *reading.table("t");
  const Entry* entry = reading.find(table, s.store().key(key));
  EXPECT_EQ(entry->key(), key);
  EXPECT_EQ(entry->value(), value);
  EXPECT_EQ(entry->type(), Entry::kTypeMax);
  EXPECT_EQ(reading.find(table, s.store().key(""))->type(), 3);
  EXPECT_EQ(reading.find(table, s.store().key(""))->value(), "");
  EXPECT_EQ(reading.find(table, s.store().key(long_key))->value(), long_value);
}

TEST(Store, AValueMayBeMadeOfTheOneItReplaces) {
  Subject s;
  s.put("a", "123456");
  const std::string_view value = s.store().find(*s.table, s.store().key("a"))->value();
  s.put("a", value.substr(2, 3));
  s.drain();
  EXPECT_EQ(s.get("a"), "345");
}

TEST(Store, CountsKeysAndEntries) {
  Subject s;
  Table* other = s.store().make_table("other");
  s.put("a", "1");
  s.put("b", "1");
  s.put("b", "2");
  s.store().put(*other, s.store().key("a"), "1", s.next());
  s.publish();
  EXPECT_EQ(s.store().size(*s.table), 2u);
  EXPECT_EQ(s.store().entries(), 3u);
  EXPECT_TRUE(s.erase("a"));
  EXPECT_FALSE(s.erase("a"));
  EXPECT_EQ(s.store().size(*s.table), 1u);
  s.clear();
  EXPECT_EQ(s.store().size(*s.table), 0u);
  EXPECT_EQ(s.store().entries(), 1u);
  s.store().check_invariants();
}

// ---- tables ----

TEST(Store, ATableExistsForReadersFromItsPublishOn) {
  Subject s;
  const Reading before(s.slot);
  Table* table = s.store().make_table("new");
  EXPECT_EQ(s.store().make_table("new"), table);
  EXPECT_EQ(s.store().find_table("new"), table);
  EXPECT_EQ(s.store().find_table("none"), nullptr);
  EXPECT_EQ(Reading(s.slot).table("new"), nullptr);
  s.publish();
  EXPECT_EQ(Reading(s.slot).table("new"), table);
  EXPECT_EQ(before.table("new"), nullptr);
  EXPECT_EQ(table->name(), "new");
}

TEST(Store, HasManyTablesUpToTheLimit) {
  Subject s;
  Holder reader(s.slot);
  while (s.store().table_count() < kTablesMax) {
    Table* table = s.store().make_table(name(s.store().table_count()));
    ASSERT_NE(table, nullptr);
    s.store().put(*table, s.store().key("k"), table->name(), s.next());
    if (s.store().table_count() % 1'000 == 0) s.publish();
  }
  s.publish();
  EXPECT_EQ(s.store().make_table("one more"), nullptr);
  EXPECT_NE(s.store().make_table("t"), nullptr);
  reader.read([](const Reading& reading) { EXPECT_EQ(reading.table(name(77)), nullptr); });
  const Reading reading(s.slot);
  for (size_t i = 1; i < kTablesMax; i += 997) {
    const Table* table = reading.table(name(i));
    ASSERT_NE(table, nullptr);
    EXPECT_EQ(reading.find(*table, s.store().key("k"))->value(), name(i));
  }
  size_t count = 0;
  s.store().for_each_table([&](const Table&) { ++count; });
  EXPECT_EQ(count, kTablesMax);
}

// ---- clearing ----

TEST(Store, ATableMayBeClearedAndFilledInOneRecord) {
  Subject s;
  s.put("a", "1");
  s.put("b", "1");
  Holder before(s.slot);
  s.store().put(*s.table, s.store().key("c"), "lost", s.next());
  s.store().clear(*s.table, s.next());
  s.store().put(*s.table, s.store().key("d"), "lost", s.next());
  s.store().clear(*s.table, s.next());
  s.store().put(*s.table, s.store().key("a"), "2", s.next());
  EXPECT_EQ(s.get("a"), "1");
  s.publish();
  s.drain();
  EXPECT_EQ(before.get("a"), "1");
  EXPECT_EQ(before.get("b"), "1");
  EXPECT_EQ(before.get("c"), "-");
  const Reading after(s.slot);
  EXPECT_EQ(scan_all(after, "t", 10), (std::map<std::string, std::string>{{"a", "2"}}));
}

TEST(Store, FreesAClearedTableInPieces) {
  Subject s;
  const size_t empty = s.store().memory_bytes();
  for (size_t i = 0; i < 20'000; ++i) s.put(name(i), "value");
  s.drain();
  const size_t full = s.store().memory_bytes();
  EXPECT_EQ(s.store().limbo_bytes(), 0u);
  s.clear();
  EXPECT_GT(s.store().limbo_bytes(), full - empty - 10'000);
  size_t ticks = 0;
  for (size_t before = s.store().memory_bytes(); s.slot.tick(10); ++ticks) {
    const size_t now = s.store().memory_bytes();
    EXPECT_LT(before - now, size_t{1} << 20);  // ten buckets, or one piece of an array
    before = now;
  }
  EXPECT_GT(ticks, 400u);
  EXPECT_EQ(s.store().memory_bytes(), empty);
  EXPECT_EQ(s.store().limbo_bytes(), 0u);
  s.store().check_invariants();
}

// ---- memory ----

TEST(Store, ReturnsEveryByteOnceNobodyNeedsIt) {
  Subject s;
  const size_t empty = s.store().memory_bytes();
  Random random(7);
  for (size_t i = 0; i < 30'000; ++i) {
    s.put(name(random.below(3'000)), std::string(random.below(500), 'v'));
    if (random.one_in(4)) s.erase(name(random.below(3'000)));
    if (random.one_in(9'000)) s.clear();
  }
  s.drain();
  EXPECT_EQ(s.store().limbo_bytes(), 0u);
  for (size_t i = 0; i < 3'000; ++i) s.erase(name(i));
  s.drain();
  EXPECT_EQ(s.store().entries(), 0u);
  EXPECT_EQ(s.store().limbo_bytes(), 0u);
  EXPECT_LE(s.store().memory_bytes(), empty + 8 * Blocks::kLineBytes);  // a segment may stay
  s.put("a", "1");
  s.clear();
  s.drain();
  EXPECT_EQ(s.store().memory_bytes(), empty);
  s.store().check_invariants();
}

TEST(Store, LimboDrainsOnceReadersAreGone) {
  Subject s;
  s.put("a", "1");
  s.drain();
  {
    Holder reader(s.slot);
    for (int i = 0; i < 2'000; ++i) s.put("a", std::to_string(i));
    s.drain();
    EXPECT_GT(s.store().limbo_bytes(), 2'000u * 32);
  }
  s.drain();
  EXPECT_EQ(s.store().limbo_bytes(), 0u);
  EXPECT_EQ(s.get("a"), "1999");
}

TEST(Store, WritesAloneKeepLimboSmall) {
  Subject s;
  for (size_t i = 0; i < 50'000; ++i) {
    s.put(name(i % 100), "value");
    if (i % 3 == 0) s.erase(name(i % 100));
    ASSERT_LT(StorePeer::limbo_size(s.store()), 4 * kLimboBatchBlocks);
  }
}

TEST(Store, LargeValuesDoNotWaitForAFullBatch) {
  Subject s;
  const std::string value(kLimboBatchBytes, 'v');
  for (size_t i = 0; i < 1'000; ++i) {
    s.put("a", value);
    ASSERT_LT(s.store().limbo_bytes(), 64 * value.size());
  }
}

TEST(Store, ASlowReaderDoesNotMakeChainsOfTombstones) {
  Subject s;
  Holder reader(s.slot);
  for (size_t i = 0; i < 20'000; ++i) {  // ever new keys, none of which stays
    s.put(name(i), "");
    s.erase(name(i));
  }
  EXPECT_EQ(s.store().entries(), 0u);
  EXPECT_GT(StorePeer::index(*s.table).buckets(), 4'000u);
  s.store().check_invariants();
}

TEST(Store, ShrinksAfterMassErasure) {
  Subject s;
  for (size_t i = 0; i < 20'000; ++i) s.put(name(i), "value");
  const uint64_t buckets = StorePeer::index(*s.table).buckets();
  EXPECT_EQ(buckets, 5'000u);
  for (size_t i = 0; i < 19'000; ++i) s.erase(name(i));
  s.drain();
  EXPECT_LT(StorePeer::index(*s.table).buckets(), 1'000u);
  s.store().check_invariants();
  for (size_t i = 19'000; i < 20'000; ++i) EXPECT_EQ(s.get(name(i)), "value");
}

// ---- restoring, replacing ----

TEST(Store, IsFilledInAnyOrderBeforeItsFirstPublish) {
  StoreSlot slot(std::make_unique<Store>(1));
  auto restored = std::make_unique<Store>(1);
  Table* table = restored->make_table("t");
  for (uint64_t i : {5, 3, 9, 1}) {
    restored->put(*table, restored->key(name(i)), name(i), Revision(i));
  }
  restored->publish(Revision(12), LogIndex(40));
  slot.replace(std::move(restored));
  const Reading reading(slot);
  EXPECT_EQ(reading.revision(), Revision(12));
  for (uint64_t i : {5, 3, 9, 1}) {
    EXPECT_EQ(reading.find(*reading.table("t"), reading.store().key(name(i)))->revision(),
              Revision(i));
  }
}

TEST(StoreSlot, KeepsTheOldStoreForItsReadersAndViews) {
  Subject s;
  for (size_t i = 0; i < 5'000; ++i) s.put(name(i), "old");
  const size_t full = s.slot.memory_bytes();
  auto view = s.store().freeze();
  auto reader = std::make_unique<Holder>(s.slot);
  auto next = std::make_unique<Store>(1);
  next->publish(Revision(s.revision + 5), LogIndex(1));
  const size_t empty = next->memory_bytes();
  s.slot.replace(std::move(next));
  s.drain();
  EXPECT_EQ(s.get("key7"), "-");
  EXPECT_EQ(reader->get("key7"), "old");
  size_t seen = 0;
  while (view->next(100, [&](const Table&, const Entry&) { ++seen; })) {
  }
  EXPECT_EQ(seen, 5'000u);
  EXPECT_GE(s.slot.memory_bytes(), full);
  view.reset();
  s.drain();
  EXPECT_EQ(reader->get("key7"), "old");
  reader.reset();
  size_t ticks = 0;
  while (s.slot.tick(10)) ++ticks;
  EXPECT_GT(ticks, 100u);  // in pieces
  EXPECT_EQ(s.slot.memory_bytes(), empty);
}

TEST(StoreSlot, GivesUpAStoreThatNobodySawInPieces) {
  StoreSlot slot(std::make_unique<Store>(1));
  const size_t empty = slot.memory_bytes();
  auto half_restored = std::make_unique<Store>(1);
  Table* table = half_restored->make_table("t");
  for (uint64_t i = 1; i < 5'000; ++i) {
    half_restored->put(*table, half_restored->key(name(i)), "value", Revision(i));
  }
  const size_t bytes = half_restored->memory_bytes();
  slot.discard(std::move(half_restored));
  EXPECT_EQ(slot.memory_bytes(), empty + bytes);
  size_t ticks = 0;
  while (slot.tick(10)) ++ticks;
  EXPECT_GT(ticks, 100u);
  EXPECT_EQ(slot.memory_bytes(), empty);
}

// ---- views ----

TEST(FrozenView, ShowsOneMomentWhileWritesGoOn) {
  Subject s;
  Table* other = s.store().make_table("other");
  for (size_t i = 0; i < 100; ++i) {
    s.store().put(*other, s.store().key(name(i)), "old", s.next());
    s.put(name(i), "old");
  }
  auto view = s.store().freeze();
  EXPECT_EQ(view->revision(), Revision(s.revision));
  for (size_t i = 0; i < 50; ++i) s.put(name(i), "new");
  for (size_t i = 50; i < 70; ++i) s.erase(name(i));
  for (size_t i = 100; i < 900; ++i) s.put(name(i), "new");
  s.store().clear(*other, s.next());
  s.store().put(*other, s.store().key("x"), "new", s.next());
  s.publish();
  s.drain();
  EXPECT_GT(view->kept_bytes(), 0u);
  std::map<std::string, size_t> seen;
  bool more = true;
  while (more) {
    more = view->next(7, [&](const Table& table, const Entry& entry) {
      EXPECT_EQ(entry.value(), "old");
      ++seen[std::string(table.name()) + "/" + std::string(entry.key())];
    });
  }
  EXPECT_EQ(seen.size(), 200u);
  for (const auto& [key, times] : seen) EXPECT_EQ(times, 1u) << key;
  EXPECT_EQ(view->kept_bytes(), 0u);
  view.reset();
  s.drain();
  EXPECT_EQ(s.store().limbo_bytes(), 0u);
}

TEST(FrozenView, KeepsOnlyWhatIsReplacedBeyondItsPlace) {
  Subject s;
  for (size_t i = 0; i < 1'000; ++i) s.put(name(i), "old");
  auto view = s.store().freeze();
  s.put("fresh", "new");
  s.put("fresh", "newer");
  EXPECT_EQ(view->kept_bytes(), 0u);
  while (view->next(100, [](const Table&, const Entry&) {})) {
  }
  for (size_t i = 0; i < 1'000; ++i) s.put(name(i), "new");
  s.clear();
  s.drain();
  EXPECT_EQ(view->kept_bytes(), 0u);
  EXPECT_EQ(s.store().limbo_bytes(), 0u);
}

TEST(FrozenView, HasWhatATableHeldBeforeItWasClearedFirst) {
  Subject s;
  s.put("k", "first");
  auto view = s.store().freeze();
  auto closed = s.store().freeze();
  for (const char* value : {"second", "third"}) {
    s.clear();
    s.put("k", value);
  }
  auto later = s.store().freeze();
  s.clear();
  closed.reset();
  const auto all = [](FrozenView& of) {
    std::string values;
    while (of.next(1, [&](const Table&, const Entry& entry) { values += entry.value(); })) {
    }
    return values;
  };
  EXPECT_EQ(all(*view), "first");
  EXPECT_EQ(all(*later), "third");
  EXPECT_EQ(view->kept_bytes() + later->kept_bytes(), 0u);
  s.drain();
  EXPECT_EQ(s.store().limbo_bytes(), 0u);
}

TEST(FrozenView, LetsGoALittleAtATimeOnceClosed) {
  Subject s;
  for (size_t i = 0; i < 2'000; ++i) s.put(name(i), "old");
  auto view = s.store().freeze();
  for (size_t i = 0; i < 2'000; ++i) s.put(name(i), "new");
  s.drain();
  const size_t kept = s.store().limbo_bytes();
  EXPECT_GT(kept, 2'000u * 32);
  view.reset();
  s.slot.tick(10);
  EXPECT_GT(s.store().limbo_bytes(), kept / 2);
  s.drain();
  EXPECT_EQ(s.store().limbo_bytes(), 0u);
  s.store().check_invariants();
}

TEST(FrozenView, ThereAreNoMoreThanTheLimit) {
  Subject s;
  for (size_t i = 0; i < 10; ++i) s.put(name(i), "old");
  std::vector<std::unique_ptr<FrozenView>> views;
  for (size_t i = 0; i < kViewsMax; ++i) views.push_back(s.store().freeze());
  EXPECT_NE(views.back(), nullptr);
  EXPECT_EQ(s.store().freeze(), nullptr);
  for (size_t i = 0; i < 10; ++i) s.put(name(i), "new");  // pinned by all of them
  for (auto& view : views) {
    size_t seen = 0;
    while (view->next(3, [&](const Table&, const Entry& entry) {
      EXPECT_EQ(entry.value(), "old");
      ++seen;
    })) {
    }
    EXPECT_EQ(seen, 10u);
  }
  views.clear();
  s.drain();
  EXPECT_NE(s.store().freeze(), nullptr);
}

// ---- scans ----

TEST(Scan, HandsOutEverythingOnceAtARevision) {
  Subject s;
  for (size_t i = 0; i < 3'000; ++i) s.put(name(i), "old");
  const Reading reading(s.slot);
  std::map<std::string, size_t> seen;
  uint64_t cursor = 0;
  size_t i = 0;
  do {
    cursor = reading.scan(*reading.table("t"), cursor, 10, [&](const Entry& entry) {
      EXPECT_EQ(entry.value(), "old");
      ++seen[std::string(entry.key())];
    });
    // It grows first, then shrinks.
    for (int k = 0; k < 20; ++k, ++i) {
      if (i < 3'000) s.put(name(i + 3'000), "new");
      if (i >= 3'000) s.erase(name(i % 6'000));
    }
  } while (cursor != 0);
  EXPECT_EQ(seen.size(), 3'000u);
  for (const auto& [key, times] : seen) EXPECT_EQ(times, 1u) << key;
}

TEST(Scan, HandsOutWhatExistsThroughoutWhateverTheRevisions) {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    Subject s(seed);
    Random random(seed);
    const auto stays = [](size_t i) { return "stays" + std::to_string(i); };
    for (size_t i = 0; i < 300; ++i) s.put(stays(i), "");
    std::map<std::string, size_t> seen;
    uint64_t cursor = 0;
    size_t filler = 0;
    bool grows = true;
    do {
      cursor = Reading(s.slot).scan(*s.table, cursor, 1 + random.below(8),
                                    [&](const Entry& entry) { ++seen[std::string(entry.key())]; });
      for (uint64_t k = random.below(400); k > 0; --k) {
        if (random.one_in(200)) grows = !grows;
        if (grows) s.put(name(filler++), "");
        if (!grows && filler > 0) s.erase(name(--filler));
      }
      if (random.one_in(50)) {  // cleared, but what stays is back with the same record
        s.store().clear(*s.table, s.next());
        for (size_t i = 0; i < 300; ++i) {
          s.store().put(*s.table, s.store().key(stays(i)), "", s.next());
        }
        s.publish();
        filler = 0;
      }
      if (random.one_in(3)) s.drain();
    } while (cursor != 0);
    for (size_t i = 0; i < 300; ++i) EXPECT_GE(seen[stays(i)], 1u) << seed;
  }
}

TEST(Scan, IsBoundedWhereAlmostEverythingWasErased) {
  Subject s;
  for (size_t i = 0; i < 20'000; ++i) s.put(name(i), "");
  Holder slow(s.slot);  // keeps the table as wide as it is
  for (size_t i = 0; i < 20'000; ++i) s.erase(name(i));
  const Reading reading(s.slot);
  size_t calls = 0;
  uint64_t cursor = 0;
  do {
    cursor = reading.scan(*reading.table("t"), cursor, 1, [](const Entry&) { FAIL(); });
    ++calls;
  } while (cursor != 0);
  EXPECT_GT(calls, 100u);
}

// ---- the index ----

TEST(HashIndex, CountsMergesRoundTheirWrap) {
  Subject s;
  HashIndex& index = StorePeer::index(*s.table);
  index.pretend_merges((uint64_t{1} << 24) - 100);
  for (size_t i = 0; i < 2'000; ++i) s.put(name(i), "value");
  for (size_t i = 0; i < 1'900; ++i) s.erase(name(i));
  s.drain();
  EXPECT_LT(index.buckets(), 300u);
  for (size_t i = 0; i < 2'000; ++i) s.put(name(i), "value");
  EXPECT_EQ(index.buckets(), 500u);
  for (size_t i = 0; i < 2'000; ++i) ASSERT_EQ(s.get(name(i)), "value");
  s.store().check_invariants();
}

TEST(Hash, ReversesBits) {
  EXPECT_EQ(reversed(1), uint64_t{1} << 63);
  EXPECT_EQ(reversed(0x0123456789abcdef), 0xf7b3d591e6a2c480u);
  EXPECT_EQ(reversed(reversed(0xdeadbeef12345678)), 0xdeadbeef12345678u);
}

TEST(Hash, DependsOnTheSeed) {
  EXPECT_NE(hash_of("key", 1), hash_of("key", 2));
}

}  // namespace
}  // namespace ram::store
