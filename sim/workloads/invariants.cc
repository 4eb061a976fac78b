// Data that carry an invariant, changed by transactions of several keys: money that is only moved,
// a ring that stays a ring, lists that only grow. All keys are read as of one revision, and must
// fit.
#include <algorithm>

#include "sim/workloads/workload.h"

namespace ram::sim {

using machine::ConditionKind;
using machine::OperationKind;
using Ending = StoreOperation::Ending;

namespace {

// Keys of a fixed number, made together by whoever comes first, then read whole and changed.
class Whole : public Workload {
 public:
  Whole(const Scene& scene, std::string table, size_t size)
      : Workload(scene), table_(std::move(table)) {
    for (size_t i = 0; i < size; ++i) keys_.push_back({table_, std::to_string(i)});
  }

  std::vector<KeyName> keys() const override { return keys_; }

  void act(Place& place, Random& random, Next next) override {
    scene_.calls.read(
        place, keys_, /*tracked=*/true, {},
        [this, &place, &random, next = std::move(next)](const StoreOperation& operation) {
          if (operation.ending != Ending::kDone) {
            next();
            return;
          }
          saw_all(operation);
          if (scene_.world.failed()) return;
          const std::vector<Version>& seen = operation.seen;
          Transaction transaction = seen[0].value ? change(seen, random) : creation();
          if (transaction.edits.empty()) {
            next();
            return;
          }
          // Later, and from a callback of none: the read ended in its own thread.
          scene_.world.after(Duration(0), [this, &place, transaction, next] {
            if (!place.lives()) {
              next();
              return;
            }
            scene_.calls.write(place, {transaction, /*tracked=*/true}, {},
                               [next](const StoreOperation&) { next(); });
          });
        });
  }

  void saw_all(const StoreOperation& operation) override {
    const auto absent = std::count_if(operation.seen.begin(), operation.seen.end(),
                                      [](const Version& version) { return !version.value; });
    if (absent == static_cast<std::ptrdiff_t>(operation.seen.size())) return;
    if (absent != 0) {
      fail("half of what was made together is seen in " + table_);
    } else if (!fits(operation.seen)) {
      std::string text;
      for (const Version& version : operation.seen) text += " " + *version.value;
      fail("the invariant of " + table_ + " is broken:" + text);
    }
  }

 protected:
  virtual std::string initial(size_t i) const = 0;
  virtual bool fits(const std::vector<Version>& seen) const = 0;
  virtual Transaction change(const std::vector<Version>& seen, Random& random) const = 0;

  static int64_t number(const Version& version) { return number_in(version.value).value_or(-1); }
  Condition unchanged(const std::vector<Version>& seen, size_t i) const {
    return {ConditionKind::kRevisionIs, keys_[i], seen[i].revision};
  }
  Edit put(size_t i, int64_t value) const {
    return {.kind = OperationKind::kPut, .key = keys_[i], .value = std::to_string(value)};
  }

 private:
  Transaction creation() const {
    Transaction transaction;
    for (size_t i = 0; i < keys_.size(); ++i) {
      transaction.conditions.push_back({ConditionKind::kAbsent, keys_[i], 0});
      transaction.edits.push_back(
          {.kind = OperationKind::kPut, .key = keys_[i], .value = initial(i)});
    }
    return transaction;
  }

 protected:
  const std::string table_;
  std::vector<KeyName> keys_;
};

class Bank final : public Whole {
 public:
  explicit Bank(const Scene& scene) : Whole(scene, "bank", 6) {}

 private:
  static constexpr int64_t kEach = 100;

  std::string initial(size_t) const override { return std::to_string(kEach); }
  bool fits(const std::vector<Version>& seen) const override {
    int64_t sum = 0;
    for (const Version& version : seen) sum += number(version);
    return sum == kEach * static_cast<int64_t>(seen.size());
  }
  Transaction change(const std::vector<Version>& seen, Random& random) const override {
    if (random.one_in(3)) return {};
    const size_t from = random.below(seen.size());
    const size_t to = (from + 1 + random.below(seen.size() - 1)) % seen.size();
    const auto amount = static_cast<int64_t>(random.between(1, 9));
    if (random.one_in(2)) {
      return {.edits = {{.kind = OperationKind::kAdd, .key = keys_[from], .delta = -amount},
                        {.kind = OperationKind::kAdd, .key = keys_[to], .delta = amount}}};
    }
    return {.conditions = {unchanged(seen, from), unchanged(seen, to)},
            .edits = {put(from, number(seen[from]) - amount), put(to, number(seen[to]) + amount)}};
  }
};

// Each key names the next one of a ring.
class Ring final : public Whole {
 public:
  explicit Ring(const Scene& scene) : Whole(scene, "ring", 7) {}

 private:
  std::string initial(size_t i) const override { return std::to_string((i + 1) % keys_.size()); }
  bool fits(const std::vector<Version>& seen) const override {
    size_t at = 0;
    for (size_t steps = 1; steps <= seen.size(); ++steps) {
      at = static_cast<size_t>(number(seen[at]));
      if (at >= seen.size()) return false;
      if (at == 0) return steps == seen.size();
    }
    return false;
  }
  // Takes one out and puts it in elsewhere.
  Transaction change(const std::vector<Version>& seen, Random& random) const override {
    const size_t moved = random.below(seen.size());
    const auto next = [&](size_t i) { return static_cast<size_t>(number(seen[i])); };
    size_t before = 0;
    while (next(before) != moved) ++before;
    const size_t after = random.below(seen.size());
    if (after == moved || after == before) return {};
    return {.conditions = {unchanged(seen, moved), unchanged(seen, before), unchanged(seen, after)},
            .edits = {put(before, number(seen[moved])), put(moved, number(seen[after])),
                      put(after, static_cast<int64_t>(moved))}};
  }
};

// Lists of numbers, each number in one list once; one transaction may append to two lists.
class Lists final : public Workload {
 public:
  explicit Lists(const Scene& scene) : Workload(scene) {}

