#include "sim/run.h"

#include <algorithm>
#include <memory>

#include "sim/ambush.h"
#include "sim/checkers/agreement.h"
#include "sim/checkers/claims.h"
#include "sim/faults.h"
#include "sim/finale.h"
#include "sim/loss.h"
#include "sim/place.h"
#include "sim/sim_transport.h"
#include "sim/stage.h"
#include "sim/swarm.h"
#include "sim/workloads/calls.h"
#include "sim/workloads/workload.h"
#include "sim/world.h"

namespace ram::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

class Run {
 public:
  explicit Run(const RunOptions& options)
      : world_(options.seed, options.trace, options.trace_frames),
        swarm_(draw_swarm(world_, options.nodes, options.length)),
        random_(world_.stream("run")),
        agreement_([this](const std::string& why) { world_.fail(why); },
                   [this](uint64_t word) { world_.trace().note(word); }),
        stage_(
            world_, swarm_, options.mistakes, [this](Place& place) { turned(place); },
            [this](Place& place) {
              calls_.end_all_at(place);
              count_fences(place);
              agreement_.forget(place.id());
            }),
        claims_(stage_.places(), [this](const std::string& why) { world_.fail(why); }),
        network_(stage_.network()),
        places_(stage_.places()),
        calls_(world_, swarm_, history_),
        faults_(world_, swarm_, network_, history_, places_),
        ambush_(world_, swarm_, network_, history_, places_, faults_),
        loss_(world_, swarm_, faults_, ambush_, agreement_, claims_, history_, places_),
        scene_{world_, swarm_, calls_, history_, {}},
        finale_(world_, swarm_, random_, places_, network_, faults_, calls_, history_, workloads_) {
    for (const auto& place : places_) scene_.places.push_back(place.get());
    make_workloads();
  }

  // Calls end before what they point to.
  ~Run() {
    for (const auto& place : places_) {
      if (place->lives()) place->crash();
    }
  }

  RunResult go() {
    world_.line(describe(swarm_));
    start();
    advance(swarm_.length);
    finale_.check_acknowledged();
    ambush_.stop();
    loss_.stop();
    finale_.heal();
    clients_stopped_ = true;
    finale_.end_calls();
    finale_.last_election();
    finale_.last_detour();
    finale_.last_acts();
    finale_.last_looks();
    RunResult result;
    finale_.check_histories(result.counters);
    collect(result.counters);
    result.failure = world_.failure();
    result.trace_hash = world_.trace().hash();
    return result;
  }

 private:
  void make_workloads() {
    workloads_.push_back(make_registers(scene_));
    workloads_.push_back(make_counters(scene_));
    workloads_.push_back(make_bank(scene_));
    workloads_.push_back(make_ring(scene_));
    workloads_.push_back(make_lists(scene_));
    workloads_.push_back(make_boards(scene_));
    bursts_ = make_bursts(scene_);
  }

  Duration draw(Duration low, Duration high) {
    return Duration(static_cast<int64_t>(
        random_.between(static_cast<uint64_t>(low.count()), static_cast<uint64_t>(high.count()))));
  }

  void start() {
    const Duration spread = random_.one_in(2) ? milliseconds(10) : seconds(2);
    for (const auto& place : places_) {
      const bool founds = place->number() < swarm_.founders;
      world_.after(
          founds ? draw(milliseconds(0), spread) : draw(milliseconds(0), swarm_.length / 2),
          [this, &place] {
            if (!place->lives() && place->life() == 0) place->start();
          });
      for (size_t client = 0; client < swarm_.clients; ++client) {
        clients_.push_back(std::make_unique<Client>(
            Client{place.get(), world_.stream("client", place->number() * 1000 + client)}));
        think(*clients_.back());
      }
    }
    faults_.start();
    ambush_.start();
    loss_.start();
  }

  void advance(Duration span) {
    if (!world_.failed()) world_.run_until(world_.now() + span);
  }

  // ---- clients ----

  struct Client {
    Place* place;
    Random random;
  };

  void think(Client& client) {
    const auto most = static_cast<uint64_t>(swarm_.think_max.count());
    world_.after(Duration(static_cast<int64_t>(client.random.below(most + 1))),
                 [this, &client] { act(client); });
  }

