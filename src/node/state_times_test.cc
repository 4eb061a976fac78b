#include "node/state_times.h"

#include <gtest/gtest.h>

#include <chrono>

namespace ram::node {
namespace {

using std::chrono_literals::operator""s;

constexpr NodeId kMember(7);

constexpr Instant at(Duration time) {
  return Instant(time);
}

TEST(StateTimes, AStateLastsFromTheFirstLookThatSawItToTheOneThatSeesAnother) {
  StateTimes times;
  EXPECT_EQ(times.since(at(9s), kMember, MemberState::kUp), at(9s));
  times.look(at(10s), {{kMember, MemberState::kUp}});
  times.look(at(20s), {{kMember, MemberState::kUp}});
  EXPECT_EQ(times.since(at(25s), kMember, MemberState::kUp), at(10s));
  EXPECT_EQ(times.since(at(25s), kMember, MemberState::kLeaving), at(25s));
  times.look(at(30s), {{kMember, MemberState::kLeaving}});
  times.look(at(40s), {{kMember, MemberState::kLeaving}});
  EXPECT_EQ(times.since(at(45s), kMember, MemberState::kLeaving), at(30s));
  EXPECT_EQ(times.since(at(45s), kMember, MemberState::kUp), at(45s));
}

TEST(StateTimes, WhoComesBackBeginsAnew) {
  StateTimes times;
  times.look(at(10s), {{kMember, MemberState::kUp}});
  times.look(at(20s), {});
  times.look(at(30s), {{kMember, MemberState::kUp}});
  EXPECT_EQ(times.since(at(31s), kMember, MemberState::kUp), at(30s));
}

}  // namespace
}  // namespace ram::node
