// Faults that wait for their moment: where leaders change, members change or a member is behind,
// a few cuts in the right order do more than any number of random ones.
//
// A plan is a row of steps, each of which waits for something, for some time at most, and then cuts
// or mends links. Plans are drawn one after another, with who is hit, how long, and whether both
// ways or one. What they have in mind are the counterexamples of docs/model: leases that outlast
// the leader who granted them, held by nodes that are cut off with it, or without it.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/random.h"
#include "sim/faults.h"
#include "sim/place.h"
#include "sim/sim_transport.h"
#include "sim/stage.h"
#include "sim/swarm.h"
#include "sim/workloads/history.h"
#include "sim/world.h"

namespace ram::sim {

class Ambush {
 public:
  Ambush(World& world, const Swarm& swarm, SimNetwork& network, const History& history,
         const Places& places, Faults& faults);

  void start();
  void stop();
  // After each pass of any node.
  void look();

  // Clients should only read, so that all logs are equal.
  bool lull() const { return lull_; }
  uint64_t plans() const { return plans_made_; }

 private:
  using Group = std::vector<size_t>;
  struct Step {
    std::function<bool()> until;  // none: until the time is over
    Duration at_most{};
    std::function<void()> act;
  };

  void plan();
  void plan_cut_leader();
  void plan_cut_after_election();
  void plan_flip();
  void plan_quiet_winner();
  void plan_vain_candidate();
  void plan_change();
  void plan_catch_up();
  void plan_stall();
  void plan_hand_over();
  void plan_evict();

  void then(std::function<void()> act) { steps_.push_back({nullptr, {}, std::move(act)}); }
  void after(Duration span, std::function<void()> act) {
    steps_.push_back({nullptr, span, std::move(act)});
  }
  void when(std::function<bool()> until, Duration at_most, std::function<void()> act) {
    steps_.push_back({std::move(until), at_most, std::move(act)});
  }
  // Once a leader of a later term than any now is there.
  void when_elected(std::function<void()> act);
  void hold_and_mend();
  void begin_step();

  Place* leader() const;  // of the highest term; null: none
  Term highest_term() const;
  Place* other_than(const Place* a, const Place* b = nullptr);
  // `first`, and some others, so few that the rest can go on.
  Group minority_with(const Place& first);
  void isolate(const Group& group);
  enum class Way : uint8_t { kBoth, kMute, kDeaf };
  void isolate(const Place& place, Way way, const Place* spared = nullptr);
  Way any_way();
  Duration draw(Duration low, Duration high);
  Duration moment() { return draw(Duration(0), 2 * swarm_.calm.delay_max); }

  World& world_;
  const Swarm& swarm_;
  SimNetwork& network_;
  const History& history_;
  const Places& places_;
  Faults& faults_;
  Random random_;
  std::deque<Step> steps_;
  WorldTime step_ends_{};
  uint64_t step_ = 0;
  bool stepping_ = false;
  bool stopped_ = true;
  bool lull_ = false;
  uint64_t plans_made_ = 0;
  // Of the plan.
  Term before_;
  Place* old_ = nullptr;
  Place* other_ = nullptr;
};

}  // namespace ram::sim
