// The bodies of the messages about membership, as bytes: founding, joining, leaving, what operators
// ask for, recovery. Part of peer_message.cc, which has the others.
#pragma once

#include <cstdint>
#include <optional>

#include "base/codec.h"
#include "node/peer_message.h"

namespace ram::node::wire {

void write(Writer& out, const Standing& m);
void write(Writer& out, const FoundingNote& m);
void write(Writer& out, const JoinRequest& m);
void write(Writer& out, const JoinAnswer& m);
void write(Writer& out, const MembershipQuery& m);
void write(Writer& out, const Removed& m);
void write(Writer& out, const OperationRequest& m);
void write(Writer& out, const OperationRefusal& m);
void write(Writer& out, const RecoveryQuestion& m);
void write(Writer& out, const RecoveryAnswer& m);
void write(Writer& out, const Refounded& m);

// The message of that number; none: it is not about membership.
std::optional<PeerMessage> read_membership(uint8_t kind, Reader& in);

}  // namespace ram::node::wire
