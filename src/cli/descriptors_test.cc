#include "cli/descriptors.h"

#include <gtest/gtest.h>
#include <sys/resource.h>

#include <algorithm>

namespace ram::cli {
namespace {

// What it may open, and what it may allow itself; put back at the end.
class Descriptors : public testing::Test {
 protected:
  Descriptors() { EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &before_), 0); }
  ~Descriptors() override { EXPECT_EQ(setrlimit(RLIMIT_NOFILE, &before_), 0); }
  static uint64_t now() {
    rlimit limit{};
    EXPECT_EQ(getrlimit(RLIMIT_NOFILE, &limit), 0);
    return limit.rlim_cur;
  }
  void lower_to(uint64_t soft) const {
    const rlimit low{.rlim_cur = soft, .rlim_max = before_.rlim_max};
    ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &low), 0);
  }
  rlimit before_{};
};

TEST_F(Descriptors, AreRaisedToWhatIsWanted) {
  lower_to(64);
  EXPECT_EQ(raise_descriptors(128), 128U);
  EXPECT_EQ(now(), 128U);
}

TEST_F(Descriptors, AreNeverLowered) {
  lower_to(64);
  EXPECT_EQ(raise_descriptors(32), 64U);
  EXPECT_EQ(now(), 64U);
}

TEST_F(Descriptors, StopAtWhatTheSystemAllows) {
  if (before_.rlim_max == RLIM_INFINITY) GTEST_SKIP() << "nothing stops them here";
  lower_to(64);
  EXPECT_EQ(raise_descriptors(before_.rlim_max + 1), before_.rlim_max);
}

TEST(ClientShare, IsWholeWhereAllIsThatIsWanted) {
  for (const uint64_t descriptors : {uint64_t{kDescriptorsWanted}, uint64_t{RLIM_INFINITY}}) {
    EXPECT_EQ(client_share(descriptors).taken, kClientsMax);
    EXPECT_EQ(client_share(descriptors).rejected, kClientsRejectedMax);
  }
  EXPECT_EQ(client_share(kDescriptorsWanted - 1).taken, kClientsMax - 1);
}

TEST(ClientShare, LeavesTheReserveOrHalf) {
  uint64_t taken_of_less = 0;
  for (uint64_t descriptors = 2 * kClientsMin; descriptors <= kDescriptorsWanted; ++descriptors) {
    const ClientShare share = client_share(descriptors);
    const uint64_t left = descriptors - share.taken - share.rejected;
    ASSERT_GE(left, std::min<uint64_t>(kDescriptorsReserved, descriptors / 2)) << descriptors;
    ASSERT_GE(share.taken, taken_of_less) << descriptors;
    taken_of_less = share.taken;
  }
}

TEST(ClientShare, OfAFewIsHalfLessThoseToBeRefused) {
  EXPECT_EQ(client_share(256).taken, 112U);
  EXPECT_EQ(client_share(256).rejected, 16U);
}

TEST(ClientShare, IsAFewHoweverLittleThereIs) {
  for (const uint64_t descriptors : {0U, 1U, 8U}) {
    EXPECT_EQ(client_share(descriptors).taken, kClientsMin);
  }
}

}  // namespace
}  // namespace ram::cli
