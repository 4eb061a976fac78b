#include "node/recovery.h"

#include <tuple>
#include <utility>

#include "base/limits.h"
#include "node/member_description.h"

namespace ram::node {

using consensus::Role;
using consensus::Server;

Recovery::Recovery(Nonce nonce, Self self, bool others_are_dead, Instant until, Done done)
    : nonce_(nonce),
      self_(std::move(self)),
      others_are_dead_(others_are_dead),
      until_(until),
      done_(std::move(done)) {}

void Recovery::on_answer(NodeId from, const RecoveryAnswer& answer) {
  if (answer.nonce != nonce_ || from == self_.id) return;
  if (answers_.size() < 2 * kMembersMax || answers_.contains(from)) answers_[from] = answer;
}

std::string Recovery::name_of(NodeId id) const {
  const Server* server = self_.members.find(id);
  const auto description =
      server == nullptr ? std::nullopt : decode_description(server->description);
  return description ? description->name : "a member";
}

std::string Recovery::missing() const {
  std::string names;
  for (const Server& server : self_.members.servers) {
    if (server.id == self_.id || answers_.contains(server.id)) continue;
    names += (names.empty() ? "" : ", ") + name_of(server.id);
  }
  return names;
}

Status Recovery::verdict() const {
  size_t voters = 0;
  for (const Server& server : self_.members.servers) {
    const bool there = server.id == self_.id || answers_.contains(server.id);
    voters += there && server.role == Role::kVoter;
  }
  for (const auto& [id, answer] : answers_) {
    const std::string name = name_of(id);
    if (answer.recovered) {
      return Status::invalid(name + " was recovered already; this node joins it by itself");
    }
    if (answer.quorum) return Status::invalid(name + " has a leader: the cluster is not lost");
    const auto theirs = std::tie(answer.last_term, answer.last);
    const auto ours = std::tie(self_.last_term, self_.last);
    if (theirs == ours && answer.recovering && id < self_.id) {
      return Status::invalid(name +
                             " has as much, and is being recovered; this node joins it then");
    }
    if (theirs > ours) {
      return Status::invalid(name + " has more of the log (" + std::to_string(answer.last.value) +
                             " entries, this node " + std::to_string(self_.last.value) +
                             "); recover there");
    }
  }
  if (voters >= self_.members.majority()) {
    return Status::invalid(std::to_string(voters) + " of " +
                           std::to_string(self_.members.voters()) +
                           " voters are there, which is a majority: they elect a leader by "
                           "themselves");
  }
  if (!others_are_dead_) {
    const std::string complete = self_.complete_until.empty()
                                     ? "when this node last had all of them is not known"
                                     : "this node has every write that was acknowledged until " +
                                           self_.complete_until + ", and perhaps later ones";
    return Status::invalid(
        "missing: " + missing() + "; " + complete +
        ". If they are dead, and not merely out of reach, say so: ram recover --others-are-dead "
        "(RAM.RECOVER OTHERS-ARE-DEAD); what only they had is lost then");
  }
  return Status();
}

}  // namespace ram::node
