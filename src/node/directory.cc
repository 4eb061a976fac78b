#include "node/directory.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "net/loop.h"

namespace ram::node {
namespace {

constexpr std::chrono::seconds kAskEvery{1};

net::Address address_of(const std::string& text) {
  const Result<net::Address> address = net::Address::parse(text);
  RAM_CHECK(address.ok());  // check_options
  return *address;
}

}  // namespace

Directory::Entry::Entry(net::Loop& loop, std::string name_given)
    : name(std::move(name_given)), resolver(loop), timer(loop) {}

Directory::Directory(net::Loop& loop, const std::vector<std::string>& names, Answer answer)
    : loop_(loop), answer_(std::move(answer)) {
  for (const std::string& name : names) ask(entries_.emplace_back(loop, name));
}

std::vector<std::string> Directory::names_in(const std::vector<std::string>& list) {
  std::vector<std::string> names;
  for (const std::string& item : list) {
    if (net::Endpoint::literal(address_of(item)).empty()) names.push_back(item);
  }
  return names;
}

std::vector<std::string> Directory::hosts(const std::string& name,
                                          const std::vector<net::Endpoint>& endpoints) {
  const auto of_ipv6 = std::count_if(endpoints.begin(), endpoints.end(),
                                     [](const net::Endpoint& one) { return one.is_ipv6(); });
  const auto of_ipv4 = static_cast<ptrdiff_t>(endpoints.size()) - of_ipv6;
  if (of_ipv4 <= 1 && of_ipv6 <= 1) return {name};
  std::vector<std::string> hosts;
  for (const net::Endpoint& endpoint : endpoints) hosts.push_back(endpoint.text());
  std::sort(hosts.begin(), hosts.end());
  if (hosts.size() > kJoinListMax) hosts.resize(kJoinListMax);
  return hosts;
}

void Directory::ask(Entry& entry) {
  // A name server that is cut off takes its time; the question is under way until then.
  entry.timer.start(loop_.now() + kAskEvery, [this, &entry] { ask(entry); });
  if (entry.resolver.asking()) return;
  entry.resolver.ask(address_of(entry.name),
                     [this, &entry](const Result<std::vector<net::Endpoint>>& answer) {
                       if (answer.ok()) answer_(entry.name, hosts(entry.name, *answer));
                     });
}

}  // namespace ram::node
