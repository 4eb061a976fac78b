#include "sim/ambush.h"

#include <algorithm>
#include <utility>

namespace ram::sim {

using std::chrono::milliseconds;

Ambush::Ambush(World& world, const Swarm& swarm, SimNetwork& network, const History& history,
               const Places& places, Faults& faults)
    : world_(world),
      swarm_(swarm),
      network_(network),
      history_(history),
      places_(places),
      faults_(faults),
      random_(world.stream("ambush")) {}

void Ambush::start() {
  if (!swarm_.ambushes) return;
  stopped_ = false;
  after(draw(milliseconds(500), std::chrono::seconds(3)), [] {});
  begin_step();
}

void Ambush::stop() {
  stopped_ = true;
  lull_ = false;
  steps_.clear();
}

// ---- steps ----

void Ambush::begin_step() {
  if (stopped_) return;
  if (steps_.empty()) {
    lull_ = false;
    plan();
    if (steps_.empty()) after(draw(milliseconds(20), milliseconds(300)), [] {});
  }
  step_ends_ = world_.now() + steps_.front().at_most;
  world_.at(step_ends_, [this, step = ++step_] {
    if (step == step_) look();
  });
}

void Ambush::look() {
  if (stopped_ || stepping_ || steps_.empty()) return;
  const bool over = world_.now() >= step_ends_;
  if (!over && (steps_.front().until == nullptr || !steps_.front().until())) return;
  stepping_ = true;
  const Step step = std::move(steps_.front());
  steps_.pop_front();
  // Not within the pass of the node that was looked at.
  world_.after(step.until ? moment() : Duration(0), [this, step, over] {
    stepping_ = false;
    if (stopped_) return;
    // What it waited for did not come: the plan is off.
    if (over && step.until != nullptr) {
      steps_.clear();
      network_.mend_all();
    } else {
      step.act();
    }
    begin_step();
  });
}

void Ambush::when_elected(std::function<void()> act) {
  when(
      [this] {
        const Place* leads = leader();
        return leads != nullptr && leads->core().replica()->term() > before_;
      },
      8 * swarm_.parameters.failover_after, std::move(act));
}

void Ambush::hold_and_mend() {
  const Duration lease = swarm_.times().lease;
  after(random_.one_in(3) ? draw(Duration(0), lease / 2) : draw(lease / 2, 2 * lease), [this] {
    world_.line("ambush over");
    network_.mend_all();
  });
  after(draw(Duration(0), random_.one_in(2) ? milliseconds(50) : milliseconds(800)), [] {});
}

// ---- plans ----

void Ambush::plan() {
  old_ = leader();
  if (old_ == nullptr || places_.size() < 3 || !history_.anything_known) return;
  other_ = other_than(old_);
  if (other_ == nullptr) return;
  before_ = highest_term();
  ++plans_made_;
  switch (random_.below(11)) {
    case 0:
    case 1:
      return plan_cut_leader();
    case 2:
      return plan_cut_after_election();
    case 3:
      return plan_flip();
    case 4:
      return plan_quiet_winner();
    case 5:
      return plan_vain_candidate();
    case 6:
      return plan_change();
    case 7:
      return plan_catch_up();
    case 8:
      return plan_hand_over();
    case 9:
      return plan_evict();
    default:
      return plan_stall();
  }
}

// The leader, and who may hold a lease of it.
void Ambush::plan_cut_leader() {
  then([this] {
    network_.mend_all();
    if (random_.one_in(3)) {
      isolate(*old_, any_way(), other_);
    } else {
      isolate(minority_with(*old_));
    }
  });
  hold_and_mend();
}

// Who has entered the new term is not waited for; before it has a new lease it is cut off.
void Ambush::plan_cut_after_election() {
  then([this] {
    network_.mend_all();
    isolate(*old_, any_way());
  });
  when_elected([this] {
    if (random_.one_in(2)) network_.mend_all();
    Place* leads = leader();
    if (leads == nullptr) return;
    if (Place* follower = other_than(leads, old_)) isolate(*follower, any_way());
  });
  hold_and_mend();
}

// One leader after the other.
void Ambush::plan_flip() {
  then([this] {
    network_.mend_all();
    isolate(*old_, any_way());
  });
  for (uint64_t times = random_.between(1, 3); times > 0; --times) {
    when_elected([this] {
      network_.mend_all();
      before_ = highest_term();
      if (const Place* leads = leader()) isolate(*leads, any_way(), other_);
    });
  }
  hold_and_mend();
}

// One that has long been silent itself leads next, with the votes of those who were not.
void Ambush::plan_quiet_winner() {
  lull_ = true;
  after(draw(milliseconds(50), milliseconds(400)), [this] {
    network_.mend_all();
    for (const auto& place : places_) {
      if (place.get() != other_) network_.cut(place->number(), other_->number());
    }
  });
  const Duration election = swarm_.parameters.failover_after;
  after(draw(election / 2, election + swarm_.times().lease), [this] {
    network_.mend_all();
    Group group = minority_with(*old_);
    std::erase(group, other_->number());
    isolate(group);
  });
  when_elected([this] { lull_ = false; });
  hold_and_mend();
}

// One asks for votes in vain, and is answered; the leader goes on, and is then cut off.
void Ambush::plan_vain_candidate() {
  then([this] {
    network_.mend_all();
    network_.cut(old_->number(), other_->number());
  });
  when(
      [this] {
        return other_->lives() && other_->core().replica() != nullptr &&
               other_->core().replica()->is_candidate();
      },
      4 * swarm_.parameters.failover_after, [this] { network_.mend_all(); });
  after(draw(Duration(0), milliseconds(60)), [this] {
    Group group = minority_with(*old_);
    std::erase(group, other_->number());
    isolate(group);
  });
  hold_and_mend();
}

// A change of members that only its leader and one other get to know.
void Ambush::plan_change() {
  when(
      [this] {
        old_ = leader();
        return old_ != nullptr && old_->core().replica()->changing();
      },
      2 * swarm_.fault_every,
      [this] {
        network_.mend_all();
        old_ = leader();
        if (old_ == nullptr) return;
        before_ = highest_term();
        // The newest is the last of the list.
        const NodeId newest = old_->core().replica()->latest().servers.back().id;
        for (const auto& place : places_) {
          if (place->lives() && place->id() == newest) other_ = place.get();
        }
        isolate(*old_, Way::kBoth, random_.one_in(4) ? nullptr : other_);
      });
  when_elected([this] {
    network_.mend_all();
    if (!random_.one_in(4)) isolate(*other_, any_way());
  });
  hold_and_mend();
}

// One that is behind hears of what it lacks from a new leader, bit by bit.
void Ambush::plan_catch_up() {
  then([this] {
    network_.mend_all();
    isolate(*other_, random_.one_in(2) ? Way::kBoth : Way::kDeaf);
  });
  const Duration lease = swarm_.times().lease;
  after(draw(lease / 2, 2 * lease), [this] {
    old_ = leader();
    if (old_ == nullptr) return;
    before_ = highest_term();
    network_.mend_all();
    isolate(*old_, random_.one_in(2) ? Way::kMute : Way::kBoth);
  });
  when_elected([this] {
    if (random_.one_in(2)) network_.mend_all();
  });
  hold_and_mend();
}

// A leader, or who holds a lease of it, does not notice what goes on; its readers go on.
void Ambush::plan_stall() {
  then([this] {
    network_.mend_all();
    Place& stalled = random_.one_in(4) ? *other_ : *old_;
    const Duration lease = swarm_.times().lease;
    const Duration span = draw(lease / 4, 2 * lease);
    world_.line("ambush: the loop of ", stalled.name(), " stalls");
    stalled.stall(span);
    if (random_.one_in(2)) isolate(stalled, any_way());
  });
  if (random_.one_in(2)) {
    when_elected([this] {
      if (random_.one_in(2)) network_.mend_all();
      if (Place* follower = other_than(leader(), old_)) isolate(*follower, any_way());
    });
  }
  hold_and_mend();
}

// Leadership moves at once, and somebody does not notice.
void Ambush::plan_hand_over() {
  then([this] {
    network_.mend_all();
    old_->deliver([](node::NodeCore& core, Instant now) {
      core.transfer(now, "", now + std::chrono::seconds(2), [](const Status&) {});
    });
  });
  when_elected([this] {
    Place* leads = leader();
    Place* follower =
        leads == nullptr ? nullptr : other_than(leads, random_.one_in(2) ? old_ : nullptr);
    if (follower != nullptr) isolate(*follower, any_way());
  });
  hold_and_mend();
}

// A leader that is cut off, and may still read, is given up by the next.
void Ambush::plan_evict() {
  if (!swarm_.operations) return plan_hand_over();
  then([this] {
    network_.mend_all();
    if (random_.one_in(2)) old_->stall(2 * swarm_.times().lease);
    isolate(*old_, any_way());
  });
  when_elected([] {});
  // Not before it is missed.
  for (int times = 0; times < 4; ++times) {
    after(swarm_.parameters.failover_after / 2, [this] {
      if (Place* leads = leader(); leads != nullptr && leads != old_) faults_.evict(*leads, *old_);
    });
  }
  hold_and_mend();
}

// ---- who, and how ----

Place* Ambush::leader() const {
  Place* found = nullptr;
  for (const auto& place : places_) {
    if (!place->lives() || place->core().replica() == nullptr) continue;
    const consensus::Replica& replica = *place->core().replica();
    if (!replica.is_leader()) continue;
    if (found == nullptr || found->core().replica()->term() < replica.term()) found = place.get();
  }
  return found;
}

Term Ambush::highest_term() const {
  Term highest;
  for (const auto& place : places_) {
    if (place->lives() && place->core().replica() != nullptr) {
      highest = std::max(highest, place->core().replica()->term());
    }
  }
  return highest;
}

Place* Ambush::other_than(const Place* a, const Place* b) {
  std::vector<Place*> others;
  for (const auto& place : places_) {
    if (place.get() == a || place.get() == b || !place->lives()) continue;
    if (place->core().replica() != nullptr) others.push_back(place.get());
  }
  return others.empty() ? nullptr : others[random_.below(others.size())];
}

Ambush::Group Ambush::minority_with(const Place& first) {
  Group group{first.number()};
  if (!first.lives() || first.core().replica() == nullptr) return group;
  const consensus::Configuration& members = first.core().replica()->latest();
  size_t spare = members.voters() - members.majority();  // voters that the rest can do without
  spare -= spare > 0;
  for (const auto& place : places_) {
    if (place->number() == first.number() || !place->lives() || random_.one_in(3)) continue;
    const consensus::Server* server = members.find(place->id());
    const bool votes = server != nullptr && server->role == consensus::Role::kVoter;
    if (votes && spare == 0) continue;
    spare -= votes;
    group.push_back(place->number());
  }
  return group;
}

void Ambush::isolate(const Group& group) {
  std::string text;
  for (size_t member : group) text += " " + places_[member]->name();
  world_.line("ambush: cut off", text);
  const auto in = [&](size_t place) {
    return std::find(group.begin(), group.end(), place) != group.end();
  };
  for (size_t a = 0; a < places_.size(); ++a) {
    for (size_t b = 0; b < places_.size(); ++b) {
      if (in(a) != in(b)) network_.cut(a, b);
    }
  }
}

void Ambush::isolate(const Place& place, Way way, const Place* spared) {
  world_.line("ambush: cut off ", place.name(),
              way == Way::kMute   ? " (mute)"
              : way == Way::kDeaf ? " (deaf)"
                                  : "",
              spared != nullptr ? " but from " + spared->name() : "");
  for (const auto& other : places_) {
    if (other.get() == &place || other.get() == spared) continue;
    if (way != Way::kDeaf) network_.cut(place.number(), other->number());
    if (way != Way::kMute) network_.cut(other->number(), place.number());
  }
}

Ambush::Way Ambush::any_way() {
  const uint64_t draw = random_.below(4);
  return draw == 0 ? Way::kMute : draw == 1 ? Way::kDeaf : Way::kBoth;
}

Duration Ambush::draw(Duration low, Duration high) {
  return Duration(static_cast<int64_t>(
      random_.between(static_cast<uint64_t>(low.count()), static_cast<uint64_t>(high.count()))));
}

}  // namespace ram::sim
