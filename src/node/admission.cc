#include "node/admission.h"

#include <algorithm>
#include <vector>

#include "base/limits.h"
#include "base/random.h"
#include "node/member_description.h"
#include "node/text.h"

namespace ram::node {
namespace {

using consensus::Configuration;
using consensus::Replica;
using consensus::Role;
using consensus::Server;

std::string name_of(const std::string& description) {
  const auto decoded = decode_description(description);
  return decoded ? decoded->name : std::string();
}

std::string address_of(const std::string& description) {
  const auto decoded = decode_description(description);
  return decoded ? decoded->address : std::string();
}

const Server* find_name(const Configuration& configuration, const std::string& name) {
  for (const Server& server : configuration.servers) {
    if (name_of(server.description) == name) return &server;
  }
  return nullptr;
}

std::string milliseconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) +
         "ms";
}

Configuration promoted(const Configuration& configuration, NodeId id) {
  Configuration next = configuration;
  for (Server& server : next.servers) {
    if (server.id == id) server.role = Role::kVoter;
  }
  return next;
}

// A standby that was never current, and is silent, will not come back under that id.
constexpr int kSilencesOfTheNeverCurrent = 60;

}  // namespace

void Admission::restart(Instant now) {
  since_ = now;
  heard_.clear();
  joiners_.clear();
  evicted_.clear();
  newcomers_.clear();
  last_before_ = last_now_ = LogIndex();
}

Instant Admission::last_heard(NodeId member) const {
  const auto found = heard_.find(member);
  return found == heard_.end() ? since_ : std::max(since_, found->second);
}

void Admission::leave(Instant now, NodeId member, Leaving when) {
  std::erase_if(leaving_,
                [&](const auto& known) { return now - known.second.asked > 4 * rules_.silence; });
  Leaver& leaver = leaving_.try_emplace(member, Leaver{now, now, when}).first->second;
  leaver.asked = now;
  leaver.when = std::max(leaver.when, when);
}

std::string Admission::evict(Instant now, NodeId member, const Replica& replica) {
  const Server* server = replica.latest().find(member);
  if (server == nullptr) return {};  // it is gone
  const std::string name = name_of(server->description);
  if (member == replica.id()) {
    return name + " leads the cluster; `ram leave` at that node takes it out";
  }
  if (!silent(now, member)) {
    // Who leads since a moment ago does not know yet; it is asked again.
    if (!heard_.contains(member)) return {};
    return name + " is alive, heard " + milliseconds(now - last_heard(member)) +
           " ago; `ram leave` at that node takes it out";
  }
  if (!without(now, member, replica)) {
    return "not without losing the cluster: a majority of the voters that would remain is not "
           "there";
  }
  evicted_[member] = now;
  return {};
}

JoinAnswer Admission::on_request(Instant now, NodeId joiner, const JoinRequest& request,
                                 const Replica& replica) {
  heard(now, joiner);  // so that it is not silent as soon as it is let in
  const Configuration& members = replica.latest();
  if (members.find(joiner) != nullptr) {
    if (joiners_.erase(joiner) != 0) newcomers_.insert(joiner);
    return {JoinAnswer::Kind::kWait, "", ""};
  }
  const std::string name = name_of(request.description);
  if (const Server* old = find_name(members, name);
      old != nullptr && (old->id == replica.id() || !silent(now, old->id))) {
    // Nobody else can listen where the joiner does: it was killed, and is back sooner than missed.
    if (old->id != replica.id() &&
        address_of(old->description) == address_of(request.description)) {
      return {JoinAnswer::Kind::kRefused, "",
              "the former incarnation of " + name + ", " + hexadecimal(old->id.value) +
                  ", is to be given up first, after " + milliseconds(rules_.silence) +
                  " of silence"};
    }
    return {JoinAnswer::Kind::kRefused, "",
            "name " + name + " is in use by incarnation " + hexadecimal(old->id.value) + " at " +
                address_of(old->description)};
  }
  for (const auto& [id, other] : joiners_) {
    if (id != joiner && name_of(other.description) == name && now - other.asked < rules_.silence) {
      return {
          JoinAnswer::Kind::kRefused, "",
          "name " + name + " is in use by a node that joins at " + address_of(other.description)};
    }
  }
  // Who takes the place of one of its name is not one more.
  const auto is_one_more = [&](const std::string& one) {
    return find_name(members, one) == nullptr;
  };
  const auto to_come = std::count_if(joiners_.begin(), joiners_.end(), [&](const auto& known) {
    return is_one_more(name_of(known.second.description));
  });
  if (is_one_more(name) && !joiners_.contains(joiner) &&
      members.servers.size() + static_cast<size_t>(to_come) >= kMembersMax) {
    return {JoinAnswer::Kind::kRefused, "", "the cluster has as many members as it may have"};
  }
  Joiner& known = joiners_.try_emplace(joiner, Joiner{.first = now}).first->second;
  known.description = request.description;
  known.have = request.have;
  known.asked = now;
  if (request.have || request.fetching) return {JoinAnswer::Kind::kWait, "", ""};
  return {JoinAnswer::Kind::kFetch, source_for(now, joiner, known, replica), ""};
}

