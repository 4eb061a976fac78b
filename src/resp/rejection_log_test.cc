#include "resp/rejection_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

namespace ram::resp {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

class Lines final : public Log {
 public:
  void write(Severity, std::string_view line) override { lines.emplace_back(line); }
  bool enabled(Severity) const override { return true; }

  std::vector<std::string> lines;
};

TEST(RejectionLog, SaysTheFirstAtOnceAndThoseOfAMinuteTogether) {
  Lines log;
  RejectionLog rejections(log, 2);
  const Instant start;
  rejections.sweep(start);
  EXPECT_THAT(log.lines, IsEmpty());
  rejections.add(start);
  EXPECT_THAT(log.lines, ElementsAre(HasSubstr("clients_max=2 refused=1")));
  log.lines.clear();

  const Instant over = start + RejectionLog::kEvery;
  for (int i = 0; i < 3; ++i) rejections.add(over - Duration(1));
  rejections.sweep(over - Duration(1));
  EXPECT_THAT(log.lines, IsEmpty());
  rejections.sweep(over);
  EXPECT_THAT(log.lines, ElementsAre(HasSubstr("refused=3")));
  rejections.sweep(over + RejectionLog::kEvery);
  EXPECT_EQ(log.lines.size(), 1);
}

}  // namespace
}  // namespace ram::resp
