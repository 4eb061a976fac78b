#include "sim/checkers/agreement.h"

#include <algorithm>
#include <cstring>

#include "base/random.h"

namespace ram::sim {

namespace {

std::string text_of(NodeId id) {
  return std::to_string(id.value);
}
std::string text_of(LogIndex index) {
  return std::to_string(index.value);
}
std::string text_of(Term term) {
  return std::to_string(term.value);
}

}  // namespace

uint64_t Agreement::hash_of(const consensus::LogEntry& entry) {
  uint64_t hash = mix64(static_cast<uint64_t>(entry.kind));
  std::string_view bytes = entry.payload.view();
  hash = mix64(hash ^ bytes.size());
  for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
    uint64_t word;
    std::memcpy(&word, bytes.data(), sizeof(word));
    hash = mix64(hash ^ word);
  }
  for (char letter : bytes) hash = mix64(hash ^ static_cast<unsigned char>(letter));
  return hash;
}

void Agreement::look(NodeId id, const node::NodeCore& core) {
  Seen& seen = seen_[id];
  if (core.replica() == nullptr) return;
  look_at_cluster(id, seen, core);
  Truth& truth = truths_[seen.cluster];
  if (truth.committed.empty()) truth.committed.resize(1);
  look_at_replica(id, seen, core, truth);
  look_at_state(id, seen, core, truth);
}

void Agreement::look_at_cluster(NodeId id, Seen& seen, const node::NodeCore& core) {
  const ClusterId cluster = core.cluster();
  if (!cluster) fail_("node " + text_of(id) + " is a member, of no cluster");
  if (seen.cluster == cluster) return;
  if (seen.cluster && !became(seen.cluster, cluster)) {
    fail_("node " + text_of(id) + " went from one cluster to another");
  }
  // Terms and indexes are another cluster's now; what is visible goes on.
  Seen anew;
  anew.cluster = cluster;
  anew.applied = seen.applied;
  anew.revision = seen.revision;
  seen = anew;
  if (!truths_.contains(cluster)) ++counters_.clusters;
  for (const auto& [other, theirs] : seen_) {
    if (theirs.cluster && theirs.cluster != cluster && !became(theirs.cluster, cluster) &&
        !became(cluster, theirs.cluster)) {
      fail_("two clusters: nodes " + text_of(id) + " and " + text_of(other));
    }
  }
  if (core.replica()->log().offset() && !seen.applied) ++counters_.states_joined;
}

void Agreement::goes_on(ClusterId lost, ClusterId heir) {
  if (!heirs_.emplace(lost, heir).second) fail_("two clusters go on from one");
}

bool Agreement::became(ClusterId lost, ClusterId heir) const {
  for (auto next = heirs_.find(lost); next != heirs_.end(); next = heirs_.find(next->second)) {
    if (next->second == heir) return true;
  }
  return false;
}

void Agreement::look_at_replica(NodeId id, Seen& seen, const node::NodeCore& core, Truth& truth) {
  const consensus::Replica& replica = *core.replica();
  if (replica.term() < seen.term) fail_("the term of node " + text_of(id) + " ran back");
  if (replica.commit() < seen.commit) {
    fail_("the commit index of node " + text_of(id) + " ran back from " + text_of(seen.commit) +
          " to " + text_of(replica.commit()));
  }
  if (replica.log().offset() > seen.offset && !replica.installing() && seen.offset) {
    ++counters_.compactions;
  }
  seen.offset = replica.log().offset();
  if (replica.installing() && !seen.installing) ++counters_.states_installed;
  seen.installing = replica.installing();
  seen.term = replica.term();
  seen.commit = replica.commit();
  if (!replica.installing()) look_at_entries(id, seen, replica, truth);
  if (replica.is_leader()) look_at_leader(id, replica, truth);
  note_(replica.term().value ^ replica.commit().value << 20);
}

