#include "node/founding.h"

#include <gtest/gtest.h>

#include <deque>
#include <memory>

#include "node/member_description.h"
#include "node/text.h"

namespace ram::node {
namespace {

using std::chrono::milliseconds;
using namespace std::chrono_literals;

constexpr Duration kAskEvery = 100ms;
constexpr Duration kDeadAfter = 2s;
// A name that stands for all houses of a town.
constexpr const char* kName = "town";

// Nodes at addresses a, b, c ... that crash, come back as new incarnations, and talk over a network
// that loses, delays and reorders.
//
// With a name, their list is kName alone: it stands for their doors, which are addresses 1, 2 ...
// that lead to a house, or to none any more. Nodes learn of them at random moments.
class Town {
 public:
  Town(uint64_t seed, size_t size) : Town(seed, size, false, 0) {}
  Town(uint64_t seed, size_t size, bool named, size_t expect)
      : named_(named), expect_(expect), random_(seed) {
    for (size_t i = 0; i < size; ++i) list_.push_back(std::string(1, static_cast<char>('a' + i)));
    if (named_) {
      for (const std::string& address : list_) add_door(address);
    }
    for (const std::string& address : list_) start(address);
  }

  bool named() const { return named_; }
  // One more that leads to the house; "": to none.
  void add_door(const std::string& house) { doors_[std::to_string(++doors_made_)] = house; }
  void move_door(const std::string& house) {
    std::erase_if(doors_, [&](const auto& door) { return door.second == house; });
    add_door(house);
  }
  // Nobody learns of doors by chance any more.
  void stop_resolving() { resolves_ = false; }
  void resolve(const std::string& at, std::vector<std::string> doors) {
    houses_.at(at).founding->on_resolved(now_, kName, std::move(doors));
  }
  void resolve(const std::string& at) {
    std::vector<std::string> doors;
    for (const auto& [door, house] : doors_) doors.push_back(door);
    resolve(at, std::move(doors));
  }
  // From now on it says that it knows a leader, once it is of a cluster; or not any more.
  void lead(const std::string& house) { leading_.insert(house); }
  void lose_leader(const std::string& house) { leading_.erase(house); }
  // What is sent to a house arrives, and is answered, so much later.
  void put_off(const std::string& house, Duration span) { put_off_[house] = span; }

  struct House {
    NodeId id;
    std::unique_ptr<Founding> founding;
    ClusterId told;      // the cluster that it was seen to have started
    bool alone = false;  // its list has nobody else
  };

  void start(const std::string& address, std::vector<std::string> list = {}, std::string name = "",
             std::vector<std::string> known = {}) {
    if (list.empty()) list = named_ ? std::vector<std::string>{kName} : list_;
    House& house = houses_[address];
    house.id = NodeId(random_.next() | 1);
    house.told = ClusterId();
    house.alone = list == std::vector<std::string>{address};
    Founding::Self self;
    self.id = house.id;
    self.address = address;
    self.description = encode_description({name.empty() ? address : name, address, "", "1"});
    self.list = list;
    self.known = std::move(known);
    if (named_ && list.front() == kName) {
      self.names = {kName};
      self.expect = expect_;
    }
    self.parameters = [](ClusterId) { return std::string("p"); };
    self.understands = [](const Proposal& proposal) { return proposal.parameters == "p"; };
    self.dead_after = kDeadAfter;
    self.ask_every = kAskEvery;
    self.complain_every = 10s;
    house.founding = std::make_unique<Founding>(
        self, Random(random_.next()),
        [this, from = house.id, address](const std::string& to, PeerMessage message) {
          send(from, address, to, NodeId(), std::move(message));
        },
        log_);
    house.founding->start(now_);
  }

  void crash(const std::string& address) { houses_.at(address).founding.reset(); }

  void run(Duration time) {
    const Instant end = now_ + time;
    while (now_ < end) step();
  }

