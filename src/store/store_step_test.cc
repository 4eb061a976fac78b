// Readers and the writer step by step, in one thread: between any two accesses of a reader the
// writer does whole records, and between any two accesses of the writer readers read all they like.
// What a loaded machine shows once in a million lookups comes here every time.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <string>

#include "base/random.h"
#include "store/step.h"
#include "store/test_support.h"

namespace ram::store {
namespace {

using Contents = std::map<std::string, std::string>;

class Steps {
 public:
  explicit Steps(uint64_t seed) : random_(seed), subject_(seed) {
    step_in = &hook_;
    keys_ = random_.between(5, 60);
  }
  ~Steps() { step_in = nullptr; }

  void run() {
    for (int round = 0; round < 40; ++round) {
      write(random_.below(keys_), /*puts_of_ten=*/8);
      grow(random_.below(600));
      if (fillers_ > 1'000) shrink(fillers_);
      if (random_.one_in(2)) {
        // Erased and sealed: once a reader is at work, its writer finds buckets to merge.
        shrink(random_.below(fillers_ + 1));
        StorePeer::seal(store());
      }
      for (int i = 0; i < 5; ++i) {
        if (random_.one_in(3)) {
          watched_scan();
        } else {
          watched_lookups();
        }
      }
    }
    subject_.drain();
    store().check_invariants();
  }

 private:
  Store& store() { return subject_.store(); }
  std::string any_key() { return "k" + std::to_string(random_.below(keys_)); }

  void put(const std::string& key) {
    const std::string value = std::to_string(subject_.revision);
    subject_.put(key, value);
    published_[key] = value;
  }
  void erase(const std::string& key) {
    subject_.erase(key);
    published_.erase(key);
  }
  void write(uint64_t records, uint64_t puts_of_ten) {
    for (; records > 0; --records) {
      if (random_.below(10) < puts_of_ten) {
        put(any_key());
      } else {
        erase(any_key());
      }
    }
  }
  // Buckets split and merge as fillers come and go.
  void grow(uint64_t count) {
    for (; count > 0; --count) subject_.put("f" + std::to_string(fillers_++), "");
  }
  void shrink(uint64_t count) {
    for (; count > 0; --count) subject_.erase("f" + std::to_string(--fillers_));
  }

  // ---- a reader that the writer steps into ----

  void watched_lookups() {
    const Reading reading(subject_.slot);
    const Contents expected = published_;
    for (int i = 0; i < 10; ++i) {
      const std::string key = any_key();
      reading_ = true;
      const std::string found = Subject::get(reading, key);
      reading_ = false;
      EXPECT_EQ(found, expected.contains(key) ? expected.at(key) : "-");
    }
  }
  static Contents scan_keys(const Reading& reading, size_t count) {
    Contents all = scan_all(reading, "t", count);
    std::erase_if(all, [](const auto& pair) { return pair.first.front() == 'f'; });
    return all;
  }
  void watched_scan() {
    const Reading reading(subject_.slot);
    const Contents expected = published_;
    reading_ = scanning_ = true;
    const Contents found = scan_keys(reading, 1 + random_.below(20));
    reading_ = scanning_ = false;
    EXPECT_EQ(found, expected);
  }

  // ---- in between ----

  void step() {
    if (reading_ && random_.one_in(scanning_ ? 100 : 8)) {
      reading_ = false;
      if (random_.one_in(2)) store().tick(random_.below(1'000));
      if (random_.one_in(2) && fillers_ < 2'000) grow(random_.below(200));
      if (random_.one_in(4)) shrink(std::min(random_.below(200), fillers_));
      write(random_.below(5), /*puts_of_ten=*/5);
      reading_ = true;
    } else if (!reading_ && !checking_ && random_.one_in(200)) {
      checking_ = true;
      check_what_is_published();
      checking_ = false;
    }
  }
  // From within a write, so as of before it.
  void check_what_is_published() {
    const Reading reading(subject_.slot);
    if (random_.one_in(4)) {
      EXPECT_EQ(scan_keys(reading, 10), published_);
      return;
    }
    for (int i = 0; i < 5; ++i) {
      const std::string key = any_key();
      const auto expected = published_.find(key);
      EXPECT_EQ(Subject::get(reading, key), expected == published_.end() ? "-" : expected->second);
    }
  }

  Random random_;
  Subject subject_;
  std::function<void()> hook_ = [this] { step(); };
  size_t keys_ = 0;
  uint64_t fillers_ = 0;
  Contents published_;
  bool reading_ = false;   // the code between whose accesses we are is a watched reader's
  bool scanning_ = false;  // it is a scan, of many steps
  bool checking_ = false;  // it is that of a check
};

TEST(StoreSteps, NeitherSideMindsWhatTheOtherDoesBetweenItsAccesses) {
  const char* one = std::getenv("RAM_SEED");
  const uint64_t first = one != nullptr ? std::strtoull(one, nullptr, 10) : 1;
  const uint64_t last = one != nullptr ? first : 40;
  for (uint64_t seed = first; seed <= last && !HasFailure(); ++seed) {
    Steps(seed).run();
    if (HasFailure()) ADD_FAILURE() << "to replay: RAM_SEED=" << seed << " store_step_test";
  }
}

}  // namespace
}  // namespace ram::store
