#include "node/event_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace ram::node {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

NodeStatus status(NodeState state, std::string leader) {
  NodeStatus status;
  status.name = "me";
  status.state = state;
  status.leader = std::move(leader);
  if (state != NodeState::kJoining) status.cluster = "c0ffee";
  return status;
}

Member member(uint64_t id, std::string name, MemberState state = MemberState::kUp) {
  Member member;
  member.id = id;
  member.name = std::move(name);
  member.state = state;
  return member;
}

TEST(EventWatch, TheFirstLookSeesWhatThereIs) {
  EventWatch watch;
  EXPECT_THAT(watch.look(status(NodeState::kJoining, ""), {}), IsEmpty());
  EXPECT_THAT(
      watch.look(status(NodeState::kOk, "a"), {member(1, "a"), member(2, "me")}),
      ElementsAre(Event{EventKind::kMemberJoined, "a"}, Event{EventKind::kMemberJoined, "me"},
                  Event{EventKind::kLeaderChanged, "a"}, Event{EventKind::kCurrent, "me"}));
  EXPECT_THAT(watch.look(status(NodeState::kOk, "a"), {member(1, "a"), member(2, "me")}),
              IsEmpty());
}

TEST(EventWatch, ANewIncarnationTakesTheOldOnesPlace) {
  EventWatch watch;
  watch.look(status(NodeState::kOk, "a"), {member(1, "a"), member(2, "b")});
  EXPECT_THAT(watch.look(status(NodeState::kOk, "a"),
                         {member(1, "a"), member(2, "b", MemberState::kSilent)}),
              ElementsAre(Event{EventKind::kMemberLost, "b"}));
  EXPECT_THAT(
      watch.look(status(NodeState::kOk, "a"), {member(1, "a"), member(3, "b")}),
      ElementsAre(Event{EventKind::kMemberLeft, "b"}, Event{EventKind::kMemberJoined, "b"}));
}

TEST(EventWatch, WhoJoinsHasJoinedOnceItIsAMember) {
  EventWatch watch;
  watch.look(status(NodeState::kOk, "a"), {member(1, "a")});
  EXPECT_THAT(watch.look(status(NodeState::kOk, "a"),
                         {member(1, "a"), member(2, "b", MemberState::kJoining)}),
              IsEmpty());
  EXPECT_THAT(watch.look(status(NodeState::kOk, "a"),
                         {member(1, "a"), member(2, "b", MemberState::kCatchingUp)}),
              ElementsAre(Event{EventKind::kMemberJoined, "b"}));
}

TEST(EventWatch, OneThatWasSilentIsFoundAgain) {
  EventWatch watch;
  watch.look(status(NodeState::kOk, "a"), {member(2, "b", MemberState::kSilent)});
  EXPECT_THAT(watch.look(status(NodeState::kOk, "a"), {member(2, "b", MemberState::kCatchingUp)}),
              ElementsAre(Event{EventKind::kMemberFound, "b"}));
}

TEST(EventWatch, ANodeThatJoinsAnewHasLostNobody) {
  EventWatch watch;
  watch.look(status(NodeState::kOk, "a"), {member(1, "a"), member(2, "me")});
  EXPECT_THAT(watch.look(status(NodeState::kJoining, ""), {}),
              ElementsAre(Event{EventKind::kStale, "me"}));
  EXPECT_THAT(watch.look(status(NodeState::kOk, "a"), {member(1, "a"), member(3, "me")}),
              ElementsAre(Event{EventKind::kMemberLeft, "me"},
                          Event{EventKind::kMemberJoined, "me"}, Event{EventKind::kCurrent, "me"}));
}

TEST(EventWatch, AQuorumIsLostAndRegained) {
  EventWatch watch;
  watch.look(status(NodeState::kOk, "a"), {});
  EXPECT_THAT(watch.look(status(NodeState::kNoQuorum, ""), {}),
              ElementsAre(Event{EventKind::kQuorumLost, "me"}, Event{EventKind::kStale, "me"}));
  EXPECT_THAT(
      watch.look(status(NodeState::kOk, "c"), {}),
      ElementsAre(Event{EventKind::kLeaderChanged, "c"}, Event{EventKind::kQuorumRegained, "me"},
                  Event{EventKind::kCurrent, "me"}));
}

TEST(EventWatch, WhoGoesWithoutAQuorumHasNotRegainedIt) {
  for (const NodeState next : {NodeState::kLeaving, NodeState::kJoining}) {
    EventWatch watch;
    watch.look(status(NodeState::kOk, "a"), {});
    watch.look(status(NodeState::kNoQuorum, ""), {});
    EXPECT_THAT(watch.look(status(next, ""), {}), IsEmpty());
    EXPECT_THAT(watch.look(status(NodeState::kJoining, "c"), {}),
                ElementsAre(Event{EventKind::kLeaderChanged, "c"},
                            Event{EventKind::kQuorumRegained, "me"}));
  }
}

}  // namespace
}  // namespace ram::node