  void act(Client& client) {
    if (clients_stopped_) return;
    if (!client.place->lives()) {
      think(client);
      return;
    }
    if (ambush_.lull()) {
      workloads_[client.random.below(2)]->look(*client.place, client.random,
                                               [this, &client] { think(client); });
      return;
    }
    // Registers and counters more than the others: their checks see most. Bursts seldom.
    const uint64_t draw = client.random.below(40);
    Workload& workload = draw == 0 && swarm_.bursts ? *bursts_
                         : draw < 20                ? *workloads_[draw % 2]
                                                    : *workloads_[draw % workloads_.size()];
    workload.act(*client.place, client.random, [this, &client] { think(client); });
  }

  // ---- looking at nodes ----

  void turned(Place& place) {
    agreement_.look(place.id(), place.core());
    claims_.look(world_.now(), world_.tick(), place);
    ambush_.look();
    if (world_.events() % 8 == 0) place.core().check_invariants();
  }

  void count_fences(const Place& place) {
    if (const consensus::Replica* replica = place.core().replica()) {
      for (size_t i = 0; i < 16; ++i) fenced_[i] += replica->counters().fenced[i];
    }
  }

  void collect(RunCounters& counters) {
    for (const auto& place : places_) {
      if (place->lives()) count_fences(*place);
    }
    const auto ms = [](Duration duration) {
      return static_cast<uint64_t>(std::chrono::duration_cast<milliseconds>(duration).count());
    };
    counters.runs = 1;
    counters.virtual_ms = ms(world_.now().time_since_epoch());
    counters.events = world_.events();
    const SimNetwork::Counters& net = network_.counters();
    counters.frames = net.frames;
    counters.bytes = net.bytes;
    counters.lost = net.lost;
    counters.repeated = net.repeated;
    counters.replayed = net.replayed;
    counters.cut_off = net.cut_off;
    counters.broken = net.broken;
    counters.bulk_frames = net.bulk_frames;
    const History::Counters& calls = history_.counters;
    counters.reads = calls.reads;
    counters.leased = calls.leased;
    counters.waited = calls.waited;
    counters.reads_done = calls.reads_done;
    counters.writes = calls.writes;
    counters.writes_done = calls.writes_done;
    counters.writes_unknown = calls.writes_unknown;
    counters.writes_refused = calls.writes_refused;
    counters.conditions_failed = calls.conditions_failed;
    const Agreement::Counters& agreed = agreement_.counters();
    counters.elections = agreed.elections;
    counters.entries = agreed.entries;
    counters.compactions = agreed.compactions;
    counters.states_joined = agreed.states_joined;
    counters.states_installed = agreed.states_installed;
    const Faults::Counters& faults = faults_.counters();
    counters.crashes = faults.crashes;
    counters.leader_crashes = faults.leader_crashes;
    counters.founding_crashes = faults.founding_crashes;
    counters.reliefs = faults.reliefs;
    counters.partitions = faults.partitions;
    counters.one_way_cuts = faults.one_way_cuts;
    counters.storms = faults.storms;
    counters.pauses = faults.pauses;
    counters.drifts = faults.drifts;
    counters.ambushes = ambush_.plans();
    counters.transfers = faults.transfers;
    counters.evictions = faults.evictions;
    counters.leaves = faults.leaves;
    counters.losses = loss_.counters().losses;
    counters.recoveries = loss_.counters().asked;
    counters.writes_lost = calls.writes_lost;
    counters.heal_ms = ms(finale_.heal_time());
    counters.quiet_ms = ms(faults_.quiet());
    std::copy(std::begin(fenced_), std::end(fenced_), counters.fenced);
  }

  World world_;
  const Swarm swarm_;
  Random random_;
  Agreement agreement_;
  History history_;
  Stage stage_;
  Claims claims_;
  SimNetwork& network_;
  Places& places_;
  Calls calls_;
  Faults faults_;
  Ambush ambush_;
  Loss loss_;
  Scene scene_;
  std::vector<std::unique_ptr<Workload>> workloads_;  // registers, counters, and others
  std::unique_ptr<Workload> bursts_;
  std::vector<std::unique_ptr<Client>> clients_;
  Finale finale_;
  bool clients_stopped_ = false;
  uint64_t fenced_[16] = {};
};

}  // namespace

RunResult run(const RunOptions& options) {
  return Run(options).go();
}

}  // namespace ram::sim
