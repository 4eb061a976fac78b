#include "node/remains.h"

#include <utility>

namespace ram::node {

void Remains::add(consensus::EntryLog log) {
  log.restart_after(LogIndex());
  logs_.push_back(std::move(log));
}

bool Remains::give_back(size_t blocks) {
  std::erase_if(logs_, [&](consensus::EntryLog& log) { return !log.give_back(blocks); });
  return !logs_.empty();
}

}  // namespace ram::node
