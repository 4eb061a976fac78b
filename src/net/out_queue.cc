#include "net/out_queue.h"

#include <utility>

#include "base/check.h"

namespace ram::net {
namespace {

// Up to this a copy is cheaper than a piece of its own.
constexpr size_t kCopyBytesMax = 1024;
// A gathered piece grows no further: it must stay cheap to move when it does.
constexpr size_t kGatherBytesMax = size_t{16} << 10;

}  // namespace

bool OutQueue::may_grow() const {
  return pieces_.size() > lent_ && !pieces_.back().own.empty() &&
         pieces_.back().own.size() < kGatherBytesMax;
}

void OutQueue::append(std::string_view bytes) {
  if (bytes.empty()) return;
  bytes_ += bytes.size();
  if (may_grow()) {
    pieces_.back().own.append(bytes);
  } else {
    pieces_.push_back({std::string(bytes), {}});
  }
}

void OutQueue::append(std::string&& bytes) {
  if (bytes.empty()) return;
  if (bytes.size() <= kCopyBytesMax && may_grow()) {
    append(std::string_view(bytes));
    return;
  }
  bytes_ += bytes.size();
  pieces_.push_back({std::move(bytes), {}});
}

void OutQueue::append(SharedBytes bytes) {
  if (bytes.size() <= kCopyBytesMax) {
    append(bytes.view());
    return;
  }
  bytes_ += bytes.size();
  pieces_.push_back({{}, std::move(bytes)});
}

size_t OutQueue::front(std::span<std::string_view> views, size_t bytes_max) const {
  size_t count = 0;
  size_t bytes = 0;
  while (count < views.size() && count < pieces_.size() && (count == 0 || bytes < bytes_max)) {
    views[count] = pieces_[count].view();
    if (count == 0) views[count].remove_prefix(front_sent_);
    bytes += views[count].size();
    ++count;
  }
  return count;
}

size_t OutQueue::lend(std::span<std::string_view> views, size_t bytes_max) {
  lent_ = front(views, bytes_max);
  return lent_;
}

void OutQueue::sent(size_t bytes) {
  RAM_CHECK(bytes <= bytes_);
  bytes_ -= bytes;
  front_sent_ += bytes;
  while (!pieces_.empty() && front_sent_ >= pieces_.front().view().size()) {
    front_sent_ -= pieces_.front().view().size();
    pieces_.pop_front();
  }
  lent_ = 0;
}

void OutQueue::clear() {
  *this = OutQueue();
}

}  // namespace ram::net
