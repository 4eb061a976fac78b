// What is over and still takes memory: the logs of incarnations and clusters that this node has
// given up, and the machines of states that were replaced. It is freed a little with each turn, so
// that nothing waits for it, whoever turns: one incarnation hands it to the next.
//
// Stores are given up by their slot (store_slot.h).
//
// Loop thread only.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <vector>

#include "consensus/entry_log.h"
#include "machine/machine.h"

namespace ram::node {

class Remains {
 public:
  void add(consensus::EntryLog log);
  // Null: nothing. Requires: no frozen state of it is left.
  void add(std::unique_ptr<machine::Machine> machine);

  // Frees so many blocks of each. True: there is more.
  bool give_back(size_t blocks);

 private:
  std::list<consensus::EntryLog> logs_;
  std::vector<std::unique_ptr<machine::Machine>> machines_;
};

}  // namespace ram::node
