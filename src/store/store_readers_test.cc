// Readers on threads of their own beside a writer at full speed.
#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <string>
#include <thread>

#include "base/random.h"
#include "store/test_support.h"

namespace ram::store {
namespace {

constexpr size_t kReaders = 2;
constexpr size_t kTables = 3;
constexpr size_t kAccounts = 8;  // in each table
constexpr long kMoney = 100;     // of each account

std::string table_name(size_t i) {
  return "table" + std::to_string(i);
}
std::string account(size_t i) {
  return "account" + std::to_string(i);
}
std::string filler(size_t i) {
  return "filler" + std::to_string(i);
}
std::string fixed(size_t i) {
  return "fixed" + std::to_string(i);
}

// Money moves between the accounts of all tables, of which those without money do not exist; now
// and then a table is cleared and filled again, or the whole store replaced. Beside that, one table
// grows to thousands of keys and shrinks to none.
class Bank {
 public:
  Bank() : slot_(std::make_unique<Store>(1)) {
    for (auto& table : balances_) table.fill(kMoney);
    fill(store());
    store().publish(revision_, LogIndex());
  }

  StoreSlot& slot() { return slot_; }

  void write(size_t records) {
    for (size_t i = 0; i < records; ++i) {
      ++revision_;
      if (random_.one_in(2'000)) {
        auto next = std::make_unique<Store>(1);
        fill(*next);
        next->publish(revision_, LogIndex());
        slot_.replace(std::move(next));
        continue;
      }
      if (random_.one_in(100)) {
        const size_t which = random_.below(kTables);
        store().clear(table(which), revision_);
        fill_table(store(), which);
      }
      move_money();
      for (int k = 0; k < 3; ++k) grow_or_shrink();
      store().publish(revision_, LogIndex(revision_.value));
      slot_.tick(8);
    }
  }

 private:
  Store& store() { return slot_.current(); }
  Table& table(size_t i) { return *store().make_table(table_name(i)); }

  void set_balance(size_t which, size_t i, long balance) {
    balances_[which][i] = balance;
    const std::string name = account(i);
    const Key key = store().key(name);
    if (balance == 0) {
      store().erase(table(which), key, revision_);
    } else {
      store().put(table(which), key, std::to_string(balance), revision_);
    }
  }
  void move_money() {
    const size_t from_table = random_.below(kTables);
    const size_t from = random_.below(kAccounts);
    const size_t to_table = random_.below(kTables);
    const size_t to = random_.below(kAccounts);
    if (from_table == to_table && from == to) return;
    const long has = balances_[from_table][from];
    if (has == 0) return;
    const long moves =
        random_.one_in(2) ? has : static_cast<long>(random_.below(static_cast<uint64_t>(has)));
    set_balance(from_table, from, has - moves);
    set_balance(to_table, to, balances_[to_table][to] + moves);
  }
  void grow_or_shrink() {
    const std::string name = filler(grows_ ? fillers_ : fillers_ - 1);
    if (grows_) {
      store().put(table(0), store().key(name), name, revision_);
      ++fillers_;
    } else {
      store().erase(table(0), store().key(name), revision_);
      --fillers_;
    }
    if (fillers_ == 3'000) grows_ = false;
    if (fillers_ == 0) grows_ = true;
  }
  void fill_table(Store& store, size_t which) {
    Table& table = *store.make_table(table_name(which));
    for (size_t i = 0; i < kAccounts; ++i) {
      const long balance = balances_[which][i];
      if (balance == 0) continue;
      const std::string name = account(i);
      store.put(table, store.key(name), std::to_string(balance), revision_);
    }
    for (size_t i = 0; which == 0 && i < 20; ++i) {
      store.put(table, store.key(fixed(i)), fixed(i), revision_);
    }
    for (size_t i = 0; which == 0 && i < fillers_; ++i) {
      store.put(table, store.key(filler(i)), filler(i), revision_);
    }
  }
  void fill(Store& store) {
    for (size_t i = 0; i < kTables; ++i) fill_table(store, i);
  }

  Random random_{5};
  StoreSlot slot_;
  Revision revision_{1};
  std::array<std::array<long, kAccounts>, kTables> balances_;
  size_t fillers_ = 0;
  bool grows_ = true;
};

// Runs `read` on threads until the bank has written `records`.
template <class Read>
void beside(Bank& bank, size_t records, Read read) {
  std::atomic<bool> stop{false};
  std::array<std::thread, kReaders> readers;
  std::array<size_t, kReaders> reads{};
  for (size_t i = 0; i < kReaders; ++i) {
    readers[i] = std::thread([&, i] {
      while (!stop.load(std::memory_order_relaxed)) {
        read(i);
        ++reads[i];
      }
    });
  }
  bank.write(records);
  stop.store(true);
  for (std::thread& reader : readers) reader.join();
  for (size_t count : reads) EXPECT_GT(count, 0u);
}

#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__)
constexpr size_t kRecords = 10'000;
#else
constexpr size_t kRecords = 40'000;
#endif

TEST(StoreReaders, SeeAllTheMoneyInEveryRead) {
  Bank bank;
  std::array<Revision, kReaders> last;
  beside(bank, kRecords, [&](size_t reader) {
    const Reading reading(bank.slot());
    RAM_CHECK(reading.revision() >= last[reader]);
    last[reader] = reading.revision();
    long sum = 0;
    for (size_t t = 0; t < kTables; ++t) {
      const Table& table = *reading.table(table_name(t));
      for (size_t i = 0; i < kAccounts; ++i) {
        const std::string name = account(i);
        const Entry* entry = reading.find(table, reading.store().key(name));
        if (entry == nullptr) continue;
        RAM_CHECK(entry->revision() <= reading.revision());
        sum += std::stol(std::string(entry->value()));
      }
    }
    RAM_CHECK(sum == kMoney * static_cast<long>(kAccounts * kTables));
  });
}

TEST(StoreReaders, SeeAllTheMoneyInEveryScan) {
  Bank bank;
  beside(bank, kRecords, [&](size_t) {
    const Reading reading(bank.slot());
    long sum = 0;
    for (size_t t = 0; t < kTables; ++t) {
      for (const auto& [key, value] : scan_all(reading, table_name(t), 16)) {
        if (key.starts_with("account")) sum += std::stol(value);
      }
    }
    RAM_CHECK(sum == kMoney * static_cast<long>(kAccounts * kTables));
  });
}

TEST(StoreReaders, AlwaysFindWhatStays) {
  Bank bank;
  beside(bank, kRecords, [&](size_t) {
    const Reading reading(bank.slot());
    for (size_t i = 0; i < 20; ++i) {
      const std::string name = fixed(i);
      const Entry* entry = reading.find(*reading.table(table_name(0)), reading.store().key(name));
      RAM_CHECK(entry != nullptr && entry->value() == name);
    }
  });
}

TEST(StoreReaders, AlwaysMeetWhatStaysInScansOverManyReadings) {
  Bank bank;
  beside(bank, kRecords, [&](size_t) {
    std::array<bool, 20> seen{};
    uint64_t cursor = 0;
    do {
      const Reading reading(bank.slot());
      cursor = reading.scan(*reading.table(table_name(0)), cursor, 5, [&](const Entry& entry) {
        if (!entry.key().starts_with("fixed")) return;
        seen[std::stoul(std::string(entry.key().substr(5)))] = true;
      });
    } while (cursor != 0);
    for (bool met : seen) RAM_CHECK(met);
  });
}

TEST(StoreReaders, MayHoldOneReadingForLongWithShortOnesInIt) {
  Bank bank;
  beside(bank, kRecords / 2, [&](size_t) {
    const Reading held(bank.slot());
    const auto before = scan_all(held, table_name(1), 16);
    for (int i = 0; i < 200; ++i) {
      const Reading inner(bank.slot());
      RAM_CHECK(inner.revision() >= held.revision());
      RAM_CHECK(inner.find(*inner.table(table_name(0)), inner.store().key("fixed7")) != nullptr);
    }
    RAM_CHECK(scan_all(held, table_name(1), 16) == before);
  });
}

TEST(StoreReaders, ComeAndGoAsThreads) {
  Bank bank;
  beside(bank, kRecords / 10, [&](size_t) {
    std::thread([&] {
      const Reading reading(bank.slot());
      RAM_CHECK(reading.find(*reading.table(table_name(0)), reading.store().key("fixed7")) !=
                nullptr);
    }).join();
  });
}

}  // namespace
}  // namespace ram::store