  // One message, or a bit of time.
  void step() {
    now_ += milliseconds(random_.between(1, 5));
    for (const std::string& address : list_) {
      House& house = houses_.at(address);
      if (!house.founding) continue;
      house.founding->on_time(now_);
      if (named_ && resolves_ && random_.one_in(40)) resolve(address);
    }
    while (!queue_.empty() && random_.chance(0.9)) deliver();
    for (const std::string& address : list_) look_at(houses_.at(address), address);
  }

  void look_at(House& house, const std::string& address) {
    if (!house.founding) return;
    if (house.founding->abandoned()) {
      ++abandoned_;
      start(address);
      return;
    }
    if (!house.founding->started() || house.told) return;
    house.told = house.founding->proposal().cluster;
    // The promise: no second cluster of the list while a node of the first is there.
    for (const auto& [other_address, other] : houses_) {
      if (!other.founding || !other.told || (other.alone && house.alone)) continue;
      EXPECT_EQ(other.told, house.told) << address;
    }
  }

  // Everyone runs the same cluster, or is fresh and sees someone who runs it.
  bool settled() {
    std::set<ClusterId> clusters;
    for (const auto& [address, house] : houses_) {
      if (!house.founding) return false;
      if (house.told) clusters.insert(house.told);
      if (!house.told && house.founding->members_seen(now_).empty()) return false;
    }
    return clusters.size() == 1;
  }

  Random& random() { return random_; }
  std::vector<std::string>& list() { return list_; }
  House& house(const std::string& address) { return houses_.at(address); }
  Instant now() const { return now_; }
  size_t abandoned() const { return abandoned_; }
  double loss = 0;

 private:
  struct Letter {
    NodeId from;
    std::string from_address;
    std::string to_address;
    NodeId to;
    ClusterId cluster;
    PeerMessage message;
    Instant not_before{};
  };

  void send(NodeId from, const std::string& from_address, const std::string& to_address, NodeId to,
            PeerMessage message) {
    if (random_.chance(loss)) return;
    const House& house = houses_.at(from_address);
    const ClusterId cluster = house.told;
    const auto door = doors_.find(to_address);
    const std::string at = door == doors_.end() ? to_address : door->second;
    const auto later = put_off_.find(at);
    queue_.push_back({from, from_address, at, to, cluster, std::move(message),
                      later == put_off_.end() ? now_ : now_ + later->second});
  }

  void deliver() {
    // Mostly in order.
    const size_t at = random_.chance(0.7) ? 0 : random_.below(queue_.size());
    Letter letter = std::move(queue_[at]);
    queue_.erase(queue_.begin() + static_cast<std::ptrdiff_t>(at));
    if (now_ < letter.not_before) {
      queue_.push_back(std::move(letter));
      return;
    }
    const auto found = houses_.find(letter.to_address);
    if (found == houses_.end() || !found->second.founding) return;
    House& house = found->second;
    if (letter.to && letter.to != house.id) return;
    if (const auto* standing = std::get_if<Standing>(&letter.message)) {
      if (standing->question) {
        const bool leads = house.told && leading_.contains(letter.to_address);
        send(house.id, letter.to_address, letter.from_address, letter.from,
             house.founding->standing(standing->question, leads ? letter.to_address : ""));
      }
      if (standing->answer) {
        house.founding->on_standing(now_, letter.from, letter.cluster, *standing);
      }
    } else if (const auto* note = std::get_if<FoundingNote>(&letter.message)) {
      house.founding->on_note(now_, letter.from, *note);
    }
  }

  const bool named_;
  const size_t expect_;
  bool resolves_ = true;
  Random random_;
  NoLog log_;
  std::map<std::string, std::string> doors_;
  size_t doors_made_ = 0;
  std::map<std::string, Duration> put_off_;
  std::set<std::string> leading_;
  std::vector<std::string> list_;
  std::map<std::string, House> houses_;
  std::deque<Letter> queue_;
  Instant now_{};
  size_t abandoned_ = 0;
};

TEST(Founding, ThreeFreshNodesFoundOneCluster) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Town town(seed, 3);
    town.run(3s);
    EXPECT_TRUE(town.settled()) << "seed " << seed;
    for (const std::string& address : town.list()) EXPECT_TRUE(town.house(address).told);
  }
}