  std::vector<KeyName> keys() const override {
    std::vector<KeyName> keys;
    for (uint64_t list = 0; list <= newest(); ++list) keys.push_back(key(list));
    return keys;
  }

  void act(Place& place, Random& random, Next next) override {
    const uint64_t first = newest() - random.below(std::min<uint64_t>(newest(), 2) + 1);
    const uint64_t second = newest() - random.below(std::min<uint64_t>(newest(), 2) + 1);
    if (random.one_in(3)) {
      scene_.calls.read(place, {key(first), key(second)}, /*tracked=*/true, {},
                        [this, next = std::move(next)](const StoreOperation& operation) {
                          if (operation.ending == Ending::kDone) saw_all(operation);
                          next();
                        });
      return;
    }
    Transaction transaction;
    transaction.edits.push_back(append(first));
    if (second != first) transaction.edits.push_back(append(second));
    scene_.calls.write(place, {std::move(transaction), /*tracked=*/true}, {},
                       [next = std::move(next)](const StoreOperation&) { next(); });
  }

  void saw_all(const StoreOperation& operation) override {
    for (const Version& version : operation.seen) {
      if (!version.value) continue;
      std::vector<std::string> items(1);
      for (char letter : *version.value) {
        if (letter == ',') {
          items.emplace_back();
        } else {
          items.back() += letter;
        }
      }
      items.pop_back();
      std::sort(items.begin(), items.end());
      if (std::adjacent_find(items.begin(), items.end()) != items.end()) {
        fail("appended twice: " + *version.value);
      }
    }
  }

 private:
  // A new list now and then, so that they stay short.
  uint64_t newest() const {
    return static_cast<uint64_t>(scene_.world.now().time_since_epoch() / std::chrono::seconds(2));
  }
  static KeyName key(uint64_t list) { return {"lists", std::to_string(list)}; }
  Edit append(uint64_t list) const {
    return {.kind = OperationKind::kAppend,
            .key = key(list),
            .value = std::to_string(scene_.calls.unique_value()) + ","};
  }
};

// Keys that are written together and cleared together, whoever knows which there are.
class Boards final : public Workload {
 public:
  explicit Boards(const Scene& scene) : Workload(scene) {}

  std::vector<KeyName> keys() const override { return {key(0), key(1), key(2)}; }

  void act(Place& place, Random& random, Next next) override {
    const uint64_t draw = random.below(4);
    if (draw > 1) {
      scene_.calls.read(place, keys(), /*tracked=*/true, {},
                        [this, next = std::move(next)](const StoreOperation& operation) {
                          if (operation.ending == Ending::kDone) saw_all(operation);
                          next();
                        });
      return;
    }
    Transaction transaction;
    if (draw == 0) {
      transaction.edits.push_back({.kind = OperationKind::kClear, .key = {kTable, ""}});
    } else {
      const std::string value = std::to_string(scene_.calls.unique_value());
      for (const KeyName& each : keys()) {
        transaction.edits.push_back({.kind = OperationKind::kPut, .key = each, .value = value});
      }
    }
    scene_.calls.write(place, {std::move(transaction), /*tracked=*/true}, {},
                       [next = std::move(next)](const StoreOperation&) { next(); });
  }

  void saw_all(const StoreOperation& operation) override {
    for (const Version& version : operation.seen) {
      if (version.value != operation.seen[0].value) {
        fail("of what is written and cleared together a part is seen");
      }
    }
  }

 private:
  static constexpr const char* kTable = "boards";
  static KeyName key(int i) { return {kTable, std::to_string(i)}; }
};

// Many at once from one client: full records, full mailboxes, and calls made within callbacks.
class Bursts final : public Workload {
 public:
  explicit Bursts(const Scene& scene) : Workload(scene) {}

  std::vector<KeyName> keys() const override { return {}; }

  void act(Place& place, Random& random, Next next) override {
    auto left = std::make_shared<uint64_t>(random.between(2, 40));
    const uint64_t count = *left;
    const bool chained = random.one_in(3);
    for (uint64_t i = 0; i < count; ++i) {
      scene_.calls.write(place, burst(), {},
                         [this, &place, left, chained, next](const StoreOperation& operation) {
                           // From within the callback, as long as its process lives.
                           if (chained && operation.ending == Ending::kDone) again(place);
                           if (--*left == 0) next();
                         });
    }
  }

 private:
  Calls::Write burst() const {
    // Its token alone.
    Transaction transaction;
    if (scene_.swarm.value_bytes > 0) {
      transaction.edits.push_back({.kind = OperationKind::kPut,
                                   .key = {"bursts", "x"},
                                   .value = std::string(scene_.swarm.value_bytes, 'x')});
    }
    return {std::move(transaction), /*tracked=*/true};
  }
  void again(Place& place) {
    scene_.calls.write(place, burst(), {}, [](const StoreOperation&) {});
  }
};

}  // namespace

std::unique_ptr<Workload> make_bank(const Scene& scene) {
  return std::make_unique<Bank>(scene);
}
std::unique_ptr<Workload> make_ring(const Scene& scene) {
  return std::make_unique<Ring>(scene);
}
std::unique_ptr<Workload> make_lists(const Scene& scene) {
  return std::make_unique<Lists>(scene);
}
std::unique_ptr<Workload> make_boards(const Scene& scene) {
  return std::make_unique<Boards>(scene);
}
std::unique_ptr<Workload> make_bursts(const Scene& scene) {
  return std::make_unique<Bursts>(scene);
}

}  // namespace ram::sim
