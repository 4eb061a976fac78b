#include "store/hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ram::store {

uint64_t hash_of(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

}  // namespace ram::store
