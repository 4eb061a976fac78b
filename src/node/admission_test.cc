#include "node/admission.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/limits.h"
#include "consensus/message.h"
#include "consensus/ports.h"
#include "node/member_description.h"

namespace ram::node {
namespace {

using namespace std::chrono_literals;
using consensus::Configuration;
using consensus::Replica;
using consensus::Role;
using testing::HasSubstr;

constexpr Duration kSilence = 500ms;

std::string address_of(const std::string& name) {
  return name + ".example.org:7379";
}

std::string description_of(const std::string& name, std::string address = {}) {
  if (address.empty()) address = address_of(name);
  return encode_description({name, address, "", "0.1.0"});
}

// The members n1, n2, ... of one group, ids 1, 2, ...; the first leads. Messages arrive at once.
class Group {
 public:
  Group(size_t voters, size_t standbys) {
    Configuration founders;
    for (uint64_t id = 1; id <= voters + standbys; ++id) {
      founders.servers.push_back({NodeId(id), description_of("n" + std::to_string(id)),
                                  id <= voters ? Role::kVoter : Role::kStandby});
    }
    for (const consensus::Server& server : founders.servers) {
      members_[server.id] = std::make_unique<Member>(server.id, wires_);
      members_[server.id]->replica.found(now, founders);
    }
    // Nobody else's patience ends: only the first is told of the time.
    while (!leader().is_leader()) {
      now = std::max(now, leader().next_deadline());
      leader().on_time(now);
      settle();
    }
    beat();
    beat();
  }

  Replica& leader() { return members_.at(NodeId(1))->replica; }
  void kill(uint64_t id) { members_.erase(NodeId(id)); }
  // A heartbeat, and all that follows.
  void beat() {
    now += 50ms;
    leader().on_time(now);
    settle();
  }
  void settle() {
    do {
      std::deque<Wire> moving;
      moving.swap(wires_);
      for (Wire& wire : moving) {
        const auto to = members_.find(wire.to);
        if (to != members_.end()) to->second->replica.receive(now, wire.from, wire.message);
      }
      for (auto& [id, member] : members_) member->replica.flush(now);
    } while (!wires_.empty());
  }

  Instant now = Instant(1s);

 private:
  struct Wire {
    NodeId from, to;
    consensus::Message message;
  };
  struct Member final : consensus::Transport, consensus::StateMachine {
    Member(NodeId id, std::deque<Wire>& wires) : wires_(wires), replica(id, {}, 1, *this, *this) {}
    void send(NodeId to, consensus::Message message) override {
      wires_.push_back({replica.id(), to, std::move(message)});
    }
    void on_log_changed(LogIndex) override {}
    void on_committed(LogIndex) override {}
    void on_install(const consensus::SnapshotToken&, NodeId) override {}

    std::deque<Wire>& wires_;
    Replica replica;
  };

  std::deque<Wire> wires_;
  std::map<NodeId, std::unique_ptr<Member>> members_;
};

class AdmissionTest : public testing::Test {
 protected:
  void found(size_t voters, size_t standbys = 0) {
    group_ = std::make_unique<Group>(voters, standbys);
    admission_.restart(group_->now);
  }
  Replica& leader() { return group_->leader(); }
  JoinAnswer ask(uint64_t id, const std::string& description, LogIndex have = {}) {
    return admission_.on_request(group_->now, NodeId(id), {description, have}, leader());
  }
  // Time passes, and something is heard from those.
  void pass(Duration time, const std::vector<uint64_t>& heard) {
    group_->now += time;
    for (const uint64_t id : heard) admission_.heard(group_->now, NodeId(id));
  }
  // The members that the next change would leave, as "n1 n2 n3-" (- for a standby); "" if there is
  // none. It is made.
  std::string change() {
    admission_.beat(group_->now, leader());
    const auto next = admission_.next_change(group_->now, leader());
    if (!next) return "";
    EXPECT_TRUE(leader().change(group_->now, *next));
    group_->settle();
    std::string line;
    for (const consensus::Server& server : next->servers) {
      if (!line.empty()) line += ' ';
      line += decode_description(server.description)->name;
      if (server.role == Role::kStandby) line += '-';
    }
    return line;
  }

