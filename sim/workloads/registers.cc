// Registers: single keys that are set, swapped, compared and set, erased and read, from every node;
// and counters, that are added to. Their histories go to the search for one linear order.
//
// Keys are given up after some seconds for new ones, so that each history stays short enough to be
// searched, whatever was left unknown in it. No two writes of a register write the same value.
#include <charconv>
#include <set>

#include "sim/workloads/workload.h"

namespace ram::sim {

using machine::ConditionKind;
using machine::OperationKind;
using Kind = KeyOperation::Kind;
using Ending = StoreOperation::Ending;

KeyValue number_in(const std::optional<std::string>& value) {
  if (!value) return std::nullopt;
  int64_t number = 0;
  const auto parsed = std::from_chars(value->data(), value->data() + value->size(), number);
  return parsed.ec == std::errc() ? KeyValue(number) : std::nullopt;
}

namespace {

constexpr Duration kGeneration = std::chrono::seconds(3);

class Cells : public Workload {
 public:
  Cells(const Scene& scene, std::string table, uint64_t count)
      : Workload(scene), table_(std::move(table)), count_(count) {}

  void look(Place& place, Random& random, Next next) override {
    read(place, draw_key(random), std::move(next));
  }
  std::vector<KeyName> keys() const override { return {used_.begin(), used_.end()}; }
  bool tracked() const override { return false; }

  void saw_all(const StoreOperation& operation) override {
    for (size_t i = 0; i < operation.keys.size(); ++i) record_get(operation, i);
  }

 protected:
  KeyName draw_key(Random& random) {
    const auto generation = scene_.world.now().time_since_epoch() / kGeneration;
    KeyName key{table_,
                "k" + std::to_string(random.below(count_)) + "." + std::to_string(generation)};
    used_.insert(key);
    return key;
  }

  void record(const KeyName& key, const KeyOperation& operation) {
    scene_.history.keys[key].push_back(operation);
  }

  void record_get(const StoreOperation& operation, size_t i) {
    record(operation.keys[i], {.kind = Kind::kGet,
                               .begun = operation.begun,
                               .ended = operation.ended,
                               .value = number_in(operation.seen[i].value),
                               .revision = operation.revision});
    saw(number_in(operation.seen[i].value), operation.seen[i].revision);
  }
  virtual void saw(KeyValue, uint64_t) {}

  void read(Place& place, const KeyName& key, Next next) {
    scene_.calls.read(place, {key}, /*tracked=*/false, {},
                      [this, next = std::move(next)](const StoreOperation& operation) {
                        if (operation.ending == Ending::kDone) record_get(operation, 0);
                        next();
                      });
  }

  // One edit under one condition at most. `shape` says what it is to the search.
  void write(Place& place, KeyOperation shape, Transaction transaction, Next next) {
    const KeyName key = transaction.edits[0].key;
    scene_.calls.write(
        place, {std::move(transaction), /*tracked=*/false}, {},
        [this, key, shape, next = std::move(next)](const StoreOperation& operation) mutable {
          if (operation.ending != Ending::kRefused) {
            shape.unknown = operation.ending == Ending::kUnknown;
            shape.begun = operation.begun;
            shape.ended = operation.ended;
            shape.revision = operation.revision;
            if (!shape.unknown) take_answer(operation, shape);
            record(key, shape);
          }
          next();
        });
  }

  void take_answer(const StoreOperation& operation, KeyOperation& shape) {
    const bool applied = operation.outcome == machine::Outcome::kApplied;
    const Answer answer = applied ? operation.answers[0] : Answer{};
    shape.done = applied;
    switch (shape.kind) {
      case Kind::kGet:
      case Kind::kExchange:
      case Kind::kTake:
        shape.value = number_in(answer.value);
        break;
      case Kind::kAdd:
        shape.value = answer.number;
        break;
      case Kind::kErase:
        shape.done = answer.number == 1;
        break;
      case Kind::kPut:
      case Kind::kCompareAndSet:
        break;
    }
    if (applied && operation.revision != 0) wrote(shape, operation.revision);
  }
  virtual void wrote(const KeyOperation&, uint64_t) {}

  const std::string table_;
  const uint64_t count_;
  std::set<KeyName> used_;
};

class Registers final : public Cells {
 public:
  explicit Registers(const Scene& scene) : Cells(scene, "registers", 3) {}