std::vector<Admission::Candidate> Admission::candidates(const Replica& replica) const {
  std::vector<Candidate> candidates;
  for (const auto& [id, joiner] : joiners_) {
    if (replica.latest().find(id) != nullptr) continue;
    const std::string name = name_of(joiner.description);
    candidates.push_back({id, joiner.description, joiner.first,
                          find_name(replica.latest(), name) != nullptr
                              ? "the former incarnation of " + name + " to be removed"
                          : joiner.have ? "its turn: members change one at a time"
                                        : "the state, from another member"});
  }
  return candidates;
}

std::string Admission::source_for(Instant now, NodeId id, Joiner& joiner,
                                  const Replica& replica) const {
  // Not the leader if another will do, and another each time, in case one cannot.
  std::vector<std::string> sources;
  for (const Server& server : replica.committed().servers) {
    if (server.id == replica.id() || silent(now, server.id) || leaving(server.id)) continue;
    if (replica.match(server.id) < replica.barrier()) continue;
    sources.push_back(address_of(server.description));
  }
  // Nor do all who join at once begin with the same.
  if (!sources.empty()) {
    const auto first = static_cast<ptrdiff_t>(id.value % sources.size());
    std::rotate(sources.begin(), sources.begin() + first, sources.end());
  }
  if (const Server* self = replica.latest().find(replica.id())) {
    sources.push_back(address_of(self->description));
  }
  if (sources.empty()) return "";
  // Each in turn, then by chance: who asks twice for each try would get the same again and again.
  const uint64_t times = joiner.times++;
  return sources[(times < sources.size() ? times : mix64(id.value + times)) % sources.size()];
}

void Admission::beat(Instant now, const Replica& replica) {
  last_before_ = last_now_;
  last_now_ = replica.last();
  const auto stale = [&](Instant asked) { return now - asked > 4 * rules_.silence; };
  const auto gone = [&](NodeId id) { return replica.latest().find(id) == nullptr; };
  std::erase_if(heard_,
                [&](const auto& sender) { return gone(sender.first) && stale(sender.second); });
  for (const auto& [id, joiner] : joiners_) {
    if (!gone(id)) newcomers_.insert(id);
  }
  std::erase_if(newcomers_,
                [&](NodeId id) { return gone(id) || replica.match(id) >= replica.barrier(); });
  std::erase_if(joiners_, [&](const auto& joiner) {
    return stale(joiner.second.asked) || !gone(joiner.first);
  });
  std::erase_if(leaving_, [&](const auto& leaver) {
    return stale(leaver.second.asked) || gone(leaver.first);
  });
  std::erase_if(evicted_, [&](const auto& evicted) {
    return stale(evicted.second) || gone(evicted.first) || !silent(now, evicted.first);
  });
}

std::optional<Configuration> Admission::next_change(Instant now, const Replica& replica) const {
  if (replica.changing() || replica.handing_to()) return {};
  if (!replica.barrier_committed() && !rules_.early) return {};
  if (auto next = remove_replaced(now, replica)) return next;
  if (auto next = let_go(now, replica)) return next;
  if (auto next = add_joiner(replica)) return next;
  if (auto next = promote(now, replica)) return next;
  return give_up(now, replica);
}