TEST(Founding, WaitsForEveryoneOfTheList) {
  Town town(1, 3);
  town.crash("c");
  town.run(20s);
  EXPECT_EQ(town.house("a").founding->phase(), Phase::kFresh);
  EXPECT_EQ(town.house("a").founding->waiting_for(town.now()), "no answer from c");
  town.start("c");
  town.run(3s);
  EXPECT_TRUE(town.settled());
}

TEST(Founding, RefusesListsThatDifferAndNamesBoth) {
  Town town(1, 3);
  town.start("c", {"b", "c"});
  town.run(5s);
  EXPECT_EQ(town.house("a").founding->phase(), Phase::kFresh);
  EXPECT_EQ(town.house("a").founding->waiting_for(town.now()),
            "the join lists of founders differ: ours is a,b,c, not so at c (it has b,c); start all "
            "with the same --join");
}

TEST(Founding, RefusesTwoNodesOfOneName) {
  Town town(1, 3);
  town.start("c", {}, "b");
  town.run(5s);
  EXPECT_EQ(town.house("a").founding->phase(), Phase::kFresh);
  EXPECT_EQ(town.house("a").founding->waiting_for(town.now()),
            "two nodes are named b: b and c; give each its own --name");
}

// What it asks is answered at the address that it advertises.
TEST(Founding, WhoseOwnAddressLeadsElsewhereSaysSo) {
  Founding::Self self;
  self.id = NodeId(1);
  self.address = "a";
  self.description = encode_description({"a", "a", "", "1"});
  self.list = {"b"};
  self.ask_every = kAskEvery;
  self.complain_every = 10s;
  Standing asked;  // of whoever lives at a
  NoLog log;
  Founding founding(
      self, Random(1),
      [&](const std::string& to, const PeerMessage& message) {
        if (to == "a") asked = std::get<Standing>(message);
      },
      log);
  Instant now(1s);
  founding.start(now);
  EXPECT_EQ(founding.waiting_for(now), "no answer from b");
  for (int i = 0; i < 20; ++i) founding.on_time(now += kAskEvery);
  EXPECT_EQ(founding.waiting_for(now),
            "no answer from b; nor does a, which this node advertises, lead to it: another node "
            "advertises a, or nobody can dial it; give each its own --advertise");
  asked.answer = asked.question;
  founding.on_standing(now, self.id, ClusterId(), asked);
  EXPECT_EQ(founding.waiting_for(now), "no answer from b");
  EXPECT_EQ(founding.phase(), Phase::kFresh);
}

TEST(Founding, WithoutAListItIsAClusterOfOneAtOnce) {
  Town town(1, 1);
  town.step();
  EXPECT_TRUE(town.house("a").told);
}