  void act(Place& place, Random& random, Next next) override {
    const KeyName key = draw_key(random);
    switch (random.below(20)) {
      case 0:
      case 1:
      case 2:
      case 3:
        set(place, Kind::kPut, key, std::move(next));
        break;
      case 4:
        set(place, Kind::kExchange, key, std::move(next));
        break;
      case 5:
        write(place, {.kind = Kind::kErase}, one(OperationKind::kErase, key), std::move(next));
        break;
      case 6:
        write(place, {.kind = Kind::kTake}, one(OperationKind::kTake, key), std::move(next));
        break;
      case 7:
        write(place, {.kind = Kind::kGet}, one(OperationKind::kGet, key), std::move(next));
        break;
      case 8:
      case 9:
      case 10:
        compare_and_set(place, key, std::move(next));
        break;
      case 11:
      case 12:
      case 13:
        hand_off(place, random, key, std::move(next));
        break;
      default:
        read(place, key, std::move(next));
    }
  }

 private:
  Transaction one(OperationKind kind, const KeyName& key, int64_t value = 0) const {
    Edit edit{.kind = kind, .key = key};
    if (value != 0) edit.value = std::to_string(value) + std::string(scene_.swarm.value_bytes, '.');
    return {.edits = {edit}};
  }

  void set(Place& place, Kind kind, const KeyName& key, Next next) {
    const int64_t value = scene_.calls.unique_value();
    const auto edit = kind == Kind::kPut ? OperationKind::kPut : OperationKind::kExchange;
    write(place, {.kind = kind, .argument = value}, one(edit, key, value), std::move(next));
  }

  void compare_and_set(Place& place, const KeyName& key, Next next) {
    scene_.calls.read(
        place, {key}, /*tracked=*/false, {},
        [this, &place, key, next = std::move(next)](const StoreOperation& operation) {
          if (operation.ending != Ending::kDone) {
            next();
            return;
          }
          record_get(operation, 0);
          const int64_t value = scene_.calls.unique_value();
          const KeyOperation shape{.kind = Kind::kCompareAndSet,
                                   .argument = value,
                                   .expected = number_in(operation.seen[0].value)};
          Transaction transaction = one(OperationKind::kPut, key, value);
          transaction.conditions = {
              {.kind = shape.expected ? ConditionKind::kRevisionIs : ConditionKind::kAbsent,
               .key = key,
               .revision = shape.expected ? operation.seen[0].revision : 0}};
          // Later, and from a callback of none: the read ended in its own thread.
          scene_.world.after(Duration(0), [this, &place, shape, transaction, next] {
            if (place.lives()) {
              write(place, shape, transaction, next);
            } else {
              next();
            }
          });
        });
  }

  // One client writes, and tells another at another node, which looks at once.
  void hand_off(Place& place, Random& random, const KeyName& key, Next next) {
    Place& other = *scene_.places[random.below(scene_.places.size())];
    set(place, Kind::kPut, key, [this, &other, key, next = std::move(next)] {
      scene_.world.after(Duration(0), [this, &other, key, next] {
        if (other.lives()) {
          read(other, key, next);
        } else {
          next();
        }
      });
    });
  }

  void saw(KeyValue value, uint64_t revision) override {
    if (value) note_revision(*value, revision);
  }
  void wrote(const KeyOperation& operation, uint64_t revision) override {
    if (operation.argument != 0) note_revision(operation.argument, revision);
  }
  void note_revision(int64_t value, uint64_t revision) {
    const auto [known, is_new] = scene_.history.found_at.try_emplace(value, revision);
    if (!is_new && known->second != revision) {
      fail("the value " + std::to_string(value) + " was written at revision " +
           std::to_string(known->second) + ", and at " + std::to_string(revision));
    }
  }
};

class Counters final : public Cells {
 public:
  explicit Counters(const Scene& scene) : Cells(scene, "counters", 2) {}

  void act(Place& place, Random& random, Next next) override {
    const KeyName key = draw_key(random);
    if (random.one_in(3)) {
      read(place, key, std::move(next));
      return;
    }
    const int64_t delta = random.one_in(8) ? -2 : 1;
    write(place, {.kind = Kind::kAdd, .argument = delta},
          {.edits = {{.kind = OperationKind::kAdd, .key = key, .delta = delta}}}, std::move(next));
  }
};

}  // namespace

std::unique_ptr<Workload> make_registers(const Scene& scene) {
  return std::make_unique<Registers>(scene);
}
std::unique_ptr<Workload> make_counters(const Scene& scene) {
  return std::make_unique<Counters>(scene);
}

}  // namespace ram::sim
