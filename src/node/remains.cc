#include "node/remains.h"

#include <utility>

namespace ram::node {

void Remains::add(consensus::EntryLog log) {
  log.restart_after(LogIndex());
  logs_.push_back(std::move(log));
}

void Remains::add(std::unique_ptr<machine::Machine> machine) {
  if (machine) machines_.push_back(std::move(machine));
}

bool Remains::give_back(size_t blocks) {
  std::erase_if(logs_, [&](consensus::EntryLog& log) { return !log.give_back(blocks); });
  std::erase_if(machines_, [&](const std::unique_ptr<machine::Machine>& machine) {
    size_t rest = blocks;
    return !machine->dismantle(rest);
  });
  return !logs_.empty() || !machines_.empty();
}

}  // namespace ram::node
