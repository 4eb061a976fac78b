#include "sim/world.h"

#include <algorithm>

namespace ram::sim {

namespace {

constexpr uint64_t kEventsPerSecondMax = 1'000'000;

}  // namespace

void World::at(WorldTime time, Event event) {
  queue_.push_back({std::max(time, now_), events_put_++, std::move(event)});
  std::push_heap(queue_.begin(), queue_.end(), later);
}

void World::run_until(WorldTime end) {
  while (!queue_.empty() && queue_.front().time <= end && !failed()) {
    std::pop_heap(queue_.begin(), queue_.end(), later);
    Item item = std::move(queue_.back());
    queue_.pop_back();
    now_ = item.time;
    ++events_;
    if (now_ - second_ >= std::chrono::seconds(1)) {
      second_ = now_;
      events_before_ = events_;
    }
    if (events_ - events_before_ > kEventsPerSecondMax) {
      fail("more than " + std::to_string(kEventsPerSecondMax) + " events in a second");
      return;
    }
    trace_.note(static_cast<uint64_t>(now_.time_since_epoch().count()));
    item.event();
  }
  if (!failed()) now_ = std::max(now_, end);
}

Random World::stream(std::string_view purpose, uint64_t number) const {
  uint64_t hash = mix64(seed_);
  for (char letter : purpose) hash = mix64(hash ^ static_cast<unsigned char>(letter));
  return Random(mix64(hash ^ number));
}

void World::fail(std::string why) {
  if (failed()) return;
  line("FAILED ", why);
  failure_ = std::move(why);
}

}  // namespace ram::sim
