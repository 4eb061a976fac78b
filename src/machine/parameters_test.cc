#include "machine/parameters.h"

#include <gtest/gtest.h>

#include <string>

#include "base/limits.h"

namespace ram::machine {
namespace {

ClusterId cluster(uint64_t number) {
  return {number, 1};
}

TEST(Parameters, AClusterKnowsItsLastAncestors) {
  Parameters parameters;
  parameters.cluster = cluster(1);
  EXPECT_FALSE(parameters.goes_on_from(cluster(1)));
  for (uint64_t number = 2; number <= kAncestorsMax + 2; ++number) {
    parameters.found_anew(cluster(number));
    EXPECT_EQ(parameters.cluster, cluster(number));
    EXPECT_EQ(parameters.ancestors.front(), cluster(number - 1));
  }
  EXPECT_EQ(parameters.ancestors.size(), kAncestorsMax);
  EXPECT_FALSE(parameters.goes_on_from(cluster(1)));
  EXPECT_TRUE(parameters.goes_on_from(cluster(2)));
  EXPECT_TRUE(parameters.goes_on_from(cluster(kAncestorsMax + 1)));
  EXPECT_FALSE(parameters.goes_on_from(parameters.cluster));
}

TEST(Parameters, ComeBackAsTheyWere) {
  Parameters parameters;
  parameters.cluster = cluster(1);
  for (uint64_t number = 2; number <= kAncestorsMax + 2; ++number) {
    std::string bytes;
    Writer writer(bytes);
    encode(writer, parameters);
    EXPECT_LE(bytes.size(), kParametersBytesMax);
    Reader reader(bytes);
    EXPECT_EQ(decode_parameters(reader), parameters);
    EXPECT_TRUE(reader.finished());
    parameters.found_anew(cluster(number));
  }
}

TEST(Parameters, MoreAncestorsThanAClusterMayKnowAreRefused) {
  Parameters parameters;
  parameters.cluster = cluster(1);
  parameters.ancestors.assign(kAncestorsMax + 1, cluster(2));
  std::string bytes;
  Writer writer(bytes);
  encode(writer, parameters);
  Reader reader(bytes);
  (void)decode_parameters(reader);
  EXPECT_FALSE(reader.ok());
}

}  // namespace
}  // namespace ram::machine
