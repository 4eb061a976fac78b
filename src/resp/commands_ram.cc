// RAM.STATUS RAM.MEMBERS RAM.DIGEST RAM.TABLES RAM.GETREV RAM.CAS RAM.READS: what Redis has no word
// for.
//
// Field names are a contract with programs: add, never rename.
#include <chrono>
#include <optional>
#include <utility>

#include "base/ascii.h"
#include "resp/command_table.h"
#include "resp/completions.h"
#include "resp/connection.h"
#include "resp/front.h"
#include "resp/numbers.h"
#include "resp/words.h"

namespace ram::resp {
namespace {

void write_status(const NodeStatus& now, const FrontOptions& options, Reply& reply) {
  const auto leave_timeout = std::chrono::ceil<std::chrono::milliseconds>(options.leave_timeout);
  reply.map(33);
  reply.field("name", now.name);
  reply.field("id", hex_of(now.id));
  reply.field("cluster", now.cluster);
  reply.field("role", role_name(now.role));
  reply.field("state", state_name(now.state));
  reply.field("leader", now.leader);
  reply.field("term", now.term);
  reply.field("commit", now.commit);
  reply.field("stable", now.stable);
  reply.field("applied", now.applied);
  reply.field("revision", now.revision);
  reply.field("members", now.members);
  reply.field("voters", now.voters);
  reply.field("lease", uint64_t{now.lease});
  reply.field("lease_ms", now.lease_ms);
  reply.field("reads", reads_name(now.reads));
  reply.field("complete_until", static_cast<uint64_t>(now.complete_until_ms));
  reply.field("reads_local", now.reads_local);
  reply.field("reads_waited", now.reads_waited);
  reply.field("reads_asked", now.reads_asked);
  reply.field("reads_refused", now.reads_refused);
  reply.field("writes", now.writes);
  reply.field("version", now.version);
  reply.field("uptime_ms", now.uptime_ms);
  reply.field("leave_timeout_ms", static_cast<uint64_t>(leave_timeout.count()));
  reply.field("memory_bytes", now.memory_bytes);
  reply.field("memory_bytes_max", uint64_t{options.memory_bytes_max});
  reply.field("waiting_for", now.waiting_for);
  reply.field("ancestor", now.ancestor);
  reply.bulk("age_ms");
  reply.integer(now.age_ms);
  reply.field("lease_reason", no_lease_name(now.lease_reason));
  reply.field("delayed_by", now.delayed_by);
  reply.field("delayed_ms", now.delayed_ms);
}

void write_member(const Member& member, Reply& reply) {
  const bool joins = member.state == MemberState::kJoining;
  reply.map(17);
  reply.field("name", member.name);
  reply.field("id", hex_of(member.id));
  reply.field("address", member.address);
  reply.field("client", member.client);
  reply.field("role", joins ? "joining" : member.voter ? "voter" : "standby");
  reply.field("state", member_state_name(member.state));
  reply.field("leader", uint64_t{member.leader});
  reply.field("lag", member.lag);
  reply.field("lease", uint64_t{member.lease});
  reply.field("version", member.version);
  reply.field("since_ms", member.since_ms);
  reply.field("lease_ms", member.lease_ms);
  reply.field("lease_reason", no_lease_name(member.lease_reason));
  reply.field("readmit_ms", member.readmit_ms);
  reply.field("delayed_ms", member.delayed_ms);
  reply.field("delaying_ms", member.delaying_ms);
  reply.field("waiting_for", member.waiting_for);
}

void write_members(const std::vector<Member>& all, Reply& reply) {
  reply.array(all.size());
  for (const Member& member : all) write_member(member, reply);
}

void write_digest(const Digest& now, Reply& reply) {
  reply.map(3);
  reply.field("applied", now.applied);
  reply.field("revision", now.revision);
  reply.field("digest", now.digest);
}

void write_tables(const std::vector<TableInfo>& all, Reply& reply) {
  reply.array(all.size());
  for (const TableInfo& table : all) {
    reply.map(2);
    reply.field("name", table.name);
    reply.field("size", table.size);
  }
}

bool status(NodeCall& call, Finish finish, Reply&) {
  // Outlives the reply, which is made on its thread.
  const FrontOptions* const options = &call.front.options();
  call.node.status(answer_with(finish, [options](const NodeStatus& now, Reply& reply) {
    write_status(now, *options, reply);
  }));
  return true;
}

bool members(NodeCall& call, Finish finish, Reply&) {
  call.node.members(answer_with(finish, write_members));
  return true;
}

bool digest(NodeCall& call, Finish finish, Reply&) {
  call.node.digest(answer_with(finish, write_digest));
  return true;
}

bool tables(NodeCall& call, Finish finish, Reply&) {
  call.node.tables(answer_with(finish, write_tables));
  return true;
}

bool getrev(ReadCall& call, Reply& reply) {
  const std::optional<Found> found = call.moment.get(call.table, call.words[1]);
  if (!found) {
    reply.null();
    return true;
  }
  reply.map(2);
  reply.field("value", found->value);
  reply.field("revision", found->revision);
  return true;
}

bool answer_revision(const WriteAnswer& answer, Reply& reply) {
  answer.result.outcome == Outcome::kApplied ? reply.integer(answer.result.revision) : reply.null();
  return true;
}

bool cas(WriteCall& call, Reply& error) {
  const std::optional<uint64_t> revision = parse_u64(call.words[2]);
  if (!revision) {
    error.error(kNotAnInteger);
    return false;
  }
  if (*revision == 0) {
    call.batch.if_absent(call.table, call.words[1]);
  } else {
    call.batch.if_revision(call.table, call.words[1], *revision);
  }
  call.batch.put(call.table, call.words[1], call.words[3]);
  call.answer = answer_revision;
  return true;
}

void reads(LocalCall& call, Reply& reply) {
  Client& client = call.connection.client();
  if (call.words.size() == 1) {
    return reply.bulk(reads_name(client.reads));
  }
  if (call.words.size() > 2) {
    return reply.error(wrong_arity(*find_command(call.words)));
  }
  constexpr std::pair<std::string_view, Reads> kWays[] = {{"LOCAL", Reads::kLocal},
                                                          {"LEADER", Reads::kLeader},
                                                          {"QUORUM", Reads::kQuorum},
                                                          {"STALE", Reads::kStale}};
  for (const auto& [name, reads] : kWays) {
    if (!is_word(call.words[1], name)) continue;
    const Reads least = call.front.options().reads;
    if (reads < least) {
      return reply.error("ERR this node's reads are " + std::string(reads_name(least)) +
                         "; a connection may only ask for more");
    }
    client.reads = reads;
    return reply.ok();
  }
  reply.error("ERR reads are local, leader, quorum or stale");
}

constexpr uint32_t kAlways = kLoading | kStale | kReadonly;

const Command kRows[] = {
    row("ram.cas", "key revision value", 4, kWrite | kDenyOom | kFast, kOneKey, "O(1)",
        "Sets a key if `revision` last changed it; 0: if it is absent.",
        "integer: the revision of the write; null if the key has another", cas),
    row("ram.digest", "", 1, kAlways, {}, "O(1)",
        "A hash of the whole state: two nodes with equal `applied` have equal `digest`.",
        "map: applied revision digest", digest),
    row("ram.getrev", "key", 2, kReadonly | kFast, kOneKey, "O(1)",
        "The value of a key, and the revision that last changed it.",
        "map: value revision; null if there is none", getrev),
    row("ram.members", "", 1, kAlways, {}, "O(n), n: members",
        "The members of the cluster, as this node knows them. role: voter, standby. state: up, "
        "silent, catching-up, leaving. At the leader, and not counted as members, also those that "
        "have asked to become one: role and state joining; waiting_for: what it takes. At the "
        "leader, of others: lease_reason: why it has no lease (silent, not-asked, "
        "leader-has-none, lags, readmission in readmit_ms, behind, not-granted, off); delayed_ms, "
        "delaying_ms: for how long writes that a majority had waited for it, in all and just now.",
        "array of maps: name id address client role state leader lag lease version since_ms "
        "lease_ms lease_reason readmit_ms delayed_ms delaying_ms waiting_for",
        members),
    row("ram.reads", "[local|leader|quorum|stale]", -1, kLoading | kStale | kFast, {}, "O(1)",
        "How this connection reads. `local`: from this node's memory while it holds a lease, else "
        "through the leader; `leader`: always asks it; `quorum`: and it asks a majority. These "
        "three see every write that was acknowledged before, and `quorum` trusts no clock. "
        "`stale`: what "
        "this node has, at once, perhaps old.",
        "OK; without an argument a bulk: how it reads", reads),
    row("ram.status", "", 1, kAlways | kFast, {}, "O(1)",
        "What this node is and does. role: leader, follower, standby, joining. state: ok, "
        "no-quorum, joining, leaving. lease_reason: why it holds no lease (off, clock, joining, "
        "installing, no-leader, not-ready, no-majority, not-granted). At the leader, delayed_by: "
        "for whose lease writes wait now, or the address of who receives a state and slows them; "
        "delayed_ms: for how long they waited for leases, for all together. "
        "age_ms: how old a stale read here may be; -1: not known.",
        "map: name id cluster role state leader term commit stable applied revision members voters "
        "lease lease_ms reads complete_until reads_local reads_waited reads_asked reads_refused "
        "writes "
        "version uptime_ms leave_timeout_ms memory_bytes memory_bytes_max waiting_for lease_reason "
        "delayed_by delayed_ms ancestor age_ms",
        status),
    row("ram.tables", "", 1, kAlways, {}, "O(n), n: tables",
        "All tables and how many keys each has, as of now on this node.",
        "array of maps: name size", tables),
};

}  // namespace

std::span<const Command> ram_commands() {
  return kRows;
}

}  // namespace ram::resp