// Two see all of the list fresh at once, one of them in its former incarnations. Who accepted the
// one proposal will not start the other.
TEST(Founding, OfTwoProposalsNeitherWaitsForWhoAcceptedTheOther) {
  NoLog log;
  std::map<std::string, std::string> descriptions;
  for (const char* name : {"a", "b", "c"}) {
    descriptions[name] = encode_description({name, name, "", "1"});
  }
  std::vector<FoundingNote> sent;
  Founding::Self self;
  self.id = NodeId(1);
  self.address = "a";
  self.description = descriptions["a"];
  self.list = {"a", "b", "c"};
  self.parameters = [](ClusterId) { return std::string("p"); };
  self.understands = [](const Proposal&) { return true; };
  self.ask_every = kAskEvery;
  self.complain_every = 10s;
  Founding founding(
      self, Random(1),
      [&](const std::string&, const PeerMessage& message) {
        if (const auto* note = std::get_if<FoundingNote>(&message)) sent.push_back(*note);
      },
      log);
  founding.start(Instant());
  const auto proposal_of = [&](uint64_t c, uint64_t cluster) {
    Proposal proposal{ClusterId{cluster, cluster}, "p", {}};
    const std::pair<uint64_t, const char*> members[] = {{1, "a"}, {2, "b"}, {c, "c"}};
    for (const auto& [id, name] : members) {
      proposal.members.servers.push_back({NodeId(id), descriptions[name], consensus::Role::kVoter});
    }
    return proposal;
  };
  FoundingNote theirs;
  theirs.phase = Phase::kAccepted;
  theirs.proposal = proposal_of(3, 33);
  theirs.accepted = {NodeId(3)};
  founding.on_note(Instant(), NodeId(3), theirs);
  ASSERT_EQ(founding.phase(), Phase::kAccepted);
  // A stranger to our proposal says nothing about it.
  FoundingNote other = theirs;
  other.proposal = proposal_of(4, 22);
  other.accepted = {NodeId(4)};
  const size_t told = sent.size();
  founding.on_note(Instant(), NodeId(4), other);
  EXPECT_EQ(founding.phase(), Phase::kAccepted);
  // It is told that ours was accepted: nobody else would.
  ASSERT_EQ(sent.size(), told + 1);
  EXPECT_EQ(sent.back().proposal.cluster, theirs.proposal.cluster);
  other.accepted = {NodeId(2)};
  founding.on_note(Instant(), NodeId(2), other);
  EXPECT_EQ(founding.phase(), Phase::kWithdrawn);
  EXPECT_EQ(sent.back().phase, Phase::kWithdrawn);
  theirs.phase = Phase::kWithdrawn;
  founding.on_note(Instant(), NodeId(3), theirs);
  EXPECT_TRUE(founding.abandoned());
}

// Crashes and returns at any step, doors that move with them; then everyone is there, nothing is
// lost any more, and there is time. How many crashed.
size_t live_through_crashes(Town& town) {
  size_t crashes = 0;
  Random& random = town.random();
  for (int i = 0; i < 400; ++i) {
    town.step();
    const std::string& address = town.list()[random.below(town.list().size())];
    if (town.house(address).founding == nullptr) {
      if (random.one_in(20)) town.start(address);
    } else if (random.one_in(60)) {
      town.crash(address);
      ++crashes;
      if (town.named() && random.one_in(2)) town.move_door(address);
      if (random.one_in(2)) town.start(address);
    }
  }
  town.loss = 0;
  for (const std::string& address : town.list()) {
    if (town.house(address).founding == nullptr) town.start(address);
  }
  town.run(20s);
  return crashes;
}

