// What a client does at a node: transactions, and reads in steps, each of which ends exactly once.
//
// A read is the steps of node/read_path.h, or a fence, and then lookups in one Reading on the
// node's own store; any other events happen between these steps, as they do in threads. Calls at a
// node that dies end as unknown.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/read_path.h"
#include "ram/status.h"
#include "sim/place.h"
#include "sim/swarm.h"
#include "sim/workloads/history.h"
#include "sim/world.h"
#include "store/reading.h"

namespace ram::sim {

class Calls {
 public:
  // What a call was and how it ended; valid while its `done` runs.
  using Done = std::function<void(const StoreOperation& operation)>;

  Calls(World& world, const Swarm& swarm, History& history);

  // `tracked`: nothing but tracked writes touch its keys, which have a token each.
  struct Write {
    Transaction transaction;
    bool tracked = false;
  };
  // Adds a token to a tracked transaction. `timeout` nothing: as the seed says.
  void write(Place& place, Write write, std::optional<Duration> timeout, Done done);
  // All of `keys`, as of one revision. An operation that is not kDone saw nothing.
  void read(Place& place, std::vector<KeyName> keys, bool tracked, std::optional<Duration> timeout,
            Done done);

  // The process at `place` is about to go.
  void end_all_at(Place& place);
  size_t open() const { return calls_.size(); }
  std::string describe_open() const;

  // A value that is written once.
  int64_t unique_value() { return ++unique_; }
  std::string token_of(uint64_t number) const { return "t" + std::to_string(number); }
  const std::vector<std::string>& tokens() const { return tokens_; }

 private:
  struct Call {
    Place* place;
    StoreOperation operation;
    Done done;
    Instant deadline;  // on the clock of the place
    std::optional<node::LocalRead> local;
    size_t touched = 0;  // keys whose pending entries local knows of
    std::unique_ptr<store::Reading> reading;
  };

  uint64_t open_call(Place& place, StoreOperation operation, Done done);
  Duration draw_timeout();
  void on_written(uint64_t call, const Status& status, const machine::Reply* reply);
  // A reader's thread takes its next step, at once or after it lost the processor.
  void step(uint64_t call, void (Calls::*next)(uint64_t call));
  bool takes_time(const Call& call);
  void take_lease(uint64_t call);
  void look_at_clock(uint64_t call);
  void look_at_pending(uint64_t call);
  void take_lease_late(uint64_t call);  // for the mistake pendingfirst
  void look_at_applied(uint64_t call);
  void begin_reading(uint64_t call);
  void fence(uint64_t call, node::NodeCore::Trust trust);
  void on_fenced(uint64_t call, const Status& status);
  void look_up(uint64_t call);
  void check_in_time(const Call& call);
  void end(uint64_t call, StoreOperation::Ending ending);

  World& world_;
  const Swarm& swarm_;
  History& history_;
  Random random_;
  std::map<uint64_t, Call> calls_;
  uint64_t numbers_ = 0;
  int64_t unique_ = 0;
  std::vector<std::string> tokens_;
};

// The version of `key` in `reading`.
Version look_up(const store::Reading& reading, const KeyName& key);

}  // namespace ram::sim
