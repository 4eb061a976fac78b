// A Runtime alone, on clocks that misbehave when told to.
#include "node/runtime.h"

#include <gtest/gtest.h>

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "machine/command_codec.h"
#include "net/clock_boot.h"

namespace ram::node {
namespace {

using namespace std::chrono_literals;

// How long things may take on a busy machine.
constexpr Duration kPatience = 30s;

class LogLines {
 public:
  void add(std::string_view line) {
    const std::lock_guard lock(mutex_);
    lines_.emplace_back(line);
    added_.notify_all();
  }
  bool wait_for(std::string_view words) {
    std::unique_lock lock(mutex_);
    return added_.wait_for(lock, kPatience, [&] {
      for (const std::string& line : lines_) {
        if (line.find(words) != std::string::npos) return true;
      }
      return false;
    });
  }
  std::string all() {
    const std::lock_guard lock(mutex_);
    std::string all;
    for (const std::string& line : lines_) all += line + "\n";
    return all;
  }

 private:
  std::mutex mutex_;
  std::condition_variable added_;
  std::vector<std::string> lines_;
};

// Its machine's clocks, the ones that our clock is compared with shifted.
struct Clocks {
  std::atomic<int64_t> raw_ns{0};
  std::atomic<int64_t> wall_ns{0};
  std::atomic<uint64_t> readings{0};

  void wait_for_readings(uint64_t more) {
    const uint64_t wanted = readings.load() + more;
    for (uint64_t seen = 0; (seen = readings.load()) < wanted;) readings.wait(seen);
  }
  ClockReading read() {
    ++readings;
    readings.notify_all();
    ClockReading reading = net::read_clocks();
    reading.raw += Duration(raw_ns.load());
    reading.wall += Duration(wall_ns.load());
    return reading;
  }
};

struct House {
  LogLines log;  // both outlive the runtime
  Clocks clocks;
  std::unique_ptr<Runtime> runtime;

  House() {
    NodeOptions options;
    options.cluster_listen = "127.0.0.1:0";
    options.log = [this](Severity, std::string_view line) { log.add(line); };
    auto started = Runtime::start(options, [this] { return clocks.read(); });
    EXPECT_TRUE(started.ok()) << started.status().message();
    runtime = std::move(*started);
    EXPECT_TRUE(wait([&](auto done) { runtime->when_ok(runtime->after(kPatience), done); }).ok());
  }
  // Calls `begin` with a callback; what it was called with.
  template <class Begin>
  static Status wait(Begin begin) {
    std::mutex mutex;
    std::condition_variable ended;
    std::optional<Status> status;
    begin([&](const Status& result) {
      const std::lock_guard lock(mutex);
      status = result;
      ended.notify_all();
    });
    std::unique_lock lock(mutex);
    ended.wait(lock, [&] { return status.has_value(); });
    return *status;
  }
  bool clock_trusted() {
    bool trusted = false;
    const Status looked = wait([&](auto done) {
      runtime->look([&trusted, done](const Status& status, const NodeCore* core, Instant) {
        if (core != nullptr) trusted = core->clock_trusted();
        done(status);
      });
    });
    EXPECT_TRUE(looked.ok()) << looked.message();
    return trusted;
  }
};

TEST(Runtime, HoldsItsClocksAgainstEachOther) {
  House house;
  EXPECT_TRUE(house.clock_trusted());
  house.clocks.wait_for_readings(2);  // there is something to compare with
  house.clocks.wall_ns = 3'600'000'000'000;
  EXPECT_TRUE(house.log.wait_for("the wall clock was set ahead by ")) << house.log.all();
  EXPECT_TRUE(house.clock_trusted());
  house.clocks.raw_ns = -1'000'000'000;
  EXPECT_TRUE(house.log.wait_for("this node's clock misbehaves: CLOCK_MONOTONIC advanced by"))
      << house.log.all();
  EXPECT_FALSE(house.clock_trusted());
  EXPECT_TRUE(House::wait([&](auto done) {
                house.runtime->fence(house.runtime->after(kPatience), NodeCore::Trust::kLeader,
                                     done);
              }).ok());
}

TEST(Runtime, TakesOnlySoManyListenersAndTellsThemAll) {
  House house;
  std::atomic<size_t> told{0};
  for (size_t i = 0; i < kListenersMax; ++i) {
    const Status taken = house.runtime->on_event([&told, heard = false](const Event&) mutable {
      if (std::exchange(heard, true)) return;
      ++told;
      told.notify_all();
    });
    ASSERT_TRUE(taken.ok()) << taken.message();
  }
  for (int again = 0; again < 2; ++again) {
    const Status refused = house.runtime->on_event([](const Event&) { FAIL(); });
    EXPECT_EQ(refused.code(), Code::kOverloaded);
    EXPECT_NE(refused.message().find("64"), std::string::npos) << refused.message();
  }
  for (size_t seen = 0; (seen = told.load()) < kListenersMax;) told.wait(seen);
}

}  // namespace
}  // namespace ram::node
