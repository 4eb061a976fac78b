// Keys to entries, by hash: one writer (the loop), any number of readers that never block, wait or
// write.
//
// Layout. A bucket is one cache line: seven words {16 hash bits, 48-bit entry pointer} and the
// overflow bucket. Buckets grow one at a time, by splitting one and merging two, in segments that
// double. So nothing is ever rehashed as a whole, and no bucket ever changes its address.
//
// Why a reader misses no entry. Splitting fills the new bucket, then publishes `state_`, then
// removes from the old one: who sees the removal sees the new state, and looks again. Merging
// copies first, publishes, and leaves the source as it was. An overflow list from which something
// moves forward is replaced as a whole, after what moved is in the first line: the old list stays
// intact until its readers are gone.
//
// Order. A bucket holds the hashes that end in the bits of its number: in the order of bit-reversed
// hashes a contiguous range, at any number of buckets. *Positions* in that order (bit-reversed
// hashes; 0 is both the start and the end) survive all splitting and merging.
//
// Sources: Litwin, "Linear hashing" (1980); Larson, "Dynamic hash tables" (1988); bit-reversed
// cursors as in Redis' SCAN.
//
// Loop thread only, but for find, prefetch and scan, which are for any thread within an epoch
// (epoch.h).
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "base/function_ref.h"
#include "base/ids.h"
#include "store/blocks.h"
#include "store/entry.h"
#include "store/epoch.h"
#include "store/limbo.h"

namespace ram::store {

class HashIndex {
 public:
  // `seed` as for the hashes of keys.
  HashIndex(uint64_t seed, Blocks& blocks, Limbo& limbo);
  HashIndex(const HashIndex&) = delete;
  ~HashIndex();  // requires: dismantled

  // ---- any thread, within an epoch ----

  // The version of `key` at revision `at`, or null.
  const Entry* find(Key key, Revision at) const;
  void prefetch(uint64_t hash) const {
    // acquire, as in find().
    __builtin_prefetch(bucket(number_of(hash, state_.load(std::memory_order_acquire))));
  }
  // Hands out the versions at `at` of about `count` keys from `position` on; returns the position
  // to go on from, 0 at the end. Everything that exists at `at` is handed out exactly once by a
  // sequence of scans at that revision (a bucket of more than kGather entries may repeat some).
  uint64_t scan(uint64_t position, size_t count, Revision at,
                FunctionRef<void(const Entry&)> each) const;

  // ---- loop thread ----

  // Adds a version. Returns the one it displaced, which is the caller's to retire; null: none, or a
  // tombstone, which is on its way already.
  Entry* put(Key key, std::string_view value, Revision revision, uint8_t type);
  // Adds a tombstone and sees to its end. Returns the version it displaced, as put(); null: there
  // is no such key, and nothing was done.
  Entry* erase(Key key, Revision revision);
  // A tombstone came out of limbo: no reader's revision is below its. Clears its slot, retires it.
  void forget(Entry* tombstone);

  // Hands out the newest versions of the rest of one bucket, from `position` on, tombstones too;
  // returns the position after it, 0 at the end.
  uint64_t walk(uint64_t position, FunctionRef<void(const Entry&)> each) const;

  // Keys that exist, unpublished writes included.
  size_t size() const { return size_; }
  // What the newest versions and the buckets that lead to them take: of Blocks::live(), until
  // abandon().
  size_t bytes() const { return bytes_; }
  // Readers at the newest revision will not come here any more.
  void abandon();

  // Frees a bucket for each of `budget`, and whatever is in it. True: more to do. Requires: no
  // reader, and nothing of this in limbo. Afterwards only dismantle() and the destructor are to be
  // called.
  bool dismantle(size_t& budget);

  void check_invariants() const;

  // For tests: buckets, and how often buckets were merged.
  uint64_t buckets() const { return count_of(state_.load(std::memory_order_relaxed)); }
  void pretend_merges(uint64_t merges) { state_.store(buckets() + merges * kMerge); }

 private:
  static constexpr size_t kSlots = 7;
  static constexpr size_t kGather = 64;
  static constexpr uint64_t kFirstBuckets = 8;
  static constexpr size_t kSegments = 36;
  // Entries (tombstones too) per bucket: above and below, in halves.
  static constexpr uint64_t kGrowAtHalves = 8;
  static constexpr uint64_t kShrinkAtHalves = 3;

  // A word is 0, or the hash bits of a key and where its newest version is.
  using Word = uint64_t;
  struct alignas(Blocks::kLineBytes) Bucket {
    std::array<std::atomic<Word>, kSlots> slot;
    std::atomic<Bucket*> next;
  };
  static_assert(sizeof(Bucket) == Blocks::kLineBytes);

