#include "lease/follower_lease.h"

#include <algorithm>

namespace ram::lease {

void FollowerLease::enter(Term term) {
  if (term == term_) return;
  term_ = term;
  if (!faults_.nodrop) drop();
}

bool FollowerLease::accept(Instant now, Term of, const Grant& grant) {
  if (!times_.on) return false;
  if (of != term_ && !(faults_.grantold && of < term_)) return false;
  if (grant.epoch != epoch_ && !faults_.norel) return false;
  // No honest leader knows a time of ours that has not come, or grants more than D.
  if (grant.member_time > now || grant.length <= Duration::zero() ||
      (grant.length > times_.lease && !faults_.selfinf && !faults_.drift)) {
    return false;
  }
  const Instant from = faults_.recvtime ? now : grant.member_time;
  end_ = std::max(end_, from + grant.length);
  return true;
}

void FollowerLease::release() {
  ++epoch_;
  drop();
}

}  // namespace ram::lease
