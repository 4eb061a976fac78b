// What an operator may want of a member.
#pragma once

#include <cstdint>

namespace ram::node {

enum class OperationKind : uint8_t { kEvict = 0, kTransfer = 1 };

}  // namespace ram::node
