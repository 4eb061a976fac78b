// Where the connections of one loop meet the node.
//
// Everything the connections ask for in one pass of the loop is gathered and handed over at its
// end, turn(): one commit for all writes, one fence for all reads. The fence is asked for after the
// reads were parsed, so each is linearizable; reads parsed later wait for a later one.
//
// The connections' unread replies are bounded, each and all together. Who wants more than it reads
// is first only made to wait, which harms nobody: it has something to read. If that does not do,
// connections are closed, those that read nothing before those that do, and the largest first.
//
// Loop thread only.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/log.h"
#include "ram/node.h"
#include "resp/command.h"
#include "resp/completions.h"
#include "resp/connection.h"
#include "resp/fifo.h"
#include "resp/options.h"

namespace ram::resp {

// What INFO counts.
struct FrontStats {
  uint64_t connections_received = 0;
  uint64_t connections_rejected = 0;
  uint64_t connections_evicted = 0;  // for what they left unread
  uint64_t commands_processed = 0;
  uint64_t errors_replied = 0;
  uint64_t input_bytes = 0;
  uint64_t output_bytes = 0;
  uint64_t commands_per_second = 0;  // of late
};

class Front {
 public:
  // `wake` is called from any thread and must cause a turn() soon, on the loop thread. Node, clock
  // and log outlive this.
  Front(Node& node, const Clock& clock, Log& log, FrontOptions options, std::function<void()> wake);
  // Requires: no connection left. Calls under way end without anyone to tell.
  ~Front();
  Front(const Front&) = delete;
  Front& operator=(const Front&) = delete;

  // At the end of each pass of the loop.
  void turn();
  // Each second or so.
  void sweep();

  // Something happened to `connection`: it is pumped in this turn.
  void mark(Connection& connection);
  // Another turn is to follow at once.
  void again(Connection& connection);

  Node& node() { return node_; }
  const Clock& clock() const { return clock_; }
  const FrontOptions& options() const { return options_; }
  FrontStats& stats() { return stats_; }
  const FrontStats& stats() const { return stats_; }
  Instant started_at() const { return started_at_; }
  const std::map<uint64_t, Connection*>& connections() const { return connections_; }
  uint64_t next_client_id() { return ++last_client_id_; }
  // CONFIG SET of what is accepted without effect; CONFIG GET shows it.
  std::map<std::string, std::string, std::less<>>& settings() { return settings_; }
  size_t waiting_commands() const { return waiting_; }
  // Replies of all connections, made and not taken by the kernel, as last looked at.
  size_t unread_bytes() const { return unread_bytes_; }

 private:
  friend class Connection;

  // A write or a call that the node works on.
  struct Call {
    Connection* connection = nullptr;  // null: gone meanwhile
    bool done = false;
    size_t bytes = 0;
    Result<BatchResult> result{BatchResult()};  // of a write, when done
    size_t result_bytes = 0;
    AnswerFunction answer;  // of a call, when done
  };
  struct Fence {
    bool done = false;
    Status status;
    size_t uses = 0;  // reads that still point here
    std::vector<Connection*> waiting;
  };

  // ---- for connections ----

  void add(Connection& connection);
  void remove(Connection& connection);
  // What one connection may leave unread for now, and in a crowd.
  size_t output_bytes_max() const;
  size_t output_bytes_least() const;
  // Whether one more command may wait; else `connection` is pumped when there is room.
  bool admit(Connection& connection);
  uint32_t commit(Connection& connection, Batch batch, size_t bytes);
  uint32_t begin_call(Connection& connection);
  Finish finish_of(uint32_t call) { return Finish(completions_.get(), call); }
  void cancel_call(uint32_t call);
  Call& call(uint32_t index) { return calls_[index]; }
  void release_call(uint32_t index);
  // The fence that reads parsed now wait for.
  uint64_t join_fence(Connection& connection);
  // Null: not done yet. A later fence that succeeded does as well.
  const Status* fence_status(uint64_t number) const;
  void leave_fence(uint64_t number);
  // The words of the request at hand; one for all, as only one is at hand at a time.
  std::vector<std::string_view>& scratch() { return scratch_; }

  void collect();
  void pump_marked();
  void hand_over();
  bool too_much_unread() const { return unread_bytes_ > options_.all_unread_bytes_max; }
  void weigh(Connection& connection);
  void weigh_all();
  void evict();
  void log_evictions();
  bool has_room() const;
  uint32_t new_call(Connection& connection);
  void forget_fences();

  Node& node_;
  const Clock& clock_;
  Log& log_;
  const FrontOptions options_;
  const std::function<void()> wake_;
  const Instant started_at_;
  FrontStats stats_;
  uint64_t commands_at_sweep_ = 0;
  Instant sweep_at_;
  std::map<std::string, std::string, std::less<>> settings_;
  uint64_t last_client_id_ = 0;
  std::map<uint64_t, Connection*> connections_;

  std::shared_ptr<Completions> completions_;
  Completed completed_;  // kept for its memory

  std::vector<Call> calls_;
  std::vector<uint32_t> free_calls_;
  std::vector<Node::Call> commits_;  // of this turn
  size_t waiting_ = 0;               // commands queued, on all connections
  size_t writing_bytes_ = 0;

  size_t unread_bytes_ = 0;  // the sum of all Connection::weight_
  uint64_t evictions_logged_ = 0;
  std::string last_evicted_;  // who, and how much

  Fifo<Fence> fences_;
  uint64_t first_fence_ = 1;           // number of fences_.front()
  uint64_t fences_ok_ = 0;             // the largest number that ended well
  bool fence_wanted_ = false;          // the last of fences_ is still to be asked for
  Reads fence_reads_ = Reads::kLocal;  // of the last of fences_

  std::vector<Connection*> marked_;
  std::vector<Connection*> pumping_;  // kept for its memory
  std::vector<Connection*> for_room_;
  std::vector<Connection*> next_turn_;
  bool in_turn_ = false;
  std::vector<std::string_view> scratch_;
};

}  // namespace ram::resp
