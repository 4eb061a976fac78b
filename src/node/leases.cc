#include "node/leases.h"

#include <algorithm>
#include <utility>

#include "consensus/entry_log.h"

namespace ram::node {
namespace {

using consensus::Configuration;
using consensus::Role;
using consensus::Server;

std::vector<NodeId> ids_of(const Configuration& configuration, bool voters_only) {
  std::vector<NodeId> ids;
  for (const Server& server : configuration.servers) {
    if (!voters_only || server.role == Role::kVoter) ids.push_back(server.id);
  }
  return ids;
}

bool same(const std::vector<NodeId>& ids, const Configuration& configuration, bool voters_only) {
  size_t count = 0;
  for (const Server& server : configuration.servers) {
    if (voters_only && server.role != Role::kVoter) continue;
    if (count == ids.size() || ids[count] != server.id) return false;
    ++count;
  }
  return count == ids.size();
}

}  // namespace

Leases::Leases(NodeId self, const lease::Times& times, ReadGate& gate, lease::Faults faults,
               bool clock_trusted)
    : self_(self),
      times_(times),
      faults_(faults),
      gate_(gate),
      watch_(times),
      election_(times, faults),
      follower_(times, faults),
      leader_(self, times, faults),
      trusted_(clock_trusted) {
  if (!trusted_) leader_.distrust_clock();
  gate_.set_lease_end(lease::kNoLease);
}

Leases::~Leases() {
  gate_.set_lease_end(lease::kNoLease);
}

// ---- what happened ----

void Leases::follow(Instant now, const consensus::Replica& replica) {
  const bool leads = replica.is_leader();
  const bool installing = replica.installing();
  if (replica.term() == term_ && leads == led_ && installing == installing_) return;
  // Until now it answered itself.
  if (led_) quiet_.answered(now);
  if (installing && !installing_ && !faults_.snaplease) follower_.drop();
  installing_ = installing;
  const bool elected = leads && (!led_ || replica.term() != term_);
  led_ = leads;
  if (replica.term() != term_) {
    term_ = replica.term();
    follower_.enter(term_);
    echo_ = Instant::min();
    round_ = Round();
  }
  if (elected) {
    const std::vector<NodeId> voters = ids_of(replica.latest(), /*voters_only=*/true);
    leader_.begin(election_.end(now, term_, self_, quiet_, voters), election_.entered(term_));
    membership_ = {};
  }
  publish(now);
}

void Leases::on_vote(Instant now, NodeId from, const consensus::RequestVoteResult& result,
                     Duration quiet) {
  if (result.pre_vote && !faults_.prevote) return;
  election_.on_vote(now, result.term, from, result.granted && !result.pre_vote, quiet);
}

void Leases::on_leader_news(Instant now, Term term, const LeaderNews& news) {
  if (term == term_) {
    echo_ = std::max(echo_, news.sent);
    round_ = std::max(round_, news.round);
  }
  if (!news.grant || !trusted_ || (released_ && !faults_.norel) || led_) return;
  if (installing_ && !faults_.instgrant && !faults_.installv) return;
  if (follower_.accept(now, term, *news.grant)) publish(now);
}

void Leases::on_member_news(Instant now, const consensus::Replica& replica, NodeId from,
                            const lease::MemberNews& news) {
  leader_.on_news(now, from, news, replica.last());
}

lease::ClockFinding Leases::look_at_clocks(const ClockReading& reading) {
  if (!times_.on || !trusted_) return {};
  const lease::ClockFinding found = watch_.look(reading);
  if (found.doubt() || found.distrust()) doubt_clock(found.sound_until, reading.after);
  if (found.distrust()) {
    trusted_ = false;
    leader_.distrust_clock();
  }
  return found;
}

void Leases::doubt_clock(Instant sound_until, Instant now) {
  follower_.release();
  leader_.doubt_clock(sound_until, now);
  election_.doubt_clock(now);
  quiet_.answered(now);
  published_ = std::min(published_, sound_until);  // what it said of later times is not believed
  publish(now);
}

void Leases::release(Instant now) {
  if (std::exchange(released_, true)) return;
  follower_.release();
  publish(now);
}

// ---- a pass ----

LogIndex Leases::turn(Instant now, const consensus::Replica& replica, LogIndex stable) {
  if (!led_) return stable;
  // Our own echo is our clock now.
  quiet_.answered(now);
  const Configuration& latest = replica.latest();
  const Configuration& committed = replica.committed();
  if (!same(membership_.voters, latest, true) || !same(membership_.latest, latest, false) ||
      !same(membership_.committed, committed, false)) {
    membership_ = {ids_of(latest, true), ids_of(latest, false), ids_of(committed, false)};
    leader_.set_membership(membership_);
  }
  stable = leader_.turn(now, replica.commit(), replica.barrier(), stable);
  publish(now);
  return stable;
}

bool Leases::wants_word(Instant now, NodeId member) const {
  return times_.on && leader_.grant_due(now, member);
}

MemberNews Leases::member_news(Instant now, const consensus::Replica& replica) {
  if (echo_ != Instant::min()) quiet_.answered(now);
  MemberNews news;
  news.round = round_;
  news.lease.echo = echo_;
  news.lease.time = now;
  news.lease.verified = replica.verified();
  if (replica.installing() && faults_.installv) news.lease.verified = replica.log().offset();
  if (faults_.lastindex) news.lease.verified = replica.last();
  kept_ = std::min(std::max(kept_, news.lease.verified), replica.last());
  if (faults_.keptv) news.lease.verified = kept_;
  news.lease.epoch = follower_.epoch();
  news.lease.wants_lease = times_.on && trusted_ && !released_ &&
                           (!replica.installing() || faults_.instgrant || faults_.installv);
  return news;
}

bool Leases::may_remove(Instant now, NodeId member) {
  leader_.retire(member);
  return !member || faults_.rmnowait || !leader_.counts(now, member);
}

// ---- what readers and people may know ----

void Leases::publish(Instant now) {
  Instant end = led_ ? leader_.ready_until() : follower_.end();
  if (!trusted_) end = lease::kNoLease;
  if (end == published_) return;
  if (end < published_) complete_ = std::max(complete_, std::min(published_, now));
  published_ = end;
  gate_.set_lease_end(end);
}

Instant Leases::complete_until(Instant now) const {
  if (installing_ && !faults_.recsnap) return lease::kNoLease;
  return std::max(complete_, std::min(published_, now));
}

}  // namespace ram::node
