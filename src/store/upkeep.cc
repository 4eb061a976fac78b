#include "store/upkeep.h"

#include <linux/membarrier.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/check.h"
#include "store/epoch.h"

namespace ram::store::upkeep {

bool has_barrier() {
  if (kThreadSanitizer) return false;
  static const bool registered =
      syscall(SYS_membarrier, MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED, 0, 0) == 0;
  return registered;
}

void barrier() {
  RAM_CHECK(syscall(SYS_membarrier, MEMBARRIER_CMD_PRIVATE_EXPEDITED, 0, 0) == 0);
}

void* map(size_t bytes) {
  void* at = mmap(nullptr, bytes, PROT_READ | PROT_WRITE,
                  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  RAM_CHECK(at != MAP_FAILED);
  return at;
}

void unmap(void* at, size_t bytes) {
  RAM_CHECK(munmap(at, bytes) == 0);
}

}  // namespace ram::store::upkeep
