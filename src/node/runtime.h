// The production home of a NodeCore: one thread with a loop, the links to peers, and the mailbox
// through which every other thread hands in its calls.
//
// A pass: frames that arrived are fed to the core as they are read; at the end, what the mailbox
// has is fed, then the core turns once for all of it. A pass without news does nothing. When the
// core's incarnation is spent, the next one starts in its place.
//
// Thread-safe, but for start and stop. Callbacks run on the runtime's thread, exactly once, or in
// the caller if a call fails at once; they must not block.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/clock_reading.h"
#include "base/ids.h"
#include "base/log.h"
#include "node/event_watch.h"
#include "node/mailbox.h"
#include "node/node_core.h"
#include "node/operation_kind.h"
#include "node/read_gate.h"
#include "ram/options.h"
#include "ram/status.h"
#include "store/hash.h"
#include "store/store_slot.h"

namespace ram::net {
class Loop;
class Timer;
}  // namespace ram::net

namespace ram::node {

class Directory;
class PeerLinks;

class Runtime {
 public:
  struct Write {
    std::string transaction;  // as ram::Batch encodes it
    Instant deadline;
    NodeCore::WriteDone done;
  };
  // What an operator wants of a member.
  struct Operation {
    OperationKind kind = OperationKind::kEvict;
    std::string name;
    Instant deadline;
    NodeCore::FenceDone done;
  };
  // To go on alone (NodeCore::recover).
  struct Recover {
    bool others_are_dead = false;
    std::function<void(Result<std::string>)> done;
  };
  // Unless `status` is OK there is no core to look at.
  using Look = std::function<void(const Status& status, const NodeCore* core, Instant now)>;

  // Returns once it listens.
  // Errors: kInvalid, an option is out of range; kUnavailable, the address is taken or not ours.
  static Result<std::unique_ptr<Runtime>> start(NodeOptions options);
  // Tests read other clocks than the machine's, to see whether they misbehave.
  using ReadClocks = std::function<ClockReading()>;
  static Result<std::unique_ptr<Runtime>> start(NodeOptions options, ReadClocks read_clocks);

  ~Runtime();
  // Leaves the cluster, within leave_timeout; then ends calls under way, kUnknownOutcome where a
  // write was sent, else kUnavailable, and the thread. Later calls fail with kUnavailable. Not from
  // a callback. kUnavailable: it stopped without having left.
  Status stop();

  void submit(Write write);
  // All in this order, with nothing between them; or all fail at once.
  void submit(std::vector<Write> writes);
  void fence(Instant deadline, NodeCore::Trust trust, NodeCore::FenceDone done);
  void wait_applied(LogIndex index, Instant deadline, NodeCore::FenceDone done);
  void wait_for_copies(size_t wanted, Instant deadline, std::function<void(Result<size_t>)> done);
  // OK once the node's state is kOk; kUnavailable at the deadline, saying what is waited for.
  void when_ok(Instant deadline, NodeCore::FenceDone done);
  void operate(Operation operation);
  void recover(Recover recover);
  // kOverloaded: it has kListenersMax.
  Status on_event(std::function<void(const Event&)> listener);
  // Calls `look` between passes.
  void look(Look look);

  Instant now() const;
  // A deadline `timeout` from now.
  Instant after(Duration timeout) const;
  bool on_own_thread() const { return std::this_thread::get_id() == thread_id_.load(); }
  const store::StoreSlot& slot() const { return slot_; }
  const ReadGate& gate() const { return gate_; }
  // Of any store of this node.
  uint64_t hash_of(std::string_view key) const { return store::hash_of(key, hash_seed_); }
  const std::string& name() const { return name_; }
  // That peers are told.
  const std::string& address() const { return address_; }

 private:
  struct Fence {
    Instant deadline;
    NodeCore::Trust trust;
    NodeCore::FenceDone done;
  };
  struct Wait {
    LogIndex index;
    Instant deadline;
    NodeCore::FenceDone done;
  };
  struct Copies {
    size_t wanted;
    Instant deadline;
    std::function<void(Result<size_t>)> done;
  };
  struct OkWait {
    Instant deadline;
    NodeCore::FenceDone done;
  };
  struct Listener {
    std::function<void(const Event&)> hear;
    EventWatch watch;
  };
  using Call = std::variant<Write, Fence, Wait, Copies, OkWait, Operation, Recover, Listener, Look>;

  Runtime(NodeOptions options, ReadClocks read_clocks);
  Status listen();
  void run();
  void make_core();
  void pass();
  void look_at_clocks();
  void feed(Instant now, Call call);
  void turn_ok_waits(Instant now);
  void turn_leaving(Instant now);
  void tell_listeners(Instant now);
  void arm_timer(Instant now);
  void push(Call call, size_t bytes);
  static Status status_of(Pushed pushed);
  static void refuse(Call& call, const Status& why);

  const NodeOptions options_;
  Former former_;  // of the incarnation that runs, or will
  const ReadClocks read_clocks_;
  // The same for all stores of this process (store.h).
  const uint64_t hash_seed_;
  std::unique_ptr<Log> log_;
  std::unique_ptr<net::Loop> loop_;
  Mailbox<Call> mailbox_;
  store::StoreSlot slot_;
  ReadGate gate_;
  std::string name_;
  std::string address_;
  std::thread thread_;
  std::once_flag stopped_;
  std::atomic<std::thread::id> thread_id_;
  std::atomic<Instant> leave_until_{kNever};  // when stop() is out of patience
  std::atomic<size_t> listeners_taken_{0};

  // The rest is the thread's.
  std::unique_ptr<PeerLinks> links_;
  std::unique_ptr<NodeCore> core_;
  std::unique_ptr<Directory> directory_;  // until the core is a member
  std::unique_ptr<net::Timer> timer_;
  std::vector<Call> taken_;
  std::vector<OkWait> ok_waits_;
  Instant leave_deadline_ = kNever;
  Status left_;  // written before the thread ends
  std::vector<Listener> listeners_;
  Instant next_look_{};
  bool news_ = false;  // something was fed to the core since it turned
  bool clock_trusted_ = true;
  Instant clocks_read_ = Instant::min();
};

}  // namespace ram::node
