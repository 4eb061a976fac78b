#include "node/founding.h"

#include <algorithm>

#include "base/check.h"
#include "base/limits.h"
#include "node/member_description.h"
#include "node/text.h"

namespace ram::node {
namespace {

bool has(const std::vector<std::string>& addresses, const std::string& address) {
  return std::find(addresses.begin(), addresses.end(), address) != addresses.end();
}

// Nodes that answer, former incarnations at other addresses among them.
constexpr size_t kAnswersMax = 2 * kMembersMax;

// Of what the codec let in: every description in it decodes.
MemberDescription described(const std::string& description) {
  auto decoded = decode_description(description);
  RAM_CHECK(decoded);
  return *std::move(decoded);
}

}  // namespace

bool Founding::same_members(const std::vector<std::string>& a, const std::vector<std::string>& b) {
  return std::set<std::string>(a.begin(), a.end()) == std::set<std::string>(b.begin(), b.end());
}

Founding::Founding(Self self, Random random, Post post, Log& log)
    : self_(std::move(self)), random_(random), post_(std::move(post)), log_(log) {}

void Founding::start(Instant now) {
  if (!alone() || !resolved()) ask(now);
  if (self_.expect == 0) propose_if_all_fresh(now);
}

void Founding::on_time(Instant now) {
  if (now < next_ask_ || phase_ == Phase::kMember || abandoned_) return;
  ask(now);
  if (phase_ != Phase::kFresh) {
    tell_members();
  } else if (self_.expect != 0) {
    // Here alone: every address that is known by now was asked, and what came was read.
    propose_if_all_fresh(now);
  }
}

void Founding::on_resolved(Instant now, const std::string& name,
                           std::vector<std::string> addresses) {
  if (phase_ == Phase::kMember || abandoned_ || addresses.empty()) return;
  if (!self_.names.contains(name)) return;
  if (addresses.size() > kJoinListMax) addresses.resize(kJoinListMax);
  behind_[name] = std::move(addresses);
  if (self_.expect == 0) propose_if_all_fresh(now);
}

// Ourselves, too, as what others answer goes there: but not where the answers are counted.
std::set<std::string> Founding::addresses_to_ask() const {
  std::set<std::string> addresses(self_.known.begin(), self_.known.end());
  if (self_.expect == 0) addresses.insert(self_.address);
  for (const std::string& address : self_.list) {
    const auto found = behind_.find(address);
    if (found == behind_.end()) {
      addresses.insert(address);
    } else {
      addresses.insert(found->second.begin(), found->second.end());
    }
  }
  return addresses;
}

void Founding::ask(Instant now) {
  round_before_ = round_ ? round_ : question_.next();
  round_ = question_.next();
  Standing question = standing(Nonce(), "");
  const std::set<std::string> addresses = addresses_to_ask();
  std::erase_if(targets_, [&](const auto& entry) { return !addresses.contains(entry.first); });
  for (const std::string& address : addresses) {
    const auto [target, fresh] = targets_.try_emplace(address);
    if (fresh) target->second.heard = now;
    target->second.asked_before = target->second.asked;
    target->second.asked = question.question = ++question_;
    post_(address, question);
  }
  if (proposal_) {
    for (const consensus::Server& server : proposal_->members.servers) {
      const std::string address = described(server.description).address;
      if (addresses.contains(address)) continue;
      question.question = ++question_;
      post_(address, question);
    }
  }
  std::erase_if(answers_, [&](const auto& entry) {
    return now - entry.second.at > 8 * self_.ask_every;  // no news any more
  });
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
  standing.expect = self_.expect;
  standing.leader = leader;
  return standing;
}

void Founding::on_standing(Instant now, NodeId source, ClusterId cluster,
                           const Standing& standing) {
  if (phase_ == Phase::kMember || abandoned_) return;
  if (!standing.answer || standing.answer > question_) return;
  const std::string address = described(standing.description).address;
  for (auto& [asked, target] : targets_) {
    if (standing.answer != target.asked && standing.answer != target.asked_before) continue;
    target.answered = standing.answer;
    target.answer = address;
    target.heard = now;
  }
  if (address == self_.address && source != self_.id) twin_heard_ = now;
  if (answers_.contains(address) || answers_.size() < kAnswersMax) {
    Answer& known = answers_[address];
    if (standing.answer < known.question) return;  // overtaken by a later one
    std::optional<Instant> led = known.cluster == cluster ? known.led : std::nullopt;
    if (!standing.leader.empty()) led = now;
    known = {.question = standing.answer,
             .id = source,
             .phase = standing.phase,
             .cluster = cluster,
             .description = standing.description,
             .list = standing.list,
             .expect = standing.expect,
             .at = now,
             .led = led};
  }
  if (phase_ == Phase::kFresh) {
    if (self_.expect == 0) propose_if_all_fresh(now);
    return;
  }
  if (standing.phase == Phase::kMember && cluster == proposal_->cluster) {
    start_proposal();
    return;
  }
  // It never accepted ours: who accepts once joins nothing. (Of no cluster: it is about to say.)
  if (standing.phase == Phase::kMember && cluster && proposal_->members.find(source) != nullptr) {
    withdrawn_.insert(source);
  }
  if (standing.answer <= proposal_question_) {  // perhaps put before the proposal was known
    decide();
    return;
  }
  for (const consensus::Server& server : proposal_->members.servers) {
    if (described(server.description).address == address && server.id != source) {
      replaced_.insert(server.id);
    }
  }
  decide();
}

bool Founding::alone() const {
  return self_.expect == 0 && self_.known.empty() &&
         (self_.list.empty() || (self_.list.size() == 1 && self_.list.front() == self_.address));
}

bool Founding::resolved() const {
  return std::all_of(self_.names.begin(), self_.names.end(),
                     [&](const std::string& name) { return behind_.contains(name); });
}

void Founding::propose_if_all_fresh(Instant now) {
  if (phase_ != Phase::kFresh || !resolved() || unheard(now)) return;
  std::optional<consensus::Configuration> members;
  if (self_.expect != 0) {
    members = expected_founders();
  } else if (shared_name().empty()) {
    members = listed_founders();
  }
  if (!members || members->find(self_.id) == nullptr || !name_taken_twice().empty()) return;
  if (!self_.known.empty() && (members->servers.size() == 1 || !members_seen(now).empty())) return;
  if (!alone()) {
    log_.info("all of " + as_line(self_.list) + " are here and fresh: founding a cluster");
  }
  propose(*std::move(members));
}

bool Founding::of_our_list(const Answer& answer) const {
  return same_members(answer.list, self_.list) && answer.expect == self_.expect;
}

bool Founding::is_listed(const std::string& address) const {
  return self_.known.empty() || has(self_.list, address) ||
         std::any_of(targets_.begin(), targets_.end(), [&](const auto& entry) {
           const auto& [asked, target] = entry;
           return target.answer == address && (has(self_.list, asked) || !has(self_.known, asked));
         });
}

bool Founding::concerned(const std::string& address, const Answer& answer) const {
  return answer.phase != Phase::kFresh || of_our_list(answer) || is_listed(address);
}

bool Founding::unheard(Instant now) const {
  return std::any_of(targets_.begin(), targets_.end(), [&](const auto& entry) {
    const auto& [address, target] = entry;
    // Of a list, all have to answer anyway.
    if (self_.expect == 0 && (has(self_.list, address) || !has(self_.known, address))) return false;
    return !lately(target.answered) && now - target.heard < self_.dead_after;
  });
}

bool Founding::add_founder(const Answer& answer, consensus::Configuration& members) const {
  if (answer.phase != Phase::kFresh || !of_our_list(answer)) return false;
  if (answer.id < self_.id) return false;  // that one proposes
  if (members.find(answer.id) != nullptr) return false;
  const bool votes = members.servers.size() < self_.voters_max;
  members.servers.push_back(
      {answer.id, answer.description, votes ? consensus::Role::kVoter : consensus::Role::kStandby});
  return true;
}

std::optional<consensus::Configuration> Founding::listed_founders() const {
  consensus::Configuration members;
  if (alone()) {
    members.servers.push_back({self_.id, self_.description, consensus::Role::kVoter});
    return members;
  }
  for (const std::string& address : self_.list) {
    const auto found = answers_.find(address);
    if (found == answers_.end() || !lately(found->second.question)) return std::nullopt;
    if (!add_founder(found->second, members)) return std::nullopt;
  }
  return members;
}

std::optional<consensus::Configuration> Founding::expected_founders() const {
  consensus::Configuration members;
  for (const auto& [address, answer] : answers_) {
    if (!concerned(address, answer)) continue;
    if (answer.phase != Phase::kFresh) return std::nullopt;  // however late it comes
    if (lately(answer.question) && !add_founder(answer, members)) return std::nullopt;
  }
  if (members.servers.size() != self_.expect) return std::nullopt;
  return members;
}

void Founding::propose(consensus::Configuration members) {
  const ClusterId cluster{random_.next(), random_.next()};
  accept({cluster, self_.parameters(cluster), std::move(members)});
}

void Founding::on_note(Instant now, NodeId source, const FoundingNote& note) {
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
    const bool founders =
        self_.expect != 0 ? addresses.size() == self_.expect : same_members(addresses, self_.list);
    if (!founders || !self_.understands(note.proposal)) return;
    // The cluster that is there, or may be, is to be joined; who proposes does not see it.
    if (!members_seen(now).empty() || unheard(now)) return;
    accept(note.proposal);
  }
  if (note.proposal.cluster != proposal_->cluster) {
    // Two proposed at once, and that one accepted the other: it never starts ours, nor did it.
    if (proposal_->members.find(source) != nullptr) {
      withdrawn_.insert(source);
      decide();
    } else if (members.find(self_.id) != nullptr) {
      // Who proposed it may not be told otherwise that we never accept it.
      tell(*members.find(source));
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
  for (const consensus::Server& server : proposal_->members.servers) {
    if (server.id != self_.id) tell(server);
  }
}

void Founding::tell(const consensus::Server& server) {
  FoundingNote note;
  note.phase = phase_;
  note.proposal = *proposal_;
  note.accepted.assign(accepted_.begin(), accepted_.end());
  post_(described(server.description).address, note);
}

}  // namespace ram::node
