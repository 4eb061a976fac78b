// Clusters that are given up, and go on elsewhere.
#include <gtest/gtest.h>

#include "sim/plays/test_play.h"

namespace ram::sim {
namespace {

using namespace std::chrono_literals;

NodeState state(const Place& place) {
  return place.core().status(place.clock().now()).state;
}

// The operator lies: the others are not dead, and the node is cut off. What it founds then takes
// none of the others in.
bool heir_of_the_living(Script& s) {
  if (!s.found()) return false;
  Place& liar = s.other(0, {&s.leader()});
  const ClusterId lost = liar.core().cluster();
  s.isolate(liar);
  if (!s.pass_until([&] { return state(liar) == NodeState::kNoQuorum; })) return false;
  const auto done = s.recover(liar, true);
  if (!s.pass_until([&] { return done->has_value(); }) || !(*done)->ok()) return false;
  s.rejoin(liar);
  s.pass(20s);
  for (const Place* place : s.but(liar)) {
    s.expect(place->core().cluster() == lost, place->name() + " gave a cluster with a quorum up");
  }
  s.expect(liar.core().cluster() != lost, "who went on alone went back");
  return s.written(s.other(0, {&liar}), "key", "value");
}
TEST(Recovery, WhoHasAQuorumJoinsNoHeir) {
  expect_caught("heed-heirs", heir_of_the_living);
}

// Of two survivors one lacks the last write.
bool worse_survivor(Script& s) {
  if (!s.found()) return false;
  Place& leader = s.leader();
  Place& better = s.other(0, {&leader});
  Place& worse = s.other(1, {&leader});
  s.cut_one_way(leader, worse);
  if (!s.written(leader, "key", "value")) return false;
  for (const Place* place : s.but(worse)) {
    if (place != &better) s.at(place->number()).crash();
  }
  if (!s.pass_until([&] {
        return state(better) == NodeState::kNoQuorum && state(worse) == NodeState::kNoQuorum;
      })) {
    return false;
  }
  if (worse.core().replica()->last() >= better.core().replica()->last()) return false;
  const auto first = s.recover(worse, true);
  if (!s.pass_until([&] { return first->has_value(); })) return false;
  s.expect(!(*first)->ok(), "the worse of two survivors goes on");
  const auto second = s.recover(better, true);
  if (!s.pass_until([&] { return second->has_value(); }) || !(*second)->ok()) return false;
  return s.pass_until([&] {
    return state(worse) == NodeState::kOk && worse.core().cluster() == better.core().cluster();
  });
}
TEST(Recovery, TheBetterSurvivorGoesOnAndTheOtherJoinsIt) {
  expect_caught("recover-worse", worse_survivor, Script::swarm(5));
}

}  // namespace
}  // namespace ram::sim
