// Who is behind the host names of a join list, asked again and again: addresses come and go.
//
// An IPv4 and an IPv6 address are one host's, reached by two ways; more of one kind are several
// hosts.
//
// Loop thread only. Destroyed before its Loop, also from its answer.
#pragma once

#include <functional>
#include <list>
#include <string>
#include <vector>

#include "net/address.h"
#include "net/resolver.h"
#include "net/timer.h"
#include "ram/status.h"

namespace ram::node {

class Directory {
 public:
  // `name` as in the list. The addresses of several hosts; for one host, `name` itself.
  using Answer = std::function<void(const std::string& name, std::vector<std::string> addresses)>;

  // Asks now, and every second; of answers that are errors nothing is said.
  Directory(net::Loop& loop, const std::vector<std::string>& names, Answer answer);

  // Those of `list` that are no IP addresses. Requires: each is HOST:PORT.
  static std::vector<std::string> names_in(const std::vector<std::string>& list);
  // What an answer of the name server says; visible for tests.
  static std::vector<std::string> hosts(const std::string& name,
                                        const std::vector<net::Endpoint>& endpoints);

 private:
  struct Entry {
    Entry(net::Loop& loop, std::string name_given);
    const std::string name;
    net::Resolver resolver;
    net::Timer timer;
  };

  void ask(Entry& entry);

  net::Loop& loop_;
  const Answer answer_;
  std::list<Entry> entries_;
};

}  // namespace ram::node
