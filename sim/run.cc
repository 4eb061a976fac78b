#include "sim/run.h"

#include <algorithm>
#include <memory>
#include <set>

#include "sim/checkers/agreement.h"
#include "sim/checkers/linearizable.h"
#include "sim/checkers/revision_order.h"
#include "sim/faults.h"
#include "sim/place.h"
#include "sim/sim_transport.h"
#include "sim/swarm.h"
#include "sim/workloads/calls.h"
#include "sim/workloads/workload.h"
#include "sim/world.h"

namespace ram::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Ending = StoreOperation::Ending;

namespace {

// After healing everything is well within this time, or the run has failed.
constexpr Duration kHealMax = seconds(60);

constexpr const char* kStates[] = {"joining", "ok", "no-quorum", "leaving"};
constexpr const char* kRoles[] = {"joining", "standby", "follower", "leader"};

class Run {
 public:
  explicit Run(const RunOptions& options)
      : world_(options.seed, options.trace, options.trace_frames),
        swarm_(draw_swarm(world_, options.nodes, options.length)),
        random_(world_.stream("run")),
        agreement_([this](const std::string& why) { world_.fail(why); },
                   [this](uint64_t word) { world_.trace().note(word); }),
        network_(
            world_, swarm_.ordered, addresses(),
            [this](size_t place, const node::Peer& from, const SharedBytes& frame) {
              places_[place]->deliver([from, frame](node::NodeCore& core, Instant now) {
                core.receive(now, from, frame);
              });
            },
            [this](size_t place, const std::string& address) {
              places_[place]->deliver(
                  [address](node::NodeCore& core, Instant now) { core.link_up(now, address); });
            },
            [this](size_t place) { return places_[place]->lives(); }),
        calls_(world_, swarm_, history_),
        faults_(world_, swarm_, network_, history_, places_),
        scene_{world_, swarm_, calls_, history_, {}} {
    make_places(options.mistakes);
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
    check_acknowledged();
    heal();
    end_calls();
    last_election();
    last_acts();
    last_looks();
    RunResult result;
    if (!world_.failed()) check_histories(result.counters);
    collect(result.counters);
    result.failure = world_.failure();
    result.trace_hash = world_.trace().hash();
    return result;
  }

 private:
  std::vector<std::string> addresses() const {
    std::vector<std::string> addresses;
    for (size_t i = 0; i < swarm_.places(); ++i) {
      addresses.push_back("host" + std::to_string(i + 1) + ":7000");
    }
    return addresses;
  }

  void make_places(const node::Mistakes& mistakes) {
    const std::vector<std::string> all = addresses();
    const std::vector<std::string> list(all.begin(),
                                        all.begin() + static_cast<std::ptrdiff_t>(swarm_.founders));
    for (size_t i = 0; i < swarm_.places(); ++i) {
      Place::Setup setup{.number = i,
                         .name = "node" + std::to_string(i + 1),
                         .address = all[i],
                         .join = list,
                         .rejoin = list};
      if (swarm_.founders == 1) {
        // A cluster of one has no list. Whoever comes back must be told of the others.
        if (i == 0) setup.join = {};
        setup.rejoin = all;
        std::erase(setup.rejoin, all[i]);
      }
      places_.push_back(std::make_unique<Place>(
          world_, network_, swarm_, mistakes, std::move(setup),
          [this](Place& place) { turned(place); },
          [this](Place& place) {
            calls_.end_all_at(place);
            count_fences(place);
            agreement_.forget(place.id());
          }));
      scene_.places.push_back(places_.back().get());
    }
  }

  void make_workloads() {
    workloads_.push_back(make_registers(scene_));
    workloads_.push_back(make_counters(scene_));
    workloads_.push_back(make_bank(scene_));
    workloads_.push_back(make_ring(scene_));
    workloads_.push_back(make_lists(scene_));
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
    if (world_.events() % 8 == 0) place.core().check_invariants();
  }

  void count_fences(const Place& place) {
    if (const consensus::Replica* replica = place.core().replica()) {
      for (size_t i = 0; i < 16; ++i) fenced_[i] += replica->counters().fenced[i];
    }
  }

