// Who is a member, and with a vote or without: values.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/ids.h"

namespace ram::consensus {

enum class Role : uint8_t { kStandby = 0, kVoter = 1 };

struct Server {
  NodeId id;
  // What else there is to know of the member; opaque to consensus, equal on all nodes. No NUL.
  std::string description;
  Role role = Role::kStandby;

  bool operator==(const Server&) const = default;
};

struct Configuration {
  std::vector<Server> servers;

  const Server* find(NodeId id) const {
    for (const Server& server : servers) {
      if (server.id == id) return &server;
    }
    return nullptr;
  }
  size_t voters() const {
    size_t count = 0;
    for (const Server& server : servers) count += server.role == Role::kVoter ? 1 : 0;
    return count;
  }
  size_t majority() const { return voters() / 2 + 1; }

  bool operator==(const Configuration&) const = default;
};

}  // namespace ram::consensus
