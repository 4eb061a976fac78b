#include "sim/finale.h"

#include <algorithm>
#include <set>

namespace ram::sim {

using std::chrono::milliseconds;
using std::chrono::seconds;
using Ending = StoreOperation::Ending;

namespace {

// After healing everything is well within this time, or the run has failed.
constexpr Duration kHealMax = seconds(60);

constexpr const char* kStates[] = {"joining", "ok", "no-quorum", "leaving"};
constexpr const char* kRoles[] = {"joining", "standby", "follower", "leader"};

}  // namespace

// Nothing if all nodes are members and well; else what is amiss.
std::string Finale::amiss() {
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

std::string Finale::describe_nodes() const {
  std::string text;
  for (const auto& place : places_) {
    text += "\n  " + place->name() + ": ";
    if (!place->lives()) {
      text += "away";
      continue;
    }
    const node::NodeCore& core = place->core();
    const NodeStatus status = core.status(place->clock().now());
    text += "id " + std::to_string(status.id) + ", " + kStates[static_cast<size_t>(status.state)] +
            " " + kRoles[static_cast<size_t>(status.role)] + ", term " +
            std::to_string(status.term) + ", commit " + std::to_string(status.commit) +
            ", stable " + std::to_string(status.stable) + ", applied " +
            std::to_string(status.applied) + ", leader " + status.leader;
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

void Finale::advance(Duration span) {
  if (!world_.failed()) world_.run_until(world_.now() + span);
}

Duration Finale::draw(Duration low, Duration high) {
  return Duration(static_cast<int64_t>(
      random_.between(static_cast<uint64_t>(low.count()), static_cast<uint64_t>(high.count()))));
}

void Finale::check_acknowledged() {
  if (world_.failed() || history_.counters.writes_done > 0) return;
  // An address behind a name that nobody lives at is waited for, by each new process.
  const Duration founding = swarm_.doors_dead > 0 ? seconds(15) : seconds(5);
  if (faults_.quiet() > swarm_.length / 2 && swarm_.length > founding) {
    world_.fail("nothing was acknowledged in a time that was quiet mostly" + describe_nodes());
  }
}

void Finale::heal() {
  if (world_.failed()) return;
  world_.line("HEAL");
  faults_.stop();
  const WorldTime healed_at = world_.now();
  get_well();
  heal_time_ = world_.now() - healed_at;
}

void Finale::get_well() {
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
void Finale::last_election() {
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
    calls_.read(*place, workloads_[2]->keys(), /*tracked=*/true, swarm_.patience(),
                [this, &place](const StoreOperation& operation) {
                  if (operation.ending != Ending::kDone) {
                    world_.fail("all is idle and well, and a read at " + place->name() + " fails");
                  }
                });
    wait_for_calls();
  }
}

// One that comes while it and the leader, and nobody else, do not reach each other is let in
// through the others.
void Finale::last_detour() {
  // Of those that it knows there is one beside the leader.
  if (world_.failed() || swarm_.founders < 3 || swarm_.doors_dead > 0 || random_.one_in(2)) return;
  const auto leads = [](const auto& place) { return place->core().replica()->is_leader(); };
  const auto leader = std::find_if(places_.begin(), places_.end(), leads);
  Place& one = *places_[random_.below(places_.size())];
  if (leader == places_.end() || leader->get() == &one) return;
  const uint64_t ways = random_.between(1, 3);
  world_.line("CRASH ", one.name(), ", and cut between it and the leader ", (*leader)->name(),
              ways == 3   ? ""
              : ways == 1 ? " (from the leader)"
                          : " (to the leader)");
  one.crash();
  if ((ways & 1) != 0) network_.cut((*leader)->number(), one.number());
  if ((ways & 2) != 0) network_.cut(one.number(), (*leader)->number());
  one.start();
  get_well();
  network_.mend_all();
  get_well();
}

void Finale::end_calls() {
  const WorldTime give_up = world_.now() + 2 * swarm_.request_timeout + seconds(2);
  while (calls_.open() > 0 && !world_.failed()) {
    advance(milliseconds(50));
    if (world_.now() > give_up) world_.fail("calls never ended:" + calls_.describe_open());
  }
}

void Finale::wait_for_calls() {
  while (calls_.open() > 0 && !world_.failed()) advance(milliseconds(5));
}

// A write on every node, then on every node a read that sees them all.
void Finale::last_acts() {
  if (world_.failed()) return;
  std::vector<KeyName> keys;
  for (const auto& place : places_) {
    const KeyName key{"last", place->name()};
    keys.push_back(key);
    calls_.write(*place,
                 {{.edits = {{.kind = machine::OperationKind::kPut, .key = key, .value = "1"}}},
                  /*tracked=*/true},
                 swarm_.patience(), [this, &place](const StoreOperation& operation) {
                   if (operation.ending != Ending::kDone) {
                     world_.fail("all is well, and a write at " + place->name() + " fails");
                   }
                 });
  }
  wait_for_calls();
  for (const auto& place : places_) {
    calls_.read(*place, keys, /*tracked=*/true, swarm_.patience(),
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
void Finale::come_to_rest() {
  if (world_.failed()) return;
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
void Finale::last_looks() {
  for (const auto& place : places_) {
    come_to_rest();
    if (world_.failed()) return;
    if (place->core().digest().digest != places_[0]->core().digest().digest) {
      world_.fail("at rest, and the nodes have not the same state" + describe_nodes());
      return;
    }
    for (const auto& workload : workloads_) {
      calls_.read(*place, workload->keys(), workload->tracked(), swarm_.patience(),
                  [&](const StoreOperation& operation) {
                    if (operation.ending == Ending::kDone) workload->saw_all(operation);
                  });
      wait_for_calls();
    }
    std::vector<KeyName> tokens;
    for (const std::string& token : calls_.tokens()) tokens.push_back({"tokens", token});
    calls_.read(*place, std::move(tokens), /*tracked=*/true, swarm_.patience(),
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

void Finale::check_histories(RunCounters& counters) {
  if (world_.failed()) return;
  for (StoreOperation& operation : history_.operations) {
    if (!operation.is_write || operation.ending != Ending::kUnknown || operation.tracked) continue;
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

}  // namespace ram::sim
