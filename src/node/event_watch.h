// What happened between two looks at a node (ram/event.h): the difference of what it says of itself
// and of the members. What came and went in between is not seen.
//
// One thread.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "ram/event.h"
#include "ram/node.h"

namespace ram::node {

class EventWatch {
 public:
  // What happened since the last look; the first sees what there is as having come just now.
  std::vector<Event> look(const NodeStatus& status, const std::vector<Member>& members);

 private:
  struct Known {
    std::string name;
    bool silent = false;
  };
  void look_at_members(const std::vector<Member>& members, std::vector<Event>& events);

  std::map<uint64_t, Known> members_;  // by incarnation
  std::string leader_;
  bool no_quorum_ = false;
  bool current_ = false;
};

}  // namespace ram::node
