#include "sim/workloads/history.h"

namespace ram::sim {

namespace {

// What became of an operation, when all above `revision` may be lost.
enum class Fate : uint8_t { kLasts, kUnknown, kNeverWas };

Fate fate(bool writes, uint64_t made, Tick ended, uint64_t revision, Tick until) {
  if (made == 0) return ended > until ? Fate::kNeverWas : Fate::kLasts;
  if (made <= revision) return Fate::kLasts;
  return writes ? Fate::kUnknown : Fate::kNeverWas;
}

}  // namespace

void History::lose(uint64_t revision, Tick until) {
  std::erase_if(operations, [&](StoreOperation& operation) {
    if (operation.ending != StoreOperation::Ending::kDone) return false;
    const Fate fate_of =
        fate(operation.is_write, operation.revision, operation.ended, revision, until);
    if (fate_of == Fate::kUnknown) {
      ++counters.writes_lost;
      operation.ending = StoreOperation::Ending::kUnknown;
      operation.revision = 0;
    }
    return fate_of == Fate::kNeverWas;
  });
  for (auto& [key, history] : keys) {
    std::erase_if(history, [&](KeyOperation& operation) {
      if (operation.unknown) return false;
      const bool writes = operation.kind != KeyOperation::Kind::kGet;
      const Fate fate_of = fate(writes, operation.revision, operation.ended, revision, until);
      if (fate_of == Fate::kUnknown) operation.unknown = true;
      return fate_of == Fate::kNeverWas;
    });
  }
  std::erase_if(found_at, [&](const auto& found) { return found.second > revision; });
}

}  // namespace ram::sim
