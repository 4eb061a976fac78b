// A machine at one address: its clock, and the process that lives there, if one does.
//
// A process is one incarnation: a NodeCore and the store that readers of that process look into. It
// dies without a word; the next one at the same address is a stranger with the same name. A paused
// process runs nothing; what comes meanwhile waits. What it is told of the name that stands for all
// lacks some addresses at first.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "node/node_core.h"
#include "sim/sim_clock.h"
#include "sim/sim_transport.h"
#include "sim/swarm.h"
#include "sim/world.h"
#include "store/store_slot.h"

namespace ram::sim {

class Place {
 public:
  struct Setup {
    size_t number = 0;
    std::string name;
    std::string address;
    std::vector<std::string> join;    // of its first process
    std::vector<std::string> rejoin;  // of later ones
    std::string name_of_all;          // in both: stands for `doors`; empty: there is none
    std::vector<std::string> doors;
    size_t expect = 0;
  };
  using Input = std::function<void(node::NodeCore& core, Instant now)>;
  using Listener = std::function<void(Place& place)>;

  // `turned` hears of each pass that ended, `dying` of each process that is about to go.
  Place(World& world, SimNetwork& network, const Swarm& swarm, const node::Mistakes& mistakes,
        Setup setup, Listener turned, Listener dying);
  ~Place();

  // A process, as it is started by its flags.
  void start();
  void crash();
  void pause(Duration span);
  // Its loop stands still for so long; other threads, which read, go on.
  void stall(Duration span);
  // Ends both.
  void wake();

  bool lives() const { return process_ != nullptr; }
  bool paused() const { return world_.now() < paused_until_; }
  // When the process that lives here ran again after its latest pause, or after a crash.
  WorldTime resumed_at() const { return resumed_at_; }
  // Counts the incarnations that have lived here.
  uint64_t life() const { return life_; }
  size_t number() const { return setup_.number; }
  const std::string& name() const { return setup_.name; }
  const std::string& address() const { return setup_.address; }
  SimClock& clock() { return clock_; }
  const SimClock& clock() const { return clock_; }
  // Require: lives().
  node::NodeCore& core() { return *process_->core; }
  const node::NodeCore& core() const { return *process_->core; }
  NodeId id() const { return process_->id; }
  const node::Mistakes& mistakes() const { return mistakes_; }
  const store::StoreSlot& slot() const { return process_->slot; }
  const node::ReadGate& gate() const { return process_->gate; }

  // Runs `input` on the loop of the process that lives here now, as soon as it runs; never, if it
  // dies before. Within a callback of the core: at once, and only submit() and fence() may be
  // called.
  void deliver(Input input);
  // The same for a step of another thread of it.
  void run(std::function<void()> step);

 private:
  class Lines;
  struct Process {
    Process(NodeId own, uint64_t hash_seed);
    NodeId id;
    store::StoreSlot slot;
    node::ReadGate gate;
    std::unique_ptr<SimTransport> transport;
    std::unique_ptr<node::NodeCore> core;
  };

  // A new incarnation, of the process that was started last.
  void live();
  void execute(const std::function<void()>& step);
  void execute_on_loop(const std::function<void()>& step);
  bool stalled() const { return world_.now() < stalled_until_; }
  void end_pause();
  void end_stall();
  void after_input();
  void turn();
  void arm();
  void resolve(WorldTime born);

  World& world_;
  SimNetwork& network_;
  const Swarm& swarm_;
  const node::Mistakes mistakes_;
  const Setup setup_;
  const Listener turned_;
  const Listener dying_;
  Random random_;
  Random resolver_;
  SimClock clock_;
  std::unique_ptr<Lines> lines_;

  std::unique_ptr<Process> process_;
  std::vector<std::string> join_;  // as that process has it
  node::Former former_;            // the same
  uint64_t life_ = 0;
  WorldTime paused_until_{};
  WorldTime resumed_at_{};
  std::deque<std::function<void()>> backlog_;  // of a paused process
  WorldTime stalled_until_{};
  std::deque<std::function<void()>> loop_backlog_;  // of a loop that stands still
  bool turn_waits_ = false;
  bool inside_ = false;  // a method of the core is under way
  uint64_t timer_ = 0;
  Instant armed_ = kNever;
};

}  // namespace ram::sim
