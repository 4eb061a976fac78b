#include "consensus/engine_values.h"

// raft.h is C only: it has structs inside sizeof, and no extern "C".
extern "C" {
#define static_assert(...) static_assert(true, "")
#include <raft.h>
#undef static_assert
}

#include <span>
#include <string>
#include <variant>

#include "base/check.h"
#include "consensus/configuration_codec.h"

namespace ram::consensus {
namespace {

static_assert(RAFT_STANDBY == static_cast<int>(Role::kStandby));
static_assert(RAFT_VOTER == static_cast<int>(Role::kVoter));
static_assert(RAFT_COMMAND == static_cast<int>(EntryKind::kRecord));
static_assert(RAFT_BARRIER == static_cast<int>(EntryKind::kBarrier));
static_assert(RAFT_CHANGE == static_cast<int>(EntryKind::kChange));

raft_message message_of(raft_message_type type, NodeId from) {
  raft_message message{};
  message.type = type;
  message.server_id = from.value;
  message.server_address = "-";  // kept as the leader's address; one for all, so it is copied once
  return message;
}

struct ToEngine {
  raft_message& out;

  void operator()(const AppendEntries&) { RAM_CHECK(false); }
  void operator()(const AppendEntriesResult& m) {
    out.type = RAFT_APPEND_ENTRIES_RESULT;
    out.append_entries_result = {.version = m.version,
                                 .term = m.term.value,
                                 .rejected = m.rejected.value,
                                 .last_log_index = m.last.value,
                                 .features = m.features,
                                 .capacity = m.capacity};
  }
  void operator()(const RequestVote& m) {
    out.type = RAFT_REQUEST_VOTE;
    out.request_vote = {.version = m.version,
                        .term = m.term.value,
                        .candidate_id = out.server_id,
                        .last_log_index = m.last.value,
                        .last_log_term = m.last_term.value,
                        .disrupt_leader = m.disrupt_leader,
                        .pre_vote = m.pre_vote};
  }
  void operator()(const RequestVoteResult& m) {
    out.type = RAFT_REQUEST_VOTE_RESULT;
    out.request_vote_result = {.version = m.version,
                               .term = m.term.value,
                               .vote_granted = m.granted,
                               .pre_vote = m.pre_vote,
                               .features = m.features,
                               .capacity = m.capacity};
  }
  void operator()(const InstallSnapshot& m) {
    out.type = RAFT_INSTALL_SNAPSHOT;
    // No configuration and no data: they would be leaked by one that comes while another is being
    // installed. The configuration goes in with PERSISTED_SNAPSHOT.
    out.install_snapshot = {.version = m.version,
                            .term = m.term.value,
                            .last_index = m.token.index.value,
                            .last_term = m.token.term.value,
                            .conf = {},
                            .conf_index = m.token.configuration_index.value,
                            .data = {}};
  }
  void operator()(const TimeoutNow& m) {
    out.type = RAFT_TIMEOUT_NOW;
    out.timeout_now = {.version = m.version,
                       .term = m.term.value,
                       .last_log_index = m.last.value,
                       .last_log_term = m.last_term.value};
  }
};

}  // namespace

raft_configuration to_engine(const Configuration& configuration) {
  raft_configuration out;
  raft_configuration_init(&out);
  for (const Server& server : configuration.servers) {
    const int error = raft_configuration_add(&out, server.id.value, engine_address(server).c_str(),
                                             static_cast<int>(server.role));
    RAM_CHECK(error == 0);
  }
  return out;
}

Configuration from_engine(const raft_configuration& configuration) {
  Configuration out;
  for (const raft_server& server : std::span(configuration.servers, configuration.n)) {
    out.servers.push_back({NodeId(server.id), std::string(description_of(server.address)),
                           server.role == RAFT_VOTER ? Role::kVoter : Role::kStandby});
  }
  return out;
}

raft_entry to_engine(const LogEntry& entry, void* batch) {
  const std::string_view payload = entry.payload.view();
  return {.term = entry.term.value,
          .type = static_cast<raft_entry_type>(entry.kind),
          // Read if it is a change, never written.
          .buf = {.base = const_cast<char*>(payload.data()), .len = payload.size()},
          .batch = batch};
}

raft_snapshot_metadata to_engine(const SnapshotToken& token) {
  return {.index = token.index.value,
          .term = token.term.value,
          .configuration = to_engine(token.configuration),
          .configuration_index = token.configuration_index.value};
}

raft_message append_message(NodeId from) {
  return message_of(RAFT_APPEND_ENTRIES, from);
}

raft_message to_engine(NodeId from, const Message& message) {
  raft_message out = message_of(RAFT_APPEND_ENTRIES, from);  // the type follows
  std::visit(ToEngine{out}, message);
  return out;
}

EngineStep::Outgoing from_engine(const raft_message& m) {
  EngineStep::Outgoing out;
  out.to = NodeId(m.server_id);
  switch (m.type) {
    case RAFT_APPEND_ENTRIES: {
      const raft_append_entries& a = m.append_entries;  // its `entries` is not set
      out.message = AppendEntries{.term = Term(a.term),
                                  .previous = LogIndex(a.prev_log_index),
                                  .previous_term = Term(a.prev_log_term),
                                  .commit = LogIndex(a.leader_commit),
                                  .entries = {},
                                  .version = a.version};
      out.entries = a.n_entries;
      return out;
    }
    case RAFT_APPEND_ENTRIES_RESULT: {
      const raft_append_entries_result& a = m.append_entries_result;
      out.message = AppendEntriesResult{.term = Term(a.term),
                                        .rejected = LogIndex(a.rejected),
                                        .last = LogIndex(a.last_log_index),
                                        .features = a.features,
                                        .capacity = a.capacity,
                                        .version = a.version};
      return out;
    }
    case RAFT_REQUEST_VOTE: {
      const raft_request_vote& v = m.request_vote;
      out.message = RequestVote{.term = Term(v.term),
                                .last = LogIndex(v.last_log_index),
                                .last_term = Term(v.last_log_term),
                                .disrupt_leader = v.disrupt_leader,
                                .pre_vote = v.pre_vote,
                                .version = v.version};
      return out;
    }
    case RAFT_REQUEST_VOTE_RESULT: {
      const raft_request_vote_result& v = m.request_vote_result;
      out.message = RequestVoteResult{.term = Term(v.term),
                                      .granted = v.vote_granted,
                                      .pre_vote = v.pre_vote,
                                      .features = v.features,
                                      .capacity = v.capacity,
                                      .version = v.version};
      return out;
    }
    case RAFT_INSTALL_SNAPSHOT: {
      const raft_install_snapshot& s = m.install_snapshot;  // its `conf` and `data` are not set
      out.message =
          InstallSnapshot{.term = Term(s.term),
                          .token = {.index = LogIndex(s.last_index), .term = Term(s.last_term)},
                          .version = s.version};
      return out;
    }
    case RAFT_TIMEOUT_NOW: {
      const raft_timeout_now& t = m.timeout_now;
      out.message = TimeoutNow{.term = Term(t.term),
                               .last = LogIndex(t.last_log_index),
                               .last_term = Term(t.last_log_term),
                               .version = t.version};
      return out;
    }
  }
  RAM_CHECK(false);
}

}  // namespace ram::consensus
