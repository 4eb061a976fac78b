#include "node/node_core.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "consensus/entry_log.h"
#include "machine/command_codec.h"
#include "node/core_inside.h"

namespace ram::node {

using consensus::EntryKind;
using consensus::LogEntry;

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
      source_(20 * options_.parameters.failover_after),
      admission_({options_.parameters.voters_max, options_.parameters.failover_after}) {
  RAM_CHECK(options_.id && !options_.name.empty());
}

NodeCore::Inside::~Inside() {
  source_.drop_all();
  own_.fail_all(Status::unavailable("the node stopped; not applied"));
  asker_.fail_all(Status::unavailable("the node stopped"));
  fail_waits(Status::unavailable("the node stopped"));
  for (Copies& copies : std::exchange(copies_, {})) copies.done(copies.reached);
}

void NodeCore::Inside::start(Instant now) {
  started_ = last_contact_ = now;
  next_heartbeat_ = now + heartbeat_of(failover_after_);
  founding_.start(now);
  again_ = true;  // a cluster of one starts with the first pass
}

// ---- calls ----

bool NodeCore::Inside::no_quorum(Instant now) const {
  return replica_ && !replica_->is_leader() && now - last_contact_ >= 4 * failover_after_;
}

Status NodeCore::Inside::refusal(Instant now) const {
  if (spent()) return Status::joining("this node is about to start anew");
  if (!replica_) return Status::joining("this node is not part of a cluster yet");
  if (no_quorum(now)) return Status::unavailable("no majority of the voters can be reached");
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
  asker_.add(deadline, trust == Trust::kQuorum,
             [this, done = std::move(done)](const Status& status) {
               if (!status.ok()) ++counts_.refused;
               done(status);
             });
}

void NodeCore::Inside::wait_for_copies(size_t wanted, Instant deadline,
                                       std::function<void(size_t)> done) {
  next_call_deadline_ = std::min(next_call_deadline_, deadline);
  copies_.push_back({applied_, wanted, deadline, std::move(done)});
  if (!leads() && leader()) post_to(leader(), CopiesRequest{applied_});
  again_ = true;
}

// ---- ports ----

void NodeCore::Inside::send(NodeId to, consensus::Message message) {
  outbox_.emplace_back(to, std::move(message));
}

void NodeCore::Inside::on_log_changed(LogIndex from) {
  stage(from);
}
void NodeCore::Inside::on_committed(LogIndex) {}

void NodeCore::Inside::on_install(const consensus::SnapshotToken& token, NodeId from) {
  // No truncation: who waits for what the token covers goes on waiting (R8.1).
  forget_above(options_.mistakes.lease.snapcut ? LogIndex() : token.index);
  install_.emplace(token, from);
}

void NodeCore::Inside::on_reply(Sequence sequence, const machine::Reply& reply) {
  ++counts_.writes;
  own_.on_reply(sequence, reply);
}

void NodeCore::Inside::on_gap(Sequence, Sequence) {
  resend_ = true;
}

// ---- a pass ----

void NodeCore::Inside::turn(Instant now) {
  again_ = false;
  if (spent()) return;
  if (!replica_ && founding_.started()) start_founded(now);
  if (replica_) {
    if (install_) {
      const auto [token, from] = *std::exchange(install_, std::nullopt);
      if (applied_ >= token.index) {
        replica_->installed(now);
      } else {
        ask_for_state(now, address_of(from), token.index);
      }
    }
    if (fetched_) finish_fetching(now);
    follow_leadership(now);
    send_own_records(now);
    replica_->flush(now);
    turn_leases(now);
    apply_visible();
    turn_fences(now);
    turn_copies();
    ReadGate::barrier();
    send_outbox(now);
    tell_news(now);
    answer_leader(now);
    compact(now);
  } else if (fetched_) {
    finish_fetching(now);
    again_ = true;
  }
  again_ |= slot_.tick(64);
}

void NodeCore::Inside::follow_leadership(Instant now) {
  if (leads()) {
    last_contact_ = now;
  } else {
    last_contact_ = std::max(last_contact_, replica_->leader_heard());
  }
  if (const bool lost = no_quorum(now); lost != lost_) {
    lost_ = lost;
    if (lost) {
      log_.error("no leader for four election timeouts: no majority of the " +
                 std::to_string(replica_->latest().voters()) +
                 " voters can be reached; writes and reads are refused until one can");
    } else {
      log_.info("a majority of the voters is there again");
    }
  }
  const bool leads_now = leads();
  if (replica_->term() == seen_term_ && leader() == seen_leader_ && leads_now == led_) return;
  if (leads_now && (!led_ || replica_->term() != seen_term_)) {
    log_.info("this node leads, term " + std::to_string(replica_->term().value));
    admission_.restart(now);
    closing_.clear();
    told_.clear();
  }
  if (!leads_now && leader() && leader() != seen_leader_) {
    log_.info("following the leader at " + address_of(leader()) + ", term " +
              std::to_string(replica_->term().value));
  }
  rounds_.restart();
  seen_term_ = replica_->term();
  seen_leader_ = leader();
  led_ = leads_now;
  // What was sent to the one before may be lost.
  asker_.ask_again(kNever);
  resend_ = true;
}

void NodeCore::Inside::send_own_records(Instant now) {
  const auto carry = [&](const SharedBytes& record) { carry_record(now, record); };
  if (no_quorum(now)) {
    own_.fail_waiting(Status::unavailable("no majority of the voters can be reached"));
  }
  if (!leader()) return;
  if (std::exchange(resend_, false)) own_.resend(now, carry);
  if (!replica_->installing()) own_.pack(now, carry);
}

void NodeCore::Inside::carry_record(Instant now, const SharedBytes& record) {
  if (leads()) {
    submit_record(now, std::string(record.view()));
  } else {
    post_to(leader(), RecordForward{record});
  }
}

void NodeCore::Inside::submit_record(Instant now, std::string record) {
  machine::stamp_record(record, clock_.wall());
  // Refused while handing over: who sent it sends it again to the next leader.
  (void)replica_->submit(now, SharedBytes(std::move(record)));
}

void NodeCore::Inside::turn_leases(Instant now) {
  leases_->follow(now, *replica_);
  stable_ = leases_->turn(now, *replica_, stable_);
}

void NodeCore::Inside::apply_visible() {
  if (replica_->installing()) return;
  LogIndex visible = stable_;
  if (!leads()) visible = std::min(visible, std::max(replica_->commit(), replica_->verified()));
  const consensus::EntryLog& log = replica_->log();
  while (applied_ < visible) {
    const LogIndex index = applied_.next();
    RAM_CHECK(log.has(index));
    const LogEntry& entry = log.at(index);
    if (entry.kind == EntryKind::kRecord) {
      // An undecodable committed entry: to go on would be to diverge.
      RAM_CHECK(machine_->apply(index, entry.payload.view(), this, options_.id));
    } else {
      machine_->apply_barrier(index);
    }
    applied_ = index;
    gate_.publish_applied(index);
  }
  waits_.on_applied(applied_);
}

void NodeCore::Inside::turn_fences(Instant now) {
  if (no_quorum(now)) {
    asker_.fail_all(Status::unavailable("no majority of the voters can be reached"));
    fail_waits(Status::unavailable("no majority of the voters can be reached"));
  }
  if (asker_.wants_question() && leader()) {
    const auto [nonce, quorum] = asker_.ask(now);
    if (leads()) {
      rounds_.add({options_.id, nonce, quorum});
    } else {
      post_to(leader(), FenceRequest{nonce, quorum});
    }
  }
  if (leads() && replica_->barrier_committed()) {
    const LogIndex index =
        options_.mistakes.lease.fallback ? stable_ : std::max(stable_, replica_->barrier());
    const auto answer = [&](const FenceRounds::Question& question, LogIndex at) {
      if (question.asker == options_.id) {
        asker_.on_answer(question.nonce, at);
      } else {
        post_to(question.asker, FenceAnswer{question.nonce, at});
      }
    };
    if (leases_->ready(now)) rounds_.answer_at_once(index, answer);
    if (rounds_.may_begin()) rounds_.begin(index);
    rounds_.answer(replica_->latest(), options_.id, answer);
  }
  asker_.on_applied(options_.mistakes.reads_skip_the_wait ? LogIndex(UINT64_MAX) : applied_);
}

uint64_t NodeCore::Inside::copies_elsewhere(LogIndex index, NodeId but) const {
  uint64_t count = 0;
  for (const consensus::Server& server : replica_->latest().servers) {
    if (server.id == but) continue;
    if (server.id == options_.id || replica_->match(server.id) >= index) ++count;
  }
  return count;
}

void NodeCore::Inside::turn_copies() {
  if (copies_.empty()) return;
  std::vector<Copies> ended;
  for (Copies& copies : copies_) {
    if (leads()) copies.reached = copies_elsewhere(copies.index, options_.id);
    if (copies.reached >= copies.wanted) ended.push_back(std::move(copies));
  }
  std::erase_if(copies_, [](const Copies& copies) { return !copies.done; });
  for (Copies& copies : ended) copies.done(copies.reached);
}

LeaderNews NodeCore::Inside::news_for(Instant now, NodeId member) {
  Told& told = told_[member];
  told.stable = stable_;
  told.round = rounds_.latest();
  return {now, rounds_.latest(), stable_, leases_->grant(member)};
}

void NodeCore::Inside::send_outbox(Instant now) {
  for (auto& [to, message] : std::exchange(outbox_, {})) {
    RaftMessage raft;
    const Term term = std::visit([](const auto& m) { return m.term; }, message);
    const bool of_now = term == replica_->term();
    if (std::holds_alternative<consensus::AppendEntries>(message) ||
        std::holds_alternative<consensus::InstallSnapshot>(message)) {
      // Of a term that ended within this pass: what we know by now is not that term's to tell.
      if (!of_now || !leads()) continue;
      raft.news = news_for(now, to);
      told_[to].asked = now;
    } else if (std::holds_alternative<consensus::AppendEntriesResult>(message)) {
      if (of_now && !leads()) raft.news = leases_->member_news(now, *replica_);
      if (to == answer_) answer_ = NodeId();
    } else if (const auto* vote = std::get_if<consensus::RequestVoteResult>(&message)) {
      if (!vote->pre_vote) raft.news = VoteNews{leases_->quiet(now)};
    }
    raft.message = std::move(message);
    post_to(to, raft);
  }
}

void NodeCore::Inside::tell_news(Instant now) {
  if (!leads()) return;
  for (const consensus::Server& server : replica_->latest().servers) {
    if (server.id == options_.id) continue;
    Told& told = told_[server.id];
    const bool round = told.round < rounds_.latest();
    const bool idle = now - heartbeat_of(failover_after_) >= told.asked;
    if (!round && !idle && told.stable >= stable_ && !leases_->wants_word(now, server.id)) {
      continue;
    }
    const bool answer = round || idle;
    if (answer) told.asked = now;
    post_to(server.id, Ping{replica_->term(), answer, news_for(now, server.id)});
  }
}

void NodeCore::Inside::answer_leader(Instant now) {
  const NodeId leader_id = std::exchange(answer_, NodeId());
  if (!leader_id || leads() || leader_id != leader()) return;
  post_to(leader_id, Pong{replica_->term(), leases_->member_news(now, *replica_)});
}

void NodeCore::Inside::compact(Instant now) {
  const consensus::EntryLog& log = replica_->log();
  const CoreLimits& limits = options_.limits;
  if (log.size() <= limits.log_entries && log.bytes() <= limits.log_bytes) return;
  // Keep the newer half: a follower that lags a little needs no state.
  size_t bytes = log.bytes();
  size_t keep = log.size();
  while (keep > 0 && (keep > limits.log_entries / 2 || bytes > limits.log_bytes / 2)) {
    bytes -= log.at(log.last() - (keep - 1)).payload.size();
    --keep;
  }
  const LogIndex base = std::min(applied_, replica_->commit());
  const uint64_t above = log.last() - base;
  replica_->compact(now, applied_, keep > above ? keep - above : 0);
}

// ---- time ----

void NodeCore::Inside::on_time(Instant now) {
  if (spent()) return;
  founding_.on_time(now);
  // Leases take no note before the turn: its time is not an early one (READ-LEASES section 7).
  if (replica_ && now >= replica_->next_deadline()) replica_->on_time(now);
  if (now >= next_call_deadline_) {
    next_call_deadline_ = std::min(own_.expire(now), asker_.expire(now));
    std::vector<FenceDone> late_reads;
    waits_.take_late(now, next_call_deadline_, late_reads);
    for (const FenceDone& done : late_reads) {
      ++counts_.refused;
      done(Status::unavailable("a write of the key was under way until the deadline"));
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

void NodeCore::Inside::heartbeat(Instant now) {
  seek_membership(now);
  keep_fetching(now);
  source_.on_time(now);
  if (!replica_) return;
  const Duration patience = 4 * heartbeat_of(failover_after_);
  asker_.ask_again(now - patience);
  // Long ones take their time; what is sent again takes as much again.
  const Duration carried =
      std::chrono::seconds(own_.in_flight_bytes() / kLinkBytesPerSecondMin) + failover_after_;
  if (const Instant sent = own_.oldest_sent(); sent != kNever && now - sent >= carried) {
    resend_ = true;
  }
  if (!copies_.empty() && !leads() && leader()) {
    for (const Copies& copies : copies_) post_to(leader(), CopiesRequest{copies.index});
  }
  // Before the turn took note of an election, nothing is known of leases granted before it.
  if (!leads() || !led_ || replica_->term() != seen_term_) return;
  if (!leases_->clock_trusted()) hand_over(now);
  auto next = admission_.next_change(now, *replica_);
  NodeId removed;
  for (const consensus::Server& server : replica_->latest().servers) {
    if (next && next->find(server.id) == nullptr) removed = server.id;
  }
  // Who is to go may still read under a lease of ours (READ-LEASES R7).
  if (!leases_->may_remove(now, removed)) next.reset();
  if (next) {
    log_.info("changing the members: " + std::to_string(next->servers.size()) + " of them, " +
              std::to_string(next->voters()) + " with a vote");
    if (!replica_->change(now, *next)) log_.debug("the change has to wait");
  }
  close_sessions(now);
}

// To whoever is ready for it; not yet, if nobody is.
void NodeCore::Inside::hand_over(Instant now) {
  if (replica_->handing_to()) return;
  for (const consensus::Server& server : replica_->latest().servers) {
    if (server.role != consensus::Role::kVoter || admission_.silent(now, server.id)) continue;
    if (server.id != options_.id && replica_->transfer(now, server.id)) return;
  }
}

void NodeCore::Inside::close_sessions(Instant now) {
  if (!replica_->barrier_committed() || replica_->changing()) return;
  for (const auto& [origin, session] : machine_->sessions().all()) {
    if (replica_->committed().find(origin) != nullptr || closing_.contains(origin)) continue;
    closing_[origin] = {replica_->term(), session.last()};
    submit_record(now, machine::encode_close_session(origin));
  }
}

Instant NodeCore::Inside::next_deadline() const {
  if (spent()) return kNever;
  if (again_) return Instant::min();
  Instant next = std::min(next_heartbeat_, next_call_deadline_);
  if (founding_.phase() != Phase::kMember) next = std::min(next, founding_.next_deadline());
  if (replica_) next = std::min({next, replica_->next_deadline(), leases_->next_deadline()});
  return next;
}

// ---- sending ----

void NodeCore::Inside::post(const std::string& address, NodeId to, const PeerMessage& message) {
  network_.send(address, lane_of(message), encode_frame({cluster_, options_.id, to}, message));
}

void NodeCore::Inside::post_to(NodeId member, const PeerMessage& message) {
  const std::string address = address_of(member);
  if (!address.empty()) post(address, member, message);
}

std::string NodeCore::Inside::address_of(NodeId member) const {
  for (const consensus::Configuration* members : {&replica_->latest(), &replica_->committed()}) {
    if (const consensus::Server* server = members->find(member)) {
      if (const auto description = decode_description(server->description)) {
        return description->address;
      }
    }
  }
  const auto stranger = strangers_.find(member);
  return stranger == strangers_.end() ? "" : stranger->second;
}

void NodeCore::Inside::check_invariants() const {
  own_.check_invariants();
  if (!replica_) return;
  replica_->check_invariants();
  RAM_CHECK(machine_->applied() == applied_);
  RAM_CHECK(gate_.applied() == applied_ || replica_->installing() || !applied_);
  RAM_CHECK(replica_->installing() || applied_ <= std::max(stable_, applied_));
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
void NodeCore::submit(Instant now, std::string transaction, Instant deadline, WriteDone done) {
  inside_->submit(now, std::move(transaction), deadline, std::move(done));
}
void NodeCore::fence(Instant now, Instant deadline, Trust trust, FenceDone done) {
  inside_->fence(now, deadline, trust, std::move(done));
}
void NodeCore::wait_applied(Instant now, LogIndex index, Instant deadline, FenceDone done) {
  inside_->wait_applied(now, index, deadline, std::move(done));
}
void NodeCore::distrust_clock(Instant now) {
  inside_->distrust_clock(now);
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
