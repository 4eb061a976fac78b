#include "net/clock_boot.h"

#include <ctime>

#include "base/check.h"

namespace ram::net {
namespace {

Duration read(clockid_t id) {
  timespec time{};
  RAM_CHECK(clock_gettime(id, &time) == 0);
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

Instant BootClock::now() const {
  return Instant(read(CLOCK_BOOTTIME));
}

WallMs BootClock::wall() const {
  return WallMs{
      std::chrono::duration_cast<std::chrono::milliseconds>(read(CLOCK_REALTIME)).count()};
}

ClockReading read_clocks() {
  ClockReading reading;
  reading.before = Instant(read(CLOCK_BOOTTIME));
  reading.monotonic = read(CLOCK_MONOTONIC);
  reading.raw = read(CLOCK_MONOTONIC_RAW);
  reading.wall = read(CLOCK_REALTIME);
  reading.after = Instant(read(CLOCK_BOOTTIME));
  return reading;
}

}  // namespace ram::net
