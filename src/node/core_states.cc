// States on their way from a NodeCore and to it (state_transfer.h): for one that joins, and for a
// member that fell behind the log.

#include <algorithm>
#include <utility>

#include "base/slowest_link.h"
#include "consensus/entry_log.h"
#include "consensus/message_codec.h"
#include "node/core_inside.h"

namespace ram::node {
namespace {

constexpr const char* kTooOld = "the log does not reach so far back";
constexpr const char* kTooSlow = "it did not get on while writers waited; begin another";

}  // namespace

StateSource::Rules NodeCore::Inside::source_rules() const {
  return {.patience = 20 * failover_after_ + 4 * carried_in(state_window_bytes()),
          .kept_bytes_min = options_.limits.kept_bytes,
          .memory_bytes_max = options_.memory_bytes_max,
          .window_bytes = state_window_bytes()};
}

size_t NodeCore::Inside::state_window_bytes() const {
  return kStatePiecesWindow * options_.limits.state_piece_bytes;
}

// No entry above `after`, up to `last`, changes the members; all of them are in the log.
bool NodeCore::Inside::is_free_of_changes(LogIndex after, LogIndex last) const {
  const consensus::EntryLog& log = replica_->log();
  for (LogIndex index = after; index < last;) {
    index = index.next();
    if (!log.has(index) || log.at(index).kind == consensus::EntryKind::kChange) return false;
  }
  return true;
}

StateSource::Frozen NodeCore::Inside::freeze() const {
  StateSource::Frozen frozen;
  // What is applied is committed, though the engine may not have heard of it, and not be told again
  // before this state is given out. Of changes of the members it has to be told.
  const LogIndex commit = replica_->commit();
  const LogIndex index =
      is_free_of_changes(commit, applied_) ? applied_ : std::min(applied_, commit);
  const Term term = replica_->term_at(index);
  if (replica_->installing() || !term || replica_->committed_configuration_index() > index) {
    return frozen;
  }
  frozen.origin = {index, term, applied_, replica_->committed_configuration_index(),
                   replica_->committed()};
  frozen.state = machine_->freeze(options_.limits.state_piece_bytes);
  frozen.bytes = state_bytes();
  return frozen;
}

void NodeCore::Inside::ask_for_state(Instant now, const std::string& source, LogIndex at_least) {
  give_up_fetching();
  auto store = std::make_unique<store::Store>(options_.hash_seed);
  auto loader = std::make_unique<machine::StateLoader>(*store, options_.mistakes.machine);
  fetch_.emplace(Fetch{StateReceiver(Nonce(random_.next() >> 1), at_least, now), source,
                       std::move(store), std::move(loader)});
  fetched_ = false;
  post(source, NodeId(), fetch_->receiver.request(/*again=*/false));
}

void NodeCore::Inside::give_up_fetching() {
  if (fetch_) {
    for (const consensus::Server& server : fetch_->receiver.origin().configuration.servers) {
      if (const auto description = decode_description(server.description)) {
        get_acquainted(description->address);
      }
    }
    remains_.add(fetch_->loader->give_up());
    slot_.discard(std::move(fetch_->store));
  }
  fetch_.reset();
  fetched_ = false;
}

// Another each time, and the leader after all others. Empty: there is nobody else.
std::string NodeCore::Inside::next_source() {
  std::vector<std::string> sources;
  std::string last;
  for (const consensus::Server& server : replica_->latest().servers) {
    if (server.id == options_.id || admission_.leaving(server.id)) continue;
    (server.id == leader() ? last : sources.emplace_back()) = address_of(server.id);
  }
  const size_t all = sources.size() + (last.empty() ? 0 : 1);
  if (all == 0) return {};
  const size_t turn = sources_tried_++ % all;
  if (turn == sources.size()) return last;
  return sources[(options_.id.value + turn) % sources.size()];
}

void NodeCore::Inside::keep_fetching(Instant now) {
  if (!fetch_) {
    if (!replica_ || !replica_->installing()) return;
    // An installing node never gives up: it tries every member in turn (ENGINE.md section 4).
    if (const std::string source = next_source(); !source.empty()) {
      ask_for_state(now, source, replica_->log().offset());
    }
    return;
  }
  if (fetched_) return;
  // What is on its way may take so long on a slow link, and as long when it was asked for again.
  // The first word comes sooner.
  const Duration carried = carried_in(state_window_bytes());
  // The more there is already, the longer a broken link is waited for; not longer than the source
  // waits.
  const StateReceiver& receiver = fetch_->receiver;
  const Duration patience =
      receiver.heard() == receiver.begun()
          ? failover_after_
          : 2 * carried + std::clamp<Duration>(receiver.heard() - receiver.begun(),
                                               4 * failover_after_, 16 * failover_after_);
  if (now - receiver.heard() >= patience) {
    log_.info("the state from " + fetch_->address + " does not come; asking elsewhere");
    post(fetch_->address, NodeId(), StateRefusal{receiver.nonce(), "it did not come"});
    give_up_fetching();
  } else if (now - std::max(receiver.heard(), receiver.asked()) >= carried + failover_after_) {
    fetch_->receiver.on_asked(now);
    post(fetch_->address, NodeId(), receiver.request(/*again=*/true));
  }
}

void NodeCore::Inside::finish_fetching(Instant now) {
  fetched_ = false;
  const StateOrigin origin = fetch_->receiver.origin();
  // It may be too old for what it was to replace, no longer needed, or we are a founder after all.
  const bool wanted =
      replica_ ? replica_->installing()
               : founding_.phase() == Phase::kFresh && founding_.two_clusters(now).empty();
  const consensus::SnapshotToken token{origin.index, origin.term, origin.configuration,
                                       origin.configuration_index};
  if (!consensus::is_valid(token)) {
    log_.error("the state from " + fetch_->address + " is bad: it has no place in the log");
    give_up_fetching();
    return;
  }
  std::unique_ptr<machine::Machine> loaded = fetch_->loader->take();
  if (!wanted || loaded->applied() < std::max(fetch_->receiver.at_least(), origin.index)) {
    remains_.add(std::move(loaded));
    give_up_fetching();
    return;
  }
  source_.drop_all("this node's state is replaced", to_receivers());
  sources_tried_ = 0;
  remains_.add(std::exchange(machine_, std::move(loaded)));
  slot_.replace(std::move(fetch_->store));
  fetch_.reset();
  applied_ = machine_->applied();
  state_term_ = token.term;
  stable_ = std::max(stable_, applied_);
  gate_.publish_applied(applied_);
  waits_.on_applied(applied_);
  if (replica_) {
    replica_->installed(now);
    leases_->follow(now, *replica_);
    answer_from_sessions();
    log_.info("caught up with a state as of log index " + std::to_string(applied_.value));
    return;
  }
  become_member(machine_->parameters());
  founding_.joined();
  forget_above(applied_);  // of a life before this one
  last_contact_ = now;
  replica_->resume(now, token);
  log_.info("received the cluster's state as of log index " + std::to_string(applied_.value));
  if (const size_t bytes = state_bytes(); bytes > options_.memory_bytes_max) {
    log_.warning("the state takes " + std::to_string(bytes >> 20) +
                 " MiB, more than --max-memory lets this node have (" +
                 std::to_string(options_.memory_bytes_max >> 20) +
                 " MiB): writes that need more are refused here; give all nodes the same");
  }
}

// Our writes whose entries arrived inside the state.
void NodeCore::Inside::answer_from_sessions() {
  const machine::Session* session = machine_->sessions().find(options_.id);
  if (session == nullptr) return;
  while (own_.floor() < session->last()) {
    const Sequence next = own_.floor().next();
    if (const machine::Reply* reply = session->reply(next)) {
      on_reply(next, *reply);
    } else {
      own_.on_reply_lost();
    }
  }
}

// ---- the log that they need ----

size_t NodeCore::Inside::state_bytes() const {
  const store::Store& store = slot_.current();
  return store.memory_bytes() - store.limbo_bytes();
}

StateSource::Send NodeCore::Inside::to_receivers() {
  return [this](NodeId receiver, const PeerMessage& message) {
    if (const std::string address = address_of(receiver); !address.empty()) {
      post(address, receiver, message);
    }
  };
}

bool NodeCore::Inside::give_out_states() {
  return source_.turn(to_receivers());
}

void NodeCore::Inside::report_transfers(Instant now) {
  if (!replica_ || !leader()) return;
  for (const StateSource::Standing& standing : source_.standings()) {
    // The engine of a member goes on from its token, which is what it asked for at least.
    const bool member = replica_->latest().find(standing.receiver) != nullptr;
    const TransferReport report{
        .transfer = standing.transfer,
        .receiver = standing.receiver,
        .index = member ? std::min(standing.index, standing.at_least) : standing.index,
        .done = standing.done,
        .room = standing.room,
        .on_way = standing.bytes_on_way};
    if (!leads()) {
      post_to(leader(), report);
    } else if (const char* reason = why_in_vain(now, options_.id, report)) {
      source_.drop(report.transfer, reason, to_receivers());
    }
  }
}

// Takes note of a transfer. Null: it may go on; else the receiver would have to begin again at its
// end.
const char* NodeCore::Inside::why_in_vain(Instant now, NodeId source,
                                          const TransferReport& report) {
  const bool joins = replica_->latest().find(report.receiver) == nullptr;
  if (joins && !replica_->term_at(report.index)) return kTooOld;
  return claims_.on_report(now, source, report) ? nullptr : kTooSlow;
}

// What a joiner will need, or needs now that it has a state.
void NodeCore::Inside::claim_log(Instant now, NodeId joiner, const JoinRequest& request,
                                 JoinAnswer& answer) {
  if (answer.kind == JoinAnswer::Kind::kFetch) {
    const consensus::EntryLog& log = replica_->log();
    answer.at_least = claims_.on_token(now, joiner, std::min(log.first(), log.last()));
  } else if (answer.kind == JoinAnswer::Kind::kWait && request.have) {
    claims_.on_state_in_hand(now, joiner, request.have);
  }
}

void NodeCore::Inside::turn_claims(Instant now) {
  if (!leads() || options_.mistakes.forgets_transfers) return;
  const auto silent = [&](NodeId receiver) { return admission_.silent(now, receiver); };
  claims_.turn(now, *replica_, {state_bytes(), silent});
  const size_t window = claims_.window();
  // Of a large cluster each member's share is small.
  const bool few = window < kRecordsInFlightMax / 4 &&
                   window * replica_->latest().servers.size() < kRecordsInFlightMax;
  if (slowed_ ? window >= kRecordsInFlightMax : few) {
    slowed_ = !slowed_;
    log_.warning(slowed_
                     ? "writes are slowed, to what the node at " + address_of(claims_.slowest()) +
                           " takes in: it receives a state, or has one and catches up"
                     : "writes are slowed no more");
  }
  // At once where it begins or ends that nobody may send anything.
  if ((window == 0) != (told_window_ == 0)) tell_pace();
}

// With each heartbeat while there are claims, and when it matters.
void NodeCore::Inside::tell_pace() {
  if (!leads()) return;
  const bool nothing = claims_.size() == 0 && !told_keep_ && told_window_ >= kRecordsInFlightMax;
  if (nothing) return;
  const LogIndex keep = claims_.keep_from(replica_->log());
  told_keep_ = keep == LogClaims::kNobody ? LogIndex() : keep;
  told_window_ = claims_.window();
  const Pace pace{replica_->term(), told_window_, told_keep_};
  for (const consensus::Server& server : replica_->latest().servers) {
    if (server.id != options_.id) post_to(server.id, pace);
  }
}

// Records of our own that may be on their way.
size_t NodeCore::Inside::window(Instant now) const {
  if (leads()) return claims_.window();
  return now < paced_until_ ? paced_window_ : kRecordsInFlightMax;
}

// Another leads, or nobody, or we do: what the last leader kept its log for is of use to the next.
void NodeCore::Inside::hand_on_claims(Instant now) {
  if (led_) {
    kept_from_ = claims_.keep_from(replica_->log());
  } else if (now >= kept_until_) {
    kept_from_ = LogClaims::kNobody;
  }
  // While nobody leads the log does not grow.
  kept_until_ = leader() ? now + 4 * failover_after_ : kNever;
}

// Beyond the usual, from this entry on.
LogIndex NodeCore::Inside::keep_log_from(Instant now) const {
  if (leads() && led_) return claims_.keep_from(replica_->log());
  return now < kept_until_ ? kept_from_ : LogClaims::kNobody;
}

// ---- messages ----

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const TransferReport& report) {
  if (!among_members(from, heading) || !leads()) return;
  if (replica_->latest().find(from.id) == nullptr) return;
  if (const char* reason = why_in_vain(now, from.id, report)) {
    post(from.address, from.id, StateRefusal{report.transfer, reason});
  }
}

