// One version of a key: an immutable block {header, key, value}.
//
// A write never changes an entry, it publishes another one that links the version it replaces
// (`older`). A reader at revision R takes the newest version not above R. The link may be followed
// only by a reader whose R is below this entry's revision: for all others the older version may
// have been freed. An erased key leaves a tombstone, until no reader has an older R.
//
// Immutable, but for `pins`, which is the loop's alone.
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/check.h"
#include "base/ids.h"

namespace ram::store {

// A key and its hash under the store's seed: hashed once, for the pending check and the lookup.
struct Key {
  std::string_view bytes;
  uint64_t hash = 0;
};

class Entry {
 public:
  static constexpr uint8_t kTypeMax = 0x1f;

  std::string_view key() const { return {body(), key_bytes_}; }
  std::string_view value() const { return {body() + key_bytes_, value_bytes_}; }
  // That last changed the key.
  Revision revision() const { return Revision(revision_); }
  // What put() was given.
  uint8_t type() const { return tag_ & kTypeMax; }

  // The rest is the store's own.

  static constexpr uint8_t kTombstone = 0x80;
  static constexpr uint8_t kFreed = 0x20;  // set in a block that is freed, to catch its use

  static constexpr size_t bytes_for(size_t key_bytes, size_t value_bytes) {
    return sizeof(Entry) + key_bytes + value_bytes;
  }
  // Writes an entry into a block of bytes_for() its parts. `value` may lie within `older`.
  static Entry* write(void* block, std::string_view key, std::string_view value, Revision revision,
                      uint8_t tag, const Entry* older) {
    auto* entry = new (block) Entry;
    entry->revision_ = revision.value;
    entry->older_ = older;
    entry->value_bytes_ = static_cast<uint32_t>(value.size());
    entry->key_bytes_ = static_cast<uint16_t>(key.size());
    entry->tag_ = tag;
    entry->pins_ = 0;
    auto* body = reinterpret_cast<char*>(entry + 1);
    if (!key.empty()) std::memcpy(body, key.data(), key.size());
    if (!value.empty()) std::memcpy(body + key.size(), value.data(), value.size());
    return entry;
  }

  size_t bytes() const { return bytes_for(key_bytes_, value_bytes_); }
  bool is_tombstone() const { return (tag_ & kTombstone) != 0; }

  // The version of this key at revision `at`; null: absent. Requires: a reader at `at`.
  const Entry* version_at(Revision at) const {
    const Entry* entry = this;
    while (entry->revision_ > at.value) {
      entry = entry->older_;
      if (entry == nullptr) return nullptr;
      RAM_CHECK((entry->tag_ & kFreed) == 0);  // sealed before it was published (limbo.h)
    }
    return entry->is_tombstone() ? nullptr : entry;
  }

  // Views that hold this version though it was replaced. Loop thread only.
  uint8_t pins() const { return pins_; }
  void pin() { ++pins_; }
  void unpin() { --pins_; }

  // The last thing done to an entry. volatile: the compiler drops stores before a free.
  void mark_freed() { *static_cast<volatile uint8_t*>(&tag_) = kFreed; }
  bool is_freed() const { return (tag_ & kFreed) != 0; }

 private:
  const char* body() const { return reinterpret_cast<const char*>(this + 1); }

  uint64_t revision_;
  const Entry* older_;
  uint32_t value_bytes_;
  uint16_t key_bytes_;
  uint8_t tag_;  // type and flags
  uint8_t pins_;
};
static_assert(sizeof(Entry) == 24);

}  // namespace ram::store
