// One member of a ram cluster, living in this process.
//
//   ram::Result<std::unique_ptr<ram::Node>> started = ram::Node::start(options);
//   if (!started.ok()) return report(started.status());
//   ram::Status ok = (*started)->wait_until_ok(std::chrono::seconds(30));
//   if (!ok.ok()) return report(ok);
//   ram::Table colors = (*started)->table("colors");
//   ram::Status set = colors.put("sky", "blue").status();
//
// Every node holds all the data, in memory. A write survives while a majority of the voters keeps
// running; nothing is on disk. docs/guarantees.md has the whole contract.
//
// Thread-safe. The destructor stops the member as stop() does; no call may be under way, and no
// Moment alive, when it runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "ram/batch.h"
#include "ram/event.h"
#include "ram/moment.h"
#include "ram/options.h"
#include "ram/status.h"
#include "ram/table.h"

namespace ram {

enum class NodeState : uint8_t {
  kJoining,   // founding a cluster, joining one, or not yet current
  kOk,        // serves reads and writes
  kNoQuorum,  // a member that knows no leader: no writes, no linearizable reads
  kLeaving,
};
enum class NodeRole : uint8_t { kJoining, kStandby, kFollower, kLeader };

std::string_view state_name(NodeState state);  // "joining", "ok", "no-quorum", "leaving"
std::string_view role_name(NodeRole role);     // "joining", "standby", "follower", "leader"

// Why a node holds no read lease.
enum class NoLease : uint8_t {
  kHolds,       // it does
  kOff,         // the cluster was founded without leases
  kClock,       // its clock misbehaved (docs/guarantees.md, Timing)
  kJoining,     // it is no member yet
  kInstalling,  // it is taking over a state
  kNoLeader,
  kNotReady,    // it leads, and has no entry of its own term committed yet
  kNoMajority,  // it leads, and no majority has answered it of late
  kNotGranted,  // it is for the leader to grant one, which knows why it does not
  // What a leader knows of another:
  kSilent,    // it has not been heard of late
  kNotAsked,  // it wants none: it is installing, or its clock misbehaved
  kLeaderHasNone,
  kLags,         // it takes too long for what is written
  kReadmission,  // it lagged, and has to wait (Member::readmit_ms)
  kBehind,       // it lacks entries that others show already
};
// "" "off" "clock" "joining" "installing" "no-leader" "not-ready" "no-majority" "not-granted"
// "silent" "not-asked" "leader-has-none" "lags" "readmission" "behind"
std::string_view no_lease_name(NoLease why);

struct NodeStatus {
  std::string name;
  uint64_t id = 0;       // this incarnation
  std::string cluster;   // 32 hexadecimal digits; empty: none yet
  std::string ancestor;  // that the cluster was recovered from; empty: it was founded
  NodeRole role = NodeRole::kJoining;
  NodeState state = NodeState::kJoining;
  std::string leader;  // name; empty: none known
  uint64_t term = 0;
  // Log indexes.
  uint64_t commit = 0;
  uint64_t stable = 0;
  uint64_t applied = 0;
  uint64_t revision = 0;
  uint64_t members = 0;
  uint64_t voters = 0;
  bool lease = false;
  uint64_t lease_ms = 0;
  NoLease lease_reason = NoLease::kHolds;
  Reads reads = Reads::kLocal;  // of this node's calls that do not ask for more
  // How old a stale read here may be: it shows every write that was acknowledged, by whichever
  // node, so long ago. -1: not known (no lease since this node began).
  int64_t age_ms = -1;
  int64_t complete_until_ms = 0;  // wall clock, for people; 0: not known
  uint64_t reads_local = 0;       // answered at once, from memory
  uint64_t reads_waited = 0;      // had to wait for a write of the key
  uint64_t reads_asked = 0;       // fences for which the leader was asked
  uint64_t reads_refused = 0;     // fences and waits that failed
  uint64_t writes = 0;            // acknowledged here
  // At a leader: whose lease writes wait for now, by name, or the address of one that receives a
  // state, to whose speed they are slowed; or nobody. And for how long they have waited for leases,
  // for all members together.
  std::string delayed_by;
  uint64_t delayed_ms = 0;
  std::string version;
  uint64_t uptime_ms = 0;
  uint64_t memory_bytes = 0;
  // What is wrong or waited for, one line for people; empty: nothing.
  std::string waiting_for;
};

enum class MemberState : uint8_t {
  kUp,
  kSilent,
  kCatchingUp,
  kLeaving,
  kJoining,  // no member yet: it has asked to be one. Only the leader knows of it
};
// "up" "silent" "catching-up" "leaving" "joining"
std::string_view member_state_name(MemberState state);

struct Member {
  std::string name;
  uint64_t id = 0;
  std::string address;  // for peers
  std::string client;   // of its Redis front; empty: none
  bool voter = false;
  MemberState state = MemberState::kUp;
  bool leader = false;
  uint64_t lag = 0;  // log entries behind; known at the leader, else 0
  // Of others known at the leader, else not.
  bool lease = false;
  uint64_t lease_ms = 0;  // at most, by the leader's clock
  NoLease lease_reason = NoLease::kHolds;
  uint64_t readmit_ms = 0;
  // For how long writes of a majority have waited for it at this leader, in all and just now.
  uint64_t delayed_ms = 0;
  uint64_t delaying_ms = 0;
  std::string version;
  uint64_t since_ms = 0;    // how long in this state, as this node saw it
  std::string waiting_for;  // if it joins; one line
};

struct Digest {
  uint64_t applied = 0;
  uint64_t revision = 0;
  std::string digest;  // hexadecimal; equal on nodes with equal `applied`
};

struct TableInfo {
  std::string name;
  uint64_t size = 0;
};

class Node {
 public:
  // Starts a member and its thread. Returns once it listens; it joins, or founds, its cluster
  // afterwards (wait_until_ok).
  //
  // Errors: kInvalid, an option is out of range; kUnavailable, the address is taken or not ours.
  static Result<std::unique_ptr<Node>> start(NodeOptions options);