void NodeCore::Inside::on_message(Instant now, const Peer&, const Heading&,
                                  const StateComing& coming) {
  if (fetch_ && coming.transfer == fetch_->receiver.nonce()) fetch_->receiver.on_word(now);
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const Pace& pace) {
  if (!among_members(from, heading) || from.id != leader() || leads()) return;
  if (pace.term != replica_->term()) return;
  paced_window_ = std::min<uint64_t>(pace.records, kRecordsInFlightMax);
  paced_until_ = now + 4 * heartbeat_of(failover_after_);
  kept_from_ = pace.keep ? pace.keep : LogClaims::kNobody;
  kept_until_ = now + 4 * failover_after_;
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const StateRequest& request) {
  if (!replica_) {
    post(from.address, from.id, StateRefusal{request.transfer, "this node has no state yet"});
    return;
  }
  if (heading.cluster && heading.cluster != cluster_) return;
  if (how_far_gone() == Leaving::kNow) {
    post(from.address, from.id, StateRefusal{request.transfer, "this node leaves"});
    return;
  }
  const bool news = source_.on_request(
      now, from.id, request, [this] { return freeze(); },
      [&](NodeId to, const PeerMessage& message) { post(from.address, to, message); });
  // The log is to be kept from its beginning.
  if (news) report_transfers(now);
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading&,
                                  const StatePiece& piece) {
  if (!fetch_ || fetched_) return;
  Status status;
  const bool ask = fetch_->receiver.on_piece(now, piece, [&](std::string_view bytes) {
    if (status.ok()) status = fetch_->loader->add(bytes);
  });
  if (!status.ok()) {
    log_.error("the state from " + from.address + " is bad: " + status.message());
    give_up_fetching();
    return;
  }
  fetched_ = fetch_->loader->complete();
  if (ask || fetched_) {
    fetch_->receiver.on_asked(now);
    post(from.address, from.id, fetch_->receiver.request(/*again=*/false));
  }
}

void NodeCore::Inside::on_message(Instant, const Peer& from, const Heading&,
                                  const StateRefusal& refusal) {
  if (from.id == leader() || source_.gives(from.id, refusal.transfer)) {
    source_.drop(refusal.transfer, refusal.reason, to_receivers());
  }
  if (!fetch_ || fetch_->receiver.nonce() != refusal.transfer) return;
  log_.debug("no state from " + from.address + ": " + refusal.reason);
  give_up_fetching();
}

}  // namespace ram::node
