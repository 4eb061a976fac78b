// A node without sockets, threads or a clock: what production and the simulator both run.
//
// Inputs are method calls, each with the time at which it happens; outputs go to the Network, to
// the callbacks of the calls, and to the Store that readers look into. A pass is: any number of
// inputs, then turn(), which does once what is worth doing for all of them together: pack what
// waits into one record, let what was appended count, make visible what is stable, answer, send.
//
// The life of a write and of a read is in docs/architecture.md; the pipeline is received,
// committed, stable, applied (READ-LEASES.md section 2: last, c, sigma, a).
//
// One thread. Callbacks run inside the core's methods; they may call submit(), fence() and
// wait_applied(), nothing else.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/clock_reading.h"
#include "base/ids.h"
#include "base/limits.h"
#include "base/log.h"
#include "consensus/replica.h"
#include "lease/faults.h"
#include "lease/times.h"
#include "machine/machine.h"
#include "node/network.h"
#include "node/read_gate.h"
#include "node/remains.h"
#include "ram/node.h"
#include "ram/status.h"
#include "store/store_slot.h"

namespace ram::node {

// Bounds that tests make small so that edges come early.
struct CoreLimits {
  size_t mailbox_calls = kMailboxCallsMax;
  size_t mailbox_bytes = kMailboxBytesMax;
  size_t record_bytes = kRecordBytesWanted;
  size_t records_in_flight = kRecordsInFlightMax;
  size_t bytes_in_flight = kBytesInFlightMax;
  size_t transactions_in_flight = kTransactionsInFlightMax;
  size_t log_entries = kLogEntriesMax;
  size_t log_bytes = kLogBytesMax;
  size_t transfer_log_entries = kTransferLogEntriesMax;
  size_t transfer_log_bytes = kTransferLogBytesMax;
  size_t state_piece_bytes = kStatePieceBytes;
  size_t kept_bytes = kViewKeptBytesMin;
  size_t message_entries = kMessageEntriesMax;
  size_t replication_bytes = kReplicationBytesMax;
};

// Mistakes that tests make on purpose, to see that they are caught.
struct Mistakes {
  bool reads_skip_the_wait = false;  // answer a fence before its index is applied
  bool forgets_transfers = false;    // compact the log whoever will need it
  // Of a recovery (MEMBERSHIP.md section 6):
  bool recovers_worse = false;  // goes on although another survivor has more
  bool recovers_less = false;   // and with what is visible alone, not with the whole log
  bool recovers_twice = false;  // and although another has, or is about to
  bool heeds_heirs = false;     // with a quorum, too, a word that others went on moves a node
  machine::Faults machine;
  consensus::Fences fences;
  lease::Faults lease;
};

// A cluster, and where its members lived; none.
struct Former {
  ClusterId cluster;
  std::vector<std::string> members;
};

struct CoreOptions {
  NodeId id;            // drawn anew for each incarnation
  std::string name;     // not empty
  std::string address;  // HOST:PORT that peers dial
  std::string client;   // HOST:PORT of the Redis front; may be empty
  std::vector<std::string> join;
  std::set<std::string> names;     // those of `join` that have to be resolved
  size_t expect = 0;               // how many found (founding.h); 0: those of `join`
  Former former;                   // that this process was removed from
  machine::Parameters parameters;  // taken if this node founds; the cluster's otherwise
  Duration evict_after = std::chrono::minutes(5);  // while this node leads
  size_t memory_bytes_max = size_t{4} << 30;
  bool clock_trusted = true;  // false: an incarnation before this one saw the clock misbehave
  uint64_t seed = 1;          // of every random choice of the core
  uint64_t hash_seed = 1;     // of the store
  CoreLimits limits;
  Mistakes mistakes;
  // For tests, the same on all nodes: leases as no parameter of a cluster makes them.
  std::optional<lease::Times> lease_times;
};

// Who sent a frame: authenticated by the link it came on.
struct Peer {
  NodeId id;            // this incarnation
  std::string address;  // where it says it can be reached
};

class NodeCore {
 public:
  // Ends a write: OK with its reply, which lives as long as the call, or why not with null.
  using WriteDone = std::function<void(const Status&, const machine::Reply*)>;
  using FenceDone = std::function<void(const Status&)>;

