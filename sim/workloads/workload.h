// What clients do to one part of the data, and what must be true of it.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "sim/place.h"
#include "sim/workloads/calls.h"
#include "sim/workloads/history.h"

namespace ram::sim {

struct Scene {
  World& world;
  const Swarm& swarm;
  Calls& calls;
  History& history;
  std::vector<Place*> places;
};

class Workload {
 public:
  using Next = std::function<void()>;

  explicit Workload(const Scene& scene) : scene_(scene) {}
  virtual ~Workload() = default;

  // One thing that a client at `place` does; `next` is called once, when it is over.
  virtual void act(Place& place, Random& random, Next next) = 0;
  // The same, and nothing is changed by it.
  virtual void look(Place& place, Random& random, Next next) {
    act(place, random, std::move(next));
  }
  // All keys there are, for a last look at them.
  virtual std::vector<KeyName> keys() const = 0;
  // Whether nothing but writes with a token touch them.
  virtual bool tracked() const { return true; }
  // All keys were read, by an operation that is done.
  virtual void saw_all(const StoreOperation& operation) { static_cast<void>(operation); }

 protected:
  void fail(const std::string& why) { scene_.world.fail(why); }

  const Scene& scene_;
};

std::unique_ptr<Workload> make_registers(const Scene& scene);
std::unique_ptr<Workload> make_counters(const Scene& scene);
std::unique_ptr<Workload> make_bank(const Scene& scene);
std::unique_ptr<Workload> make_ring(const Scene& scene);
std::unique_ptr<Workload> make_lists(const Scene& scene);
std::unique_ptr<Workload> make_boards(const Scene& scene);
std::unique_ptr<Workload> make_bursts(const Scene& scene);

// The number that a value begins with; nothing: absent, or none.
KeyValue number_in(const std::optional<std::string>& value);

}  // namespace ram::sim
