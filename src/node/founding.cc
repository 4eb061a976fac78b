#include "node/founding.h"

#include <algorithm>

#include "base/check.h"
#include "base/limits.h"
#include "node/member_description.h"

namespace ram::node {
namespace {

std::string as_line(const std::vector<std::string>& list) {
  std::string line;
  for (const std::string& item : list) {
    if (!line.empty()) line += ',';
    line += item;
  }
  return line;
}

// Of what the codec let in: every description in it decodes.
MemberDescription described(const std::string& description) {
  auto decoded = decode_description(description);
  RAM_CHECK(decoded);
  return *std::move(decoded);
}

bool same_members(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::set<std::string>(a.begin(), a.end()) == std::set<std::string>(b.begin(), b.end());
}

}  // namespace

Founding::Founding(Self self, Random random, Post post, Log& log)
    : self_(std::move(self)), random_(random), post_(std::move(post)), log_(log) {}

void Founding::start(Instant now) {
  next_complaint_ = now + self_.complain_every;
  const bool alone =
      self_.list.empty() || (self_.list.size() == 1 && self_.list.front() == self_.address);
  if (!alone) {
    ask(now);
    return;
  }
  consensus::Configuration alone_here;
  alone_here.servers.push_back({self_.id, self_.description, consensus::Role::kVoter});
  propose(std::move(alone_here));
}

void Founding::on_time(Instant now) {
  if (now < next_ask_ || phase_ == Phase::kMember || abandoned_) return;
  ask(now);
  if (phase_ != Phase::kFresh) tell_members();
  complain(now);
}

void Founding::ask(Instant now) {
  ++question_;
  Standing question = standing(Nonce(), "");
  question.question = question_;
  std::set<std::string> addresses(self_.list.begin(), self_.list.end());
  if (proposal_) {
    for (const consensus::Server& server : proposal_->members.servers) {
      addresses.insert(described(server.description).address);
    }
  }
  for (const std::string& address : addresses) post_(address, question);
  // A little chance keeps nodes that were started together from asking in step for ever.
  const auto jitter = random_.below(static_cast<uint64_t>(self_.ask_every.count()) / 4 + 1);
  next_ask_ = now + self_.ask_every + Duration(static_cast<int64_t>(jitter));
}

Standing Founding::standing(Nonce answer, const std::string& leader) const {
  Standing standing;
  standing.answer = answer;
  standing.phase = phase_;
  standing.description = self_.description;
  standing.list = self_.list;
  standing.leader = leader;
  return standing;
}

void Founding::on_standing(Instant now, NodeId source, ClusterId cluster,
                           const Standing& standing) {
  if (phase_ == Phase::kMember || abandoned_) return;
  if (!standing.answer || standing.answer > question_) return;
  const std::string address = described(standing.description).address;
  // Only addresses that we ask can answer; whoever else does is not remembered.
  const bool listed = std::count(self_.list.begin(), self_.list.end(), address) > 0;
  if (listed) {
    Answer& known = answers_[address];
    if (standing.answer < known.question) return;  // overtaken by a later one
    known = {standing.answer, source, standing.phase, cluster, standing.description,
             standing.list,   now};
  }
  if (phase_ == Phase::kFresh) {
    propose_if_all_fresh();
    return;
  }
  if (standing.phase == Phase::kMember && cluster == proposal_->cluster) {
    start_proposal();
    return;
  }
  if (standing.answer <= proposal_question_) return;  // perhaps put before the proposal was known
  for (const consensus::Server& server : proposal_->members.servers) {
    if (described(server.description).address == address && server.id != source) {
      replaced_.insert(server.id);
    }
  }
  decide();
}

void Founding::propose_if_all_fresh() {
  consensus::Configuration members;
  for (const std::string& address : self_.list) {
    const auto found = answers_.find(address);
    if (found == answers_.end()) return;
    const Answer& answer = found->second;
    // To this question or to the one before: everyone was there lately.
    if (answer.question.next() < question_) return;
    if (answer.phase != Phase::kFresh || !same_members(answer.list, self_.list)) return;
    if (answer.id < self_.id) return;  // that one proposes
    if (members.find(answer.id) != nullptr) return;
    const bool votes = members.servers.size() < self_.voters_max;
    members.servers.push_back({answer.id, answer.description,
                               votes ? consensus::Role::kVoter : consensus::Role::kStandby});
  }
  if (members.find(self_.id) == nullptr) return;  // not in our own list: we only join
  if (!name_taken_twice().empty()) return;
  log_.info("all of " + as_line(self_.list) + " are here and fresh: founding a cluster");
  propose(std::move(members));
}

void Founding::propose(consensus::Configuration members) {
  const ClusterId cluster{random_.next(), random_.next()};
  accept({cluster, self_.parameters(cluster), std::move(members)});
}

std::string Founding::name_taken_twice() const {
  std::map<std::string, std::string> address_by_name;
  for (const auto& [address, answer] : answers_) {
    const std::string name = described(answer.description).name;
    const auto [other, fresh] = address_by_name.emplace(name, address);
    if (!fresh) return "two nodes are named " + name + ": " + other->second + " and " + address;
  }
  return "";
}

void Founding::on_note(Instant, NodeId source, const FoundingNote& note) {
  if (phase_ == Phase::kMember || abandoned_) return;
  const consensus::Configuration& members = note.proposal.members;
  if (members.find(source) == nullptr) return;
  if (phase_ == Phase::kFresh) {
    const consensus::Server* self = members.find(self_.id);
    if (self == nullptr || self->description != self_.description) return;
    std::vector<std::string> addresses;
    for (const consensus::Server& server : members.servers) {
      addresses.push_back(described(server.description).address);
    }
    if (!same_members(addresses, self_.list) || !self_.understands(note.proposal)) return;
    accept(note.proposal);
  }
  if (note.proposal.cluster != proposal_->cluster) {
    // Two proposed at once, and that one accepted the other: it never starts ours, nor did it.
    if (proposal_->members.find(source) != nullptr) {
      withdrawn_.insert(source);
      decide();
    }
    return;
  }
  if (note.phase == Phase::kMember) {
    start_proposal();
    return;
  }
  for (const NodeId id : note.accepted) {
    if (members.find(id) != nullptr) accepted_.insert(id);
  }
  if (note.phase == Phase::kWithdrawn) withdrawn_.insert(source);
  decide();
}

void Founding::on_cluster_seen(ClusterId cluster) {
  if (proposal_ && phase_ != Phase::kMember && !abandoned_ && cluster == proposal_->cluster) {
    start_proposal();
  }
}

void Founding::joined() {
  RAM_CHECK(phase_ == Phase::kFresh);
  phase_ = Phase::kMember;
  next_ask_ = kNever;
}

void Founding::accept(const Proposal& proposal) {
  RAM_CHECK(phase_ == Phase::kFresh && !proposal_);
  proposal_ = proposal;
  proposal_question_ = question_;
  phase_ = Phase::kAccepted;
  accepted_.insert(self_.id);
  decide();
  if (phase_ == Phase::kAccepted) tell_members();
}

void Founding::decide() {
  if (phase_ == Phase::kMember || abandoned_) return;
  const auto& members = proposal_->members.servers;
  auto all = [&](auto holds) { return std::all_of(members.begin(), members.end(), holds); };
  if (phase_ == Phase::kAccepted && (!replaced_.empty() || !withdrawn_.empty())) {
    phase_ = Phase::kWithdrawn;
    tell_members();
  }
  if (phase_ == Phase::kAccepted) {
    if (all([&](const consensus::Server& s) { return accepted_.contains(s.id); })) start_proposal();
    return;
  }
  if (all([&](const consensus::Server& s) {
        return s.id == self_.id || withdrawn_.contains(s.id) || replaced_.contains(s.id);
      })) {
    log_.warning("a founder went away before the cluster was founded: trying again");
    tell_members();
    abandoned_ = true;
    next_ask_ = kNever;
  }
}

void Founding::start_proposal() {
  phase_ = Phase::kMember;
  next_ask_ = kNever;
  tell_members();
}

void Founding::tell_members() {
  FoundingNote note;
  note.phase = phase_;
  note.proposal = *proposal_;
  note.accepted.assign(accepted_.begin(), accepted_.end());
  for (const consensus::Server& server : proposal_->members.servers) {
    if (server.id != self_.id) post_(described(server.description).address, note);
  }
}

std::vector<std::string> Founding::members_seen(Instant now) const {
  std::vector<std::string> addresses;
  if (phase_ != Phase::kFresh) return addresses;
  for (const auto& [address, answer] : answers_) {
    if (answer.phase == Phase::kMember && now - answer.at < 4 * self_.ask_every) {
      addresses.push_back(address);
    }
  }
  return addresses;
}

std::string Founding::waiting_for(Instant now) const {
  if (phase_ == Phase::kMember) return "";
  std::vector<std::string> silent, differing;
  for (const std::string& address : self_.list) {
    const auto found = answers_.find(address);
    if (found == answers_.end() || now - found->second.at > 8 * self_.ask_every) {
      silent.push_back(address);
    } else if (phase_ == Phase::kFresh && found->second.phase == Phase::kFresh &&
               !same_members(found->second.list, self_.list)) {
      differing.push_back(address + " (it has " + as_line(found->second.list) + ")");
    }
  }
  if (const std::string twice = name_taken_twice(); !twice.empty() && phase_ == Phase::kFresh) {
    return twice + "; give each its own --name";
  }
  if (!differing.empty()) {
    return "the join lists of founders differ: ours is " + as_line(self_.list) + ", not so at " +
           as_line(differing) + "; start all with the same --join";
  }
  if (silent.empty()) return phase_ == Phase::kFresh ? "joining" : "the other founders' consent";
  return "no answer from " + as_line(silent);
}

void Founding::complain(Instant now) {
  if (now < next_complaint_) return;
  next_complaint_ = now + self_.complain_every;
  log_.info("waiting: " + waiting_for(now));
}

}  // namespace ram::node
