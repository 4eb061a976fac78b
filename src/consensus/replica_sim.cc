#include "consensus/replica_sim.h"

#include <algorithm>
#include <iterator>
#include <ostream>

namespace ram::consensus {
namespace {

using namespace std::chrono_literals;

uint64_t mix(uint64_t a, uint64_t b) {
  return mix64(a ^ mix64(b));
}

uint64_t hash_of(const LogEntry& entry) {
  uint64_t hash = mix(static_cast<uint64_t>(entry.kind), entry.payload.size());
  for (const char byte : entry.payload.view()) hash = mix(hash, static_cast<uint8_t>(byte));
  return hash;
}

uint64_t place(LogIndex index, Term term) {
  return index.value << 20 | term.value;
}

Duration between(Random& random, Duration low, Duration high) {
  return std::chrono::microseconds(
      random.between(static_cast<uint64_t>(low / 1us), static_cast<uint64_t>(high / 1us)));
}

}  // namespace

class ReplicaSim::Node final : public Transport, public StateMachine {
 public:
  Node(ReplicaSim& sim, uint64_t place, NodeId id)
      : slot(place),
        // Clocks of two nodes have nothing to do with each other.
        clock_offset(std::chrono::microseconds(sim.random_.below(5'000'000))),
        replica(id, sim.options_, static_cast<uint32_t>(sim.random_.next()), *this, *this,
                sim.fences_),
        sim_(sim) {}

  Instant clock() const { return sim_.now_ + clock_offset; }

  void send(NodeId to, Message message) override { sim_.carry(*this, to, std::move(message)); }
  void on_log_changed(LogIndex from) override { checked = std::min(checked, from.previous()); }
  void on_committed(LogIndex commit) override {
    if (commit < told_commit) sim_.violate(*this, "told of a commit index that goes back");
    told_commit = commit;
  }
  void on_install(const SnapshotToken& token, NodeId) override {
    installing = true;
    wanted = token.index;
    checked = token.index;
    ++sim_.report_.installs;
    Random& random = sim_.random_;
    sim_.plan(random.chance(0.5) ? Duration{} : between(random, 0ms, 400ms), What::kInstall,
              replica.id());
  }

  const uint64_t slot;
  const Duration clock_offset;
  Replica replica;
  LogIndex checked;  // the log was compared up to here
  LogIndex applied;
  LogIndex told_commit;
  uint64_t digest = 0;  // of what was applied
  bool installing = false;
  LogIndex wanted;
  Instant paused_until{};
  uint64_t tick_plan = 0;
  Instant tick_at{};