// The rule of the header under crashes between any two steps, loss and reordering.
TEST(Founding, CrashesAtAnyStepMakeNeitherTwoClustersNorAStandstill) {
  size_t abandoned = 0, crashes = 0;
  for (uint64_t seed = 1; seed <= 1'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Town town(seed, 3 + seed % 3);
    Random& random = town.random();
    town.loss = random.chance(0.5) ? 0 : 0.3;
    crashes += live_through_crashes(town);
    ASSERT_TRUE(town.settled());
    abandoned += town.abandoned();
  }
  EXPECT_GT(crashes, 1'000u);
  EXPECT_GT(abandoned, 100u) << "the way out was hardly taken: the test shows little";
}

// ---- who was removed from a cluster ----

TEST(FoundingAfterRemoval, FoundsWithTheOthersOfItsListOnceTheyAreFresh) {
  Town town(1, 3);
  town.start("c", {}, "", {"a", "b"});
  town.run(3s);
  for (const std::string& address : town.list()) EXPECT_TRUE(town.house(address).told) << address;
}

TEST(FoundingAfterRemoval, WhoMayBeOfTheClusterIsWaitedForAndJoined) {
  Town town(1, 3);
  town.start("c", {}, "", {"a", "b", "d"});
  town.run(kDeadAfter - 100ms);
  EXPECT_EQ(town.house("c").founding->phase(), Phase::kFresh);
  EXPECT_EQ(town.house("c").founding->waiting_for(town.now()), "no answer from d");
  town.run(kDeadAfter);
  EXPECT_TRUE(town.settled()) << "d is gone for good";

  Town other(1, 4);
  other.start("d", {"d"});  // a cluster that the others' list does not have
  for (const char* address : {"a", "b", "c"}) other.crash(address);
  other.run(1s);
  for (const char* address : {"a", "b"}) other.start(address, {"a", "b", "c"});
  other.start("c", {"a", "b", "c"}, "", {"a", "d"});
  other.run(20s);
  for (const char* address : {"a", "b", "c"}) EXPECT_FALSE(other.house(address).told) << address;
  EXPECT_EQ(other.house("c").founding->members_seen(other.now()), std::vector<std::string>{"d"});
}

TEST(FoundingAfterRemoval, NobodyFoundsAloneAgain) {
  for (const bool listed : {false, true}) {
    Town town(1, 2);
    for (const char* address : {"a", "b"}) town.crash(address);
    town.start("a", listed ? std::vector<std::string>{"a"} : std::vector<std::string>{"none"}, "",
               {"b"});
    town.run(20s);
    EXPECT_EQ(town.house("a").founding->phase(), Phase::kFresh);
  }
}

TEST(FoundingAfterRemoval, AMemberThatIsFreshWithAnotherListIsNoConcern) {
  Town town(1, 4);
  town.start("d", {"a"});  // only joins
  for (const char* address : {"a", "b"}) town.start(address, {"a", "b", "c"});
  town.start("c", {"a", "b", "c"}, "", {"a", "b", "d"});
  EXPECT_EQ(town.house("c").founding->waiting_for(town.now()), "no answer from a,b,c");
  town.run(3s);
  for (const char* address : {"a", "b", "c"}) EXPECT_TRUE(town.house(address).told) << address;
}

// ---- a list that leads to two clusters ----

// b and c are clusters of one, and a, started anew, may join.
class FoundingBetweenTwo : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* address : {"b", "c"}) {
      town.start(address, {address});
      town.lead(address);
    }
  }
  Founding& founding() { return *town.house("a").founding; }
  std::string said() { return founding().two_clusters(town.now()); }

  Town town{1, 3};
};

TEST_F(FoundingBetweenTwo, BothAreNamedUntilOneIsSilent) {
  town.run(1s);
  std::pair<std::string, std::string> one{text_of(town.house("b").told), "b"};
  std::pair<std::string, std::string> other{text_of(town.house("c").told), "c"};
  if (other < one) std::swap(one, other);
  EXPECT_EQ(founding().waiting_for(town.now()),
            "the addresses of --join lead to two clusters: " + one.first + " at " + one.second +
                ", and " + other.first + " at " + other.second +
                "; correct the list, or stop the nodes of one");
  EXPECT_EQ(founding().members_seen(town.now()), (std::vector<std::string>{"b", "c"}));
  EXPECT_EQ(founding().phase(), Phase::kFresh);
  town.crash("c");
  town.run(1s);
  EXPECT_EQ(said(), "");
  EXPECT_EQ(founding().members_seen(town.now()), std::vector<std::string>{"b"});
}

TEST_F(FoundingBetweenTwo, OneThatHasHadNoLeaderForLongDoesNotCount) {
  town.run(1s);
  town.lose_leader("c");
  town.run(kDeadAfter / 2);
  EXPECT_NE(said(), "") << "an election is no loss";
  town.run(kDeadAfter);
  EXPECT_EQ(said(), "");
  EXPECT_EQ(founding().members_seen(town.now()), (std::vector<std::string>{"b", "c"}));
  town.start("a");
  town.run(1s);
  EXPECT_EQ(said(), "");
}

TEST_F(FoundingBetweenTwo, OneThatOnlyAFormerIncarnationKnewDoesNotCount) {
  town.start("a", {"a", "b"}, "", {"c"});
  town.run(1s);
  EXPECT_EQ(said(), "");
  EXPECT_EQ(founding().members_seen(town.now()), std::vector<std::string>{"b"});
}

// ---- names that stand for several ----

