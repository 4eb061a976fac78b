// What messages do to a NodeCore. Nothing here trusts its input: what does not make sense, or is
// not for us, is dropped.

#include <algorithm>
#include <utility>
#include <variant>

#include "machine/command_codec.h"
#include "node/core_inside.h"
#include "node/text.h"

namespace ram::node {
namespace {

using consensus::AppendEntries;
using consensus::AppendEntriesResult;
using consensus::InstallSnapshot;
using consensus::RequestVoteResult;

Term term_of(const consensus::Message& message) {
  return std::visit([](const auto& m) { return m.term; }, message);
}

// True if every transaction of the record decodes: what the leader submits, all must apply.
bool whole(std::string_view bytes, NodeId origin) {
  machine::RecordReader record(bytes);
  if (!record.ok() || record.header().kind != machine::RecordKind::kTransactions ||
      record.header().origin != origin) {
    return false;
  }
  for (std::string_view transaction; record.next(transaction);) {
    if (!machine::check_transaction(transaction).ok()) return false;
  }
  return record.finished();
}

}  // namespace

void NodeCore::Inside::receive(Instant now, const Peer& from, const SharedBytes& bytes) {
  if (spent()) return;
  std::optional<Frame> frame = decode_frame(bytes);
  if (!frame || frame->heading.source != from.id) return;
  meet(now, from, *frame);  // also what is for somebody who lived here before
  if (frame->heading.destination && frame->heading.destination != options_.id) return;
  note_stranger(now, from);
  if (replica_ && replica_->latest().find(from.id) != nullptr) {
    heard_[from.id] = now;
    if (shows_an_open_way(frame->message)) straight_[from.id] = now;
  }
  take(now, from, std::move(*frame));
}

// Senders that are in no configuration here: candidates that a voter with an old configuration must
// answer, a new leader, joiners. There are no more of them than links, so who was just heard is not
// forgotten, whoever else there is.
void NodeCore::Inside::note_stranger(Instant now, const Peer& from) {
  if (!replica_ || replica_->latest().find(from.id) != nullptr) return;
  if (strangers_.size() >= kPeerLinksMax && !strangers_.contains(from.id)) {
    strangers_.erase(std::min_element(
        strangers_.begin(), strangers_.end(),
        [](const auto& a, const auto& b) { return a.second.heard < b.second.heard; }));
  }
  strangers_[from.id] = {from.address, now};
}

void NodeCore::Inside::take(Instant now, const Peer& from, Frame frame) {
  if (leads() && replica_->latest().find(from.id) != nullptr) admission_.heard(now, from.id);
  std::visit(
      [&](auto&& message) {
        on_message(now, from, frame.heading, std::forward<decltype(message)>(message));
      },
      std::move(frame.message));
  again_ = true;
}

void NodeCore::Inside::link_up(Instant now, const std::string& address) {
  if (leads()) {
    const consensus::Configuration members = replica_->latest();
    for (const consensus::Server& server : members.servers) {
      if (address_of(server.id) == address) replica_->lost(now, server.id);
    }
    again_ = true;
  }
  for (const LeftBehind& left : left_behind_) {
    if (left.node.address == address) tell_refounded(now, left.node, left.cluster);
  }
  if (!replica_ || leads() || !leader() || address_of(leader()) != address) return;
  asker_.ask_again(kNever);
  resend_ = true;
  again_ = true;
}

bool NodeCore::Inside::among_members(const Peer& from, const Heading& heading) {
  if (!heading.cluster || heading.destination != options_.id) return false;
  if (!replica_) {
    // The proposal that we accepted runs: join in with the next pass. What came is sent again.
    if (founding_.phase() != Phase::kFresh && !founding_.started() &&
        founding_.proposal().members.find(from.id) != nullptr) {
      founding_.on_cluster_seen(heading.cluster);
    }
    return false;
  }
  return heading.cluster == cluster_;
}

void NodeCore::Inside::hear_leader(Instant now, NodeId from, Term term, const LeaderNews& news) {
  // What a leader counts itself it need not be told.
  if (leads() || (from != leader() && replica_->latest().find(from) == nullptr)) return;
  // R6.3: not before the engine is in that term.
  if (term > replica_->term() && !options_.mistakes.lease.futuresigma) return;
  stable_ = std::max(stable_, news.stable);
  const bool old = term < replica_->term() && !options_.mistakes.lease.grantold;
  if (old || term > replica_->term()) return;
  leases_->on_leader_news(now, term, news);
}

void NodeCore::Inside::hear_member(Instant now, NodeId from, Term term, const MemberNews& news) {
  if (!leads() || term != replica_->term() || replica_->latest().find(from) == nullptr) return;
  leases_->on_member_news(now, *replica_, from, news.lease);
  rounds_.on_echo(from, news.round);
  manage_ |= removal_.has_value();
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  RaftMessage&& message) {
  if (!among_members(from, heading)) return;
  const Term term = term_of(message.message);
  const bool from_leader = std::holds_alternative<AppendEntries>(message.message) ||
                           std::holds_alternative<InstallSnapshot>(message.message);
  const bool result = std::holds_alternative<AppendEntriesResult>(message.message);
  const auto* append = std::get_if<AppendEntries>(&message.message);
  const LogIndex commit = append != nullptr ? append->commit : LogIndex();
  const bool long_silent = silence(now) >= failover_after_;
  const auto* leader_news = std::get_if<LeaderNews>(&message.news);
  const auto* member_news = std::get_if<MemberNews>(&message.news);
  if (const auto* vote = std::get_if<RequestVoteResult>(&message.message)) {
    // Before the engine counts it, if it may: it may elect us.
    const auto* news = std::get_if<VoteNews>(&message.news);
    const bool of_now = vote->term == replica_->term() || vote->pre_vote;
    if (of_now && replica_->latest().find(from.id) != nullptr) {
      leases_->on_vote(now, from.id, *vote, news != nullptr ? news->quiet : Duration());
    }
  }
  if (append != nullptr && options_.mistakes.lease.wirekeys) {
    LogIndex index = append->previous;
    for (const consensus::LogEntry& entry : append->entries) note_keys(++index, entry);
  }
  replica_->receive(now, from.id, std::move(message.message));
  leases_->follow(now, *replica_);
  // Who has all of it in its log is as good as current.
  if (long_silent && term == replica_->term() &&
      std::max({applied_, replica_->commit(), replica_->verified()}) < commit) {
    missed_up_to_ = commit;
  }
  if (from.id == leader() && term == replica_->term())
    told_commit_ = std::max(told_commit_, commit);
  if (from_leader && leader_news != nullptr) hear_leader(now, from.id, term, *leader_news);
  if (result && member_news != nullptr) hear_member(now, from.id, term, *member_news);
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const Ping& ping) {
  if (!among_members(from, heading)) return;
  hear_leader(now, from.id, ping.term, ping.news);
  if (ping.answer && ping.term == replica_->term() && !leads()) answer_ = from.id;
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const Pong& pong) {
  if (among_members(from, heading)) hear_member(now, from.id, pong.term, pong.news);
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  RecordForward&& forward) {
  if (!among_members(from, heading) || !leads()) return;
  if (replica_->latest().find(from.id) == nullptr) return;  // its session may be over
  if (!whole(forward.record.view(), from.id)) return;
  submit_record(now, forward.record);
}

void NodeCore::Inside::on_message(Instant, const Peer& from, const Heading& heading,
                                  const FenceRequest& request) {
  if (!among_members(from, heading) || !leads()) return;
  rounds_.add({from.id, request.nonce, request.quorum});
}

void NodeCore::Inside::on_message(Instant, const Peer& from, const Heading& heading,
                                  const FenceAnswer& answer) {
  if (among_members(from, heading)) asker_.on_answer(answer.nonce, answer.index);
}

void NodeCore::Inside::on_message(Instant, const Peer& from, const Heading& heading,
                                  const CopiesRequest& request) {
  if (!among_members(from, heading) || !leads()) return;
  post_to(from.id, CopiesAnswer{request.index, copies_elsewhere(request.index, from.id)});
}

void NodeCore::Inside::on_message(Instant, const Peer& from, const Heading& heading,
                                  const CopiesAnswer& answer) {
  if (!among_members(from, heading)) return;
  for (Copies& copies : copies_) {
    if (copies.index <= answer.index) {
      copies.reached = std::max(copies.reached, static_cast<size_t>(answer.count));
    }
  }
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const Standing& standing) {
  if (standing.question) {
    const std::string leader_address =
        replica_ && leader() && !no_quorum(now) ? address_of(leader()) : "";
    post(from.address, from.id, founding_.standing(standing.question, leader_address));
  }
  if (standing.answer && heading.destination == options_.id) {
    founding_.on_standing(now, from.id, heading.cluster, standing);
    // Where others lived another cluster may be by now; one that our list leads to is meant.
    if (standing.phase == Phase::kMember && !standing.leader.empty() &&
        founding_.is_listed(from.address)) {
      want_to_join(heading.cluster);
      join_leader_ = standing.leader;
    }
  }
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading&,
                                  const FoundingNote& note) {
  founding_.on_note(now, from.id, note);
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const JoinRequest& request) {
  if (!replica_) return;
  JoinAnswer answer;
  if (const ClusterId meant = heading.cluster;
      meant && meant != cluster_ && (request.have || !machine_->parameters().goes_on_from(meant))) {
    answer = {JoinAnswer::Kind::kRefused, "",
              "the node at " + options_.address + " is of cluster " + text_of(cluster_) +
                  ", not of " + text_of(meant) + ", nor of one that was recovered from it"};
  } else if (leads()) {
    answer = admission_.on_request(now, from.id, request, *replica_);
    claim_log(now, from.id, request, answer);
  } else {
    answer.kind = JoinAnswer::Kind::kAsk;
    if (leader() && !no_quorum(now)) answer.address = address_of(leader());
    carry_to_leader(from.id, request);
  }
  post_to(from.id, answer);
}

void NodeCore::Inside::on_message(Instant now, const Peer& from, const Heading& heading,
                                  const JoinAnswer& answer) {
  if (heading.destination != options_.id || !heading.cluster) return;
  if (replica_ && heading.cluster != cluster_) return;
  // Who knows no leader may be of a cluster that is lost.
  if (answer.kind == JoinAnswer::Kind::kAsk && answer.address.empty() && join_cluster_) return;
  if (answer.kind != JoinAnswer::Kind::kRefused) {
    want_to_join(heading.cluster);
    get_acquainted(from.address);
    get_acquainted(answer.address);
  }
  switch (answer.kind) {
    case JoinAnswer::Kind::kAsk:
      join_leader_ = answer.address;
      return;
    case JoinAnswer::Kind::kWait:
      join_leader_ = from.address;
      return;
    case JoinAnswer::Kind::kRefused:
      if (join_refusal_ != answer.reason) log_.info("may not join yet: " + answer.reason);
      join_refusal_ = answer.reason;
      join_refused_ = now;
      join_leader_.clear();
      return;
    case JoinAnswer::Kind::kFetch:
      join_refusal_.clear();
      join_leader_ = from.address;
      if (!founding_.two_clusters(now).empty()) return;  // the other was not heard when we asked
      if (!replica_ && !fetch_ && founding_.phase() == Phase::kFresh && !answer.address.empty()) {
        // Nor may this process show less than its last incarnation did.
        ask_for_state(now, answer.address,
                      std::max(answer.at_least, gate_.applied_of(heading.cluster)));
      }
  }
}

}  // namespace ram::node
