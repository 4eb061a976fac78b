// Epoch reclamation: readers in any thread, writers that poll and never wait.
//
// A reader announces the epoch it saw in a cache line of its own and withdraws it when done. A
// writer that unlinked something begins a new epoch, and frees once no older announcement is left.
// A thread takes its slot with its first read and returns it when it ends; it registers nowhere.
//
// Announcing needs store-then-load order: either the writer's scan sees the announcement, or the
// reader's loads see the unlinking. membarrier(2) moves that cost to the writer, one call per batch
// (upkeep.h), so that a reader pays two plain stores. Without it the reader fences.
//
// Source: Fraser, "Practical lock-freedom" (2004), section 5.2.3, with an epoch per batch and not
// three; the asymmetric fence as in Desnoyers et al., "User-Level Implementations of Read-Copy
// Update" (2012), section 3.4 there with signals.
//
// Thread-safe: readers anywhere, and the writers of several stores.
#pragma once

#include <atomic>
#include <cstdint>

namespace ram::store {

#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitizer = true;
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
inline constexpr bool kThreadSanitizer = true;
#else
inline constexpr bool kThreadSanitizer = false;
#endif
#else
inline constexpr bool kThreadSanitizer = false;
#endif

// Pairs of lines, since the adjacent-line prefetcher fetches them together.
inline constexpr size_t kNoSharing = 128;

// One per process, so that a thread has one slot whatever the number of stores.
class EpochDomain {
 public:
  struct alignas(kNoSharing) Slot {
    std::atomic<uint64_t> epoch{0};  // announced; 0: not reading
    uint32_t depth = 0;              // readings of the owner, nested or overlapping; its alone
    std::atomic<bool> taken{false};
    Slot* next = nullptr;  // slots are reused, never freed
  };

  constexpr EpochDomain() = default;
  EpochDomain(const EpochDomain&) = delete;

  // Until exit() in the same thread, nothing that can be reached from here on is freed.
  Slot& enter() {
    Slot& slot = this_thread();
    if (slot.depth++ != 0) return slot;  // announced already, with an older epoch: that keeps more
    // acquire: who announces an epoch sees everything unlinked before it began.
    const uint64_t epoch = epoch_.load(std::memory_order_acquire);
    if (asymmetric_) [[likely]] {
      // The writer's barrier orders this before our later loads, or those after the barrier.
      // release: who sees it instead of the last exit() may also take that reading as over.
      slot.epoch.store(epoch, std::memory_order_release);
      std::atomic_signal_fence(std::memory_order_seq_cst);  // the compiler must not reorder either
    } else {
      announce_fenced(slot, epoch);
    }
    return slot;
  }
  void exit(Slot& slot) {
    // release: our reads of shared memory end before the announcement does.
    if (--slot.depth == 0) slot.epoch.store(0, std::memory_order_release);
  }

  // Begins an epoch and asks for its barrier. What was unlinked before may be freed, by whoever
  // unlinked it, once passed() has come that far.
  uint64_t advance();

  // The highest epoch before whose beginning no reader that remains has entered. Never blocks; a
  // walk over the slots of all threads.
  uint64_t passed() const;

 private:
  // Gives the slot back when its thread ends.
  struct Return {
    Slot* slot;
    ~Return();
  };

  Slot& this_thread() {
    if (slot_ == nullptr) [[unlikely]]
      take();
    return *slot_;
  }
  void take();
  void announce_fenced(Slot& slot, uint64_t epoch);
  void prepare();  // learns how readers are to announce; before the first of them does
  void confirm(uint64_t epoch);

  bool asymmetric_ = false;  // as prepare() found; constant afterwards
  std::atomic<Slot*> head_{nullptr};
  alignas(kNoSharing) std::atomic<uint64_t> epoch_{1};
  // Highest epoch with a barrier after its beginning.
  alignas(kNoSharing) std::atomic<uint64_t> confirmed_{0};
  static inline constinit thread_local Slot* slot_ = nullptr;
};

inline constinit EpochDomain epochs;

}  // namespace ram::store
