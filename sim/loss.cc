#include "sim/loss.h"

#include <algorithm>

namespace ram::sim {

using consensus::Configuration;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

// From when it is said that the others are dead until one survivor has recovered.
constexpr Duration kRecoverMax = seconds(40);

std::pair<Term, LogIndex> log_of(const Place& place) {
  const consensus::Replica& replica = *place.core().replica();
  return {replica.term_at(replica.last()), replica.last()};
}

size_t voters_among(const std::vector<Place*>& places, const Configuration& members) {
  size_t voters = 0;
  for (const consensus::Server& server : members.servers) {
    if (server.role != consensus::Role::kVoter) continue;
    voters += std::any_of(places.begin(), places.end(),
                          [&](const Place* place) { return place->id() == server.id; });
  }
  return voters;
}

}  // namespace

Loss::Loss(World& world, const Swarm& swarm, Faults& faults, Ambush& ambush, Agreement& agreement,
           const Claims& claims, History& history, Places& places)
    : world_(world),
      swarm_(swarm),
      faults_(faults),
      ambush_(ambush),
      agreement_(agreement),
      claims_(claims),
      history_(history),
      places_(places),
      random_(world.stream("loss")) {}

Duration Loss::draw(Duration low, Duration high) {
  return Duration(static_cast<int64_t>(
      random_.between(static_cast<uint64_t>(low.count()), static_cast<uint64_t>(high.count()))));
}

void Loss::start() {
  if (!swarm_.losses) return;
  stopped_ = false;
  world_.after(draw(seconds(1), swarm_.length / 2), [this] { strike(); });
  ask();
}

void Loss::strike() {
  if (stopped_) return;
  if (!history_.anything_known) {
    world_.after(milliseconds(100), [this] { strike(); });
    return;
  }
  ambush_.stop();
  faults_.hold(true);
  // Apart, they get logs that differ.
  if (random_.one_in(2)) faults_.partition();
  world_.after(draw(Duration(0), milliseconds(800)), [this] { kill(); });
}

void Loss::kill() {
  const std::vector<Place*> survivors = draw_survivors();
  if (stopped_ || survivors.empty()) {
    end();
    return;
  }
  ++counters_.losses;
  lost_ = true;
  world_.line("LOSS of all but ", survivors.size());
  for (const auto& place : places_) {
    if (!place->lives() ||
        std::find(survivors.begin(), survivors.end(), place.get()) != survivors.end()) {
      continue;
    }
    const uint64_t dice = random_.below(3);
    faults_.kill(*place, dice == 0   ? std::nullopt
                         : dice == 1 ? std::optional(Duration(0))
                                     : std::optional(draw(Duration(0), seconds(8))));
  }
  world_.after(draw(Duration(0), seconds(2)), [this] {
    faults_.calm();
    // By then all links are made anew, and what was under way has arrived.
    world_.after(seconds(3), [this] {
      world_.line("the others are dead");
      others_are_dead_ = true;
      give_up_ = world_.now() + kRecoverMax;
    });
  });
}

std::vector<Place*> Loss::draw_survivors() {
  std::vector<Place*> survivors;
  for (const auto& place : places_) {
    if (faults_.goes(*place)) return {};
    if (!place->lives() || place->core().replica() == nullptr) continue;
    survivors.push_back(place.get());
    if (place->core().cluster() != survivors.front()->core().cluster()) return {};
  }
  if (survivors.empty()) return {};
  for (size_t i = survivors.size() - 1; i > 0; --i) {
    std::swap(survivors[i], survivors[random_.below(i + 1)]);
  }
  survivors.resize(random_.between(1, survivors.size()));
  while (!is_lost_with(survivors)) survivors.pop_back();
  const bool any = std::any_of(survivors.begin(), survivors.end(),
                               [this](const Place* place) { return may_go_on_for_all(*place); });
  return any ? survivors : std::vector<Place*>();
}

bool Loss::is_lost_with(const std::vector<Place*>& survivors) const {
  return std::all_of(places_.begin(), places_.end(), [&](const auto& place) {
    if (!place->lives() || place->core().replica() == nullptr) return true;
    const consensus::Replica& replica = *place->core().replica();
    return voters_among(survivors, replica.committed()) < replica.committed().majority() &&
           voters_among(survivors, replica.latest()) < replica.latest().majority();
  });
}

bool Loss::may_go_on_for_all(const Place& place) const {
  const consensus::Replica& replica = *place.core().replica();
  return (swarm_.founders == 1 || place.number() < swarm_.founders) && !replica.installing() &&
         replica.committed().find(place.id()) != nullptr &&
         replica.latest().find(place.id()) != nullptr;
}

void Loss::ask() {
  if (stopped_ && !lost_ && !others_are_dead_) return;
  if (lost_ && others_are_dead_ && world_.now() > give_up_) {
    world_.fail("nobody recovered:" + refusals_);
    return;
  }
  for (uint64_t count = random_.one_in(4) ? 2 : 1; count > 0; --count) {
    Place& place = *places_[random_.below(places_.size())];
    if (place.lives()) ask(place);
  }
  world_.after(draw(milliseconds(20), milliseconds(1'500)), [this] { ask(); });
}

void Loss::ask(Place& place) {
  ++counters_.asked;
  const bool others_are_dead = others_are_dead_ && !random_.one_in(4);
  place.deliver([this, &place, others_are_dead](node::NodeCore& core, Instant now) {
    Question asked;
    if (core.replica() != nullptr) asked = question(place);
    asked.others_are_dead = others_are_dead;
    core.recover(now, others_are_dead, [this, &place, asked](const Result<std::string>& answer) {
      on_answer(place, asked, answer);
    });
  });
}

Loss::Question Loss::question(const Place& place) const {
  Question asked;
  asked.cluster = place.core().cluster();
  asked.kept = claims_.kept(world_.now(), place);
  for (const auto& other : places_) {
    if (!other->lives() || other.get() == &place || other->core().replica() == nullptr) continue;
    if (other->core().cluster() != asked.cluster) continue;
    if (place.core().replica()->latest().find(other->id()) == nullptr) continue;
    asked.most = std::max(asked.most, log_of(*other));
  }
  return asked;
}

void Loss::on_answer(Place& place, const Question& question, const Result<std::string>& answer) {
  if (answer.ok()) {
    recovered(place, question);
  } else if (others_are_dead_) {
    refusals_ += "\n  " + place.name() + ": " + answer.status().message();
  }
}

void Loss::recovered(Place& place, const Question& question) {
  world_.line("RECOVERED ", place.name());
  const node::NodeCore& core = place.core();
  if (!question.others_are_dead) world_.fail(place.name() + " recovered, and nobody said it might");
  if (log_of(place) < question.most) {
    world_.fail(place.name() + " recovered, and another survivor had more of the log");
  }
  if (core.digest().revision < question.kept.revision) {
    world_.fail(place.name() + " recovered with " + std::to_string(core.digest().revision) +
                " revisions, and " + std::to_string(question.kept.revision) + " were promised");
  }
  agreement_.goes_on(question.cluster, core.cluster());
  history_.lose(question.kept.revision, question.kept.until);
  lost_ = false;
  refusals_.clear();
  world_.after(draw(Duration(0), seconds(2)), [this] {
    others_are_dead_ = false;
    // Whoever was asked has answered by then.
    world_.after(4 * swarm_.parameters.failover_after, [this] { end(); });
  });
}

void Loss::end() {
  faults_.hold(false);
  if (stopped_) return;
  ambush_.start();
  world_.after(draw(Duration(0), seconds(4)), [this] { strike(); });
}

}  // namespace ram::sim