  // Nothing if all nodes are members and well; else what is amiss.
  std::string amiss() {
    std::set<NodeId> living;
    for (const auto& place : places_) {
      if (!place->lives()) return place->name() + " is away";
      living.insert(place->id());
    }
    size_t voters = std::min<size_t>(places_.size(), swarm_.parameters.voters_max);
    // One who joins a cluster of one gets no vote: the loss of either would stop both.
    if (places_.size() == 2 && swarm_.founders == 1) voters = 1;
    for (const auto& place : places_) {
      const node::NodeCore& core = place->core();
      const NodeStatus status = core.status(place->clock().now());
      if (status.state != NodeState::kOk) {
        return place->name() + " is " + kStates[static_cast<size_t>(status.state)] + ": " +
               status.waiting_for;
      }
      const consensus::Replica& replica = *core.replica();
      if (replica.installing()) return place->name() + " waits for a state";
      if (replica.latest() != replica.committed()) return place->name() + " sees a change";
      std::set<NodeId> members;
      for (const consensus::Server& server : replica.committed().servers) {
        members.insert(server.id);
      }
      if (members != living) return place->name() + " has other members";
      if (replica.committed().voters() != voters) {
        return place->name() + " has " + std::to_string(replica.committed().voters()) + " voters";
      }
    }
    return {};
  }

  std::string describe_nodes() const {
    std::string text;
    for (const auto& place : places_) {
      text += "\n  " + place->name() + ": ";
      if (!place->lives()) {
        text += "away";
        continue;
      }
      const node::NodeCore& core = place->core();
      const NodeStatus status = core.status(place->clock().now());
      text += "id " + std::to_string(status.id) + ", " +
              kStates[static_cast<size_t>(status.state)] + " " +
              kRoles[static_cast<size_t>(status.role)] + ", term " + std::to_string(status.term) +
              ", commit " + std::to_string(status.commit) + ", stable " +
              std::to_string(status.stable) + ", applied " + std::to_string(status.applied) +
              ", leader " + status.leader;
      if (!status.waiting_for.empty()) text += ", waits for: " + status.waiting_for;
      if (core.replica() == nullptr) continue;
      text += core.replica()->installing() ? ", installing" : "";
      text += ", members";
      for (const consensus::Server& server : core.replica()->latest().servers) {
        text += " " + std::to_string(server.id.value) +
                (server.role == consensus::Role::kVoter ? "v" : "s");
      }
      text += core.replica()->changing() ? " (changing)" : "";
    }
    return text;
  }

  // ---- the end ----

  void check_acknowledged() {
    if (world_.failed() || history_.counters.writes_done > 0) return;
    if (faults_.quiet() > swarm_.length / 2 && swarm_.length > seconds(5)) {
      world_.fail("nothing was acknowledged in a time that was quiet mostly" + describe_nodes());
    }
  }

  void heal() {
    if (world_.failed()) return;
    world_.line("HEAL");
    faults_.stop();
    const WorldTime healed_at = world_.now();
    get_well();
    heal_time_ = world_.now() - healed_at;
  }

  void get_well() {
    const WorldTime since = world_.now();
    std::string wrong = "not looked";
    // Well, and still well a while later.
    for (int well = 0; well < 4;) {
      advance(milliseconds(100));
      if (world_.failed()) return;
      faults_.relieve();
      for (const auto& place : places_) {
        if (!place->lives()) place->start();
      }
      wrong = amiss();
      well = wrong.empty() ? well + 1 : 0;
      if (world_.now() - since > kHealMax) {
        world_.fail("not well a minute after healing: " + wrong + describe_nodes());
        return;
      }
    }
    world_.line("WELL");
  }

  // A leader that comes to an idle cluster serves reads, and lets its predecessor's successor in,
  // without any write that would help it.
  void last_election() {
    if (world_.failed() || places_.size() < 3 || random_.one_in(3)) return;
    for (const auto& place : places_) {
      if (!place->core().replica()->is_leader()) continue;
      world_.line("CRASH ", place->name(), ", the leader of an idle cluster");
      place->crash();
      break;
    }
    advance(draw(milliseconds(0), seconds(2)));
    for (const auto& place : places_) {
      if (!place->lives()) place->start();
    }
    get_well();
    for (const auto& place : places_) {
      if (world_.failed()) return;
      calls_.read(
          *place, workloads_[2]->keys(), /*tracked=*/true, seconds(5),
          [this, &place](const StoreOperation& operation) {
            if (operation.ending != Ending::kDone) {
              world_.fail("all is idle and well, and a read at " + place->name() + " fails");
            }
          });
      wait_for_calls();
    }
  }

  void end_calls() {
    clients_stopped_ = true;
    const WorldTime give_up = world_.now() + 2 * swarm_.request_timeout + seconds(2);
    while (calls_.open() > 0 && !world_.failed()) {
      advance(milliseconds(50));
      if (world_.now() > give_up) world_.fail("calls never ended:" + calls_.describe_open());
    }
  }

  void wait_for_calls() {
    while (calls_.open() > 0 && !world_.failed()) advance(milliseconds(5));
  }