  ~Node();
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  // Leaves the cluster and stops, so that nobody waits for this node: leadership is handed over,
  // the writes under way end, and it is a member no more. Calls that come meanwhile are answered,
  // but for writes, which are refused towards the end. The last voter just stops.
  //
  // Blocks, for at most NodeOptions::leave_timeout; then, as with no majority to let it go, it
  // stops all the same: kUnavailable, and the others notice by its silence. Calls under way end:
  // kUnknownOutcome where a write was sent, else kUnavailable. Calls after it fail with
  // kUnavailable. Not from a callback.
  Status stop();

  // Blocks until the state is kOk. Errors: kUnavailable after `timeout`, saying what it waits for.
  Status wait_until_ok(std::chrono::nanoseconds timeout);

  // A handle to the table `name` (at most 255 bytes).
  Table table(std::string_view name);

  // Applies `batch` as one transaction.
  //
  // Blocks; not to be called from a callback.
  // Cost: one round trip to a majority, and one to the leader if that is another node; shared by
  // concurrent calls.
  // Not applied: kInvalid, kUnavailable, kJoining, kOverloaded, kOutOfMemory.
  // Perhaps applied: kUnknownOutcome.
  Result<BatchResult> commit(Batch batch, WriteOptions options = {});
  void commit(Batch batch, WriteOptions options, Callback<Result<BatchResult>> callback);
  // Many transactions, handed over at once and in this order; one callback each.
  struct Call {
    Batch batch;
    Callback<Result<BatchResult>> callback;
  };
  void commit(std::vector<Call> calls, WriteOptions options);

  // True if this node may answer a read of `keys` of `table` from its memory now: a Moment taken
  // afterwards is a linearizable read of them. It holds a read lease, and no write of them is under
  // way. False says nothing: use fence(). kLeader and kQuorum are always false, kStale true.
  //
  // Any thread. Does not block; costs a reading of the clock and some loads, and sends nothing.
  bool may_read(std::string_view table, std::string_view key, ReadOptions options = {}) const;
  bool may_read(std::string_view table, std::span<const std::string_view> keys,
                ReadOptions options = {}) const;
  bool may_read_all(ReadOptions options = {}) const;

