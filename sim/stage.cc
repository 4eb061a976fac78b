#include "sim/stage.h"

#include <utility>

namespace ram::sim {

Stage::Stage(World& world, const Swarm& swarm, const node::Mistakes& mistakes,
             const Place::Listener& turned, const Place::Listener& dying)
    : network_(
          world, swarm.ordered, addresses(swarm),
          [this](size_t place, const node::Peer& from, const SharedBytes& frame) {
            places_[place]->deliver([from, frame](node::NodeCore& core, Instant now) {
              core.receive(now, from, frame);
            });
          },
          [this](size_t place, const std::string& address) {
            places_[place]->deliver(
                [address](node::NodeCore& core, Instant now) { core.link_up(now, address); });
          },
          [this](size_t place) { return places_[place]->lives(); }) {
  const std::vector<std::string> all = addresses(swarm);
  std::vector<std::string> list(all.begin(),
                                all.begin() + static_cast<std::ptrdiff_t>(swarm.founders));
  std::vector<std::string> doors;
  if (swarm.named) {
    list = {"all:7000"};
    doors = open_doors(swarm);
    network_.add_name(list.front(), doors);
  }
  for (size_t i = 0; i < swarm.places(); ++i) {
    Place::Setup setup{.number = i,
                       .name = "node" + std::to_string(i + 1),
                       .address = all[i],
                       .join = list,
                       .rejoin = list,
                       .name_of_all = swarm.named ? list.front() : "",
                       .doors = doors,
                       .expect = swarm.named ? swarm.founders : 0};
    if (swarm.founders == 1) {
      // A cluster of one has no list. Whoever comes back must be told of the others.
      if (i == 0) setup.join = {};
      setup.rejoin = all;
      std::erase(setup.rejoin, all[i]);
    }
    places_.push_back(
        std::make_unique<Place>(world, network_, swarm, mistakes, std::move(setup), turned, dying));
  }
}

std::vector<std::string> Stage::open_doors(const Swarm& swarm) {
  std::vector<std::string> doors;
  const auto open = [&doors](const std::string& host) { doors.push_back(host + ":7000"); };
  for (size_t i = 0; i < swarm.founders; ++i) {
    open("10.0.0." + std::to_string(i + 1));
    network_.add_address(doors.back(), i);
    if (i >= swarm.doors_twice) continue;
    open("10.0.1." + std::to_string(i + 1));
    network_.add_address(doors.back(), i);
  }
  for (size_t i = 0; i < swarm.doors_dead; ++i) open("10.0.2." + std::to_string(i + 1));
  return doors;
}

std::vector<std::string> Stage::addresses(const Swarm& swarm) {
  std::vector<std::string> addresses;
  for (size_t i = 0; i < swarm.places(); ++i) {
    addresses.push_back("host" + std::to_string(i + 1) + ":7000");
  }
  return addresses;
}

}  // namespace ram::sim
