#include "sim/faults.h"

#include <algorithm>
#include <set>

namespace ram::sim {

using consensus::Configuration;
using std::chrono::milliseconds;
using std::chrono::seconds;

Faults::Faults(World& world, const Swarm& swarm, SimNetwork& network, const History& history,
               Places& places)
    : world_(world),
      swarm_(swarm),
      network_(network),
      history_(history),
      places_(places),
      random_(world.stream("faults")),
      mutes_(world.stream("mute")),
      operations_(world.stream("operators")) {
  network_.set_weather(swarm_.calm);
}

Duration Faults::draw(Duration low, Duration high) {
  return Duration(static_cast<int64_t>(
      random_.between(static_cast<uint64_t>(low.count()), static_cast<uint64_t>(high.count()))));
}

void Faults::start() {
  if (swarm_.founding_crashes) world_.after(milliseconds(5), [this] { strike_founding(); });
  if (swarm_.mutes) world_.after(seconds(2), [this] { mute_followers(); });
  if (swarm_.drift && random_.one_in(2)) {
    for (const auto& place : places_) place->clock().set_drift_ppm(edge_rate());
  }
  if (swarm_.operations) world_.after(seconds(1), [this] { operate(); });
  look_for_the_hopeless();
  // The first strike may be in the middle of the founding, too.
  world_.after(draw(milliseconds(0), milliseconds(3'000)), [this] { strike(); });
}

void Faults::stop() {
  stopped_ = true;
  NetworkWeather fine = swarm_.calm;
  fine.replay = 0;
  network_.set_weather(fine);
  network_.mend_all();
  for (const auto& place : places_) {
    if (place->lives()) place->wake();
    if (!place->lives()) place->start();
    place->clock().set_drift_ppm(0);
  }
}

void Faults::calm_links() {
  network_.mend_all();
  stormy_ = false;
  network_.set_weather(swarm_.calm);
}

void Faults::calm() {
  if (stopped_) return;
  calm_links();
  for (const auto& place : places_) {
    if (place->lives()) place->wake();
  }
}

void Faults::strike() {
  if (stopped_) return;
  const Duration passed = world_.now() - struck_;
  struck_ = world_.now();
  if (was_quiet_) quiet_ += passed;
  relieve();
  if (held_) {
    was_quiet_ = false;
    world_.after(milliseconds(100), [this] { strike(); });
    return;
  }
  switch (random_.below(11)) {
    case 0:
      if (swarm_.partitions) partition();
      break;
    case 1:
      if (swarm_.partitions) isolate_leader();
      break;
    case 2:
      if (swarm_.one_way_cuts) cut_one_way();
      break;
    case 3:
      if (swarm_.flaky) weather();
      break;
    case 4:
      if (swarm_.pauses) pause();
      break;
    case 5:
    case 6:
      if (swarm_.crashes) crash_some();
      break;
    case 7:
      drift();
      break;
    default:
      network_.mend_all();
      if (random_.one_in(2)) {
        stormy_ = false;
        network_.set_weather(swarm_.calm);
      }
  }
  was_quiet_ = is_quiet();
  Duration next = draw(milliseconds(5), 2 * swarm_.fault_every);
  // Now and then time enough to recover.
  if (random_.one_in(6)) {
    calm_links();
    was_quiet_ = is_quiet();
    next += draw(seconds(1), seconds(5));
  }
  world_.after(next, [this] { strike(); });
}

bool Faults::is_quiet() const {
  if (stormy_) return false;
  for (const auto& a : places_) {
    if (!a->lives() || a->paused()) return false;
    for (const auto& b : places_) {
      if (network_.is_cut(a->number(), b->number())) return false;
    }
  }
  return true;
}

void Faults::strike_founding() {
  if (stopped_ || history_.anything_known || world_.now().time_since_epoch() > seconds(6)) return;
  Place& place = any_place();
  if (place.lives()) {
    ++counters_.founding_crashes;
    was_quiet_ = false;
    crash(place);
  }
  relieve();
  world_.after(draw(milliseconds(1), milliseconds(500)), [this] { strike_founding(); });
}

void Faults::look_for_the_hopeless() {
  if (stopped_ || history_.anything_known) return;
  relieve();
  world_.after(seconds(1), [this] { look_for_the_hopeless(); });
}

bool Faults::relieve() {
  if (history_.anything_known) return false;
  bool hopeless = false;
  for (const auto& place : places_) {
    if (!place->lives() || place->core().replica() == nullptr) continue;
    const Configuration& members = place->core().replica()->latest();
    size_t living = 0;
    for (const consensus::Server& server : members.servers) {
      if (server.role != consensus::Role::kVoter) continue;
      for (const auto& other : places_) living += other->lives() && other->id() == server.id;
    }
    if (living < members.majority()) hopeless = true;
  }
  if (!hopeless) return false;
  world_.line("a founding that began can never end: its nodes are stopped");
  ++counters_.reliefs;
  for (const auto& place : places_) {
    if (place->lives()) crash(*place);
  }
  return true;
}

Place& Faults::any_place() {
  return *places_[random_.below(places_.size())];
}

Place* Faults::leader() {
  Place* found = nullptr;
  for (const auto& place : places_) {
    if (!place->lives() || place->core().replica() == nullptr) continue;
    const consensus::Replica& replica = *place->core().replica();
    if (!replica.is_leader()) continue;
    if (found == nullptr || found->core().replica()->term() < replica.term()) found = place.get();
  }
  return found;
}

void Faults::partition() {
  ++counters_.partitions;
  network_.mend_all();
  const uint64_t sides = random_.next();
  world_.line("partition, sides ", sides & ((uint64_t{1} << places_.size()) - 1));
  for (size_t a = 0; a < places_.size(); ++a) {
    for (size_t b = 0; b < places_.size(); ++b) {
      if (((sides >> a ^ sides >> b) & 1) != 0) network_.cut(a, b);
    }
  }
}

void Faults::isolate_leader() {
  Place* leads = leader();
  if (leads == nullptr) return;
  ++counters_.partitions;
  const bool one_way = swarm_.one_way_cuts && random_.one_in(2);
  const bool deaf = random_.one_in(2);
  world_.line("isolate the leader ", leads->name(), one_way ? deaf ? " (deaf)" : " (mute)" : "");
  const size_t spared = random_.one_in(3) ? random_.below(places_.size()) : places_.size();
  for (size_t other = 0; other < places_.size(); ++other) {
    if (other == leads->number() || other == spared) continue;
    if (!one_way || deaf) network_.cut(other, leads->number());
    if (!one_way || !deaf) network_.cut(leads->number(), other);
  }
}

void Faults::cut_one_way() {
  const size_t from = random_.below(places_.size()), to = random_.below(places_.size());
  if (from == to) return;
  ++counters_.one_way_cuts;
  world_.line("cut ", places_[from]->name(), " -> ", places_[to]->name());
  network_.cut(from, to);
  if (random_.one_in(2)) network_.break_streams(from, to);
}

// One follower at a time hears the leader and is not heard by it. The leader falls back to what it
// knows that follower to have, which the follower may have forgotten when it is heard again (F2).
void Faults::mute_followers() {
  if (stopped_) return;
  Place* leads = held_ ? nullptr : leader();
  const size_t from = mutes_.below(places_.size());
  const Duration span = milliseconds(mutes_.between(1'000, 4'000));
  if (leads != nullptr && leads->number() != from) {
    const size_t to = leads->number();
    ++counters_.one_way_cuts;
    world_.line("mute ", places_[from]->name(), " for its leader, ", leads->name());
    network_.cut(from, to);
    world_.after(span, [this, from, to] { network_.mend(from, to); });
  }
  world_.after(2 * span, [this] { mute_followers(); });
}

// What operators do.
void Faults::operate() {
  if (stopped_) return;
  if (held_) {
    world_.after(milliseconds(100), [this] { operate(); });
    return;
  }
  Place& at = *places_[operations_.below(places_.size())];
  switch (operations_.below(4)) {
    case 0:
      leave();
      break;
    case 1:
      evict();
      break;
    default:
      if (!at.lives()) break;
      ++counters_.transfers;
      const Place& to = *places_[operations_.below(places_.size())];
      const std::string name = operations_.one_in(2) ? to.name() : "";
      at.deliver([name](node::NodeCore& core, Instant now) {
        core.transfer(now, name, now + seconds(3), [](const Status&) {});
      });
  }
  world_.after(milliseconds(operations_.between(20, 3'000)), [this] { operate(); });
}

// One goes, and comes back. The last voter might take the data with it.
void Faults::leave() {
  Place& place = *places_[operations_.below(places_.size())];
  if (!place.lives() || place.core().replica() == nullptr || !history_.anything_known) return;
  const bool other_goes =
      std::any_of(places_.begin(), places_.end(), [&](const auto& other) { return goes(*other); });
  if (other_goes || place.core().replica()->committed().voters() < 3) return;
  if (!spares_a_founder(place)) return;
  ++counters_.leaves;
  world_.line("LEAVE ", place.name());
  going_[place.number()] = world_.now() + seconds(20);
  place.deliver([](node::NodeCore& core, Instant) { core.leave(); });
}

// Somebody who is cut off, most likely: who is alive is not evicted.
void Faults::evict() {
  const Place& target = *places_[operations_.below(places_.size())];
  evict(*places_[operations_.below(places_.size())], target);
}

void Faults::evict(Place& at, const Place& target) {
  if (!at.lives() || &at == &target || !history_.anything_known) return;
  if (!spares_a_founder(target)) return;
  ++counters_.evictions;
  world_.line("evict ", target.name());
  going_[target.number()] = world_.now() + seconds(10);
  at.deliver([name = target.name()](node::NodeCore& core, Instant now) {
    core.evict(now, name, now + seconds(3), [](const Status&) {});
  });
}

// Who founded, and comes back to find all of its list fresh, founds again: those who joined later
// are in no list. So one founder, at least, stays.
bool Faults::spares_a_founder(const Place& gone) const {
  if (swarm_.founders == 1) return true;
  return std::any_of(places_.begin(), places_.end(), [&](const auto& place) {
    return place.get() != &gone && !goes(*place) && place->number() < swarm_.founders &&
           place->lives() && place->core().replica() != nullptr &&
           place->core().replica()->committed().find(place->id()) != nullptr;
  });
}

void Faults::weather() {
  ++counters_.storms;
  stormy_ = true;
  NetworkWeather weather = swarm_.rough;
  if (random_.one_in(2)) weather.loss /= 4;
  if (random_.one_in(2)) weather.late = 0;
  network_.set_weather(weather);
  world_.line("rough weather: loss ", weather.loss, " late ", weather.late);
}

void Faults::pause() {
  Place* place = random_.one_in(2) ? leader() : &any_place();
  if (place == nullptr || !place->lives() || place->paused()) return;
  ++counters_.pauses;
  const Duration span = random_.one_in(2) ? draw(milliseconds(10), milliseconds(300))
                                          : draw(milliseconds(300), seconds(3));
  world_.line("pause ", place->name(), " for ", span.count() / 1'000'000, " ms");
  place->pause(span);
}

int64_t Faults::edge_rate() {
  return random_.one_in(2) ? int64_t{1'000} * swarm_.parameters.clock_drift_permille : 0;
}

void Faults::drift() {
  Place& place = any_place();
  if (swarm_.drift) {
    ++counters_.drifts;
    // Rates from 1 to 1 + epsilon, often at the edges of what leases allow for.
    const int64_t most = int64_t{1'000} * swarm_.parameters.clock_drift_permille;
    place.clock().set_drift_ppm(
        random_.one_in(2) ? static_cast<int64_t>(random_.below(static_cast<uint64_t>(most) + 1))
                          : edge_rate());
  }
  if (swarm_.wall_jumps) {
    place.clock().shift_wall(static_cast<int64_t>(random_.below(20'000'001)) - 10'000'000);
  }
}

void Faults::crash_some() {
  for (uint64_t count = random_.one_in(3) ? 2 : 1; count > 0; --count) {
    Place* victim = random_.one_in(2) ? leader() : &any_place();
    if (victim == nullptr || !victim->lives() || !may_crash(*victim)) continue;
    ++counters_.crashes;
    if (victim == leader()) ++counters_.leader_crashes;
    crash(*victim);
    // Before what is on its way makes something known: then it would be too late.
    relieve();
  }
}

bool Faults::may_crash(const Place& victim) const {
  if (!history_.anything_known) return swarm_.founding_crashes;
  return (swarm_.founders == 1 || spares_a_founder(victim)) && goes_on_without(victim);
}

bool Faults::goes(const Place& place) const {
  const auto going = going_.find(place.number());
  return going != going_.end() && going->second > world_.now();
}

bool Faults::goes_on_without(const Place& victim) const {
  std::vector<const Configuration*> asked;
  std::set<NodeId> going;
  for (const auto& [id, until] : doomed_) {
    if (until > world_.now()) going.insert(id);
  }
  LogIndex newest;
  for (const auto& place : places_) {
    if (!place->lives() || place->core().replica() == nullptr) continue;
    const consensus::Replica& replica = *place->core().replica();
    if (replica.committed_configuration_index() >= newest) {
      newest = replica.committed_configuration_index();
      asked.insert(asked.begin(), &replica.committed());
    }
    if (replica.latest() != replica.committed()) asked.push_back(&replica.latest());
    going.insert(place->core().removing());
  }
  if (asked.empty()) return true;
  // Of the committed ones only the newest, which is in front.
  std::erase_if(asked, [&](const Configuration* members) {
    return members != asked.front() &&
           std::none_of(places_.begin(), places_.end(), [&](const auto& place) {
             return place->lives() && place->core().replica() != nullptr &&
                    members == &place->core().replica()->latest();
           });
  });
  return std::all_of(asked.begin(), asked.end(), [&](const Configuration* members) {
    size_t living = 0, voters = 0, dead_standbys = 0;
    size_t living_that_go = 0, voters_that_go = 0;
    for (const consensus::Server& server : members->servers) {
      const bool votes = server.role == consensus::Role::kVoter;
      voters += votes;
      bool lives = false;
      for (const auto& place : places_) {
        if (!place->lives() || place->id() != server.id) continue;
        if (place.get() == &victim) continue;
        const consensus::Replica* replica = place->core().replica();
        // One that accepted a founding and has not begun it has all that there is.
        const bool current = replica == nullptr || !replica->installing();
        lives = current || !swarm_.strict_crashes;
      }
      living += votes && lives;
      voters_that_go += votes && going.contains(server.id);
      living_that_go += votes && lives && going.contains(server.id);
      dead_standbys += !votes && !lives;
    }
    // A leader that has not missed them yet may promote the dead.
    const size_t wanted = places_.size() > 2 ? swarm_.parameters.voters_max : voters;
    if (wanted > voters) voters += std::min(dead_standbys, wanted - voters);
    // Who is taken out is taken out by those who remain.
    return living >= voters / 2 + 1 && living - living_that_go >= (voters - voters_that_go) / 2 + 1;
  });
}

void Faults::crash(Place& place) {
  end(place);
  come_back(place, random_.one_in(3) ? Duration(0) : draw(Duration(0), swarm_.outage_max));
}

void Faults::kill(Place& place, std::optional<Duration> away) {
  end(place);
  if (away) come_back(place, *away);
}

void Faults::end(Place& place) {
  world_.line("CRASH ", place.name(), place.paused() ? " (paused)" : "");
  // What it sent may be on its way, or wait for one that is paused.
  if (const consensus::Replica* replica = place.core().replica()) {
    for (const consensus::Server& server : replica->committed().servers) {
      if (replica->latest().find(server.id) == nullptr) {
        doomed_[server.id] = world_.now() + seconds(10);
      }
    }
  }
  place.crash();
}

void Faults::come_back(Place& place, Duration delay) {
  world_.after(delay, [this, &place, life = place.life()] {
    if (!stopped_ && !place.lives() && place.life() == life) place.start();
  });
}

}  // namespace ram::sim