  // When it is OK, this node's memory holds every write that was acknowledged, by whichever node,
  // before the call: a Moment taken afterwards is a linearizable read.
  //
  // Blocks; not to be called from a callback. (The callback form may call back at once, in the
  // caller.)
  // Cost: nothing but may_read_all() while this node holds a lease and no write is under way; until
  // it is over if one is; else one round trip to the leader, and perhaps from there to a majority,
  // shared by concurrent calls.
  // Errors: kUnavailable, kJoining, kOverloaded.
  Status fence(ReadOptions options = {});
  void fence(ReadOptions options, Callback<Status> callback);

  // What this node has applied, at once. Without a fence before it, a stale read. Any thread.
  Moment moment() const;

  // What this node is and does, knows of the members, has applied, and what tables it has; each
  // as of one moment between two passes of its thread. Told in any state, also without a cluster.
  // members() of the leader are followed by those that want to become one (kJoining); they are not
  // counted in NodeStatus::members.
  //
  // Blocks, until the next pass; not to be called from a callback.
  // Cost: the node's thread stops for it; tables() for each table.
  // Errors: kOverloaded, too many calls wait at this node; kUnavailable, it has stopped.
  Result<NodeStatus> status() const;
  void status(Callback<Result<NodeStatus>> callback) const;
  Result<std::vector<Member>> members() const;
  void members(Callback<Result<std::vector<Member>>> callback) const;
  Result<Digest> digest() const;
  void digest(Callback<Result<Digest>> callback) const;
  Result<std::vector<TableInfo>> tables() const;
  void tables(Callback<Result<std::vector<TableInfo>>> callback) const;

  // From now on `listener` hears what happens in the cluster, as this node sees it; first, what
  // there is. Looked at with each heartbeat (a tenth of failover_after): what came and went in
  // between is not told. Called on the node's thread; must not block. There is no way to take it
  // back: let one listener tell many.
  //
  // Does not block. Errors: kOverloaded, the node has 64 listeners, or too many calls wait at it;
  // kUnavailable, it has stopped.
  Status on_event(std::function<void(const Event&)> listener);

  // How many other nodes hold everything that this node has applied by now (Redis' WAIT).
  // Ends at `wanted`, or at the timeout, with the number reached.
  void wait_for_copies(size_t wanted, std::chrono::nanoseconds timeout,
                       Callback<Result<size_t>> callback) const;

  // Takes the member called `name` out of the cluster: one that is dead, and will not come back.
  // (If it does, it joins anew.) It happens by itself after NodeOptions::evict_after.
  //
  // Blocks; not to be called from a callback. Cost: as a write.
  // Errors: kInvalid, there is no such member, or it is alive, or a majority of the voters that
  // would remain is not there; kUnavailable, no leader was there to ask; kUnknownOutcome, asked
  // for, not done before the deadline: it may be yet; kJoining, kOverloaded.
  Status evict(std::string_view name, WriteOptions options = {});
  void evict(std::string_view name, WriteOptions options, Callback<Status> callback);
  // Has the voter called `name` lead; no name: whoever is ready, but not who leads now. Writes wait
  // for some round trips.
  //
  // Blocks; not to be called from a callback.
  // Errors: kInvalid, there is no such voter, or it is silent or leaving; the others as above.
  Status transfer(std::string_view name = {}, WriteOptions options = {});
  void transfer(std::string_view name, WriteOptions options, Callback<Status> callback);

  // Goes on from what this node has when the majority of the voters is lost for good: it founds a
  // cluster of one, of a new id, which the other survivors and new nodes join. Refused while a
  // leader or a majority is there, if another survivor has more, and unless `others_are_dead`: then
  // the refusal says who is missing, and until when this node has every acknowledged write. What
  // only the others had is lost.
  //
  // Blocks, for about two election timeouts; not to be called from a callback. Returns a report for
  // people. Errors: kInvalid, refused, with the reason.
  Result<std::string> recover(bool others_are_dead);
  void recover(bool others_are_dead, Callback<Result<std::string>> callback);

  // HOST:PORT where peers reach this node (the port that was picked, if 0 was asked for).
  std::string address() const;
  std::string name() const;

 private:
  friend class Table;
  struct Inside;
  explicit Node(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace ram