  std::unique_ptr<Group> group_;
  Admission admission_{{.voters_max = 3, .silence = kSilence, .evict_after = 10 * kSilence}};
};

TEST_F(AdmissionTest, AJoinerFetchesTheStateAndIsAddedOnceItHasIt) {
  found(1);
  EXPECT_EQ(change(), "");
  const JoinAnswer fetch = ask(7, description_of("n7"));
  EXPECT_EQ(fetch.kind, JoinAnswer::Kind::kFetch);
  EXPECT_EQ(fetch.address, address_of("n1"));
  EXPECT_EQ(change(), "");  // not before
  EXPECT_EQ(ask(7, description_of("n7"), leader().commit()).kind, JoinAnswer::Kind::kWait);
  EXPECT_EQ(change(), "n1 n7-");
  EXPECT_EQ(ask(7, description_of("n7"), leader().commit()).kind, JoinAnswer::Kind::kWait);
  EXPECT_EQ(change(), "");
}

TEST_F(AdmissionTest, StatesAreFetchedFromEachInTurnAndNotFromTheSilent) {
  found(3);
  std::vector<std::string> sources;
  for (int i = 0; i < 3; ++i) sources.push_back(ask(6, description_of("n6")).address);
  EXPECT_THAT(sources, testing::ElementsAre(address_of("n2"), address_of("n3"), address_of("n1")));
  EXPECT_EQ(ask(7, description_of("n7")).address, address_of("n3")) << "another begins elsewhere";
  pass(kSilence, {3});
  for (int i = 0; i < 4; ++i) EXPECT_NE(ask(8, description_of("n8")).address, address_of("n2"));
}

TEST_F(AdmissionTest, WhoAsksTwiceForEachTryIsToldOfAnother) {
  found(3);
  std::set<std::string> sources;
  for (int i = 0; i < 20; ++i) {
    sources.insert(ask(6, description_of("n6")).address);
    (void)ask(6, description_of("n6"));
    (void)ask(6, description_of("n6"));
  }
  EXPECT_EQ(sources.size(), 3u);
}

TEST_F(AdmissionTest, NoStateIsFetchedFromWhoLeaves) {
  found(3);
  pass(0ms, {2, 3});
  admission_.leave(group_->now, NodeId(2), Leaving::kSoon);
  for (int i = 0; i < 4; ++i) EXPECT_NE(ask(6, description_of("n6")).address, address_of("n2"));
}

TEST_F(AdmissionTest, ANameInUseIsRefusedAndSaysByWhom) {
  found(3);
  for (const char* name : {"n1", "n2"}) {
    const JoinAnswer answer = ask(7, description_of(name, "elsewhere:1"));
    EXPECT_EQ(answer.kind, JoinAnswer::Kind::kRefused);
    EXPECT_THAT(answer.reason, HasSubstr(std::string("name ") + name + " is in use"));
    EXPECT_THAT(answer.reason, HasSubstr(address_of(name)));
  }
  EXPECT_EQ(change(), "");
}

TEST_F(AdmissionTest, AProcessThatIsBackAtOnceHearsHowLongItWaits) {
  found(3);
  const JoinAnswer answer = ask(7, description_of("n2"));
  EXPECT_EQ(answer.kind, JoinAnswer::Kind::kRefused);
  EXPECT_EQ(answer.reason,
            "the former incarnation of n2, 0000000000000002, is to be given up first, after 500ms "
            "of silence");
}

TEST_F(AdmissionTest, ASilentMemberGivesWayToTheNewOneOfItsName) {
  found(3);
  group_->kill(2);
  pass(kSilence - 1ms, {3});
  EXPECT_EQ(ask(7, description_of("n2")).kind, JoinAnswer::Kind::kRefused);
  pass(1ms, {3});
  EXPECT_EQ(ask(7, description_of("n2")).kind, JoinAnswer::Kind::kFetch);
  EXPECT_EQ(change(), "n1 n3");  // it stays a vote short until the new one has the state
  EXPECT_EQ(change(), "");
  (void)ask(7, description_of("n2"), leader().commit());
  EXPECT_EQ(change(), "n1 n3 n2-");
}

TEST_F(AdmissionTest, NobodyIsReplacedWhereTheRestWouldBeNoMajority) {
  found(3);
  pass(kSilence, {});
  EXPECT_EQ(ask(7, description_of("n2")).kind, JoinAnswer::Kind::kFetch);
  EXPECT_EQ(change(), "");
  pass(0ms, {3});
  EXPECT_EQ(change(), "n1 n3");
}

TEST_F(AdmissionTest, OfTwoJoinersOfOneNameTheFirstStaysWhileItAsks) {
  found(1);
  EXPECT_EQ(ask(7, description_of("n7")).kind, JoinAnswer::Kind::kFetch);
  const JoinAnswer second = ask(8, description_of("n7", "elsewhere:1"));
  EXPECT_EQ(second.kind, JoinAnswer::Kind::kRefused);
  EXPECT_THAT(second.reason, HasSubstr("a node that joins at " + address_of("n7")));
  EXPECT_EQ(ask(7, description_of("n7")).kind, JoinAnswer::Kind::kFetch);
  pass(kSilence, {});
  EXPECT_EQ(ask(8, description_of("n7", "elsewhere:1")).kind, JoinAnswer::Kind::kFetch);
}

TEST_F(AdmissionTest, AJoinerThatAsksNoMoreIsForgotten) {
  found(1);
  (void)ask(7, description_of("n7"), leader().commit());
  pass(4 * kSilence + 1ms, {});
  EXPECT_EQ(change(), "");
}

TEST_F(AdmissionTest, WhoAsksIsACandidateUntilItIsAMember) {
  found(3);
  group_->kill(2);
  // Of each: its id, since when, what for.
  const auto candidates = [&] {
    std::string line;
    for (const auto& candidate : admission_.candidates(leader())) {
      line += std::to_string(candidate.id.value) + " " +
              std::to_string((group_->now - candidate.since) / 1ms) + "ms " +
              candidate.waiting_for + "; ";
    }
    return line;
  };
  EXPECT_EQ(candidates(), "");
  pass(kSilence, {3});
  (void)ask(7, description_of("n2"));
  (void)ask(8, description_of("n8"));
  EXPECT_EQ(candidates(),
            "7 0ms the former incarnation of n2 to be removed; "
            "8 0ms the state, from another member; ");
  EXPECT_EQ(change(), "n1 n3");
  pass(20ms, {3});
  (void)ask(7, description_of("n2"), leader().commit());
  EXPECT_EQ(candidates(),
            "7 20ms its turn: members change one at a time; "
            "8 20ms the state, from another member; ");
  EXPECT_EQ(change(), "n1 n3 n2-");
  EXPECT_EQ(candidates(), "8 20ms the state, from another member; ");
  pass(4 * kSilence + 1ms, {3});
  (void)change();
  EXPECT_EQ(candidates(), "");
}

TEST_F(AdmissionTest, AFullClusterTakesNoMore) {
  found(1, kMembersMax - 2);
  EXPECT_EQ(ask(100, description_of("last")).kind, JoinAnswer::Kind::kFetch);
  const JoinAnswer answer = ask(101, description_of("late"));
  EXPECT_EQ(answer.kind, JoinAnswer::Kind::kRefused);
  EXPECT_THAT(answer.reason, HasSubstr("as many members as it may have"));
  EXPECT_EQ(ask(100, description_of("last")).kind, JoinAnswer::Kind::kFetch);
}

TEST_F(AdmissionTest, AFullClusterTakesWhoReplacesAMember) {
  found(1, kMembersMax - 1);
  pass(kSilence, {});
  EXPECT_EQ(ask(100, description_of("n2")).kind, JoinAnswer::Kind::kFetch);
  EXPECT_EQ(ask(101, description_of("n3")).kind, JoinAnswer::Kind::kFetch);
  const JoinAnswer late = ask(102, description_of("late"));
  EXPECT_THAT(late.reason, HasSubstr("as many members as it may have"));
  EXPECT_EQ(change().find("n2-"), std::string::npos);
  EXPECT_EQ(ask(102, description_of("late")).kind, JoinAnswer::Kind::kRefused);
}

TEST_F(AdmissionTest, StandbysThatFollowAreGivenVotesUpToTheLimit) {
  found(2, 2);
  EXPECT_EQ(change(), "");  // how far they were a heartbeat ago is not known yet
  pass(0ms, {2, 3, 4});
  EXPECT_EQ(change(), "n1 n2 n3 n4-");
  group_->beat();
  EXPECT_EQ(change(), "");  // three is the limit here
  group_->beat();
  EXPECT_EQ(change(), "");
}

TEST_F(AdmissionTest, ASilentStandbyGetsNoVote) {
  found(2, 2);
  (void)change();
  pass(kSilence, {2, 4});
  EXPECT_EQ(change(), "n1 n2 n3- n4");
}

TEST_F(AdmissionTest, OneThatLagsGetsNoVote) {
  found(2, 1);
  group_->kill(3);
  for (int i = 0; i < 3; ++i) {
    (void)leader().submit(group_->now, SharedBytes(std::string("record")));
    group_->beat();
    EXPECT_EQ(change(), "");
  }
}

// Two voters are worse than one: the loss of either stops the cluster.
TEST_F(AdmissionTest, FromOneVoterItGoesOnToThree) {
  found(1, 1);
  EXPECT_EQ(change(), "");
  EXPECT_EQ(change(), "");
  found(1, 2);
  (void)change();
  EXPECT_EQ(change(), "n1 n2 n3-");
  group_->beat();
  EXPECT_EQ(change(), "n1 n2 n3");
}

// ---- going ----

TEST_F(AdmissionTest, AVoterThatLeavesIsTakenOut) {
  found(3);
  pass(0ms, {2, 3});
  EXPECT_EQ(change(), "");
  admission_.leave(group_->now, NodeId(2), Leaving::kSoon);
  EXPECT_TRUE(admission_.leaving(NodeId(2)));
  EXPECT_EQ(change(), "") << "it has something under way";
  admission_.leave(group_->now, NodeId(2), Leaving::kNow);
  EXPECT_EQ(change(), "n1 n3");
  EXPECT_EQ(change(), "");
  EXPECT_FALSE(admission_.leaving(NodeId(2)));
}

TEST_F(AdmissionTest, OneThatSaysNoMoreThatItLeavesStays) {
  found(3);
  pass(0ms, {2});
  admission_.leave(group_->now, NodeId(2), Leaving::kNow);
  pass(kSilence, {});
  // Nobody else is there to commit it.
  EXPECT_EQ(change(), "");
  pass(4 * kSilence, {2, 3});
  EXPECT_EQ(change(), "");
}

TEST_F(AdmissionTest, AVoterThatLeavesIsReplacedFirstIfAStandbyIsCurrent) {
  found(3, 1);  // three is the limit
  pass(0ms, {2, 3, 4});
  (void)change();
  group_->beat();
  admission_.leave(group_->now, NodeId(2), Leaving::kNow);
  EXPECT_EQ(change(), "n1 n2 n3 n4");
  group_->beat();
  EXPECT_EQ(change(), "n1 n3 n4");
}

TEST_F(AdmissionTest, TheLastVoterIsReplacedByTheStandbyThatIsThere) {
  found(1, 1);
  (void)change();
  group_->beat();
  EXPECT_EQ(change(), "") << "two voters are worse than one";
  admission_.leave(group_->now, NodeId(1), Leaving::kSoon);
  EXPECT_EQ(change(), "n1 n2");
  group_->beat();
  EXPECT_EQ(change(), "") << "a leader takes out others, never itself";
}

TEST_F(AdmissionTest, NobodyIsHeldUpForLongByAStandbyThatLags) {
  found(3, 1);
  (void)change();
  group_->kill(4);  // it is heard below all the same, and never has what is new
  (void)leader().submit(group_->now, SharedBytes(std::string("record")));
  group_->beat();
  group_->beat();
  (void)change();
  pass(0ms, {2, 3, 4});
  admission_.leave(group_->now, NodeId(2), Leaving::kNow);
  (void)leader().submit(group_->now, SharedBytes(std::string("record")));
  group_->beat();
  EXPECT_EQ(change(), "");
  pass(2 * kSilence, {2, 3, 4});
  admission_.leave(group_->now, NodeId(2), Leaving::kNow);
  EXPECT_EQ(change(), "n1 n3 n4-");
}

TEST_F(AdmissionTest, AStandbyThatLeavesIsTakenOutAndPromotedNoMore) {
  found(2, 2);
  pass(0ms, {2, 3, 4});
  admission_.leave(group_->now, NodeId(3), Leaving::kNow);
  EXPECT_EQ(change(), "n1 n2 n4-");
}

// ---- giving up ----

TEST_F(AdmissionTest, AMemberThatIsSilentForLongIsGivenUp) {
  found(3);
  group_->kill(2);
  pass(10 * kSilence - 1ms, {3});
  EXPECT_EQ(change(), "");
  pass(1ms, {3});
  EXPECT_EQ(change(), "n1 n3");
}

TEST_F(AdmissionTest, NobodyIsGivenUpWhereTheRestWouldBeNoMajority) {
  found(3);
  pass(20 * kSilence, {});
  EXPECT_EQ(change(), "");
  EXPECT_THAT(admission_.evict(group_->now, NodeId(2), leader()), HasSubstr("is not there"));
  pass(0ms, {3});
  EXPECT_EQ(change(), "n1 n3");
}

TEST_F(AdmissionTest, AnOperatorGivesUpASilentMemberAtOnceAndNoOther) {
  found(3);
  pass(0ms, {2});
  pass(kSilence - 1ms, {3});
  EXPECT_THAT(admission_.evict(group_->now, NodeId(2), leader()), HasSubstr("n2 is alive"));
  EXPECT_THAT(admission_.evict(group_->now, NodeId(1), leader()), HasSubstr("n1 leads"));
  EXPECT_EQ(change(), "");
  pass(1ms, {3});
  EXPECT_EQ(admission_.evict(group_->now, NodeId(2), leader()), "");
  EXPECT_EQ(change(), "n1 n3");
  EXPECT_EQ(admission_.evict(group_->now, NodeId(2), leader()), "") << "it is gone";
}

// It may be the leader that crashed.
TEST_F(AdmissionTest, ANewLeaderDoesNotCallAliveWhomItHasNotHeard) {
  found(3);
  pass(1ms, {3});
  EXPECT_EQ(admission_.evict(group_->now, NodeId(2), leader()), "");
  EXPECT_EQ(change(), "") << "it may yet be heard";
  EXPECT_THAT(admission_.evict(group_->now, NodeId(3), leader()), HasSubstr("n3 is alive"));
  pass(kSilence, {3});
  EXPECT_EQ(admission_.evict(group_->now, NodeId(2), leader()), "");
  EXPECT_EQ(change(), "n1 n3");
}

TEST_F(AdmissionTest, AnEvictedMemberThatIsHeardAgainStays) {
  found(3);
  pass(kSilence, {3});
  EXPECT_EQ(admission_.evict(group_->now, NodeId(2), leader()), "");
  admission_.heard(group_->now, NodeId(2));
  EXPECT_EQ(change(), "");
}

// Whether or not it asks once more before it knows that it was added.
TEST_F(AdmissionTest, AStandbyThatWasNeverCurrentIsForgottenSooner) {
  for (const bool asks_again : {false, true}) {
    found(3);
    Admission patient({.voters_max = 3, .silence = kSilence, .evict_after = std::chrono::hours(1)});
    patient.restart(group_->now);
    (void)patient.on_request(group_->now, NodeId(7), {description_of("n7"), leader().commit()},
                             leader());
    const auto joined = patient.next_change(group_->now, leader());
    ASSERT_TRUE(joined);
    ASSERT_TRUE(leader().change(group_->now, *joined));
    group_->settle();
    if (asks_again) {
      (void)patient.on_request(group_->now, NodeId(7), {description_of("n7"), leader().commit()},
                               leader());
    }
    patient.beat(group_->now, leader());
    group_->now += 60 * kSilence - 1ms;
    patient.heard(group_->now, NodeId(3));
    EXPECT_FALSE(patient.next_change(group_->now, leader()));
    group_->now += 1ms;
    patient.heard(group_->now, NodeId(3));
    const auto next = patient.next_change(group_->now, leader());
    ASSERT_TRUE(next);
    EXPECT_EQ(next->find(NodeId(7)), nullptr);
  }
}

TEST_F(AdmissionTest, WhoWasJustLetInIsNotSilentHoweverLongTheLeaderHasLed) {
  found(3);
  pass(std::chrono::hours(1), {2, 3});
  (void)ask(7, description_of("n7"), leader().commit());
  EXPECT_EQ(change(), "n1 n2 n3 n7-");
  EXPECT_FALSE(admission_.silent(group_->now, NodeId(7)));
  pass(50ms, {2, 3});
  EXPECT_EQ(change(), "");
  EXPECT_FALSE(admission_.silent(group_->now, NodeId(7)));
  pass(kSilence, {2, 3});
  EXPECT_TRUE(admission_.silent(group_->now, NodeId(7)));
}

// One of those that would remain may be dead, and the new leader has not missed it yet.
TEST_F(AdmissionTest, ANewLeaderTakesNobodyOutBeforeItHasHeardTheRest) {
  found(3);
  pass(0ms, {2, 3});
  admission_.restart(group_->now);
  admission_.leave(group_->now, NodeId(2), Leaving::kNow);
  EXPECT_EQ(change(), "");
  pass(0ms, {2});
  EXPECT_EQ(change(), "");
  pass(0ms, {3});
  EXPECT_EQ(change(), "n1 n3");
}

TEST_F(AdmissionTest, ANewLeaderCountsEveryoneAsHeard) {
  found(3);
  pass(kSilence, {});
  EXPECT_TRUE(admission_.silent(group_->now, NodeId(2)));
  admission_.restart(group_->now);
  EXPECT_FALSE(admission_.silent(group_->now, NodeId(2)));
  EXPECT_EQ(admission_.last_heard(NodeId(2)), group_->now);
}

}  // namespace
}  // namespace ram::node
