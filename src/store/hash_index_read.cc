// HashIndex for its readers; hash_index.h says why they miss nothing.
#include <algorithm>

#include "store/hash.h"
#include "store/hash_index.h"
#include "store/step.h"

namespace ram::store {

const Entry* HashIndex::find(Key key, Revision at) const {
  const uint64_t tag = tag_of(key.hash);
  for (;;) {
    // acquire: the buckets up to this count are filled.
    const uint64_t state = state_.load(std::memory_order_acquire);
    const uint64_t number = number_of(key.hash, state);
    const Bucket* line = bucket(number);
    while (line != nullptr) {
      RAM_STORE_STEP();
      // acquire, and before the slots: an overflow list is replaced as a whole, and only after what
      // it held and still belongs here was stored in the first line. Old list: it is intact. New
      // list: the first line is already complete.
      const Bucket* next = line->next.load(std::memory_order_acquire);
      RAM_STORE_STEP();
      for (uint32_t hits = matches(*line, tag); hits != 0; hits &= hits - 1) {
        RAM_STORE_STEP();
        // acquire: pairs with the release that published the entry. The slot may have changed since
        // it matched; then this is another entry, none, or the next version of the same key.
        const Word word =
            line->slot[static_cast<size_t>(std::countr_zero(hits))].load(std::memory_order_acquire);
        if (word == 0) continue;
        const Entry* entry = entry_of(word);
        if (entry->key() == key.bytes) return entry->version_at(at);
      }
      line = next;
    }
    RAM_STORE_STEP();
    // Not here. True, unless the key moved while we looked: moves are announced in the state first.
    // Merges count even if they are undone: the bucket may have been emptied and filled again.
    const uint64_t now = state_.load(std::memory_order_acquire);
    if (now == state || ((now ^ state) < kMerge && number_of(key.hash, now) == number)) {
      return nullptr;
    }
  }
}

HashIndex::Range HashIndex::range_of(uint64_t position, uint64_t state) {
  const uint64_t count = count_of(state);
  const uint64_t number = number_of(reversed(position), state);
  // The bucket holds the hashes that end in `bits` bits of its number.
  auto bits = static_cast<unsigned>(std::bit_width(count)) - 1;
  const uint64_t half = uint64_t{1} << bits;
  if (number >= half || number + half < count) ++bits;
  const uint64_t size = uint64_t{1} << (64 - bits);
  return {number, position & ~(size - 1), size};
}

uint64_t HashIndex::scan(uint64_t position, size_t count, Revision at,
                         FunctionRef<void(const Entry&)> each) const {
  std::array<const Entry*, kGather> gathered;
  size_t given = 0;
  size_t lines = 0;
  bool moved;
  do {
    // acquire, here and below: as in find().
    const uint64_t state = state_.load(std::memory_order_acquire);
    const Range range = range_of(position, state);
    size_t size = 0;
    const auto hand_out = [&] {
      // What left the bucket while we looked was announced in the state first. Then look again, at
      // what the bucket is now, before anything is handed out.
      const uint64_t now = state_.load(std::memory_order_acquire);
      moved = (now ^ state) >= kMerge || range_of(position, now) != range;
      if (moved) return;
      const auto end = gathered.begin() + give_versions(gathered.data(), size, position, range, at);
      std::for_each(gathered.begin(), end, [&](const Entry* entry) { each(*entry); });
      given += static_cast<size_t>(end - gathered.begin());
      size = 0;
    };
    moved = false;
    const Bucket* line = bucket(range.number);
    while (line != nullptr && !moved) {
      RAM_STORE_STEP();
      const Bucket* next = line->next.load(std::memory_order_acquire);
      for (const auto& slot : line->slot) {
        RAM_STORE_STEP();
        const Word word = slot.load(std::memory_order_acquire);
        if (word == 0) continue;
        if (size == kGather) hand_out();
        if (moved) break;
        __builtin_prefetch(entry_of(word));
        gathered[size++] = entry_of(word);
      }
      line = next;
      ++lines;
    }
    RAM_STORE_STEP();
    if (!moved) hand_out();
    if (!moved) position = range.end();
  } while (moved || (position != 0 && given < count && lines < 8 * count + 8));
  return position;
}

// Replaces the entries by their versions at `at`, each once; returns how many there are.
//
// Left out is what lies below `position`, from a half that was merged after it had been handed out,
// and what lies beyond the range: not yet removed by a split, or already copied for a merge. What
// moved forward out of an overflow list may be met twice.
ptrdiff_t HashIndex::give_versions(const Entry** entries, size_t size, uint64_t position,
                                   const Range& range, Revision at) const {
  const Entry** end = entries;
  for (size_t i = 0; i < size; ++i) {
    const Entry* entry = entries[i]->version_at(at);
    if (entry == nullptr || std::find(entries, end, entry) != end) continue;
    // The range may end at 0, which is 2^64.
    if (reversed(rehash(*entry)) - position >= range.end() - position) continue;
    *end++ = entry;
  }
  return end - entries;
}

}  // namespace ram::store