  // State: number of buckets (40 bits), and above it how often two were merged (24 bits, which may
  // wrap: a reader would have to sleep through a whole round of them within one lookup).
  static constexpr uint64_t kMerge = uint64_t{1} << 40;
  static constexpr uint64_t count_of(uint64_t state) { return state & (kMerge - 1); }

  static uint64_t tag_of(uint64_t hash) { return (hash >> 16) & 0xffff; }
  static Entry* entry_of(Word word) {
    return reinterpret_cast<Entry*>(word & ((uint64_t{1} << 48) - 1));
  }
  static Word word_of(uint64_t hash, const Entry* entry) {
    return tag_of(hash) << 48 | reinterpret_cast<uintptr_t>(entry);
  }
  static uint64_t number_of(uint64_t hash, uint64_t state) {
    const uint64_t count = count_of(state);
    const uint64_t low = std::bit_floor(count) - 1;
    const uint64_t wide = hash & (low * 2 + 1);
    return wide < count ? wide : hash & low;
  }
  // The bucket that holds `position`, and the positions that it holds.
  struct Range {
    uint64_t number, begin, size;
    uint64_t end() const { return begin + size; }  // 0 after the last
    bool operator==(const Range&) const = default;
  };
  static Range range_of(uint64_t position, uint64_t state);

  // acquire: a reader with an old state may find here a segment that came after a merge; then it
  // must also see that merge.
  Bucket* bucket(uint64_t number) const {
    const uintptr_t origin = origin_[segment_of(number)].load(std::memory_order_acquire);
    return reinterpret_cast<Bucket*>(origin) + number;
  }
  bool has_segment(size_t segment) const { return ((present_ >> segment) & 1) != 0; }
  static size_t segment_bytes(size_t segment) { return segment_buckets(segment) * sizeof(Bucket); }
  static size_t segment_of(uint64_t number) {
    return static_cast<size_t>(std::bit_width(number / kFirstBuckets));
  }
  static uint64_t segment_first(size_t segment) {
    return segment == 0 ? 0 : kFirstBuckets << (segment - 1);
  }
  static uint64_t segment_buckets(size_t segment) {
    return segment == 0 ? kFirstBuckets : segment_first(segment);
  }

  ptrdiff_t give_versions(const Entry** entries, size_t size, uint64_t position, const Range& range,
                          Revision at) const;
  // Which slots carry `tag`. Only a hint: the caller loads the slot again.
  //
  // No branch per slot: one would be mispredicted in most lookups, and only after the miss on this
  // line, which keeps the processor from beginning the next lookup meanwhile.
  static uint32_t matches(const Bucket& bucket, uint64_t tag) {
    uint32_t hits = 0;
    for (size_t i = 0; i < kSlots; ++i) {
      // acquire: whoever sees a removal sees the state that was published before it.
      const Word word = bucket.slot[i].load(std::memory_order_acquire);
      hits |= static_cast<uint32_t>((word >> 48) == tag) << i;
    }
    return hits;
  }
  static Bucket* next_of(const Bucket* bucket) {
    return bucket->next.load(std::memory_order_relaxed);  // relaxed: the loop wrote it
  }
  static Word own(const std::atomic<Word>& slot) {
    return slot.load(std::memory_order_relaxed);  // relaxed: the loop wrote it
  }

  std::atomic<Word>* find_slot(Key key) const;
  Entry* make(Key key, std::string_view value, Revision revision, uint8_t tag, const Entry* older);
  void add(Bucket* to, Word word);
  Bucket* new_overflow();
  void grew(size_t bytes);
  void shrank(size_t bytes);
  void retire_overflow(Bucket* first);
  void split();
  void merge();
  void add_segment(size_t segment);
  void retire_segment(size_t segment);
  uint64_t rehash(const Entry& entry) const;

  // Read by everyone, written rarely.
  std::atomic<uint64_t> state_;
  std::array<std::atomic<uintptr_t>, kSegments> origin_{};  // where bucket 0 would be

  // The loop's own.
  alignas(kNoSharing) const uint64_t seed_;
  Blocks& blocks_;
  Limbo& limbo_;
  size_t size_ = 0;
  uint64_t used_ = 0;  // slots that are not empty: tombstones too
  size_t bytes_ = 0;
  bool abandoned_ = false;
  uint64_t present_ = 0;       // a bit for each segment that is there
  std::vector<Word> staying_;  // split()'s
};

}  // namespace ram::store
