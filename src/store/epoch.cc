#include "store/epoch.h"

#include "store/upkeep.h"

namespace ram::store {
namespace {

void raise(std::atomic<uint64_t>& value, uint64_t to, std::memory_order order) {
  uint64_t now = value.load(std::memory_order_relaxed);
  while (now < to && !value.compare_exchange_weak(now, to, order)) {
  }
}

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

// release: who sees it confirmed scans after the barrier.
void EpochDomain::confirm(uint64_t epoch) { raise(confirmed_, epoch, std::memory_order_release); }

bool EpochDomain::passed(uint64_t epoch) {
  // acquire: what readers did before they left, as another writer's scan saw it, is behind us.
  if (epoch <= passed_.load(std::memory_order_acquire)) return true;
  // acquire: the scan below comes after the barrier, which came after `epoch` began.
  if (epoch > confirmed_.load(std::memory_order_acquire)) return false;
  for (Slot* slot = head_.load(std::memory_order_acquire); slot != nullptr; slot = slot->next) {
    // acquire: pairs with exit(), whose reads are over before we free; seq_cst as in
    // announce_fenced.
    const uint64_t at = slot->epoch.load(std::memory_order_seq_cst);
    if (at != 0 && at < epoch) return false;
  }
  raise(passed_, epoch, std::memory_order_release);
  return true;
}

}  // namespace ram::store
