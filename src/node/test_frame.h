// Frames in one piece, as they arrive.
#pragma once

#include <string>
#include <utility>

#include "base/bytes.h"
#include "node/network.h"
#include "node/peer_message.h"

namespace ram::node {

inline SharedBytes joined(const Pieces& frame) {
  std::string bytes;
  for (const SharedBytes& piece : frame) bytes += piece.view();
  return SharedBytes(std::move(bytes));
}

inline SharedBytes frame_of(const Heading& heading, const PeerMessage& message) {
  return joined(encode_frame(heading, message));
}

}  // namespace ram::node
