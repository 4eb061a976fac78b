#include "store/hash_index.h"

#include "base/check.h"
#include "store/hash.h"
#include "store/step.h"

namespace ram::store {

HashIndex::HashIndex(uint64_t seed, Blocks& blocks, Limbo& limbo)
    : state_(kFirstBuckets), seed_(seed), blocks_(blocks), limbo_(limbo) {
  add_segment(0);
}

HashIndex::~HashIndex() {
  RAM_CHECK(buckets() == 0);
}

// ---- the writer ----

Entry* HashIndex::put(Key key, std::string_view value, Revision revision, uint8_t type) {
  std::atomic<Word>* slot = find_slot(key);
  Entry* old = slot == nullptr ? nullptr : entry_of(own(*slot));
  Entry* entry = make(key, value, revision, type, old);
  grew(Blocks::cost(entry->bytes()));
  const Word word = word_of(key.hash, entry);
  if (old == nullptr) {
    add(bucket(number_of(key.hash, state_.load(std::memory_order_relaxed))), word);
    ++size_;
    ++used_;
    while (2 * used_ > kGrowAtHalves * buckets()) split();
    return nullptr;
  }
  slot->store(word, std::memory_order_release);  // publishes the entry's bytes
  RAM_STORE_STEP();
  if (old->is_tombstone()) {
    ++size_;
    return nullptr;
  }
  shrank(Blocks::cost(old->bytes()));
  return old;
}

Entry* HashIndex::erase(Key key, Revision revision) {
  std::atomic<Word>* slot = find_slot(key);
  if (slot == nullptr) return nullptr;
  Entry* old = entry_of(own(*slot));
  if (old->is_tombstone()) return nullptr;
  Entry* tombstone = make(key, {}, revision, Entry::kTombstone, old);
  slot->store(word_of(key.hash, tombstone), std::memory_order_release);  // its bytes
  --size_;
  shrank(Blocks::cost(old->bytes()));
  limbo_.retire(Retired(Retired::Kind::kTombstone, tombstone, reinterpret_cast<uintptr_t>(this)),
                Blocks::cost(tombstone->bytes()));
  return old;
}

void HashIndex::forget(Entry* tombstone) {
  const Key key{tombstone->key(), rehash(*tombstone)};
  std::atomic<Word>* slot = find_slot(key);
  if (slot != nullptr && entry_of(own(*slot)) == tombstone) {
    slot->store(0, std::memory_order_release);  // as any removal
    RAM_STORE_STEP();
    --used_;
    if (2 * used_ < kShrinkAtHalves * buckets() && buckets() > kFirstBuckets) merge();
  }
  // Readers may be looking at it now.
  limbo_.retire(Retired(Retired::Kind::kEntry, tombstone), Blocks::cost(tombstone->bytes()));
}

uint64_t HashIndex::walk(uint64_t position, FunctionRef<void(const Entry&)> each) const {
  const uint64_t state = state_.load(std::memory_order_relaxed);
  const Range range = range_of(position, state);
  // A walk over memory in no order: ask early for the buckets ahead, then for their entries.
  const auto ahead = [&](uint64_t steps) {
    return bucket(number_of(reversed(position + steps * range.size), state));
  };
  __builtin_prefetch(ahead(12));
  for (const auto& slot : ahead(6)->slot) {
    const auto* entry = reinterpret_cast<const char*>(entry_of(own(slot)));
    if (entry == nullptr) continue;
    __builtin_prefetch(entry);
    __builtin_prefetch(entry + 64);
    __builtin_prefetch(entry + 128);
  }
  for (const Bucket* line = bucket(range.number); line != nullptr; line = next_of(line)) {
    for (const auto& slot : line->slot) {
      const Word word = own(slot);
      if (word == 0) continue;
      const Entry& entry = *entry_of(word);
      if (position != range.begin && reversed(rehash(entry)) < position) continue;
      each(entry);
    }
  }
  return range.end();
}

std::atomic<HashIndex::Word>* HashIndex::find_slot(Key key) const {
  const uint64_t tag = tag_of(key.hash);
  Bucket* line = bucket(number_of(key.hash, state_.load(std::memory_order_relaxed)));
  for (; line != nullptr; line = next_of(line)) {
    for (uint32_t hits = matches(*line, tag); hits != 0; hits &= hits - 1) {
      auto& slot = line->slot[static_cast<size_t>(std::countr_zero(hits))];
      const Word word = own(slot);
      if (word != 0 && entry_of(word)->key() == key.bytes) return &slot;
    }
  }
  return nullptr;
}

Entry* HashIndex::make(Key key, std::string_view value, Revision revision, uint8_t tag,
                       const Entry* older) {
  void* block = blocks_.allocate(Entry::bytes_for(key.bytes.size(), value.size()));
  return Entry::write(block, key.bytes, value, revision, tag, older);
}

void HashIndex::add(Bucket* to, Word word) {
  for (;; to = next_of(to)) {
    for (auto& slot : to->slot) {
      if (own(slot) != 0) continue;
      slot.store(word, std::memory_order_release);  // publishes the entry's bytes
      RAM_STORE_STEP();
      return;
    }
    if (next_of(to) != nullptr) continue;
    Bucket* more = new_overflow();
    more->slot[0].store(word, std::memory_order_relaxed);  // nobody sees it yet
    to->next.store(more, std::memory_order_release);       // publishes bucket and entry
    RAM_STORE_STEP();
    return;
  }
}

HashIndex::Bucket* HashIndex::new_overflow() {
  grew(Blocks::kLineCost);
  return new (blocks_.allocate_line()) Bucket{};
}

void HashIndex::retire_overflow(Bucket* first) {
  for (Bucket* line = first; line != nullptr; line = next_of(line)) {
    shrank(Blocks::kLineCost);
    limbo_.retire(Retired(Retired::Kind::kOverflow, line), Blocks::kLineCost);
  }
}

uint64_t HashIndex::rehash(const Entry& entry) const {
  return hash_of(entry.key(), seed_);
}

// ---- growing and shrinking ----

// Bucket n takes from bucket n - 2^level the entries whose hash has bit `level`.
void HashIndex::split() {
  const uint64_t state = state_.load(std::memory_order_relaxed);
  const uint64_t number = count_of(state);
  const auto level = static_cast<unsigned>(std::bit_width(number)) - 1;
  const size_t segment = segment_of(number);
  if (!has_segment(segment)) add_segment(segment);
  Bucket* from = bucket(number - (uint64_t{1} << level));
  Bucket* to = bucket(number);
  const auto goes = [&](Word word) {
    // Bits 16 to 31 are at hand; below, the table is small and in cache.
    const uint64_t bits = level >= 16 && level < 32 ? word >> (48 - 16) : rehash(*entry_of(word));
    return ((bits >> level) & 1) != 0;
  };

  // `to` may hold what a merge left behind, its overflow list retired. release: readers still there
  // must not miss the merge, which came before.
  to->next.store(nullptr, std::memory_order_release);
  for (auto& slot : to->slot) slot.store(0, std::memory_order_release);
  RAM_STORE_STEP();

  Bucket* list = next_of(from);
  std::array<bool, kSlots> leaves;
  for (size_t i = 0; i < kSlots; ++i) {
    const Word word = own(from->slot[i]);
    leaves[i] = word != 0 && goes(word);
    if (leaves[i]) add(to, word);
  }
  staying_.clear();
  for (Bucket* line = list; line != nullptr; line = next_of(line)) {
    for (const auto& slot : line->slot) {
      const Word word = own(slot);
      if (word == 0) continue;
      if (goes(word)) {
        add(to, word);
      } else {
        staying_.push_back(word);
      }
    }
  }
  // release: `to` is complete before anyone is sent there, and before anything leaves `from`.
  state_.store(state + 1, std::memory_order_release);
  RAM_STORE_STEP();

  for (size_t i = 0; i < kSlots; ++i) {
    if (own(from->slot[i]) != 0 && !leaves[i]) continue;
    Word word = 0;
    if (!staying_.empty()) {
      word = staying_.back();
      staying_.pop_back();
    }
    // release: after the state; and what moved forward is here before the list is replaced.
    from->slot[i].store(word, std::memory_order_release);
    RAM_STORE_STEP();
  }
  if (list == nullptr) return;
  Bucket* rest = nullptr;
  for (size_t i = 0; i < staying_.size(); ++i) {
    if (i % kSlots == 0) {
      Bucket* more = new_overflow();
      more->next.store(rest, std::memory_order_relaxed);  // nobody sees it yet
      rest = more;
    }
    rest->slot[i % kSlots].store(staying_[i], std::memory_order_relaxed);
  }
  // release: the list is whole, and the first line holds what moved forward (see find).
  from->next.store(rest, std::memory_order_release);
  RAM_STORE_STEP();
  retire_overflow(list);
}

// The reverse. The last bucket keeps its content for readers that were sent there before.
void HashIndex::merge() {
  const uint64_t state = state_.load(std::memory_order_relaxed);
  const uint64_t number = count_of(state) - 1;
  Bucket* from = bucket(number);
  Bucket* to = bucket(number - std::bit_floor(number));
  for (const Bucket* line = from; line != nullptr; line = next_of(line)) {
    for (const auto& slot : line->slot) {
      if (own(slot) != 0) add(to, own(slot));
    }
  }
  // release: `to` is complete before anyone is sent there. The count of merges wraps.
  state_.store(state - 1 + kMerge, std::memory_order_release);
  RAM_STORE_STEP();
  retire_overflow(next_of(from));  // and still linked: until their readers are gone

  // A segment goes once the table fills only half of the one below it.
  const size_t segment = segment_of(number);
  const bool half = number == segment_first(segment) + segment_buckets(segment) / 2;
  if (half && segment + 1 < kSegments && has_segment(segment + 1)) {
    retire_segment(segment + 1);
  }
}

void HashIndex::add_segment(size_t segment) {
  RAM_CHECK(segment < kSegments);
  const auto at = reinterpret_cast<uintptr_t>(blocks_.allocate_array(segment_bytes(segment)));
  grew(segment_bytes(segment));
  present_ |= uint64_t{1} << segment;
  // release: as bucket() wants it.
  origin_[segment].store(at - segment_first(segment) * sizeof(Bucket), std::memory_order_release);
}

// Its origin stays: only who entered before may still use it.
void HashIndex::retire_segment(size_t segment) {
  const size_t bytes = segment_bytes(segment);
  shrank(bytes);
  present_ &= ~(uint64_t{1} << segment);
  limbo_.retire(Retired(Retired::Kind::kArray, bucket(segment_first(segment)), bytes), bytes);
}

void HashIndex::grew(size_t bytes) {
  bytes_ += bytes;
  if (!abandoned_) blocks_.count_live(bytes);
}

void HashIndex::shrank(size_t bytes) {
  bytes_ -= bytes;
  if (!abandoned_) blocks_.uncount_live(bytes);
}

// ---- the end ----

void HashIndex::abandon() {
  abandoned_ = true;
  blocks_.uncount_live(bytes_);
}

bool HashIndex::dismantle(size_t& budget) {
  uint64_t left = buckets();
  while (left > 0 && budget > 0) {
    --left;
    --budget;
    for (Bucket* line = bucket(left); line != nullptr;) {
      for (const auto& slot : line->slot) {
        if (own(slot) == 0) continue;
        Entry* entry = entry_of(own(slot));
        const size_t bytes = entry->bytes();
        entry->mark_freed();
        blocks_.release(entry, bytes);
      }
      Bucket* next = next_of(line);
      if (line != bucket(left)) blocks_.release_line(line);
      line = next;
    }
  }
  state_.store(left, std::memory_order_relaxed);  // relaxed: there are no readers
  if (left > 0) return true;
  for (size_t segment = 0; segment < kSegments; ++segment) {
    if (!has_segment(segment)) continue;
    blocks_.release_array(bucket(segment_first(segment)), segment_bytes(segment));
  }
  present_ = 0;
  return false;
}

void HashIndex::check_invariants() const {
  size_t size = 0;
  uint64_t used = 0;
  size_t bytes = 0;
  for (uint64_t number = 0; number < buckets(); ++number) {
    std::vector<std::string_view> keys;
    for (const Bucket* line = bucket(number); line != nullptr; line = next_of(line)) {
      if (line != bucket(number)) bytes += Blocks::kLineCost;
      for (const auto& slot : line->slot) {
        if (own(slot) == 0) continue;
        const Entry& entry = *entry_of(own(slot));
        const uint64_t hash = rehash(entry);
        RAM_CHECK(!entry.is_freed());
        RAM_CHECK(number_of(hash, buckets()) == number);
        RAM_CHECK(own(slot) == word_of(hash, &entry));
        for (std::string_view other : keys) RAM_CHECK(other != entry.key());
        keys.push_back(entry.key());
        ++used;
        if (entry.is_tombstone()) continue;
        ++size;
        bytes += Blocks::cost(entry.bytes());
      }
    }
  }
  for (size_t segment = 0; segment < kSegments; ++segment) {
    if (has_segment(segment)) bytes += segment_bytes(segment);
  }
  RAM_CHECK(has_segment(segment_of(buckets() - 1)));
  RAM_CHECK(size == size_);
  RAM_CHECK(used == used_);
  RAM_CHECK(bytes == bytes_);
}

}  // namespace ram::store
