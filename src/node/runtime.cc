#include "node/runtime.h"

#include <sys/random.h>

#include <algorithm>
#include <cmath>
#include <type_traits>
#include <utility>

#include "base/check.h"
#include "base/limits.h"
#include "net/address.h"
#include "net/clock_boot.h"
#include "net/loop.h"
#include "net/timer.h"
#include "node/directory.h"
#include "node/node_options.h"
#include "node/peer_links.h"
#include "node/runtime_log.h"
#include "ram/version.h"
#include "store/store.h"

namespace ram::node {
namespace {

// Vectors that a burst has grown beyond this give their memory back.
constexpr size_t kCallsKept = 16'384;

uint64_t entropy() {
  uint64_t word = 0;
  while (word == 0) {  // 0 means "none"
    RAM_CHECK(getrandom(&word, sizeof word, 0) == sizeof word);
  }
  return word;
}

template <class... Fs>
struct Overloaded : Fs... {
  using Fs::operator()...;
};
template <class... Fs>
Overloaded(Fs...) -> Overloaded<Fs...>;

}  // namespace

// ---- life ----

Result<std::unique_ptr<Runtime>> Runtime::start(NodeOptions options) {
  return start(std::move(options), net::read_clocks);
}

Result<std::unique_ptr<Runtime>> Runtime::start(NodeOptions options, ReadClocks read_clocks) {
  if (Status status = check_options(options); !status.ok()) return status;
  std::unique_ptr<Runtime> runtime(new Runtime(std::move(options), std::move(read_clocks)));
  if (Status status = runtime->listen(); !status.ok()) return status;
  runtime->thread_ = std::thread([&self = *runtime] { self.run(); });
  return runtime;
}

Runtime::Runtime(NodeOptions options, ReadClocks read_clocks)
    : options_(std::move(options)),
      read_clocks_(std::move(read_clocks)),
      hash_seed_(entropy()),
      log_(make_log(options_)),
      loop_(std::make_unique<net::Loop>()),
      mailbox_(kMailboxCallsMax, kMailboxBytesMax, [this] { loop_->wake(); }),
      slot_(std::make_unique<store::Store>(hash_seed_)) {}

Runtime::~Runtime() {
  (void)stop();
}

Status Runtime::listen() {
  const auto on_frame = [this](const Peer& from, const SharedBytes& frame) {
    news_ = true;
    core_->receive(loop_->now(), from, frame);
  };
  const auto on_link_up = [this](const std::string& address) {
    news_ = true;
    core_->link_up(loop_->now(), address);
  };
  links_ = std::make_unique<PeerLinks>(*loop_, *log_, entropy(), options_.failover_after,
                                       PeerLinks::Events{on_frame, on_link_up});
  const Result<net::Address> listen = net::Address::parse(options_.cluster_listen);
  RAM_CHECK(listen.ok());  // check_options
  if (Status status = links_->listen(*listen); !status.ok()) return status;
  net::Address advertised = *listen;
  advertised.port = links_->port();
  address_ = options_.advertise.empty() ? advertised.text() : options_.advertise;
  name_ = options_.name.empty() ? address_ : options_.name;
  return {};
}

Status Runtime::stop() {
  std::call_once(stopped_, [this] {
    if (!thread_.joinable()) return;
    RAM_CHECK(!on_own_thread());
    if (options_.leave_timeout <= Duration::zero()) {
      loop_->stop();
    } else {
      // Beside the mailbox, which may be full.
      leave_until_.store(after(options_.leave_timeout));
      loop_->wake();
    }
    thread_.join();
  });
  return left_;
}

void Runtime::run() {
  thread_id_.store(std::this_thread::get_id());
  timer_ = std::make_unique<net::Timer>(*loop_);
  loop_->on_wake([] {});  // being awake is all: each pass empties the mailbox
  loop_->on_pass([this] { pass(); });
  make_core();
  loop_->run();

  // The mailbox first: callbacks of the core's calls may try to hand in others.
  std::vector<Call> left;
  mailbox_.close(left);
  for (Call& call : left) refuse(call, Status::unavailable("the node has stopped; not applied"));
  for (OkWait& wait : std::exchange(ok_waits_, {})) {
    wait.done(Status::unavailable("the node has stopped"));
  }
  directory_.reset();
  core_.reset();
  links_.reset();
  timer_.reset();
  // It may become another thread's.
  thread_id_.store(std::thread::id());
}

void Runtime::make_core() {
  Remains remains;
  if (core_) {
    clock_trusted_ = core_->clock_trusted();
    remains = core_->take_remains();
  }
  directory_.reset();
  core_.reset();  // the one before, if any, before it: both write to the slot
  CoreOptions core;
  core.id = NodeId(entropy());
  core.name = name_;
  core.address = address_;
  core.client = options_.advertise_client;
  core.join = options_.join;
  const std::vector<std::string> names = Directory::names_in(options_.join);
  core.names = {names.begin(), names.end()};
  core.expect = options_.expect;
  core.former = former_;
  core.parameters.failover_after = options_.failover_after;
  core.parameters.voters_max = static_cast<uint32_t>(options_.voters_max);
  core.parameters.leases = options_.leases;
  core.parameters.clock_drift_permille =
      static_cast<uint32_t>(std::lround(options_.clock_drift * 1000));
  core.evict_after = options_.evict_after;
  core.memory_bytes_max = options_.memory_bytes_max;
  core.clock_trusted = clock_trusted_;
  core.seed = entropy();
  core.hash_seed = hash_seed_;
  links_->become(core.id, address_, name_);
  core_ = std::make_unique<NodeCore>(std::move(core), slot_, gate_, loop_->clock(), *links_, *log_);
  core_->take_over(std::move(remains));
  core_->start(loop_->now());
  const auto resolved = [this](const std::string& name, std::vector<std::string> addresses) {
    core_->resolved(loop_->now(), name, std::move(addresses));
    news_ = true;
  };
  directory_ = std::make_unique<Directory>(*loop_, names, resolved);
  news_ = true;
}

// ---- passes ----

void Runtime::pass() {
  mailbox_.take(taken_);
  look_at_clocks();
  const Instant now = loop_->now();
  for (Call& call : taken_) feed(now, std::move(call));
  if (leave_deadline_ == kNever && leave_until_.load() != kNever) {
    leave_deadline_ = leave_until_.load();
    core_->leave();
    news_ = true;
  }
  taken_.clear();
  if (taken_.capacity() > kCallsKept) std::vector<Call>().swap(taken_);

  // Silence is judged by what had arrived: a long pass is no silence of the others.
  const Instant heard_until = loop_->dispatched_until();
  if (heard_until >= core_->next_deadline()) {
    core_->on_time(heard_until);
    news_ = true;
  }
  if (!std::exchange(news_, false)) return;
  core_->turn(now);
  if (core_->cluster()) directory_.reset();
  if (core_->spent()) {
    log_->info("this node starts anew, as a new incarnation");
    former_ = core_->former();
    make_core();
    if (leave_deadline_ != kNever) core_->leave();
  }
  turn_ok_waits(now);
  tell_listeners(now);
  turn_leaving(now);
  arm_timer(now);
}

void Runtime::tell_listeners(Instant now) {
  if (listeners_.empty() || now < next_look_) return;
  next_look_ = now + options_.failover_after / 10;
  const NodeStatus status = core_->status(now);
  const std::vector<Member> members = core_->members(now);
  for (Listener& listener : listeners_) {
    for (const Event& event : listener.watch.look(status, members)) listener.hear(event);
  }
}

void Runtime::turn_leaving(Instant now) {
  if (leave_deadline_ == kNever) return;
  const bool late = now >= leave_deadline_;
  if (core_->left() || (late && core_->status(now).role == NodeRole::kJoining)) {
    log_->info("left the cluster");
    loop_->stop();
  } else if (late) {
    left_ = Status::unavailable(
        "stopped without having left: within leave-timeout nobody took it "
        "out of the cluster, which takes a majority of the other voters; "
        "they count it as a voter still, until it comes back or is evicted");
    log_->warning(left_.message());
    loop_->stop();
  }
}

// With each heartbeat of the core, and whenever our clock went back.
void Runtime::look_at_clocks() {
  const Instant now = loop_->now();
  if (now >= clocks_read_ && now - core_->heartbeat() < clocks_read_) return;
  clocks_read_ = now;
  core_->look_at_clocks(read_clocks_());
}

void Runtime::feed(Instant now, Call call) {
  std::visit(
      Overloaded{
          [&](Write& write) {
            core_->submit(now, std::move(write.transaction), write.deadline, std::move(write.done));
            news_ = true;
          },
          [&](Fence& fence) {
            core_->fence(now, fence.deadline, fence.trust, std::move(fence.done));
            news_ = true;
          },
          [&](Wait& wait) {
            core_->wait_applied(now, wait.index, wait.deadline, std::move(wait.done));
            news_ = true;
          },
          [&](Copies& copies) {
            core_->wait_for_copies(
                now, copies.wanted, copies.deadline,
                [done = std::move(copies.done)](size_t reached) { done(reached); });
            news_ = true;
          },
          [&](OkWait& wait) {
            ok_waits_.push_back(std::move(wait));
            news_ = true;
          },
          [&](Operation& operation) {
            const bool evict = operation.kind == OperationKind::kEvict;
            evict ? core_->evict(now, operation.name, operation.deadline, std::move(operation.done))
                  : core_->transfer(now, operation.name, operation.deadline,
                                    std::move(operation.done));
            news_ = true;
          },
          [&](Recover& recover) {
            core_->recover(now, recover.others_are_dead, std::move(recover.done));
            news_ = true;
          },
          [&](Listener& listener) {
            listeners_.push_back(std::move(listener));
            next_look_ = now;
            news_ = true;
          },
          [&](Look& look) { look(Status(), core_.get(), now); },
      },
      call);
}

void Runtime::turn_ok_waits(Instant now) {
  if (ok_waits_.empty()) return;
  const NodeStatus status = core_->status(now);
  std::vector<OkWait> waits = std::exchange(ok_waits_, {});
  for (OkWait& wait : waits) {
    if (status.state == NodeState::kOk) {
      wait.done(Status());
    } else if (now >= wait.deadline) {
      const std::string why = status.waiting_for.empty() ? "" : "; " + status.waiting_for;
      wait.done(Status::unavailable("the node is " + std::string(state_name(status.state)) + why));
    } else {
      ok_waits_.push_back(std::move(wait));
    }
  }
}

void Runtime::arm_timer(Instant now) {
  Instant next = std::max(core_->next_deadline(), now);
  for (const OkWait& wait : ok_waits_) next = std::min(next, wait.deadline);
  next = std::min(next, leave_deadline_);
  if (next == kNever) {
    timer_->cancel();
  } else if (timer_->due() != next) {
    timer_->start(next, [this] { news_ = true; });
  }
}

// ---- calls of other threads ----

void Runtime::refuse(Call& call, const Status& why) {
  std::visit(Overloaded{
                 [&](Write& write) { write.done(why, nullptr); },
                 [&](Fence& fence) { fence.done(why); },
                 [&](Wait& wait) { wait.done(why); },
                 [&](Copies& copies) { copies.done(why); },
                 [&](Operation& operation) { operation.done(why); },
                 [&](Recover& recover) { recover.done(why); },
                 [](const Listener&) {},
                 [&](OkWait& wait) { wait.done(why); },
                 [&](Look& look) { look(why, nullptr, Instant()); },
             },
             call);
}

Status Runtime::status_of(Pushed pushed) {
  switch (pushed) {
    case Pushed::kYes:
      return {};
    case Pushed::kFull:
      return Status::overloaded("too many calls wait at this node; try again after a pause");
    case Pushed::kClosed:
      return Status::unavailable("the node has stopped; not applied");
  }
  return {};
}

void Runtime::push(Call call, size_t bytes) {
  const Status status = status_of(mailbox_.push(call, bytes));
  if (!status.ok()) refuse(call, status);
}

void Runtime::submit(Write write) {
  const size_t bytes = write.transaction.size();
  push(std::move(write), bytes);
}

void Runtime::submit(std::vector<Write> writes) {
  std::vector<Call> calls;
  calls.reserve(writes.size());
  size_t bytes = 0;
  for (Write& write : writes) {
    bytes += write.transaction.size();
    calls.emplace_back(std::move(write));
  }
  const Status status = status_of(mailbox_.push(calls, bytes));
  if (status.ok()) return;
  for (Call& call : calls) refuse(call, status);
}

void Runtime::fence(Instant deadline, NodeCore::Trust trust, NodeCore::FenceDone done) {
  push(Fence{deadline, trust, std::move(done)}, 0);
}

void Runtime::wait_applied(LogIndex index, Instant deadline, NodeCore::FenceDone done) {
  push(Wait{index, deadline, std::move(done)}, 0);
}

void Runtime::wait_for_copies(size_t wanted, Instant deadline,
                              std::function<void(Result<size_t>)> done) {
  push(Copies{wanted, deadline, std::move(done)}, 0);
}

void Runtime::when_ok(Instant deadline, NodeCore::FenceDone done) {
  push(OkWait{deadline, std::move(done)}, 0);
}

void Runtime::operate(Operation operation) {
  push(std::move(operation), 0);
}

void Runtime::recover(Recover recover) {
  push(std::move(recover), 0);
}

Status Runtime::on_event(std::function<void(const Event&)> listener) {
  Status status = Status::overloaded("this node has as many listeners as it may have, " +
                                     std::to_string(kListenersMax) + "; let one tell the others");
  if (listeners_taken_.fetch_add(1) < kListenersMax) {
    Call call = Listener{std::move(listener), {}};
    status = status_of(mailbox_.push(call, 0));
  }
  if (!status.ok()) listeners_taken_.fetch_sub(1);
  return status;
}

void Runtime::look(Look look) {
  push(std::move(look), 0);
}

Instant Runtime::now() const {
  return loop_->now();
}

Instant Runtime::after(Duration timeout) const {
  const Instant start = now();
  if (timeout >= kNever - start) return kNever;
  return start + std::max(timeout, Duration::zero());
}

}  // namespace ram::node
