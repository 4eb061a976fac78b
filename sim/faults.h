// What goes wrong in a run: cuts, bad weather on the links, pauses, crashes, clocks that drift.
//
// Everything is volatile, so more crashes than a cluster promises to survive would lose data, and
// rightly so. Hence the rule for crashes: in the newest committed configuration that anyone has,
// and in each one that is proposed, the voters that go on living stay a majority, also if the
// leader promotes dead standbys before it misses them. (A voter that is waiting for a state counts
// as one that lives only in runs with `strict_crashes` off.) A crashed voter counts as dead until
// the leader has taken it out, since its successor is another member. Whom the leader is about to
// take out, and asks the others whether they are there, counts as taken out and as not, whichever
// is worse: one that dies after its answer is a second loss, which nobody can know of. One founder,
// at least, goes on living as a member.
//
// Founding is the exception: as long as nothing was acknowledged or read, nothing can be lost, and
// any node may crash at any step. But a founding may have begun on one node, when the others that
// had accepted it are gone: then the started one has no majority, for ever, and this is as it
// should be, since it cannot know that nobody else started. Operators would stop it; relieve()
// does.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "sim/place.h"
#include "sim/sim_transport.h"
#include "sim/stage.h"
#include "sim/swarm.h"
#include "sim/workloads/history.h"
#include "sim/world.h"

namespace ram::sim {

class Faults {
 public:
  Faults(World& world, const Swarm& swarm, SimNetwork& network, const History& history,
         Places& places);

  void start();
  // Everything works from now on; who is away comes back.
  void stop();
  // Crashes what can never be of use: see above. Returns whether it did.
  bool relieve();
  // While held, nothing more goes wrong; what went wrong stays.
  void hold(bool held) { held_ = held; }
  void partition();
  // All links are whole and fine, and every process runs.
  void calm();
  // It dies, whatever that costs, and comes back after `away`; nothing: when all is healed.
  void kill(Place& place, std::optional<Duration> away);
  // Whether it leaves, or may be evicted.
  bool goes(const Place& place) const;
  // Somebody at `at` gives `target` up, unless no founder would be left.
  void evict(Place& at, const Place& target);

  struct Counters {
    uint64_t crashes = 0, founding_crashes = 0, leader_crashes = 0, reliefs = 0;
    uint64_t partitions = 0, one_way_cuts = 0, storms = 0, pauses = 0, drifts = 0;
    uint64_t transfers = 0, evictions = 0, leaves = 0;  // that were asked for
  };
  const Counters& counters() const { return counters_; }
  // How much of the time nothing was wrong with links and processes.
  Duration quiet() const { return quiet_; }

 private:
  void strike();
  void strike_founding();
  void look_for_the_hopeless();
  void isolate_leader();
  void cut_one_way();
  void mute_followers();
  void operate();
  void leave();
  void evict();
  bool spares_a_founder(const Place& going) const;
  void weather();
  void pause();
  void crash_some();
  void drift();
  int64_t edge_rate();  // one that leases just allow for
  bool may_crash(const Place& victim) const;
  // `victim` dead, a majority of voters lives, also if all are taken out who may be.
  bool goes_on_without(const Place& victim) const;
  void crash(Place& place);
  void end(Place& place);
  void calm_links();
  void come_back(Place& place, Duration delay);
  Place& any_place();
  Place* leader();  // null: none
  bool is_quiet() const;
  Duration draw(Duration low, Duration high);

  World& world_;
  const Swarm& swarm_;
  SimNetwork& network_;
  const History& history_;
  Places& places_;
  Random random_;
  Random mutes_;
  Random operations_;
  std::map<size_t, WorldTime> going_;   // places whose process may soon be no member, until when
  std::map<NodeId, WorldTime> doomed_;  // whom one took out that crashed since, until when
  bool stopped_ = false;
  bool held_ = false;
  bool stormy_ = false;
  WorldTime struck_{};
  bool was_quiet_ = true;
  Duration quiet_{};
  Counters counters_;
};

}  // namespace ram::sim
