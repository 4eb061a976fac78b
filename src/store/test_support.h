// What the tests of the store share: readers that do as they are told, and a look inside.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "store/reading.h"
#include "store/store.h"
#include "store/store_slot.h"

namespace ram::store {

// Inside a store.
struct StorePeer {
  // Breaks the order "publish, seal, barrier, scan, free" when called between a write and its
  // publish. No code but a test's can do that.
  static void seal(Store& store) { store.limbo_.seal(); }
  static size_t limbo_size(const Store& store) { return store.limbo_.size(); }
  static HashIndex& index(const Table& table) { return table.root().index; }
};

// A store in its slot, with one table.
struct Subject {
  explicit Subject(uint64_t seed = 1) : slot(std::make_unique<Store>(seed)) {
    table = store().make_table("t");
    publish();
  }
  Store& store() { return slot.current(); }
  Revision next() { return Revision(revision + 1); }
  void publish() {
    ++revision;
    store().publish(Revision(revision), LogIndex(revision));
  }

  // Each a record of its own.
  void put(std::string_view key, std::string_view value) {
    store().put(*table, store().key(key), value, next());
    publish();
  }
  bool erase(std::string_view key) {
    const bool was = store().erase(*table, store().key(key), next());
    publish();
    return was;
  }
  void clear() {
    store().clear(*table, next());
    publish();
  }
  // What a new reader sees; "-" for nothing.
  std::string get(std::string_view key) { return get(Reading(slot), key); }
  static std::string get(const Reading& reading, std::string_view key) {
    const Table* found = reading.table("t");
    if (found == nullptr) return "-";
    const Entry* entry = reading.find(*found, reading.store().key(key));
    return entry == nullptr ? "-" : std::string(entry->value());
  }
  void drain() {
    while (slot.tick(1'000)) {
    }
  }

  StoreSlot slot;
  Table* table = nullptr;
  uint64_t revision = 0;
};

// A thread that runs what it is given, while the caller waits: readings of other threads in an
// order that repeats.
class Puppet {
 public:
  Puppet() : thread_([this] { live(); }) {}
  ~Puppet() {
    run(nullptr);
    thread_.join();
  }
  void run(std::function<void()> task) {
    std::unique_lock hold(lock_);
    task_ = std::move(task);
    waiting_ = true;
    changed_.notify_all();
    changed_.wait(hold, [this] { return !waiting_; });
  }

 private:
  void live() {
    std::unique_lock hold(lock_);
    for (;;) {
      changed_.wait(hold, [this] { return waiting_; });
      const bool last = !task_;
      if (!last) task_();
      waiting_ = false;
      changed_.notify_all();
      if (last) return;
    }
  }
  std::mutex lock_;
  std::condition_variable changed_;
  std::function<void()> task_;
  bool waiting_ = false;
  std::thread thread_;
};

// A thread that holds one Reading.
class Holder {
 public:
  explicit Holder(const StoreSlot& slot) {
    puppet_.run([&] { reading_ = std::make_unique<Reading>(slot); });
  }
  ~Holder() {
    puppet_.run([&] { reading_.reset(); });
  }
  void read(const std::function<void(const Reading&)>& task) {
    puppet_.run([&] { task(*reading_); });
  }
  std::string get(std::string_view key) {
    std::string value;
    read([&](const Reading& reading) { value = Subject::get(reading, key); });
    return value;
  }

 private:
  std::unique_ptr<Reading> reading_;
  Puppet puppet_;
};

// All of a table at the revision of `reading`, by scans of `count`.
inline std::map<std::string, std::string> scan_all(const Reading& reading, std::string_view name,
                                                   size_t count) {
  std::map<std::string, std::string> all;
  const Table* table = reading.table(name);
  if (table == nullptr) return all;
  uint64_t cursor = 0;
  do {
    cursor = reading.scan(*table, cursor, count, [&](const Entry& entry) {
      const bool fresh = all.emplace(entry.key(), entry.value()).second;
      RAM_CHECK(fresh);  // exactly once, within one reading
    });
  } while (cursor != 0);
  return all;
}

}  // namespace ram::store
