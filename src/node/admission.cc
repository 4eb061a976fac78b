#include "node/admission.h"

#include <algorithm>
#include <vector>

#include "base/limits.h"
#include "node/member_description.h"

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

std::string hexadecimal(uint64_t value) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text(16, '0');
  for (size_t i = 0; i < 16; ++i) text[15 - i] = kDigits[(value >> (4 * i)) & 15];
  return text;
}

std::string milliseconds(Duration duration) {
  return std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count()) +
         "ms";
}

Configuration without(const Configuration& configuration, NodeId id) {
  Configuration next = configuration;
  std::erase_if(next.servers, [id](const Server& server) { return server.id == id; });
  return next;
}

}  // namespace

void Admission::restart(Instant now) {
  since_ = now;
  heard_.clear();
  joiners_.clear();
  last_before_ = last_now_ = LogIndex();
}

Instant Admission::last_heard(NodeId member) const {
  const auto found = heard_.find(member);
  return found == heard_.end() ? since_ : std::max(since_, found->second);
}

JoinAnswer Admission::on_request(Instant now, NodeId joiner, const JoinRequest& request,
                                 const Replica& replica) {
  const Configuration& members = replica.latest();
  if (members.find(joiner) != nullptr) {
    joiners_.erase(joiner);
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
  if (members.servers.size() + joiners_.size() >= kMembersMax && !joiners_.contains(joiner)) {
    return {JoinAnswer::Kind::kRefused, "", "the cluster has as many members as it may have"};
  }
  Joiner& known = joiners_[joiner];
  known.description = request.description;
  known.have = request.have;
  known.asked = now;
  if (request.have) return {JoinAnswer::Kind::kWait, "", ""};
  return {JoinAnswer::Kind::kFetch, source_for(now, known, replica), ""};
}

std::string Admission::source_for(Instant now, Joiner& joiner, const Replica& replica) const {
  // Not the leader if another will do, and another each time, in case one cannot.
  std::vector<std::string> sources;
  for (const Server& server : replica.committed().servers) {
    if (server.id == replica.id() || silent(now, server.id)) continue;
    if (replica.match(server.id) < replica.barrier()) continue;
    sources.push_back(address_of(server.description));
  }
  if (const Server* self = replica.latest().find(replica.id())) {
    sources.push_back(address_of(self->description));
  }
  return sources.empty() ? "" : sources[joiner.times++ % sources.size()];
}

std::optional<Configuration> Admission::next_change(Instant now, const Replica& replica) {
  last_before_ = last_now_;
  last_now_ = replica.last();
  std::erase_if(joiners_, [&](const auto& joiner) {
    return now - joiner.second.asked > 4 * rules_.silence ||
           replica.latest().find(joiner.first) != nullptr;
  });
  if (replica.changing() || !replica.barrier_committed() || replica.handing_to()) return {};
  if (auto next = remove_replaced(now, replica)) return next;
  if (auto next = add_joiner(replica)) return next;
  return promote(now, replica);
}

std::optional<Configuration> Admission::remove_replaced(Instant now, const Replica& replica) const {
  for (const auto& [id, joiner] : joiners_) {
    const Server* old = find_name(replica.latest(), name_of(joiner.description));
    if (old == nullptr || old->id == replica.id() || !silent(now, old->id)) continue;
    // The change is committed by those that remain: a majority of them must be there.
    const Configuration next = without(replica.latest(), old->id);
    const auto there =
        std::count_if(next.servers.begin(), next.servers.end(), [&](const Server& s) {
          return s.role == Role::kVoter && (s.id == replica.id() || !silent(now, s.id));
        });
    if (static_cast<size_t>(there) >= next.majority()) return next;
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
  std::vector<size_t> current;
  for (size_t i = 0; i < members.servers.size(); ++i) {
    const Server& server = members.servers[i];
    if (server.role != Role::kStandby || silent(now, server.id)) continue;
    if (last_before_ && replica.match(server.id) >= last_before_) current.push_back(i);
  }
  // With two voters the loss of either stops the cluster: from one, go on to three.
  if (current.empty() || (members.voters() == 1 && current.size() < 2)) return {};
  Configuration next = members;
  next.servers[current.front()].role = Role::kVoter;
  return next;
}

}  // namespace ram::node
