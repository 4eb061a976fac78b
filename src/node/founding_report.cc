// What a founding sees of others, and what it says to people while it waits.

#include <algorithm>
#include <iterator>

#include "base/check.h"
#include "node/founding.h"
#include "node/member_description.h"
#include "node/text.h"

namespace ram::node {
namespace {

std::string name_of(const std::string& description) {
  const auto decoded = decode_description(description);
  RAM_CHECK(decoded);  // the codec let it in
  return decoded->name;
}

std::string address_of(const std::string& description) {
  const auto decoded = decode_description(description);
  RAM_CHECK(decoded);
  return decoded->address;
}

std::string nodes(size_t count) {
  return std::to_string(count) + (count == 1 ? " node" : " nodes");
}

}  // namespace

bool Founding::is_member(const Answer& answer, Instant now) const {
  return answer.phase == Phase::kMember && now - answer.at < 4 * self_.ask_every;
}

std::vector<std::string> Founding::members_seen(Instant now) const {
  std::vector<std::string> listed, known;
  if (phase_ != Phase::kFresh) return listed;
  bool led = false;
  for (const auto& [address, answer] : answers_) {
    if (!is_member(answer, now)) continue;
    (is_listed(address) ? listed : known).push_back(address);
    led |= is_listed(address) && answer.led && now - *answer.led < self_.dead_after;
  }
  // What our list leads to may be lost, and have been recovered where we lived before.
  if (!led) listed.insert(listed.end(), known.begin(), known.end());
  return listed;
}

std::string Founding::two_clusters(Instant now) const {
  if (phase_ != Phase::kFresh) return "";
  std::map<ClusterId, std::string> address_by_cluster;
  for (const auto& [address, answer] : answers_) {
    if (answer.phase != Phase::kMember || !is_listed(address)) continue;
    // An election leaves it as it was. Who lost its majority is no choice, beside who recovered.
    if (!answer.led || now - *answer.led >= self_.dead_after) continue;
    address_by_cluster.emplace(answer.cluster, address);
  }
  if (address_by_cluster.size() < 2) return "";
  const auto one = address_by_cluster.begin(), other = std::next(one);
  return "the addresses of --join lead to two clusters: " + text_of(one->first) + " at " +
         one->second + ", and " + text_of(other->first) + " at " + other->second +
         "; correct the list, or stop the nodes of one";
}

std::string Founding::name_taken_twice() const {
  std::map<std::string, std::string> address_by_name;
  for (const auto& [address, answer] : answers_) {
    const std::string name = name_of(answer.description);
    const auto [other, fresh] = address_by_name.emplace(name, address);
    if (!fresh) return "two nodes are named " + name + ": " + other->second + " and " + address;
  }
  return "";
}

std::string Founding::shared_name() const {
  for (const auto& [name, addresses] : behind_) {
    if (addresses.size() > 1) return name;
  }
  return "";
}

std::string Founding::differing() const {
  std::vector<std::string> lists;
  for (const auto& [address, answer] : answers_) {
    if (answer.phase != Phase::kFresh || !concerned(address, answer)) continue;
    if (!same_members(answer.list, self_.list)) {
      lists.push_back(address + " (it has " + as_line(answer.list) + ")");
    } else if (answer.expect != self_.expect) {
      const auto said = [](size_t expect) {
        return expect == 0 ? std::string("no --expect") : "--expect " + std::to_string(expect);
      };
      return "this node has " + said(self_.expect) + ", the one at " + address + " has " +
             said(answer.expect) + "; start all with the same";
    }
  }
  if (lists.empty()) return "";
  return "the join lists of founders differ: ours is " + as_line(self_.list) + ", not so at " +
         as_line(lists) + "; start all with the same --join";
}

std::string Founding::expected_missing() const {
  std::vector<std::string> here, silent;
  for (const auto& [address, answer] : answers_) {
    if (answer.phase != Phase::kFresh || !concerned(address, answer)) continue;
    if (lately(answer.question)) here.push_back(address);
  }
  for (const auto& [address, target] : targets_) {
    if (!lately(target.answered)) silent.push_back(address);
  }
  std::string line;
  if (here.size() > self_.expect) {
    line = nodes(here.size()) + " that are in no cluster answer (" + as_line(here) +
           "), more than --expect " + std::to_string(self_.expect) + "; start all with --expect " +
           std::to_string(here.size()) + ", or stop some until a cluster is founded";
  } else {
    line = std::to_string(here.size()) + " of the " + nodes(self_.expect) +
           " of --expect are here" + (here.empty() ? "" : ": " + as_line(here));
    const bool self = std::count(here.begin(), here.end(), self_.address) > 0;
    if (!self && !here.empty()) line += "; this node is not behind " + as_line(self_.list);
  }
  if (!silent.empty()) line += "; no answer from " + as_line(silent);
  return line;
}

std::string Founding::listed_missing(Instant now) const {
  std::vector<std::string> silent;
  std::string otherwise;
  for (const std::string& address : self_.list) {
    if (answers_.contains(address)) continue;
    const auto found = behind_.find(address);
    const auto target = targets_.find(found == behind_.end() ? address : found->second.front());
    if (target == targets_.end() || !target->second.answered ||
        now - target->second.heard > 8 * self_.ask_every) {
      silent.push_back(address);
    } else if (answers_.contains(target->second.answer)) {
      otherwise = "the node that answers at " + address + " advertises " + target->second.answer +
                  "; nodes that are to found a cluster are listed by what they advertise";
    }
  }
  if (silent.empty() && members_seen(now).empty()) {
    for (const std::string& address : self_.known) {
      if (!answers_.contains(address)) silent.push_back(address);
    }
  }
  if (!silent.empty()) return "no answer from " + as_line(silent);
  return otherwise.empty() || !members_seen(now).empty() ? "joining" : otherwise;
}

std::string Founding::waiting_for(Instant now) const {
  if (phase_ == Phase::kMember) return "";
  if (phase_ != Phase::kFresh) {
    std::vector<std::string> silent;
    for (const consensus::Server& server : proposal_->members.servers) {
      const std::string address = address_of(server.description);
      if (server.id != self_.id && !answers_.contains(address)) silent.push_back(address);
    }
    return silent.empty() ? "the other founders' consent" : "no answer from " + as_line(silent);
  }
  if (std::string two = two_clusters(now); !two.empty()) return two;
  if (twin_heard_ != Instant::min() && now - twin_heard_ < self_.complain_every) {
    return "another node advertises " + self_.address +
           " as this one does; give each its own --advertise";
  }
  const auto own = targets_.find(self_.address);
  if (own != targets_.end() && answers_.empty() && now - own->second.heard > 8 * self_.ask_every) {
    return "no answer from " + as_line(self_.list) + "; nor does " + self_.address +
           ", which this node advertises, lead to it: another node advertises " + self_.address +
           ", or nobody can dial it; give each its own --advertise";
  }
  if (const std::string twice = name_taken_twice(); !twice.empty()) {
    return twice + "; give each its own --name";
  }
  if (const std::string lists = differing(); !lists.empty()) return lists;
  std::vector<std::string> unknown;
  for (const std::string& name : self_.names) {
    if (!behind_.contains(name)) unknown.push_back(name);
  }
  if (!unknown.empty()) return "no answer from " + as_line(unknown);
  if (self_.expect != 0) return expected_missing();
  if (const std::string name = shared_name(); !name.empty()) {
    return name + " stands for " + std::to_string(behind_.at(name).size()) +
           " addresses: a cluster is joined through it, and founded only with --expect; if there "
           "is "
           "none yet, start all its nodes with --expect N, N being how many they are";
  }
  return listed_missing(now);
}

}  // namespace ram::node
