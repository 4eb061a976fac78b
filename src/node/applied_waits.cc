#include "node/applied_waits.h"

#include <algorithm>
#include <iterator>
#include <utility>

namespace ram::node {

void AppliedWaits::add(LogIndex index, Instant deadline, Done done) {
  ++size_;
  waits_[index].push_back({deadline, std::move(done)});
}

void AppliedWaits::add(LogIndex index, std::vector<Wait> waits) {
  size_ += waits.size();
  std::vector<Wait>& there = waits_[index];
  std::move(waits.begin(), waits.end(), std::back_inserter(there));
}

size_t AppliedWaits::on_applied(LogIndex applied) {
  size_t ended = 0;
  while (!waits_.empty() && waits_.begin()->first <= applied) {
    const std::vector<Wait> waits = std::move(waits_.begin()->second);
    waits_.erase(waits_.begin());
    size_ -= waits.size();
    ended += waits.size();
    for (const Wait& wait : waits) wait.done(Status());
  }
  return ended;
}

void AppliedWaits::lower_to(LogIndex last) {
  while (!waits_.empty() && std::prev(waits_.end())->first > last) {
    const auto highest = std::prev(waits_.end());
    std::vector<Wait> waits = std::move(highest->second);
    waits_.erase(highest);
    size_ -= waits.size();
    add(last, std::move(waits));
  }
}

void AppliedWaits::take_late(Instant now, Instant& next, std::vector<Done>& late) {
  for (auto it = waits_.begin(); it != waits_.end();) {
    size_ -= std::erase_if(it->second, [&](Wait& wait) {
      if (wait.deadline > now) {
        next = std::min(next, wait.deadline);
        return false;
      }
      late.push_back(std::move(wait.done));
      return true;
    });
    it = it->second.empty() ? waits_.erase(it) : std::next(it);
  }
}

std::vector<AppliedWaits::Wait> AppliedWaits::take_all() {
  std::vector<Wait> all;
  for (auto& [index, waits] : std::exchange(waits_, {})) {
    std::move(waits.begin(), waits.end(), std::back_inserter(all));
  }
  size_ = 0;
  return all;
}

}  // namespace ram::node