  // `slot` is where readers of this process look, and `gate` says whether they may (read_path.h);
  // their content is replaced. All outlive the core.
  // `clock` is asked for the wall-clock time alone.
  NodeCore(CoreOptions options, store::StoreSlot& slot, ReadGate& gate, const Clock& clock,
           Network& network, Log& log);
  ~NodeCore();

  void start(Instant now);

  void receive(Instant now, const Peer& from, const SharedBytes& frame);
  // The stream to `address` was made anew: what was sent before may be lost.
  void link_up(Instant now, const std::string& address);

  // `name`, one of CoreOptions::names, stands for these addresses; to be said again while this node
  // is no member (Founding::on_resolved).
  void resolved(Instant now, const std::string& name, std::vector<std::string> addresses);

  // One transaction, as ram::Batch encodes it. `done` is called exactly once, perhaps at once.
  void submit(Instant now, std::string transaction, Instant deadline, WriteDone done);
  // When it is OK, the store holds every write acknowledged anywhere before this call. The leader
  // is asked; kQuorum: and asks a majority, whatever its lease.
  enum class Trust : uint8_t { kLeader, kQuorum };
  void fence(Instant now, Instant deadline, Trust trust, FenceDone done);
  // When it is OK, the entry at `index` is visible, or is in the log no more: for a LocalRead.
  void wait_applied(Instant now, LogIndex index, Instant deadline, FenceDone done);
  // Once a heartbeat, now. If our clock was seen to misbehave, this node gives up its lease, and
  // hands over leadership, for good.
  void look_at_clocks(const ClockReading& reading);
  bool clock_trusted() const;
  Duration heartbeat() const;
  // Calls `done` with how many other members hold what is applied here now: at `wanted`, or at the
  // deadline.
  void wait_for_copies(Instant now, size_t wanted, Instant deadline,
                       std::function<void(size_t)> done);

  // Goes, as clean as can be: hands leadership over, ends the writes under way, takes no more, and
  // is removed; then left() is true, and the core of no more use. Who is in no hurry bounds it in
  // time.
  void leave();
  bool left() const;
  // `done` is called once: OK, the member called `name` is one no more. Who is alive is not
  // evicted.
  void evict(Instant now, const std::string& name, Instant deadline, FenceDone done);
  // OK: the member called `name` leads; none: another than before does.
  void transfer(Instant now, const std::string& name, Instant deadline, FenceDone done);

  // Goes on from what this node has, as a cluster of one, when the majority is lost for good.
  // Refused while it may not be; `others_are_dead`: the operator says so. `done` has a report for
  // people.
  void recover(Instant now, bool others_are_dead, std::function<void(Result<std::string>)> done);

  // Time passed. Call when next_deadline() is reached; harmless when early. `now` may be what had
  // been received by then, so that a long pass is no silence of others; all other times are to be
  // read from the clock, after what is handed in arrived. A turn follows.
  void on_time(Instant now);
  Instant next_deadline() const;
  // Ends a pass.
  void turn(Instant now);

  // True: this incarnation is of no more use (a founding was abandoned); destroy it and start
  // another with a new id. Its calls have ended.
  bool spent() const;
  // CoreOptions::former of the incarnation after this one.
  Former former() const;
  // What this one leaves to the one after it, which frees it in small pieces; here it would be
  // freed at once. Afterwards this is only to be destroyed.
  Remains take_remains();
  void take_over(Remains remains);

  NodeStatus status(Instant now) const;
  std::vector<Member> members(Instant now) const;
  Digest digest() const;
  std::vector<TableInfo> tables() const;
  uint64_t table_size(std::string_view table) const;

  // For the simulator's checkers.
  const consensus::Replica* replica() const;  // null: no member yet
  ClusterId cluster() const;                  // none: no member yet
  LogIndex applied() const;
  // Whom this node, which leads, is about to take out; none: nobody.
  NodeId removing() const;
  // Until when this node has every acknowledged write in memory; lease::kNoLease: not known.
  Instant complete_until(Instant now) const;
  void check_invariants() const;

 private:
  class Inside;
  std::unique_ptr<Inside> inside_;
};

}  // namespace ram::node
