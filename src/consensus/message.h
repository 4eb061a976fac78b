// What replicas say to each other: one struct per message, a closed variant.
//
// The fields are Raft's (Ongaro and Ousterhout, "In Search of an Understandable Consensus
// Algorithm", extended version, figures 2 and 13), with libraft's version and feature fields: 2 for
// votes and for results, 0 for the rest; others are refused (F6, F15).
#pragma once

#include <cstdint>
#include <variant>
#include <vector>

#include "base/bytes.h"
#include "base/ids.h"
#include "consensus/configuration.h"

namespace ram::consensus {

enum class EntryKind : uint8_t { kRecord = 1, kBarrier = 2, kChange = 3 };

struct LogEntry {
  Term term;
  EntryKind kind = EntryKind::kRecord;
  SharedBytes payload;  // kRecord: the proposer's bytes; kChange: a configuration; kBarrier: empty
};

// A state that someone has, as far as Raft needs to know it. The state itself travels elsewhere.
struct SnapshotToken {
  LogIndex index;
  Term term;
  Configuration configuration;
  LogIndex configuration_index;
};

struct AppendEntries {
  Term term;
  LogIndex previous;
  Term previous_term;
  LogIndex commit;
  std::vector<LogEntry> entries;
  uint8_t version = 0;
};

struct AppendEntriesResult {
  Term term;
  LogIndex rejected;  // 0: accepted
  LogIndex last;
  uint16_t features = 0;
  uint16_t capacity = 0;
  uint8_t version = 0;
};

struct RequestVote {
  Term term;
  LogIndex last;
  Term last_term;
  bool disrupt_leader = false;
  bool pre_vote = false;
  uint8_t version = 0;
};

struct RequestVoteResult {
  Term term;
  bool granted = false;
  bool pre_vote = false;
  uint16_t features = 0;
  uint16_t capacity = 0;
  uint8_t version = 0;
};

struct InstallSnapshot {
  Term term;
  SnapshotToken token;
  uint8_t version = 0;
};

struct TimeoutNow {
  Term term;
  LogIndex last;
  Term last_term;
  uint8_t version = 0;
};

using Message = std::variant<AppendEntries, AppendEntriesResult, RequestVote, RequestVoteResult,
                             InstallSnapshot, TimeoutNow>;

}  // namespace ram::consensus
