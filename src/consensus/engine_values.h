// What goes into the engine and comes out of it, between its structs and ours.
//
// Pure functions. Included by engine.cc and its own .cc file, which know the structs.
#pragma once

#include "base/ids.h"
#include "consensus/configuration.h"
#include "consensus/engine.h"
#include "consensus/message.h"

struct raft_configuration;
struct raft_entry;
struct raft_message;
struct raft_snapshot_metadata;

namespace ram::consensus {

// What it allocates is the engine's to take over.
raft_configuration to_engine(const Configuration& configuration);
raft_snapshot_metadata to_engine(const SnapshotToken& token);
Configuration from_engine(const raft_configuration& configuration);

// Borrows the payload. `batch` says who frees it: here never the engine, which only wants it not to
// be null.
raft_entry to_engine(const LogEntry& entry, void* batch);

// An AppendEntries, to be filled in.
raft_message append_message(NodeId from);
// Any other.
raft_message to_engine(NodeId from, const Message& message);
EngineStep::Outgoing from_engine(const raft_message& message);

}  // namespace ram::consensus
