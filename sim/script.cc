#include "sim/script.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "machine/command.h"
#include "sim/checkers/model.h"
#include "sim/run.h"

namespace ram::sim {

using std::chrono::milliseconds;

namespace {

node::Mistakes mistakes_of(const std::string& name) {
  node::Mistakes mistakes;
  RAM_CHECK(name.empty() || set_mistake(name, mistakes));
  return mistakes;
}

bool holds(const std::vector<const Place*>& places, const Place& place) {
  return std::find(places.begin(), places.end(), &place) != places.end();
}

}  // namespace

Script::Script(uint64_t seed, const Swarm& swarm, const std::string& mistake)
    : world_(seed, nullptr),
      swarm_(swarm),
      stage_(
          world_, swarm_, mistakes_of(mistake),
          [this](Place& place) {
            agreement_.look(place.id(), place.core());
            claims_.look(world_.now(), world_.tick(), place);
          },
          [this](Place& place) { agreement_.forget(place.id()); }),
      agreement_([this](const std::string& why) { world_.fail(why); }, [](uint64_t) {}),
      claims_(stage_.places(), [this](const std::string& why) { world_.fail(why); }) {
  stage_.network().set_weather(swarm_.calm);
  stage_.network().set_tap([this](size_t from, NodeId source, size_t to, const SharedBytes& frame) {
    return passes(from, source, to, frame);
  });
}

Script::~Script() {
  for (const auto& place : stage_.places()) {
    if (place->lives()) place->crash();
  }
}

Swarm Script::swarm(size_t founders, size_t joiners) {
  Swarm swarm;
  swarm.founders = founders;
  swarm.joiners = joiners;
  swarm.calm = {.delay_min = milliseconds(1), .delay_max = milliseconds(1), .overtaken = 0};
  swarm.timer_late = Duration(1);
  swarm.limits.resize(swarm.places());
  lease::Times times = swarm.times();
  times.lease = 6 * times.election;
  swarm.lease_times = times;
  return swarm;
}

// ---- time ----

void Script::pass(Duration span) {
  world_.run_until(world_.now() + span);
}

bool Script::pass_until(const std::function<bool()>& condition, Duration at_most) {
  const WorldTime end = world_.now() + at_most;
  while (!condition()) {
    if (world_.failed() || world_.now() >= end) return false;
    pass(std::chrono::microseconds(100));
  }
  return true;
}

// ---- who ----

bool Script::found(size_t count) {
  for (size_t i = 0; i < count; ++i) at(i).start();
  return pass_until([this, count] {
    bool led = false;
    for (size_t i = 0; i < count; ++i) {
      const Place& place = at(i);
      if (place.core().replica() == nullptr) return false;
      if (swarm_.parameters.leases && !has_lease(place)) return false;
      const consensus::Replica& replica = *place.core().replica();
      if (replica.committed().servers.size() != count || replica.changing()) return false;
      if (replica.committed().voters() != std::min<size_t>(count, swarm_.parameters.voters_max)) {
        return false;
      }
      led |= replica.is_leader();
    }
    return led;
  });
}

Place& Script::leader() {
  Place* found = nullptr;
  for (const auto& place : stage_.places()) {
    if (leads(*place) && (found == nullptr || term(*found) < term(*place))) found = place.get();
  }
  RAM_CHECK(found != nullptr);
  return *found;
}

Place& Script::other(size_t number, std::vector<const Place*> than) {
  for (const auto& place : stage_.places()) {
    if (!holds(than, *place) && number-- == 0) return *place;
  }
  RAM_CHECK(false);
}

std::vector<const Place*> Script::but(const Place& one) {
  std::vector<const Place*> others;
  for (const auto& place : stage_.places()) {
    if (place.get() != &one) others.push_back(place.get());
  }
  return others;
}

bool Script::leads(const Place& place) {
  return place.lives() && place.core().replica() != nullptr && place.core().replica()->is_leader();
}

Term Script::term(const Place& place) {
  return place.core().replica()->term();
}

bool Script::has_lease(const Place& place) {
  return place.gate().lease_end() > place.clock().now();
}

bool Script::members_are(const Place& by, const std::vector<const Place*>& members) const {
  const consensus::Configuration& latest = by.core().replica()->latest();
  return latest.servers.size() == members.size() &&
         std::all_of(members.begin(), members.end(),
                     [&](const Place* place) { return latest.find(place->id()) != nullptr; });
}

node::LocalRead Script::local_read(const Place& place, const std::string& key) const {
  node::LocalRead read(place.gate());
  read.touches(place.slot().current().key(key).hash);
  return read;
}

// ---- links ----

void Script::cut(const Place& a, const Place& b) {
  stage_.network().cut(a.number(), b.number());
  stage_.network().cut(b.number(), a.number());
}

void Script::cut_one_way(const Place& from, const Place& to) {
  stage_.network().cut(from.number(), to.number());
}

void Script::mend(const Place& a, const Place& b) {
  stage_.network().mend(a.number(), b.number());
  stage_.network().mend(b.number(), a.number());
}

void Script::isolate(const Place& place, const std::vector<const Place*>& spared) {
  for (const auto& other : stage_.places()) {
    if (other.get() != &place && !holds(spared, *other)) cut(place, *other);
  }
}

void Script::rejoin(const Place& place) {
  for (const auto& other : stage_.places()) {
    if (other.get() != &place) mend(place, *other);
  }
}

void Script::keep(Lost wanted) {
  wanted_ = std::move(wanted);
  kept_.reset();
}

void Script::give() {
  RAM_CHECK(kept_);
  const Kept kept = *std::exchange(kept_, std::nullopt);
  const node::Peer from{kept.source, stage_.places()[kept.from]->address()};
  stage_.places()[kept.to]->deliver([from, frame = kept.frame](node::NodeCore& core, Instant now) {
    core.receive(now, from, frame);
  });
}

bool Script::passes(size_t from, NodeId source, size_t to, const SharedBytes& bytes) {
  if (!lost_ && !wanted_) return true;
  const std::optional<node::Frame> frame = node::decode_frame(bytes);
  if (!frame) return true;
  if (wanted_ && wanted_(from, to, *frame)) {
    kept_ = Kept{from, to, source, bytes};
    wanted_ = nullptr;
    return false;
  }
  return !lost_ || !lost_(from, to, *frame);
}

// ---- calls ----

std::shared_ptr<std::optional<Status>> Script::write(Place& place, const std::string& key,
                                                     const std::string& value) {
  const Transaction transaction{
      .conditions = {},
      .edits = {{.kind = machine::OperationKind::kPut, .key = {"script", key}, .value = value}}};
  auto ended = std::make_shared<std::optional<Status>>();
  place.deliver([bytes = encode(transaction), ended](node::NodeCore& core, Instant now) {
    core.submit(now, bytes, now + kLong,
                [ended](const Status& status, const machine::Reply*) { *ended = status; });
  });
  return ended;
}

void Script::evict(Place& at, const Place& target) {
  at.deliver([name = target.name()](node::NodeCore& core, Instant now) {
    core.evict(now, name, now + kLong, [](const Status&) {});
  });
}

std::shared_ptr<std::optional<Status>> Script::recover(Place& place, bool others_are_dead) {
  auto ended = std::make_shared<std::optional<Status>>();
  place.deliver([this, &place, others_are_dead, ended](node::NodeCore& core, Instant now) {
    core.recover(now, others_are_dead,
                 [this, &place, lost = core.cluster(), ended](const Result<std::string>& report) {
                   if (report.ok()) agreement_.goes_on(lost, place.core().cluster());
                   *ended = report.ok() ? Status() : report.status();
                 });
  });
  return ended;
}

bool Script::written(Place& place, const std::string& key, const std::string& value) {
  const auto ended = write(place, key, value);
  return pass_until([&] { return ended->has_value(); }) && (*ended)->ok();
}

}  // namespace ram::sim