TEST(FoundingByName, FoundsOneClusterOnceAsManyAsExpectedAreThere) {
  for (uint64_t seed = 1; seed <= 50; ++seed) {
    Town town(seed, 3, true, 3);
    town.add_door("a");  // the same node twice
    town.run(3s);
    EXPECT_TRUE(town.settled()) << "seed " << seed;
    for (const std::string& address : town.list()) EXPECT_TRUE(town.house(address).told);
  }
}

TEST(FoundingByName, WaitsForTheLastOfThoseExpected) {
  Town town(1, 3, true, 3);
  town.crash("c");
  town.run(20s);
  EXPECT_EQ(town.house("a").founding->phase(), Phase::kFresh);
  EXPECT_EQ(town.house("a").founding->waiting_for(town.now()),
            "2 of the 3 nodes of --expect are here: a,b; no answer from 3");
  town.start("c");
  town.run(3s);
  EXPECT_TRUE(town.settled());
}

TEST(FoundingByName, NeverFoundsUnlessItIsSaidHowManyAndSaysWhatToType) {
  Town town(1, 3, true, 0);
  town.run(20s);
  for (const std::string& address : town.list()) {
    EXPECT_EQ(town.house(address).founding->phase(), Phase::kFresh);
    EXPECT_EQ(town.house(address).founding->waiting_for(town.now()),
              "town stands for 3 addresses: a cluster is joined through it, and founded only with "
              "--expect; if there is none yet, start all its nodes with --expect N, N being how "
              "many they are");
  }
}

TEST(FoundingByName, AClusterIsJoinedThroughAnyOfItsAddresses) {
  Town town(1, 3, true, 0);
  town.start("b", {"b"});  // a cluster of one
  town.run(3s);
  for (const char* address : {"a", "c"}) {
    EXPECT_EQ(town.house(address).founding->members_seen(town.now()),
              std::vector<std::string>{"b"});
  }
}

// At the first look only this node may be there, or nobody.
TEST(FoundingByName, ANameThatIsNotKnownYetOrStandsForThisNodeAloneFoundsNothing) {
  Town town(1, 3, true, 3);
  town.stop_resolving();
  town.run(10s);
  EXPECT_EQ(town.house("a").founding->waiting_for(town.now()), "no answer from town");
  town.resolve("a", {});
  town.run(10s);
  EXPECT_EQ(town.house("a").founding->waiting_for(town.now()), "no answer from town");
  town.resolve("a", {"1"});
  town.run(10s);
  EXPECT_EQ(town.house("a").founding->phase(), Phase::kFresh);
  EXPECT_EQ(town.house("a").founding->waiting_for(town.now()),
            "1 of the 3 nodes of --expect are here: a");
}

TEST(FoundingByName, AnAddressThatNobodyAnswersAtIsWaitedForBeforeItCountsAsDead) {
  Town town(1, 3, true, 3);
  town.add_door("");
  town.run(kDeadAfter - 100ms);
  EXPECT_EQ(town.house("a").founding->phase(), Phase::kFresh);
  EXPECT_EQ(town.house("a").founding->waiting_for(town.now()),
            "3 of the 3 nodes of --expect are here: a,b,c; no answer from 4");
  town.run(kDeadAfter);
  EXPECT_TRUE(town.settled());
}

// As many as expected are there, and a cluster is, too, far away.
// The name's own look-up led to this node, and says only then that there are others: of a cluster,
// perhaps.
TEST(FoundingByName, AnAddressIsAskedBeforeAnythingIsFoundedWithoutIt) {
  Founding::Self self;
  self.id = NodeId(1);
  self.address = "a";
  self.description = encode_description({"a", "a", "", "1"});
  self.list = {kName};
  self.names = {kName};
  self.expect = 1;
  self.parameters = [](ClusterId) { return std::string("p"); };
  self.dead_after = kDeadAfter;
  self.ask_every = kAskEvery;
  std::map<std::string, Standing> asked;
  NoLog log;
  Founding founding(
      self, Random(1),
      [&](const std::string& to, const PeerMessage& message) {
        asked[to] = std::get<Standing>(message);
      },
      log);
  founding.start(Instant(1s));
  Standing own = asked.at(kName);
  own.answer = own.question;
  founding.on_standing(Instant(1s), self.id, ClusterId(), own);
  founding.on_resolved(Instant(1s), kName, {"door of a", "door of b"});
  EXPECT_EQ(founding.phase(), Phase::kFresh);
  founding.on_time(Instant(2s));
  EXPECT_TRUE(asked.contains("door of b"));
  EXPECT_EQ(founding.phase(), Phase::kFresh);
}

