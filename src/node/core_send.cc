// What a NodeCore says to whom, and when.

#include <algorithm>
#include <utility>

#include "node/core_inside.h"

namespace ram::node {

void NodeCore::Inside::post(const std::string& address, NodeId to, const PeerMessage& message) {
  network_.send(address, lane_of(message), encode_frame({cluster_, options_.id, to}, message));
}

void NodeCore::Inside::post_to(NodeId member, const PeerMessage& message) {
  const std::string address = address_of(member);
  const auto way = relays_.find(member);
  if (address.empty() && way == relays_.end()) return;
  const bool alone = way != relays_.end() && way->second.alone;
  Pieces frame = encode_frame({cluster_, options_.id, member}, message);
  const bool relayed = way != relays_.end() && relay(member, message, frame);
  if (address.empty() || (relayed && alone)) return;
  network_.send(address, lane_of(message), std::move(frame));
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
  return stranger == strangers_.end() ? "" : stranger->second.address;
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
      if (const auto* install = std::get_if<consensus::InstallSnapshot>(&message)) {
        claims_.on_token(now, to, install->token.index);
      }
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

}  // namespace ram::node
