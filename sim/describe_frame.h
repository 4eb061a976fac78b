// A frame between nodes as one line for people.
#pragma once

#include <string>

#include "base/bytes.h"

namespace ram::sim {

std::string describe_frame(const SharedBytes& frame);

// What sort of message is in it: a number below kFrameKinds.
inline constexpr size_t kFrameKinds = 32;
size_t frame_kind(const SharedBytes& frame);

}  // namespace ram::sim
