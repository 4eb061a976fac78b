// What a NodeCore needs of a network: to send a frame to whoever listens at an address.
//
// Frames may be lost, repeated, delayed and reordered; the core does not rely on more. (Production
// carries each lane of each pair over one ordered stream and reports when one broke.)
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"

namespace ram::node {

// Heartbeats and votes never wait behind entries, nor those behind a state: each lane has a link of
// its own.
enum class Lane : uint8_t { kControl = 0, kBulk = 1, kLog = 2 };
inline constexpr size_t kLaneCount = 3;

// One frame, in pieces that are sent one after the other; payloads are shared, not copied.
using Pieces = std::vector<SharedBytes>;

class Network {
 public:
  virtual ~Network() = default;
  // To whoever listens at `address`, ourselves included. Returns at once.
  virtual void send(const std::string& address, Lane lane, Pieces frame) = 0;
  // No one there is of interest any more: links to `address` may be closed.
  virtual void forget(const std::string& address) = 0;
};

}  // namespace ram::node