TEST(FoundingByName, WhoIsSlowToSayThatThereIsAClusterIsHeard) {
  Town town(1, 4, true, 3);
  town.start("d", {"d"});
  town.put_off("d", kDeadAfter - 500ms);
  town.run(20s);
  for (const char* address : {"a", "b", "c"}) {
    EXPECT_EQ(town.house(address).founding->phase(), Phase::kFresh);
    EXPECT_EQ(town.house(address).founding->members_seen(town.now()),
              std::vector<std::string>{"d"});
  }
}

TEST(FoundingByName, MoreThanExpectedFoundNothingAndAreTold) {
  Town town(1, 4, true, 3);
  town.run(20s);
  EXPECT_EQ(town.house("a").founding->phase(), Phase::kFresh);
  EXPECT_EQ(town.house("a").founding->waiting_for(town.now()),
            "4 nodes that are in no cluster answer (a,b,c,d), more than --expect 3; start all with "
            "--expect 4, or stop some until a cluster is founded");
  town.crash("d");
  town.run(2 * kDeadAfter);
  EXPECT_TRUE(town.house("a").told);
}

TEST(FoundingByName, WhoIsNotBehindItOnlyJoins) {
  Town town(1, 3, true, 2);
  town.stop_resolving();
  for (const std::string& address : town.list()) town.resolve(address, {"1", "2"});
  town.crash("b");
  town.run(1s);
  EXPECT_EQ(town.house("c").founding->waiting_for(town.now()),
            "1 of the 2 nodes of --expect are here: a; this node is not behind town; no answer "
            "from 2");
  town.start("b");
  town.resolve("b", {"1", "2"});
  town.run(2s);
  EXPECT_TRUE(town.settled());
  EXPECT_FALSE(town.house("c").told);
}

// As above, and doors move, as those of pods do; what nodes know of them is old.
TEST(FoundingByName, CrashesAtAnyStepMakeNeitherTwoClustersNorAStandstill) {
  size_t abandoned = 0, crashes = 0;
  for (uint64_t seed = 1; seed <= 1'000; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    const size_t size = 3 + seed % 3;
    Town town(seed, size, true, size);
    Random& random = town.random();
    town.loss = random.chance(0.5) ? 0 : 0.3;
    if (random.one_in(2)) town.add_door("");
    if (random.one_in(2)) town.add_door("b");
    crashes += live_through_crashes(town);
    ASSERT_TRUE(town.settled());
    abandoned += town.abandoned();
  }
  EXPECT_GT(crashes, 1'000u);
  EXPECT_GT(abandoned, 50u) << "the way out was hardly taken: the test shows little";
}

// Five with the word that three found: as long as all can be reached, one cluster still.
TEST(FoundingByName, MoreThanExpectedMakeNoTwoClustersWhileTheyAreReached) {
  size_t founded = 0;
  for (uint64_t seed = 1; seed <= 300; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Town town(seed, 5, true, 3);
    Random& random = town.random();
    for (const std::string& address : town.list()) {
      if (random.one_in(2)) town.crash(address);
    }
    for (int i = 0; i < 3'000; ++i) {
      town.step();
      const std::string& address = town.list()[random.below(town.list().size())];
      if (town.house(address).founding == nullptr) {
        if (random.one_in(600)) town.start(address);
      } else if (random.one_in(600)) {
        town.crash(address);
      }
    }
    for (const std::string& address : town.list()) {
      founded += town.house(address).founding && town.house(address).told ? 1 : 0;
    }
  }
  EXPECT_GT(founded, 50u) << "hardly any cluster: the test shows little";
}

}  // namespace
}  // namespace ram::node
