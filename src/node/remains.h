// What is over and still takes memory: the logs of incarnations and clusters that this node has
// given up. It is freed a little with each turn, so that nothing waits for it, whoever turns: one
// incarnation hands it to the next.
//
// Loop thread only.
#pragma once

#include <cstddef>
#include <list>

#include "consensus/entry_log.h"

namespace ram::node {

class Remains {
 public:
  void add(consensus::EntryLog log);

  // Frees so many blocks of each. True: there is more.
  bool give_back(size_t blocks);

 private:
  std::list<consensus::EntryLog> logs_;
};

}  // namespace ram::node
