#include "store/epoch.h"

#include <algorithm>

#include "store/upkeep.h"

namespace ram::store {
namespace {

// ThreadSanitizer knows no fences; on the machines it runs on, the operations beside them are full
// barriers.
void full_fence() {
#if !defined(__SANITIZE_THREAD__)
  if (!kThreadSanitizer) std::atomic_thread_fence(std::memory_order_seq_cst);
#endif
}

}  // namespace

void EpochDomain::prepare() {
  static const bool asymmetric = asymmetric_ = upkeep::has_barrier();  // once, whoever comes first
  static_cast<void>(asymmetric);
}

void EpochDomain::take() {
  prepare();
  // acquire: a slot that another thread made is seen whole.
  for (Slot* slot = head_.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
    bool taken = false;
    // acquire: pairs with the release of its last owner, whose depth was 0.
    if (!slot->taken.compare_exchange_strong(taken, true, std::memory_order_acquire)) continue;
    slot_ = slot;
    break;
  }
  if (slot_ == nullptr) {
    auto* slot = new Slot;
    slot->taken.store(true, std::memory_order_relaxed);  // nobody else has it yet
    slot->next = head_.load(std::memory_order_relaxed);
    // release: whoever walks the list sees the slot whole.
    while (!head_.compare_exchange_weak(slot->next, slot, std::memory_order_release,
                                        std::memory_order_relaxed)) {
    }
    slot_ = slot;
  }
  static thread_local Return at_thread_end{slot_};
}

EpochDomain::Return::~Return() {
  slot_ = nullptr;
  slot->taken.store(false, std::memory_order_release);  // the next owner sees depth and epoch at 0
}

void EpochDomain::announce_fenced(Slot& slot, uint64_t epoch) {
  // seq_cst, with the fence: before our later loads in the single order in which the fence of
  // advance() stands too. Whichever of the two comes first, the other side sees it.
  slot.epoch.exchange(epoch, std::memory_order_seq_cst);
  full_fence();
}

uint64_t EpochDomain::advance() {
  prepare();
  // release: who announces this epoch sees what was unlinked before; seq_cst as in announce_fenced.
  const uint64_t epoch = epoch_.fetch_add(1, std::memory_order_seq_cst) + 1;
  if (asymmetric_) {
    upkeep::barrier();
  } else {
    full_fence();
  }
  confirm(epoch);
  return epoch;
}

void EpochDomain::confirm(uint64_t epoch) {
  uint64_t now = confirmed_.load(std::memory_order_relaxed);
  // release: who sees it confirmed scans after the barrier.
  while (now < epoch && !confirmed_.compare_exchange_weak(now, epoch, std::memory_order_release,
                                                          std::memory_order_relaxed)) {
  }
}

uint64_t EpochDomain::passed() const {
  // acquire: the scan below comes after the barrier, which came after the epoch began.
  uint64_t passed = confirmed_.load(std::memory_order_acquire);
  for (Slot* slot = head_.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
    // acquire: pairs with exit(), whose reads are over before we free; seq_cst as in
    // announce_fenced.
    const uint64_t at = slot->epoch.load(std::memory_order_seq_cst);
    if (at != 0) passed = std::min(passed, at);
  }
  return passed;
}

}  // namespace ram::store
