#include "machine/digest.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "base/random.h"

namespace ram::machine {

uint64_t digest_of(std::string_view bytes, uint64_t seed) {
  return XXH3_64bits_withSeed(bytes.data(), bytes.size(), seed);
}

uint64_t entry_digest(uint64_t table_hash, std::string_view key, Revision revision, uint8_t type,
                      std::string_view value) {
  // Each part seeds the next, so that the borders between them count.
  const uint64_t of_key = digest_of(key, table_hash);
  const uint64_t of_version = mix64(mix64(of_key ^ revision.value) + type);
  return digest_of(value, of_version);
}

}  // namespace ram::machine