void Agreement::look_at_entries(NodeId id, Seen& seen, const consensus::Replica& replica,
                                Truth& truth) {
  const consensus::EntryLog& log = replica.log();
  // Committed: the same on all.
  LogIndex index = std::max(seen.checked, log.offset()).next();
  for (; index <= replica.commit() && log.has(index); ++index) {
    const consensus::LogEntry& entry = log.at(index);
    const uint64_t hash = hash_of(entry);
    if (truth.committed.size() <= index.value) truth.committed.resize(index.value + 1);
    Entry& committed = truth.committed[index.value];
    if (!committed.term) {
      committed = {entry.term, hash, replica.term()};
      ++counters_.entries;
    } else if (committed.term != entry.term || committed.hash != hash) {
      fail_("two entries are committed at index " + text_of(index) + ": of term " +
            text_of(committed.term) + ", and of term " + text_of(entry.term) + " at node " +
            text_of(id));
    }
    seen.checked = index;
  }
  // Not yet committed: entries of one index and term are one entry, after one and the same.
  const Term last_term = replica.term_at(log.last());
  if (log.last() == seen.last && last_term == seen.last_term) return;
  constexpr uint64_t kFromTheEnd = 64;
  const LogIndex from(log.last().value - std::min(log.last().value, kFromTheEnd));
  for (index = std::max({from, seen.checked, log.offset()}).next(); index <= log.last(); ++index) {
    const consensus::LogEntry& entry = log.at(index);
    const Term before = replica.term_at(index.previous());
    const uint64_t hash = mix64(hash_of(entry) ^ before.value);
    const auto [known, is_new] =
        truth.entries.try_emplace(mix64(index.value) ^ entry.term.value, hash);
    if (!is_new && known->second != hash) {
      fail_("two entries of term " + text_of(entry.term) + " at index " + text_of(index) +
            ", one of them at node " + text_of(id));
    }
  }
  seen.last = log.last();
  seen.last_term = last_term;
}

void Agreement::look_at_leader(NodeId id, const consensus::Replica& replica, Truth& truth) {
  const auto [leader, is_new] = truth.leaders.try_emplace(replica.term(), id);
  if (leader->second != id) {
    fail_("two leaders in term " + text_of(replica.term()) + ": nodes " + text_of(id) + " and " +
          text_of(leader->second));
  }
  if (!is_new) return;
  ++counters_.elections;
  // What was known to be committed in an earlier term is in its log.
  for (uint64_t index = truth.committed.size() - 1; index > 0; --index) {
    const Entry& entry = truth.committed[index];
    if (!entry.term || entry.seen_in >= replica.term()) continue;
    if (replica.last() < LogIndex(index) ||
        (replica.log().has(LogIndex(index)) && replica.term_at(LogIndex(index)) != entry.term)) {
      fail_("the leader of term " + text_of(replica.term()) + ", node " + text_of(id) +
            ", has not the entry " + std::to_string(index) + " that was committed in term " +
            text_of(entry.seen_in));
    }
    break;
  }
}

void Agreement::look_at_state(NodeId id, Seen& seen, const node::NodeCore& core, Truth& truth) {
  const LogIndex applied = core.applied();
  if (applied < seen.applied) fail_("what node " + text_of(id) + " applied ran back");
  if (applied == seen.applied && seen.revision != 0) return;
  seen.applied = applied;
  const Digest digest = core.digest();
  if (digest.revision < seen.revision) {
    fail_("the revision of node " + text_of(id) + " ran back");
  }
  seen.revision = digest.revision;
  if (digest.applied != applied.value) fail_("node " + text_of(id) + " digests another index");
  if (truth.digests.size() <= applied.value) truth.digests.resize(applied.value + 1);
  std::string& known = truth.digests[applied.value];
  const std::string text = digest.digest + "@" + std::to_string(digest.revision);
  if (known.empty()) {
    known = text;
  } else if (known != text) {
    fail_("the states at index " + text_of(applied) + " differ: " + known + ", and " + text +
          " at node " + text_of(id));
  }
  note_(std::hash<std::string>()(text));
}

}  // namespace ram::sim