  // A write on every node, then on every node a read that sees them all.
  void last_acts() {
    if (world_.failed()) return;
    std::vector<KeyName> keys;
    for (const auto& place : places_) {
      const KeyName key{"last", place->name()};
      keys.push_back(key);
      calls_.write(*place,
                   {{.edits = {{.kind = machine::OperationKind::kPut, .key = key, .value = "1"}}},
                    /*tracked=*/true},
                   seconds(5), [this, &place](const StoreOperation& operation) {
                     if (operation.ending != Ending::kDone) {
                       world_.fail("all is well, and a write at " + place->name() + " fails");
                     }
                   });
    }
    wait_for_calls();
    for (const auto& place : places_) {
      calls_.read(*place, keys, /*tracked=*/true, seconds(5),
                  [this, &place](const StoreOperation& operation) {
                    const bool whole =
                        std::all_of(operation.seen.begin(), operation.seen.end(),
                                    [](const Version& version) { return version.value == "1"; });
                    if (operation.ending != Ending::kDone || !whole) {
                      world_.fail("all is well, and a read at " + place->name() + " fails");
                    }
                  });
      wait_for_calls();
    }
  }

  // Until all have applied the same entries: what comes back late, as a repeated record does, may
  // still become one without effect.
  void come_to_rest() {
    const auto behind = [this](const auto& place) {
      return place->core().applied() != places_[0]->core().applied();
    };
    const WorldTime give_up = world_.now() + kHealMax;
    advance(seconds(1));
    while (std::any_of(places_.begin(), places_.end(), behind) && !world_.failed()) {
      if (world_.now() > give_up) world_.fail("the nodes never come to rest" + describe_nodes());
      advance(milliseconds(5));
    }
  }

  // Everything there is, on every node.
  void last_looks() {
    for (const auto& place : places_) {
      come_to_rest();
      if (world_.failed()) return;
      if (place->core().digest().digest != places_[0]->core().digest().digest) {
        world_.fail("at rest, and the nodes have not the same state" + describe_nodes());
        return;
      }
      for (const auto& workload : workloads_) {
        calls_.read(*place, workload->keys(), workload->tracked(), seconds(5),
                    [&](const StoreOperation& operation) {
                      if (operation.ending == Ending::kDone) workload->saw_all(operation);
                    });
        wait_for_calls();
      }
      std::vector<KeyName> tokens;
      for (const std::string& token : calls_.tokens()) tokens.push_back({"tokens", token});
      calls_.read(*place, std::move(tokens), /*tracked=*/true, seconds(5),
                  [&](const StoreOperation& operation) {
                    if (operation.ending != Ending::kDone) {
                      world_.fail("all is well, and the last read at " + place->name() + " fails");
                    }
                    final_.revision = operation.revision;
                    for (size_t i = 0; i < operation.seen.size(); ++i) {
                      final_.tokens[operation.keys[i].key] = operation.seen[i];
                    }
                  });
      wait_for_calls();
    }
  }

  void check_histories(RunCounters& counters) {
    for (StoreOperation& operation : history_.operations) {
      if (!operation.is_write || operation.ending != Ending::kUnknown || operation.tracked)
        continue;
      const KeyValue value = number_in(operation.transaction.edits[0].value);
      const auto found = value ? history_.found_at.find(*value) : history_.found_at.end();
      if (found != history_.found_at.end()) operation.found_at = found->second;
    }
    const auto violations = check_revision_order(history_.operations, final_);
    if (!violations.empty()) {
      std::string text = "order by revision:";
      for (const std::string& line : violations) text += "\n  " + line;
      world_.fail(text);
    }
    for (const auto& [key, history] : history_.keys) {
      const LinearizableResult result = check_linearizable(history);
      ++counters.keys_searched;
      counters.states_searched += result.states;
      if (result.verdict == Verdict::kUndecided) ++counters.keys_undecided;
      if (result.verdict != Verdict::kNotLinearizable) continue;
      world_.fail("not linearizable: " + key.table + "/" + key.key + "\n" + result.explanation);
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
    counters.heal_ms = ms(heal_time_);
    counters.quiet_ms = ms(faults_.quiet());
    std::copy(std::begin(fenced_), std::end(fenced_), counters.fenced);
  }

  World world_;
  const Swarm swarm_;
  Random random_;
  Agreement agreement_;
  SimNetwork network_;
  History history_;
  std::vector<std::unique_ptr<Place>> places_;
  Calls calls_;
  Faults faults_;
  Scene scene_;
  std::vector<std::unique_ptr<Workload>> workloads_;  // registers, counters, and others
  std::unique_ptr<Workload> bursts_;
  std::vector<std::unique_ptr<Client>> clients_;
  bool clients_stopped_ = false;
  Duration heal_time_{};
  FinalState final_;
  uint64_t fenced_[16] = {};
};

}  // namespace

RunResult run(const RunOptions& options) {
  return Run(options).go();
}

}  // namespace ram::sim
