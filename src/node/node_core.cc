#include "node/node_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "consensus/entry_log.h"
#include "machine/command_codec.h"
#include "node/core_inside.h"

namespace ram::node {

NodeCore::Inside::Inside(CoreOptions options, store::StoreSlot& slot, ReadGate& gate,
                         const Clock& clock, Network& network, Log& log)
    : options_(std::move(options)),
      slot_(slot),
      gate_(gate),
      clock_(clock),
      network_(network),
      log_(log),
      random_(options_.seed),
      founding_(
          founding_self(), Random(random_.next()),
          [this](const std::string& address, const PeerMessage& message) {
            post(address, NodeId(), message);
          },
          log),
      failover_after_(options_.parameters.failover_after),
      own_(options_.id, options_.limits),
      source_(source_rules()),
      claims_({options_.limits, options_.parameters.failover_after}),
      admission_({options_.parameters.voters_max, options_.parameters.failover_after,
                  options_.evict_after}) {
  RAM_CHECK(options_.id && !options_.name.empty());
}

NodeCore::Inside::~Inside() {
  source_.drop_all();
  give_up_fetching();
  own_.fail_all(Status::unavailable("the node stopped; not applied"));
  asker_.fail_all(Status::unavailable("the node stopped"));
  fail_waits(Status::unavailable("the node stopped"));
  operations_.stop();
  if (recovery_) recovery_->done()(Status::unavailable("the node stopped"));
  for (Copies& copies : std::exchange(copies_, {})) copies.done(copies.reached);
}

Remains NodeCore::Inside::take_remains() {
  source_.drop_all();
  give_up_fetching();
  if (replica_) remains_.add(replica_->take_log());
  remains_.add(std::move(machine_));
  return std::exchange(remains_, Remains());
}

void NodeCore::Inside::start(Instant now) {
  started_ = last_contact_ = now;
  next_heartbeat_ = now + heartbeat_of(failover_after_);
  founding_.start(now);
  again_ = true;  // a cluster of one starts with the first pass
}

// ---- calls ----

Duration NodeCore::Inside::silence(Instant now) const {
  // What was heard in this pass counts, before the turn took note of it.
  return leads() ? Duration::zero() : now - std::max(last_contact_, replica_->leader_heard());
}

bool NodeCore::Inside::no_quorum(Instant now) const {
  return replica_ && silence(now) >= 4 * failover_after_;
}

Status NodeCore::Inside::refusal(Instant now) const {
  if (spent()) return Status::joining("this node is about to start anew");
  const bool unheard = no_quorum(now);
  if (!replica_ || (unheard && !is_member())) {
    return Status::joining(
        "this node is not part of a cluster yet; `ram status` says what it waits for");
  }
  if (unheard) return no_majority();
  return Status();
}

bool NodeCore::Inside::over_memory(std::string_view transaction) const {
  const store::Store& store = slot_.current();
  if (store.memory_bytes() + transaction.size() <= options_.memory_bytes_max) return false;
  machine::TransactionReader reader(transaction);
  for (machine::Operation operation; reader.next(operation);) {
    switch (operation.kind) {
      case machine::OperationKind::kPut:
      case machine::OperationKind::kExchange:
      case machine::OperationKind::kAppend:
      case machine::OperationKind::kAdd:
        return true;
      default:
        break;
    }
  }
  return false;
}

void NodeCore::Inside::submit(Instant now, std::string transaction, Instant deadline,
                              WriteDone done) {
  if (const Status status = refusal(now); !status.ok()) {
    done(status, nullptr);
    return;
  }
  if (departing_) {
    done(Status::unavailable("this node is leaving the cluster; not applied"), nullptr);
    return;
  }
  if (over_memory(transaction)) {
    done(Status::out_of_memory("the node's memory limit is reached; erase something, or start the "
                               "node with a higher one"),
         nullptr);
    return;
  }
  again_ = true;
  next_call_deadline_ = std::min(next_call_deadline_, deadline);
  own_.add(std::move(transaction), deadline, std::move(done));
}

void NodeCore::Inside::fence(Instant now, Instant deadline, Trust trust, FenceDone done) {
  if (const Status status = refusal(now); !status.ok()) {
    ++counts_.refused;
    done(status);
    return;
  }
  again_ = true;
  ++counts_.asked;
  next_call_deadline_ = std::min(next_call_deadline_, deadline);
  if (options_.mistakes.lease.joinfence && asker_.join(deadline, done)) return;
  asker_.add(deadline, trust == Trust::kQuorum,
             [this, done = std::move(done)](const Status& status) {
               if (!status.ok()) ++counts_.refused;
               done(status);
             });
}

void NodeCore::Inside::wait_for_copies(size_t wanted, Instant deadline,
                                       std::function<void(size_t)> done) {
  if (copies_.size() >= kMailboxCallsMax) {
    done(0);
    return;
  }
  next_call_deadline_ = std::min(next_call_deadline_, deadline);
  copies_.push_back({applied_, wanted, deadline, std::move(done)});
  if (!leads() && leader()) post_to(leader(), CopiesRequest{applied_});
  again_ = true;
}

Status NodeCore::Inside::no_majority() {
  return Status::unavailable(
      "no majority of the voters can be reached; `ram status` shows who is missing");
}

// ---- ports ----

void NodeCore::Inside::send(NodeId to, consensus::Message message) {
  outbox_.emplace_back(to, std::move(message));
}

void NodeCore::Inside::on_log_changed(LogIndex from) {
  if (options_.mistakes.lease.latestage) {
    stage_later_ = stage_later_ ? std::min(stage_later_, from) : from;
    return;
  }
  stage(from);
}
void NodeCore::Inside::on_committed(LogIndex) {}

void NodeCore::Inside::on_install(const consensus::SnapshotToken& token, NodeId from) {
  // No truncation: who waits for what the token covers goes on waiting (R8.1).
  forget_above(options_.mistakes.lease.snapcut ? LogIndex() : token.index);
  if (options_.mistakes.lease.snapcut) waits_.on_applied(applied_);
  install_.emplace(token, from);
}

void NodeCore::Inside::on_reply(Sequence sequence, const machine::Reply& reply) {
  ++counts_.writes;
  own_.on_reply(sequence, reply);
}

void NodeCore::Inside::on_gap(Sequence, Sequence) {
  resend_ = true;
}

// ---- time ----

void NodeCore::Inside::on_time(Instant now) {
  if (spent()) return;
  founding_.on_time(now);
  // Leases take no note before the turn: its time is not an early one (READ-LEASES section 7).
  if (replica_ && now >= replica_->next_deadline()) replica_->on_time(now);
  if (now >= next_call_deadline_) {
    // Who is told that its time is over may call again, with a deadline of its own.
    next_call_deadline_ = kNever;
    for (const Instant next : {own_.expire(now), asker_.expire(now), operations_.expire(now)}) {
      next_call_deadline_ = std::min(next_call_deadline_, next);
    }
    std::vector<FenceDone> late_reads;
    waits_.take_late(now, next_call_deadline_, late_reads);
    for (const FenceDone& done : late_reads) {
      ++counts_.refused;
      done(
          Status::unavailable("a write of the key was under way until the deadline; `ram status` "
                              "shows whom writes wait "
                              "for"));
    }
    std::vector<Copies> late;
    for (Copies& copies : copies_) {
      if (copies.deadline <= now) {
        late.push_back(std::move(copies));
      } else {
        next_call_deadline_ = std::min(next_call_deadline_, copies.deadline);
      }
    }
    std::erase_if(copies_, [](const Copies& copies) { return !copies.done; });
    for (Copies& copies : late) copies.done(copies.reached);
  }
  if (now >= next_heartbeat_) {
    next_heartbeat_ = now + heartbeat_of(failover_after_);
    heartbeat(now);
  }
  again_ = true;
}

Instant NodeCore::Inside::next_deadline() const {
  if (spent() || left_) return kNever;
  if (again_) return Instant::min();
  Instant next = std::min(next_heartbeat_, next_call_deadline_);
  if (founding_.phase() != Phase::kMember) next = std::min(next, founding_.next_deadline());
  if (replica_) next = std::min({next, replica_->next_deadline(), leases_->next_deadline()});
  return next;
}

void NodeCore::Inside::check_invariants() const {
  own_.check_invariants();
  if (!replica_) return;
  replica_->check_invariants();
  RAM_CHECK(machine_->applied() == applied_);
  RAM_CHECK(gate_.applied() == applied_ || replica_->installing() || !applied_ ||
            options_.mistakes.lease.earlyapplied);
}

// ---- the public face ----

NodeCore::NodeCore(CoreOptions options, store::StoreSlot& slot, ReadGate& gate, const Clock& clock,
                   Network& network, Log& log)
    : inside_(std::make_unique<Inside>(std::move(options), slot, gate, clock, network, log)) {}
NodeCore::~NodeCore() = default;

void NodeCore::start(Instant now) {
  inside_->start(now);
}
void NodeCore::receive(Instant now, const Peer& from, const SharedBytes& frame) {
  inside_->receive(now, from, frame);
}
void NodeCore::link_up(Instant now, const std::string& address) {
  inside_->link_up(now, address);
}
void NodeCore::resolved(Instant now, const std::string& name, std::vector<std::string> addresses) {
  inside_->resolved(now, name, std::move(addresses));
}
void NodeCore::submit(Instant now, std::string transaction, Instant deadline, WriteDone done) {
  inside_->submit(now, std::move(transaction), deadline, std::move(done));
}
void NodeCore::fence(Instant now, Instant deadline, Trust trust, FenceDone done) {
  inside_->fence(now, deadline, trust, std::move(done));
}
void NodeCore::wait_applied(Instant now, LogIndex index, Instant deadline, FenceDone done) {
  inside_->wait_applied(now, index, deadline, std::move(done));
}
void NodeCore::look_at_clocks(const ClockReading& reading) {
  inside_->look_at_clocks(reading);
}
bool NodeCore::clock_trusted() const {
  return inside_->clock_trusted();
}
Duration NodeCore::heartbeat() const {
  return heartbeat_of(inside_->failover_after_);
}
void NodeCore::wait_for_copies(Instant, size_t wanted, Instant deadline,
                               std::function<void(size_t)> done) {
  inside_->wait_for_copies(wanted, deadline, std::move(done));
}
void NodeCore::on_time(Instant now) {
  inside_->on_time(now);
}
Instant NodeCore::next_deadline() const {
  return inside_->next_deadline();
}
void NodeCore::turn(Instant now) {
  inside_->turn(now);
}
bool NodeCore::spent() const {
  return inside_->spent();
}
void NodeCore::leave() {
  inside_->leave();
}
bool NodeCore::left() const {
  return inside_->left_;
}
void NodeCore::recover(Instant now, bool others_are_dead,
                       std::function<void(Result<std::string>)> done) {
  inside_->recover(now, others_are_dead, std::move(done));
}
Former NodeCore::former() const {
  return inside_->former();
}
Remains NodeCore::take_remains() {
  return inside_->take_remains();
}
void NodeCore::take_over(Remains remains) {
  inside_->remains_ = std::move(remains);
}
void NodeCore::evict(Instant now, const std::string& name, Instant deadline, FenceDone done) {
  inside_->operate(now, OperationKind::kEvict, name, deadline, std::move(done));
}
void NodeCore::transfer(Instant now, const std::string& name, Instant deadline, FenceDone done) {
  inside_->operate(now, OperationKind::kTransfer, name, deadline, std::move(done));
}
NodeStatus NodeCore::status(Instant now) const {
  return inside_->status(now);
}
std::vector<Member> NodeCore::members(Instant now) const {
  return inside_->members(now);
}
Digest NodeCore::digest() const {
  return inside_->digest();
}
const consensus::Replica* NodeCore::replica() const {
  return inside_->replica_.get();
}
ClusterId NodeCore::cluster() const {
  return inside_->cluster_;
}
LogIndex NodeCore::applied() const {
  return inside_->applied_;
}
NodeId NodeCore::removing() const {
  return inside_->removal_ ? inside_->removal_->member : NodeId();
}
Instant NodeCore::complete_until(Instant now) const {
  return inside_->leases_ ? inside_->leases_->complete_until(now) : lease::kNoLease;
}
void NodeCore::check_invariants() const {
  inside_->check_invariants();
}

std::vector<TableInfo> NodeCore::tables() const {
  std::vector<TableInfo> tables;
  const store::Store& store = inside_->slot_.current();
  store.for_each_table([&](const store::Table& table) {
    tables.push_back({std::string(table.name()), store.size(table)});
  });
  std::sort(tables.begin(), tables.end(),
            [](const TableInfo& a, const TableInfo& b) { return a.name < b.name; });
  return tables;
}

uint64_t NodeCore::table_size(std::string_view name) const {
  store::Store& store = inside_->slot_.current();
  const store::Table* table = store.find_table(name);
  return table == nullptr ? 0 : store.size(*table);
}

}  // namespace ram::node
