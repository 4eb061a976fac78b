#include "store/limbo.h"

#include "base/check.h"
#include "base/limits.h"
#include "store/epoch.h"

namespace ram::store {

void Limbo::retire(Retired retired, size_t bytes) {
  queue_.push_back(retired);
  blocks_.count(sizeof(Retired));
  ++unsealed_;
  unsealed_bytes_ += bytes;
}

bool Limbo::wants_seal() const {
  return unsealed_ >= kLimboBatchBlocks || unsealed_bytes_ >= kLimboBatchBytes;
}

void Limbo::seal() {
  if (unsealed_ == 0) return;
  batches_.push_back({epochs.advance(), unsealed_});
  unsealed_ = 0;
  unsealed_bytes_ = 0;
}

bool Limbo::ready(bool poll) {
  if (batches_.empty()) return false;
  if (poll && batches_.back().epoch > passed_) passed_ = epochs.passed();
  return batches_.front().epoch <= passed_;
}

Retired Limbo::next() {
  RAM_CHECK(!batches_.empty() && batches_.front().epoch <= passed_);
  const Retired first = take_first();
  if (--batches_.front().count == 0) batches_.pop_front();
  return first;
}

Retired Limbo::next_at_last() {
  if (queue_.empty()) return {};
  const Retired first = take_first();
  batches_.clear();
  unsealed_ = queue_.size();
  return first;
}

Retired Limbo::take_first() {
  const Retired first = queue_.front();
  queue_.pop_front();
  blocks_.uncount(sizeof(Retired));
  return first;
}

}  // namespace ram::store