// The change is committed by those that remain: a majority of them must be there, heard within
// three heartbeats, and since this node leads. Were one of them dead, and not yet missed, the
// cluster would be lost with a voter that only wanted to go.
std::optional<Configuration> Admission::without(Instant now, NodeId member,
                                                const Replica& replica) const {
  if (member == replica.id()) return {};
  Configuration next = replica.latest();
  std::erase_if(next.servers, [member](const Server& server) { return server.id == member; });
  const auto there = std::count_if(next.servers.begin(), next.servers.end(), [&](const Server& s) {
    const auto heard = heard_.find(s.id);
    return s.role == Role::kVoter &&
           (s.id == replica.id() ||
            (heard != heard_.end() && now - heard->second <= rules_.silence * 3 / 10));
  });
  if (static_cast<size_t>(there) < next.majority()) return {};
  return next;
}

std::vector<NodeId> Admission::current_standbys(Instant now, const Replica& replica) const {
  std::vector<NodeId> current;
  for (const Server& server : replica.latest().servers) {
    if (server.role != Role::kStandby || silent(now, server.id) || leaving(server.id)) continue;
    if (last_before_ && replica.match(server.id) >= last_before_) current.push_back(server.id);
  }
  return current;
}

// A voter is let go when another has taken its place, if one can. (A leader that leaves is never
// let go by itself, but where it alone has a vote it needs somebody to hand over to.)
std::optional<Configuration> Admission::let_go(Instant now, const Replica& replica) const {
  const Configuration& members = replica.latest();
  const auto staying =
      std::count_if(members.servers.begin(), members.servers.end(),
                    [&](const Server& s) { return s.role == Role::kVoter && !leaving(s.id); });
  for (const auto& [id, leaver] : leaving_) {
    const Server* server = members.find(id);
    if (server == nullptr) continue;
    if (leaver.when != Leaving::kNow && (id != replica.id() || staying > 0)) continue;
    if (server->role == Role::kVoter && static_cast<size_t>(staying) < rules_.voters_max) {
      const std::vector<NodeId> standbys = current_standbys(now, replica);
      if (!standbys.empty()) return promoted(members, standbys.front());
      // One that is alive may become current yet; but nobody is held up for it for long.
      const bool coming =
          std::any_of(members.servers.begin(), members.servers.end(), [&](const Server& s) {
            return s.role == Role::kStandby && !silent(now, s.id) && !leaving(s.id);
          });
      if (coming && now - leaver.first < 2 * rules_.silence) continue;
    }
    if (auto next = without(now, id, replica)) return next;
  }
  return {};
}

bool Admission::is_given_up(Instant now, const Server& server, const Replica& replica) const {
  if (server.id == replica.id() || !silent(now, server.id)) return false;
  if (evicted_.contains(server.id)) return true;
  const Duration silence = now - last_heard(server.id);
  if (silence >= rules_.evict_after) return true;
  return newcomers_.contains(server.id) && silence >= kSilencesOfTheNeverCurrent * rules_.silence;
}

std::optional<Configuration> Admission::give_up(Instant now, const Replica& replica) const {
  for (const Server& server : replica.latest().servers) {
    if (!is_given_up(now, server, replica)) continue;
    if (auto next = without(now, server.id, replica)) return next;
  }
  return {};
}

std::optional<Configuration> Admission::remove_replaced(Instant now, const Replica& replica) const {
  for (const auto& [id, joiner] : joiners_) {
    const Server* old = find_name(replica.latest(), name_of(joiner.description));
    if (old == nullptr || !silent(now, old->id)) continue;
    if (auto next = without(now, old->id, replica)) return next;
  }
  return {};
}

std::optional<Configuration> Admission::add_joiner(const Replica& replica) const {
  for (const auto& [id, joiner] : joiners_) {
    if (!joiner.have) continue;
    if (find_name(replica.latest(), name_of(joiner.description)) != nullptr) continue;
    Configuration next = replica.latest();
    next.servers.push_back({id, joiner.description, Role::kStandby});
    return next;
  }
  return {};
}

std::optional<Configuration> Admission::promote(Instant now, const Replica& replica) const {
  const Configuration& members = replica.latest();
  if (members.voters() >= rules_.voters_max) return {};
  const std::vector<NodeId> current = current_standbys(now, replica);
  // With two voters the loss of either stops the cluster: from one, go on to three.
  if (current.empty() || (members.voters() == 1 && current.size() < 2)) return {};
  return promoted(members, current.front());
}

}  // namespace ram::node
