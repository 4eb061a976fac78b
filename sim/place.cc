#include "sim/place.h"

#include <utility>

namespace ram::sim {

namespace {

constexpr std::string_view kLevels[] = {"debug", "info", "warning", "error"};

Duration random_up_to(Random& random, Duration most) {
  return Duration(static_cast<int64_t>(random.below(static_cast<uint64_t>(most.count()) + 1)));
}

}  // namespace

class Place::Lines final : public Log {
 public:
  Lines(World& world, std::string name) : world_(world), name_(std::move(name)) {}
  void write(Severity severity, std::string_view line) override {
    world_.line(name_, " ", kLevels[static_cast<size_t>(severity)], ": ", line);
  }
  bool enabled(Severity) const override { return world_.trace().has_text(); }

 private:
  World& world_;
  const std::string name_;
};

Place::Process::Process(NodeId own, uint64_t hash_seed)
    : id(own), slot(std::make_unique<store::Store>(hash_seed)) {}

Place::Place(World& world, SimNetwork& network, const Swarm& swarm, const node::Mistakes& mistakes,
             Setup setup, Listener turned, Listener dying)
    : world_(world),
      network_(network),
      swarm_(swarm),
      mistakes_(mistakes),
      setup_(std::move(setup)),
      turned_(std::move(turned)),
      dying_(std::move(dying)),
      random_(world.stream("place", setup_.number)),
      resolver_(world.stream("resolver", setup_.number)),
      // Machines that have been up for a second, or for years.
      clock_(world, Instant(Duration(static_cast<int64_t>(
                        1 + random_.below(uint64_t{1} << random_.between(30, 57)))))),
      lines_(std::make_unique<Lines>(world, setup_.name)) {}

Place::~Place() = default;

void Place::start() {
  join_ = life_ == 0 ? setup_.join : setup_.rejoin;
  former_ = {};
  live();
}

void Place::live() {
  ++life_;
  const uint64_t drawn = random_.next() >> 1;
  process_ = std::make_unique<Process>(NodeId(drawn == 0 ? 1 : drawn), random_.next());
  process_->transport = std::make_unique<SimTransport>(network_, setup_.number, process_->id);
  node::CoreOptions options{.id = process_->id,
                            .name = setup_.name,
                            .address = setup_.address,
                            .client = {},
                            .join = join_,
                            .names = {},
                            .expect = setup_.expect,
                            .former = former_,
                            .parameters = swarm_.parameters,
                            .evict_after = swarm_.evict_after,
                            .seed = random_.next(),
                            .hash_seed = random_.next(),
                            .limits = swarm_.limits[setup_.number],
                            .mistakes = mistakes_,
                            .lease_times = swarm_.lease_times};
  if (!setup_.name_of_all.empty()) options.names = {setup_.name_of_all};
  world_.line(setup_.name, " starts as ", process_->id.value);
  world_.trace().note(process_->id.value);
  process_->core = std::make_unique<node::NodeCore>(
      std::move(options), process_->slot, process_->gate, clock_, *process_->transport, *lines_);
  deliver([](node::NodeCore& core, Instant now) { core.start(now); });
  if (!setup_.name_of_all.empty()) resolve(world_.now());
}

void Place::resolve(WorldTime born) {
  world_.after(random_up_to(resolver_, std::chrono::milliseconds(800)), [this, born, life = life_] {
    if (life != life_ || !lives() || core().cluster()) return;
    std::vector<std::string> doors = setup_.doors;
    if (world_.now() - born < std::chrono::seconds(2)) {
      std::erase_if(doors, [this](const std::string&) { return resolver_.one_in(4); });
    }
    deliver([name = setup_.name_of_all, doors](node::NodeCore& core, Instant now) {
      core.resolved(now, name, doors);
    });
    resolve(born);
  });
}

void Place::crash() {
  dying_(*this);
  network_.on_crash(setup_.number);
  process_.reset();
  backlog_.clear();
  loop_backlog_.clear();
  paused_until_ = stalled_until_ = resumed_at_ = world_.now();
  turn_waits_ = false;
  ++timer_;
  armed_ = kNever;
}

void Place::pause(Duration span) {
  if (!lives() || paused()) return;
  paused_until_ = world_.now() + span;
  world_.at(paused_until_, [this, life = life_, until = paused_until_] {
    if (life == life_ && until == paused_until_) end_pause();
  });
}

void Place::stall(Duration span) {
  if (!lives() || paused() || stalled()) return;
  stalled_until_ = world_.now() + span;
  world_.at(stalled_until_, [this, life = life_, until = stalled_until_] {
    if (life == life_ && until == stalled_until_) execute([this] { end_stall(); });
  });
}

void Place::end_stall() {
  stalled_until_ = resumed_at_ = world_.now();
  std::deque<std::function<void()>> waiting;
  waiting.swap(loop_backlog_);
  for (const auto& step : waiting) execute_on_loop(step);
}

void Place::wake() {
  stalled_until_ = world_.now();
  end_pause();
}

void Place::end_pause() {
  paused_until_ = resumed_at_ = world_.now();
  std::deque<std::function<void()>> waiting;
  waiting.swap(backlog_);
  for (const auto& step : waiting) execute(step);
  if (!stalled()) end_stall();
}

void Place::execute_on_loop(const std::function<void()>& step) {
  execute([this, step] {
    if (stalled()) {
      loop_backlog_.push_back(step);
    } else {
      step();
    }
  });
}

void Place::execute(const std::function<void()>& step) {
  if (!lives()) return;
  if (paused()) {
    backlog_.push_back(step);
    return;
  }
  step();
}

void Place::run(std::function<void()> step) {
  execute(step);
}

void Place::deliver(Input input) {
  if (inside_) {  // from a callback: part of the pass that is under way
    input(core(), clock_.now());
    return;
  }
  execute_on_loop([this, input = std::move(input)] {
    inside_ = true;
    input(core(), clock_.now());
    inside_ = false;
    after_input();
  });
}

void Place::after_input() {
  if (random_.one_in(64)) {
    inside_ = true;
    core().on_time(clock_.now());
    inside_ = false;
  }
  if (swarm_.pass_max == Duration(0)) {
    turn();
    return;
  }
  if (turn_waits_) return;
  turn_waits_ = true;
  world_.after(random_up_to(random_, swarm_.pass_max), [this, life = life_] {
    if (life != life_) return;
    execute_on_loop([this] {
      turn_waits_ = false;
      turn();
    });
  });
}

void Place::turn() {
  inside_ = true;
  core().turn(clock_.now());
  inside_ = false;
  turned_(*this);
  if (core().spent() || core().left()) {
    world_.line(setup_.name, core().left() ? " has left" : " is spent");
    const bool left = core().left();
    const Duration away = left ? random_up_to(random_, swarm_.outage_max) : Duration(0);
    former_ = core().former();
    world_.after(Duration(0), [this, life = life_, left, away] {
      if (life != life_ || !lives()) return;
      crash();
      world_.after(away, [this, life, left] {
        if (life != life_ || lives()) return;
        if (left) {
          start();
        } else {
          live();
        }
      });
    });
  }
  arm();
}

void Place::arm() {
  const Instant deadline = core().next_deadline();
  if (deadline == armed_) return;
  armed_ = deadline;
  const uint64_t timer = ++timer_;
  if (deadline == kNever) return;
  // What is due already is another pass at once; a timer is as late as timers are.
  const bool due = deadline <= clock_.now();
  const WorldTime at =
      clock_.when(deadline) +
      (due ? std::chrono::microseconds(1) : Duration(1) + random_up_to(random_, swarm_.timer_late));
  world_.at(at, [this, timer] {
    if (timer != timer_ || !lives()) return;
    armed_ = kNever;
    deliver([](node::NodeCore& core, Instant now) { core.on_time(now); });
  });
}

}  // namespace ram::sim
