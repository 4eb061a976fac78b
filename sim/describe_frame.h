// A frame between nodes as one line for people.
#pragma once

#include <string>

#include "base/bytes.h"

namespace ram::sim {

std::string describe_frame(const SharedBytes& frame);

}  // namespace ram::sim
