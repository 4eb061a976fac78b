#include "cli/descriptors.h"

#include <sys/resource.h>

#include <algorithm>

namespace ram::cli {
namespace {

// Of the clients' descriptors, one in so many is for those that are one too many.
constexpr uint64_t kRejectedShare = 8;

}  // namespace

uint64_t raise_descriptors(uint64_t wanted) {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  if (limit.rlim_cur >= wanted) return limit.rlim_cur;  // RLIM_INFINITY is above all
  rlimit raised = limit;
  raised.rlim_cur = std::min<rlim_t>(wanted, limit.rlim_max);
  return setrlimit(RLIMIT_NOFILE, &raised) == 0 ? raised.rlim_cur : limit.rlim_cur;
}

ClientShare client_share(uint64_t descriptors) {
  const uint64_t unreserved =
      descriptors > kDescriptorsReserved ? descriptors - kDescriptorsReserved : 0;
  const uint64_t ours = std::max(unreserved, descriptors / 2);
  const uint64_t rejected = std::min<uint64_t>(ours / kRejectedShare, kClientsRejectedMax);
  return {.taken = std::clamp<uint64_t>(ours - rejected, kClientsMin, kClientsMax),
          .rejected = rejected};
}

}  // namespace ram::cli