 private:
  ReplicaSim& sim_;
};

ReplicaSim::Report& ReplicaSim::Report::operator+=(const Report& other) {
  committed += other.committed;
  elections += other.elections;
  crashes += other.crashes;
  installs += other.installs;
  compactions += other.compactions;
  transfers += other.transfers;
  changes += other.changes;
  messages += other.messages;
  for (size_t i = 0; i < 16; ++i) fenced[i] += other.fenced[i];
  return *this;
}

std::ostream& operator<<(std::ostream& out, const ReplicaSim::Report& report) {
  out << report.committed << " committed, " << report.elections << " elections, " << report.crashes
      << " crashes, " << report.installs << " installs, " << report.compactions << " compactions, "
      << report.transfers << " transfers, " << report.changes << " changes, " << report.messages
      << " messages; fences acted:";
  for (size_t i = 1; i < 16; ++i) out << " F" << i << ' ' << report.fenced[i];
  return out;
}

uint64_t ReplicaSim::from_slot(const Node& node) {
  return node.slot;
}

ReplicaSim::ReplicaSim(uint64_t seed, Fences fences) : random_(seed), fences_(fences) {
  constexpr size_t kWindows[] = {4, 32, 256, 16'384};
  size_ = random_.chance(0.6) ? 3 : 5;
  options_.election_timeout = 300ms;
  options_.inflight_entries_max = kWindows[random_.below(std::size(kWindows))];
  if (random_.chance(0.3)) options_.message_entries_max = random_.between(1, 16);
  if (random_.chance(0.2)) options_.message_bytes_max = random_.between(1, 100);
  if (random_.chance(0.4)) options_.inflight_bytes_max = random_.between(150, 1000);
  options_.install_timeout = random_.chance(0.5) ? 200ms : 5000ms;
  compact_above_ = random_.between(20, 600);
  trailing_ = random_.one_in(3) ? 0 : random_.between(1, 300);
  ordered_ = random_.chance(0.5);
  lazy_flush_ = random_.chance(0.5);
  promote_first_ = random_.chance(0.5);
  delay_max_ = random_.chance(0.5) ? 3ms : between(random_, 1ms, 40ms);

  Configuration founders;
  for (size_t i = 0; i < size_; ++i) {
    founders.servers.push_back({NodeId(next_id_++), "founder", Role::kVoter});
  }
  for (size_t i = 0; i < size_; ++i) {
    const NodeId id = founders.servers[i].id;
    Node& node = *(nodes_[id] = std::make_unique<Node>(*this, i, id));
    node.replica.found(node.clock(), founders);
    after(node);
  }
  plan(5ms, What::kClients);
  plan(20ms, What::kOperator);
  plan(800ms, What::kFault);
}

ReplicaSim::~ReplicaSim() = default;

ReplicaSim::Report ReplicaSim::run(Duration busy) {
  const Instant end = now_ + busy;
  const auto step = [&] {
    const Event event = events_.top();
    events_.pop();
    now_ = event.at;
    handle(event);
  };
  while (report_.violation.empty() && events_.top().at <= end) step();

  now_ = std::max(now_, end);
  faults_ = false;
  loss_ = repeats_ = stragglers_ = 0;
  delay_max_ = 3ms;
  cut_.clear();
  for (auto& [id, node] : nodes_) node->paused_until = Instant{};
  const size_t mark = committed_.size();
  const Instant limit = now_ + 60s;
  bool healed = false;
  while (report_.violation.empty() && !healed && now_ < limit) {
    step();
    healed = committed_.size() > mark + 20 && whole();
  }
  if (report_.violation.empty() && !healed) report_.violation = "not whole 60 s after healing";
  for (auto& [id, node] : nodes_) {
    for (size_t i = 0; i < 16; ++i) report_.fenced[i] += node->replica.counters().fenced[i];
  }
  report_.committed = committed_.size() - 1;
  return report_;
}

void ReplicaSim::plan(Duration in, What what, NodeId node, uint64_t token, NodeId from,
                      std::shared_ptr<const Message> message) {
  events_.push({now_ + in, planned_++, what, node, token, from, std::move(message)});
}

void ReplicaSim::handle(const Event& event) {
  report_.digest =
      mix(report_.digest, mix(static_cast<uint64_t>(event.what),
                              static_cast<uint64_t>(event.at.time_since_epoch().count())));
  switch (event.what) {
    case What::kClients:
      clients();
      return plan(between(random_, 2ms, faults_ ? 25ms : 40ms), What::kClients);
    case What::kOperator:
      operate();
      return plan(between(random_, 10ms, 60ms), What::kOperator);
    case What::kFault:
      if (!faults_) return;
      fault();
      return plan(between(random_, 20ms, 700ms), What::kFault);
    case What::kBoot:
      if (!boot(event.token, event.node)) plan(50ms, What::kBoot, event.node, event.token);
      return;
    default:
      break;
  }
  Node* node = find(event.node);
  if (node == nullptr) return;
  if (node->paused_until > now_) {
    return plan(node->paused_until - now_, event.what, event.node, event.token, event.from,
                event.message);
  }
  if (event.what == What::kDeliver) {
    node->replica.receive(node->clock(), event.from, *event.message);
  }
  if (event.what == What::kTick) {
    if (event.token != node->tick_plan) return;
    node->tick_at = Instant{};
    node->replica.on_time(node->clock());
  }
  if (event.what == What::kInstall) install(*node);
  after(*node);
}

// What is between `from` and `to` at the moment decides.
void ReplicaSim::carry(Node& from, NodeId to, Message message) {
  ++report_.messages;
  Node* node = find(to);
  const unsigned copies = random_.chance(loss_) ? 0 : random_.chance(repeats_) ? 2 : 1;
  if (node == nullptr || is_cut(from, *node)) return;
  const auto shared = std::make_shared<const Message>(std::move(message));
  for (unsigned i = 0; i < copies; ++i) {
    Duration delay = between(random_, 100us, delay_max_);
    if (random_.chance(stragglers_)) delay += between(random_, 10ms, 2000ms);
    if (ordered_) {  // a slow message holds back those behind it
      Instant& end = stream_end_[{from.replica.id(), to}];
      end = std::max(end + 1us, now_ + delay);
      delay = end - now_;
    }
    plan(delay, What::kDeliver, to, 0, from.replica.id(), shared);
  }
}

// A new incarnation with the state of another; false if nobody has one to give now.
bool ReplicaSim::boot(uint64_t slot, NodeId id) {
  auto node = std::make_unique<Node>(*this, slot, id);
  Node* source = nullptr;
  for (auto& [other, candidate] : nodes_) {
    if (!candidate->installing && !is_cut(*candidate, *node)) source = candidate.get();
  }
  if (source == nullptr) return false;
  const Replica& from = source->replica;
  const LogIndex index = from.commit();
  if (from.committed_configuration_index() > index) return false;
  node->checked = node->told_commit = index;
  node->applied = source->applied;  // above the index, if the source itself was given a newer state
  node->digest = source->digest;
  node->replica.resume(node->clock(),
                       {.index = index,
                        .term = from.term_at(index),
                        .configuration = from.committed(),
                        .configuration_index = from.committed_configuration_index()});
  after(*(nodes_[id] = std::move(node)));
  return true;
}

void ReplicaSim::crash(Node& node) {
  ++report_.crashes;
  const uint64_t slot = node.slot;
  nodes_.erase(node.replica.id());
  plan(random_.chance(0.3) ? Duration{} : between(random_, 1ms, 1500ms), What::kBoot,
       NodeId(next_id_++), slot);
}

void ReplicaSim::install(Node& node) {
  if (!node.installing) return;
  // It may have been given a newer state than its log went up to, and has it still.
  bool in_hand = node.applied >= node.wanted;
  for (auto& [id, source] : nodes_) {
    if (in_hand || source->installing || source->applied < node.wanted || is_cut(*source, node)) {
      continue;
    }
    in_hand = true;
    node.applied = source->applied;
    node.digest = source->digest;
  }
  if (!in_hand) return plan(20ms, What::kInstall, node.replica.id());
  node.installing = false;
  node.told_commit = std::max(node.told_commit, node.wanted);
  node.replica.installed(node.clock());
}

void ReplicaSim::clients() {
  for (auto& [id, node] : nodes_) {
    if (node->paused_until > now_ || (!node->replica.is_leader() && !random_.chance(0.05)))
      continue;
    for (uint64_t count = random_.between(1, 4); count > 0; --count) {
      std::string record =
          "record " + std::to_string(next_record_++) + " of " + std::to_string(id.value);
      node->replica.submit(node->clock(), SharedBytes(std::move(record)));
    }
    after(*node);
  }
}

// The operator of MEMBERSHIP.md: removes who is dead, adds who is new, promotes who is current.
void ReplicaSim::operate() {
  // Never so many that what was committed could be gone.
  if (crash_wanted_ && faults_ && whole()) {
    crash_wanted_ = false;
    for (unsigned count = size_ == 5 && random_.chance(0.4) ? 2 : 1; count > 0; --count) {
      Node* leader = newest_leader();
      crash(random_.chance(0.5) && leader != nullptr ? *leader : *any());
    }
  }
  for (auto& [id, node] : nodes_) {
    const Replica& replica = node->replica;
    if (!replica.is_leader() || node->paused_until > now_ || replica.changing()) continue;
    operate_as(*node);
    after(*node);
  }
}

void ReplicaSim::operate_as(Node& leader) {
  Replica& replica = leader.replica;
  Configuration next = replica.latest();
  std::vector<Server>& servers = next.servers;
  const auto dead = std::find_if(servers.begin(), servers.end(),
                                 [&](const Server& s) { return find(s.id) == nullptr; });
  const auto current = std::find_if(servers.begin(), servers.end(), [&](const Server& s) {
    const LogIndex match = replica.match(s.id);
    return s.role == Role::kStandby && find(s.id) != nullptr && match &&
           match + 100 >= replica.last();
  });
  const auto unknown = std::find_if(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
    return next.find(entry.first) == nullptr;
  });
  if (dead != servers.end() && !(promote_first_ && current != servers.end())) {
    servers.erase(dead);
  } else if (current != servers.end()) {
    current->role = Role::kVoter;
  } else if (unknown != nodes_.end()) {
    servers.push_back({unknown->first, "joiner", Role::kStandby});
  } else {
    return;
  }
  if (replica.change(leader.clock(), next)) ++report_.changes;
}

void ReplicaSim::fault() {
  switch (random_.below(10)) {
    case 0: {  // two sides
      cut_.clear();
      const uint64_t side = random_.next();
      for (uint64_t i = 0; i < size_; ++i) {
        for (uint64_t j = 0; j < size_; ++j) {
          if ((side >> i & 1) != (side >> j & 1)) cut_.insert({i, j});
        }
      }
      return;
    }
    case 1: {  // the leader alone; sometimes it still hears
      const Node* leader = newest_leader();
      if (leader == nullptr) return;
      for (uint64_t i = 0; i < size_; ++i) {
        cut_.insert({leader->slot, i});
        if (random_.chance(0.7)) cut_.insert({i, leader->slot});
      }
      return;
    }
    case 2:
      cut_.insert({random_.below(size_), random_.below(size_)});
      return;
    case 3: {
      Node* node = random_.chance(0.5) ? newest_leader() : any();
      if (node != nullptr) node->paused_until = now_ + between(random_, 10ms, 1500ms);
      return;
    }
    case 4:
    case 5:
      crash_wanted_ = true;
      return;
    case 6: {
      Node* leader = newest_leader();
      if (leader == nullptr || leader->paused_until > now_) return;
      const NodeId to = any()->replica.id();
      if (leader->replica.transfer(leader->clock(), to)) ++report_.transfers;
      return after(*leader);
    }
    case 7:
      loss_ = random_.chance(0.5) ? 0 : static_cast<double>(random_.below(20)) / 100;
      repeats_ = random_.chance(0.5) ? 0 : static_cast<double>(random_.below(20)) / 100;
      stragglers_ = random_.chance(0.5) ? 0 : static_cast<double>(random_.below(5)) / 100;
      return;
    default:
      cut_.clear();
      return;
  }
}

// After every call of a replica's.
void ReplicaSim::after(Node& node) {
  Replica& replica = node.replica;
  if (!lazy_flush_ || random_.chance(0.5)) replica.flush(node.clock());
  replica.check_invariants();
  check_log(node);
  check_commit(node);
  check_leader(node);
  check_verified(node);
  if (replica.log().size() > compact_above_ + trailing_) {
    const LogIndex before = replica.log().offset();
    replica.compact(node.clock(), node.applied, trailing_);
    if (replica.log().offset() > before) ++report_.compactions;
  }
  const Instant at = std::max(replica.next_deadline() - node.clock_offset, now_ + 1us);
  if (at == node.tick_at) return;
  node.tick_at = at;
  plan(at - now_ + between(random_, 0us, 1500us), What::kTick, replica.id(), ++node.tick_plan);
}

// Log matching: an index and a term name one entry, and one history before it.
void ReplicaSim::check_log(Node& node) {
  const EntryLog& log = node.replica.log();
  for (LogIndex i = std::max(node.checked, log.offset()).next(); i <= log.last(); ++i) {
    const LogEntry& entry = log.at(i);
    const uint64_t hash = hash_of(entry);
    const Term before = node.replica.term_at(i.previous());
    const auto [at, fresh] = entries_.try_emplace(place(i, entry.term), hash, before);
    if (at->second.first != hash) violate(node, "log matching: other payload");
    if (before && at->second.second && before != at->second.second) {
      violate(node, "log matching: other history");
    }
    if (before) at->second.second = before;
  }
  node.checked = log.last();
}

// State machine safety: what one has committed at an index, nobody commits otherwise.
void ReplicaSim::check_commit(Node& node) {
  const Replica& replica = node.replica;
  if (node.installing) return;
  if (replica.commit() < node.applied && node.applied <= node.told_commit) {
    violate(node, "the commit index went back");
  }
  while (node.applied < replica.commit() && report_.violation.empty()) {
    const LogIndex i = node.applied.next();
    if (!replica.log().has(i)) return violate(node, "a committed entry is not in the log");
    const LogEntry& entry = replica.log().at(i);
    const Committed seen{entry.term, mix(node.digest, hash_of(entry)), replica.term()};
    if (i.value == committed_.size()) committed_.push_back(seen);
    if (i.value < committed_.size() &&
        (committed_[i.value].term != seen.term || committed_[i.value].digest != seen.digest)) {
      violate(node, "state machine safety");
    }
    node.digest = seen.digest;
    node.applied = i;
  }
}

// Election safety, and leader completeness.
void ReplicaSim::check_leader(Node& node) {
  const Replica& replica = node.replica;
  if (!replica.is_leader()) return;
  const auto [at, fresh] = leaders_.try_emplace(replica.term(), replica.id());
  if (at->second != replica.id()) violate(node, "two leaders of one term");
  if (!fresh) return;
  ++report_.elections;
  size_t index = committed_.size() - 1;
  while (index > 0 && committed_[index].seen_in >= replica.term()) --index;
  const Term own = replica.term_at(LogIndex(index));
  if (replica.last().value < index || (own && own != committed_[index].term)) {
    violate(node, "leader completeness");
  }
}

// READ-LEASES R2: equal to the log of the term's leader.
void ReplicaSim::check_verified(Node& node) {
  const Replica& replica = node.replica;
  const LogIndex verified = replica.verified();
  const auto at = leaders_.find(replica.term());
  if (!verified || at == leaders_.end()) return;
  const Node* leader = find(at->second);
  if (leader == nullptr || leader->replica.term() != replica.term()) return;
  const Term theirs = leader->replica.term_at(verified);
  const Term ours = replica.term_at(verified);
  if (leader->replica.last() < verified || (theirs && ours && theirs != ours)) {
    violate(node, "verified what the leader has not");
  }
}

void ReplicaSim::violate(const Node& node, const std::string& what) {
  if (!report_.violation.empty()) return;
  const Replica& r = node.replica;
  report_.violation = what + ": node " + std::to_string(r.id().value) + " term " +
                      std::to_string(r.term().value) + " commit " +
                      std::to_string(r.commit().value) + " last " + std::to_string(r.last().value);
}

// Everyone is there, a voter, current, and led.
bool ReplicaSim::whole() const {
  bool led = false;
  for (const auto& [id, node] : nodes_) {
    const Replica& replica = node->replica;
    const Configuration& latest = replica.latest();
    if (node->installing || replica.changing() || latest.voters() != size_) return false;
    for (const Server& server : latest.servers) {
      if (!nodes_.contains(server.id)) return false;
    }
    if (node->applied.value + 1 < committed_.size()) return false;
    led = led || replica.is_leader();
  }
  return led && nodes_.size() == size_;
}

ReplicaSim::Node* ReplicaSim::find(NodeId id) {
  const auto at = nodes_.find(id);
  return at == nodes_.end() ? nullptr : at->second.get();
}

ReplicaSim::Node* ReplicaSim::any() {
  return std::next(nodes_.begin(), static_cast<std::ptrdiff_t>(random_.below(nodes_.size())))
      ->second.get();
}

ReplicaSim::Node* ReplicaSim::newest_leader() {
  Node* newest = nullptr;
  for (auto& [id, node] : nodes_) {
    if (!node->replica.is_leader()) continue;
    if (newest == nullptr || node->replica.term() > newest->replica.term()) newest = node.get();
  }
  return newest;
}

}  // namespace ram::consensus
