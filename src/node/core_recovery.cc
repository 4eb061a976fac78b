// How a node goes on from what it has when the majority is lost for good, and how those that it
// leaves behind learn of it (MEMBERSHIP.md section 6).

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "consensus/entry_log.h"
#include "node/core_inside.h"
#include "node/text.h"

namespace ram::node {

using consensus::Server;

namespace {

// How often it is said of one node that it is of another cluster.
constexpr Duration kMetEvery = std::chrono::minutes(1);
// In heartbeats: an election timeout, and later on some hundred.
constexpr uint64_t kCallsOften = 10, kCallsSeldom = 5'000, kOftenUntil = 2'000;

}  // namespace

void NodeCore::Inside::recover(Instant now, bool others_are_dead, Recovery::Done done) {
  if (!replica_ || !is_member()) {
    done(Status::invalid(
        replica_ ? "this node has a copy of the state, but was no member yet when the majority "
                   "went: recover on one that was, or stop all nodes and start anew"
                 : "this node is not part of a cluster; there is nothing to recover"));
    return;
  }
  if (replica_->latest().find(options_.id) == nullptr) {
    done(
        Status::invalid("this node was about to be removed when the majority went: recover on one "
                        "that was not, or stop all nodes and start anew"));
    return;
  }
  if (!no_quorum(now)) {
    done(
        Status::invalid("this node is not in state no-quorum: its cluster is not lost, or not for "
                        "long enough (four election timeouts) to know it"));
    return;
  }
  if (replica_->installing()) {
    done(
        Status::invalid("this node was receiving a state when the majority went, and has not all "
                        "of it; recover on another"));
    return;
  }
  if (recovery_) {
    done(Status::overloaded("a recovery is under way at this node; wait for it"));
    return;
  }
  const Known known = what_is_known();
  Recovery::Self self{options_.id, known.last_term, known.last, replica_->latest(), {}};
  if (const WallMs complete = complete_until(now); complete != WallMs(0)) {
    self.complete_until = text_of(complete);
  }
  recovery_.emplace(Nonce(random_.next() >> 1), std::move(self), others_are_dead,
                    now + 2 * failover_after_, std::move(done));
  again_ = true;
  ask_survivors();
}

NodeCore::Inside::Known NodeCore::Inside::what_is_known() const {
  return {std::max(replica_->term_at(replica_->last()), state_term_),
          std::max(replica_->last(), applied_)};
}

void NodeCore::Inside::ask_survivors() {
  for (const Server& server : recovery_->self().members.servers) {
    // Whoever lives there now: also one that has come back, and knows more of the cluster than we.
    if (server.id != options_.id) {
      post(address_of(server.id), NodeId(), RecoveryQuestion{recovery_->nonce()});
    }
  }
}

void NodeCore::Inside::turn_recovery(Instant now) {
  if (!recovery_) return;
  if (!no_quorum(now)) {
    // Somebody came back in time.
    std::exchange(recovery_, std::nullopt)
        ->done()(Status::invalid("a leader is there again; nothing needs recovering"));
    return;
  }
  if (replica_->installing()) {
    std::exchange(recovery_, std::nullopt)
        ->done()(Status::invalid("a state is on its way to this node; a leader is there again"));
    return;
  }
  if (now < recovery_->until()) return;
  const Recovery recovery = *std::exchange(recovery_, std::nullopt);
  if (const Status verdict = recovery.verdict(); !verdict.ok()) {
    recovery.done()(verdict);
    return;
  }
  found_anew(now);
  const std::string report =
      "recovered: cluster " + text_of(cluster_) + " of one node goes on from " +
      text_of(machine_->parameters().ancestors.front()) + ", with " +
      std::to_string(machine_->revision().value) + " revisions; without " + recovery.missing() +
      (recovery.self().complete_until.empty()
           ? ""
           : "; complete until " + recovery.self().complete_until);
  log_.warning(report);
  recovery.done()(report);
}

// The whole log counts: what nobody acknowledged may take effect, what anyone did must.
void NodeCore::Inside::found_anew(Instant now) {
  const bool less = options_.mistakes.recovers_less;
  if (!less) apply_up_to(replica_->last());
  const auto [term, last] = less ? Known{replica_->term_at(applied_), applied_} : what_is_known();
  // Of what this node was told that is stable it may have less: that is lost.
  stable_ = last;
  const Server* self = replica_->latest().find(options_.id);
  RAM_CHECK(term && self != nullptr);
  consensus::Configuration alone;
  alone.servers.push_back({options_.id, self->description, consensus::Role::kVoter});
  source_.drop_all("this node goes on alone", to_receivers());
  remember_those_left_behind();
  machine_->found_anew(ClusterId{random_.next(), random_.next() | 1});
  outbox_.clear();  // of the cluster that was
  answer_ = NodeId();
  remains_.add(replica_->take_log());
  become_member(machine_->parameters());
  seen_term_ = Term();
  seen_leader_ = NodeId();
  led_ = false;
  told_.clear();
  heard_.clear();
  straight_.clear();
  carried_.clear();
  relays_.clear();
  last_contact_ = now;
  missed_up_to_ = told_commit_ = LogIndex();
  replica_->resume(now, {last, term, alone, last});
  again_ = true;
}

void NodeCore::Inside::remember_those_left_behind() {
  since_recovery_ = 0;
  for (const Server& server : replica_->latest().servers) {
    if (server.id == options_.id) continue;
    const std::string address = address_of(server.id);
    std::erase_if(left_behind_,
                  [&](const LeftBehind& left) { return left.node.address == address; });
    if (left_behind_.size() >= kMembersMax) left_behind_.erase(left_behind_.begin());
    left_behind_.push_back({cluster_, {server.id, address}});
  }
}

// One of them may live without knowing that this node exists: it joined while that one was cut off.
// One after the other, for as long as nobody of ours lives there: what is said is lost if the link
// is not up, and said when it is (link_up).
void NodeCore::Inside::call_those_left_behind(Instant now) {
  if (left_behind_.empty()) return;
  ++since_recovery_;
  if (since_recovery_ % (since_recovery_ < kOftenUntil ? kCallsOften : kCallsSeldom) != 0) return;
  std::rotate(left_behind_.begin(), left_behind_.begin() + 1, left_behind_.end());
  const LeftBehind called = left_behind_.back();
  const auto& servers = replica_->latest().servers;
  if (std::any_of(servers.begin(), servers.end(), [&](const Server& server) {
        return address_of(server.id) == called.node.address;
      })) {
    left_behind_.pop_back();
  } else {
    tell_refounded(now, called.node, called.cluster);
  }
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const RecoveryQuestion& question) {
  if (!replica_ || from.id == options_.id) return;
  RecoveryAnswer answer{question.nonce};
  if (heading.cluster == cluster_) {
    answer.quorum = !no_quorum(now);
    answer.recovering = recovery_ && recovery_->others_are_dead();
    const Known known = what_is_known();
    answer.last_term = known.last_term;
    answer.last = known.last;
  } else if (machine_->parameters().goes_on_from(heading.cluster)) {
    answer.recovered = true;
  } else {
    return;
  }
  // As one of its cluster: who asks knows no other.
  network_.send(from.address, Lane::kControl,
                encode_frame({heading.cluster, options_.id, from.id}, answer));
}

void NodeCore::Inside::on_message(Instant, const Peer& from, const Heading& heading,
                                  const RecoveryAnswer& answer) {
  if (!recovery_ || !among_members(from, heading)) return;
  RecoveryAnswer heard = answer;
  if (options_.mistakes.recovers_worse) heard.last_term = Term();
  if (options_.mistakes.recovers_twice) heard.recovered = heard.recovering = false;
  recovery_->on_answer(from.id, heard);
}

bool NodeCore::Inside::may_tell_of(Instant now, const std::string& address) {
  std::erase_if(met_, [&](const auto& met) { return now - met.second >= kMetEvery; });
  return met_.size() < kMembersMax && met_.emplace(address, now).second;
}

// What comes from another cluster is dropped, and people are told; who says Refounded is told of
// where that is taken in.
void NodeCore::Inside::meet(Instant now, const Peer& from, const Frame& frame) {
  const ClusterId other = frame.heading.cluster;
  if (!is_member() || !other || other == cluster_) return;
  if (std::holds_alternative<Refounded>(frame.message) || !may_tell_of(now, from.address)) return;
  if (!machine_->parameters().goes_on_from(other)) {
    log_.warning("the node at " + from.address + " is of another cluster, " + text_of(other) +
                 ", and not of this one, " + text_of(cluster_) +
                 "; either may have data that the other has not: ram status shows how much. To "
                 "give one up, stop its nodes, and start them again with --join naming a node of "
                 "the other; else correct the addresses in --join");
    // So that it says so as well. It has no other reason to call.
    post(from.address, from.id, founding_.standing(Nonce(), ""));
    return;
  }
  log_.warning("the node at " + from.address + " is of cluster " + text_of(other) +
               ", from which this one, " + text_of(cluster_) +
               ", was recovered; it joins by itself, unless a majority of that cluster lives: then "
               "there are two clusters; stop the nodes of one, and start them again with --join "
               "naming a node of the other");
  tell_refounded(now, from, other);
}

// To one that was left behind: by any member, since it may reach no other.
void NodeCore::Inside::tell_refounded(Instant now, const Peer& to, ClusterId ancestor) {
  if (!is_member() || no_quorum(now)) return;
  post(to.address, to.id, Refounded{ancestor});
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const Refounded& refounded) {
  // Also one that has the state, and that nobody can let in any more.
  if (!replica_ || heading.destination != options_.id) return;
  // Who has a quorum is the cluster, whatever somebody far away was told.
  if (refounded.ancestor != cluster_ || heading.cluster == cluster_) return;
  if (!no_quorum(now) && !options_.mistakes.heeds_heirs) {
    if (!may_tell_of(now, from.address)) return;
    log_.warning("the node at " + from.address + " was recovered from this cluster, " +
                 text_of(cluster_) + ", as " + text_of(heading.cluster) +
                 ", though a majority of this one lives: there are two clusters; stop the nodes of "
                 "one, and start them again with --join naming a node of the other");
    return;
  }
  log_.warning("the cluster was recovered elsewhere, as " + text_of(heading.cluster) +
               "; this node discards its state and joins it");
  join_leader_ = from.address;
  expelled_ = true;
}

}  // namespace ram::node
