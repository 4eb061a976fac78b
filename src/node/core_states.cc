// States on their way from a NodeCore and to it (state_transfer.h): for one that joins, and for a
// member that fell behind the log.

#include <algorithm>
#include <utility>

#include "consensus/entry_log.h"
#include "node/core_inside.h"

namespace ram::node {

StateSource::Frozen NodeCore::Inside::freeze() const {
  StateSource::Frozen frozen;
  const LogIndex index = std::min(applied_, replica_->commit());
  const Term term = replica_->term_at(index);
  if (replica_->installing() || !term || replica_->committed_configuration_index() > index) {
    return frozen;
  }
  frozen.origin = {index, term, applied_, replica_->committed_configuration_index(),
                   replica_->committed()};
  frozen.state = machine_->freeze(options_.limits.state_piece_bytes);
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
  if (fetch_) slot_.discard(std::move(fetch_->store));
  fetch_.reset();
  fetched_ = false;
}

void NodeCore::Inside::keep_fetching(Instant now) {
  if (!fetch_) {
    if (!replica_ || !replica_->installing()) return;
    // An installing node never gives up: it tries every member in turn (ENGINE.md section 4).
    std::vector<std::string> sources;
    for (const consensus::Server& server : replica_->latest().servers) {
      if (server.id != options_.id) sources.push_back(address_of(server.id));
    }
    if (sources.empty()) return;
    ask_for_state(now, sources[random_.below(sources.size())], replica_->log().offset());
    return;
  }
  if (fetched_) return;
  if (now - fetch_->receiver.heard() >= 4 * failover_after_) {
    log_.info("the state from " + fetch_->address + " does not come; asking elsewhere");
    give_up_fetching();
  } else if (now - fetch_->receiver.asked() >= 4 * heartbeat_of(failover_after_)) {
    fetch_->receiver.on_asked(now);
    post(fetch_->address, NodeId(), fetch_->receiver.request(/*again=*/true));
  }
}

void NodeCore::Inside::finish_fetching(Instant now) {
  fetched_ = false;
  const StateOrigin origin = fetch_->receiver.origin();
  // It may be too old for what it was to replace, no longer needed, or we are a founder after all.
  const bool wanted = replica_ ? replica_->installing() : founding_.phase() == Phase::kFresh;
  std::unique_ptr<machine::Machine> loaded = fetch_->loader->take();
  if (!wanted || loaded->applied() < std::max(fetch_->receiver.at_least(), origin.index)) {
    loaded.reset();
    give_up_fetching();
    return;
  }
  source_.drop_all();
  machine_ = std::move(loaded);
  slot_.replace(std::move(fetch_->store));
  fetch_.reset();
  applied_ = machine_->applied();
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
  replica_->resume(now,
                   {origin.index, origin.term, origin.configuration, origin.configuration_index});
  log_.info("received the cluster's state as of log index " + std::to_string(applied_.value));
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

// ---- messages ----

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const StateRequest& request) {
  if (!replica_ || (heading.cluster && heading.cluster != cluster_)) return;
  source_.on_request(
      now, from.id, request, [this] { return freeze(); },
      [&](const PeerMessage& message) { post(from.address, from.id, message); });
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
  if (ask && !fetched_) {
    fetch_->receiver.on_asked(now);
    post(from.address, from.id, fetch_->receiver.request(/*again=*/false));
  }
}

void NodeCore::Inside::on_message(Instant, const Peer& from, const Heading&,
                                  const StateRefusal& refusal) {
  if (!fetch_ || fetch_->receiver.nonce() != refusal.transfer) return;
  log_.debug("no state from " + from.address + ": " + refusal.reason);
  give_up_fetching();
}

}  // namespace ram::node
