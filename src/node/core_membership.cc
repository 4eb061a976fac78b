// How a NodeCore becomes a member.

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "machine/parameters.h"
#include "node/core_inside.h"
#include "ram/version.h"

namespace ram::node {

std::string NodeCore::Inside::description() const {
  return encode_description(
      {options_.name, options_.address, options_.client, std::string(kVersion)});
}

Founding::Self NodeCore::Inside::founding_self() const {
  Founding::Self self;
  self.id = options_.id;
  self.address = options_.address;
  self.description = description();
  self.list = options_.join;
  self.names = options_.names;
  self.expect = options_.expect;
  self.known = options_.former.members;
  self.parameters = [parameters = options_.parameters](ClusterId cluster) mutable {
    parameters.cluster = cluster;
    std::string bytes;
    Writer writer(bytes);
    machine::encode(writer, parameters);
    return bytes;
  };
  self.understands = [](const Proposal& proposal) {
    Reader reader(proposal.parameters);
    return machine::decode_parameters(reader).cluster == proposal.cluster && reader.finished();
  };
  self.voters_max = options_.parameters.voters_max;
  self.ask_every = 2 * heartbeat_of(options_.parameters.failover_after);
  self.complain_every = 10 * options_.parameters.failover_after;
  self.dead_after = std::max<Duration>(kAddressDeadAfter, 4 * options_.parameters.failover_after);
  return self;
}

consensus::ReplicaOptions NodeCore::Inside::replica_options(
    const machine::Parameters& parameters) const {
  consensus::ReplicaOptions options;
  options.election_timeout = parameters.failover_after;
  options.heartbeat = heartbeat_of(parameters.failover_after);
  options.install_timeout = 2 * parameters.failover_after;
  options.inflight_bytes_max = options_.limits.replication_bytes;
  options.message_entries_max = options_.limits.message_entries;
  options.message_bytes_max = kMessageBytesMax;
  return options;
}

// Requires: the slot holds the state's store.
void NodeCore::Inside::become_member(const machine::Parameters& parameters) {
  cluster_ = parameters.cluster;
  failover_after_ = parameters.failover_after;
  if (parameters.failover_after != options_.parameters.failover_after ||
      parameters.voters_max != options_.parameters.voters_max ||
      parameters.leases != options_.parameters.leases ||
      parameters.clock_drift_permille != options_.parameters.clock_drift_permille) {
    log_.warning(
        "the cluster was founded with other parameters than this node's flags say; "
        "the cluster's hold");
  }
  admission_ = Admission({parameters.voters_max, failover_after_, options_.evict_after,
                          options_.mistakes.lease.earlycfg});
  claims_ = LogClaims({options_.limits, failover_after_, state_window_bytes()});
  source_ = StateSource(source_rules());
  replica_ = std::make_unique<consensus::Replica>(options_.id, replica_options(parameters),
                                                  static_cast<uint32_t>(random_.next()), *this,
                                                  *this, options_.mistakes.fences);
  gate_.set_cluster(cluster_);
  const lease::Times times =
      lease::times_of(parameters.leases, failover_after_, parameters.clock_drift_permille);
  const bool trusted = clock_trusted();  // asks the one before, if there is one
  leases_.reset();                       // which closes the gate
  leases_ = std::make_unique<Leases>(options_.id, options_.lease_times.value_or(times), gate_,
                                     options_.mistakes.lease, trusted);
}

void NodeCore::Inside::start_founded(Instant now) {
  const Proposal& proposal = founding_.proposal();
  Reader reader(proposal.parameters);
  const machine::Parameters parameters = machine::decode_parameters(reader);
  RAM_CHECK(reader.finished() && parameters.cluster == proposal.cluster);  // we understood it
  slot_.replace(std::make_unique<store::Store>(options_.hash_seed));
  machine_ =
      std::make_unique<machine::Machine>(slot_.current(), parameters, options_.mistakes.machine);
  become_member(parameters);
  last_contact_ = now;
  replica_->found(now, proposal.members);
  log_.info("the cluster is founded: " + std::to_string(proposal.members.servers.size()) +
            " members, " + std::to_string(proposal.members.voters()) + " with a vote");
}

void NodeCore::Inside::resolved(Instant now, const std::string& name,
                                std::vector<std::string> addresses) {
  if (spent()) return;
  founding_.on_resolved(now, name, std::move(addresses));
  again_ = true;
}

void NodeCore::Inside::seek_membership(Instant now) {
  LogIndex have;
  if (replica_) {
    // Until it is committed that we are a member, a change of leader may undo it.
    if (replica_->committed().find(options_.id) != nullptr) {
      was_member_ = true;
      return;
    }
    if (was_member_) {
      be_removed();
      return;
    }
    if (leaving_) return;
    have = std::min(applied_, replica_->commit());
    if (!have) return;
  } else if (founding_.phase() != Phase::kFresh) {
    return;
  }
  // Of the list it may be that only this node itself answers, as where a name stands for several.
  std::vector<std::string> seen = replica_ ? where_members_may_be() : founding_.members_seen(now);
  const size_t by_list = seen.size();
  // Whoever that leads to may be gone.
  if (!replica_) seen.insert(seen.end(), acquaintances_.begin(), acquaintances_.end());
  // A reason that nobody repeats is none any more.
  if (now - join_refused_ > 4 * failover_after_) join_refusal_.clear();
  if (!replica_ && !fetch_ && !founding_.two_clusters(now).empty()) {
    // Once one is silent at our list, nobody that it named leads there.
    join_leader_.clear();
    acquaintances_.clear();
    return;
  }
  // The leader if someone named it; every other time anyone, in case that one is gone.
  ++join_attempts_;
  std::string ask = join_leader_;
  ClusterId meant = join_cluster_;
  if (ask.empty() || join_attempts_ % 2 == 0) {
    if (seen.empty()) return;
    const size_t place = (join_attempts_ / 2) % seen.size();
    ask = seen[place];
    // Where others lived another cluster may be by now; one that our list leads to is meant.
    if (place < by_list) {
      meant = founding_.is_listed(ask) ? ClusterId() : options_.former.cluster;
    }
  }
  if (replica_) meant = cluster_;
  // Also while the state comes, so that the leader knows who does not get on, and who is gone.
  const JoinRequest request{description(), have, /*fetching=*/!replica_ && fetch_};
  network_.send(ask, lane_of(request), encode_frame({meant, options_.id, NodeId()}, request));
}

void NodeCore::Inside::want_to_join(ClusterId cluster) {
  if (std::exchange(join_cluster_, cluster) != cluster) acquaintances_.clear();
}

// At `address` lives a member of the cluster that we want to join.
void NodeCore::Inside::get_acquainted(const std::string& address) {
  if (replica_ || address.empty() || address == options_.address) return;
  if (acquaintances_.size() < kMembersMax) acquaintances_.insert(address);
}

void NodeCore::Inside::say_what_is_waited_for(Instant now) {
  if (replica_ || now < next_complaint_) return;
  if (next_complaint_ != Instant::min()) log_.info("waiting: " + status(now).waiting_for);
  next_complaint_ = now + 10 * failover_after_;
}

Former NodeCore::Inside::former() const {
  return expelled_ ? Former{cluster_, addresses_of_members()} : options_.former;
}

std::vector<std::string> NodeCore::Inside::addresses_of_members() const {
  std::set<std::string> addresses;
  if (!join_leader_.empty()) addresses.insert(join_leader_);
  for (const consensus::Server& server : replica_->latest().servers) {
    addresses.insert(address_of(server.id));
  }
  addresses.erase(options_.address);
  return {addresses.begin(), addresses.end()};
}

std::vector<std::string> NodeCore::Inside::where_members_may_be() const {
  std::vector<std::string> addresses = addresses_of_members();
  addresses.insert(addresses.end(), options_.join.begin(), options_.join.end());
  return addresses;
}

}  // namespace ram::node
