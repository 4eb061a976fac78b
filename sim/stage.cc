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
  const std::vector<std::string> list(all.begin(),
                                      all.begin() + static_cast<std::ptrdiff_t>(swarm.founders));
  for (size_t i = 0; i < swarm.places(); ++i) {
    Place::Setup setup{.number = i,
                       .name = "node" + std::to_string(i + 1),
                       .address = all[i],
                       .join = list,
                       .rejoin = list};
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

std::vector<std::string> Stage::addresses(const Swarm& swarm) {
  std::vector<std::string> addresses;
  for (size_t i = 0; i < swarm.places(); ++i) {
    addresses.push_back("host" + std::to_string(i + 1) + ":7000");
  }
  return addresses;
}

}  // namespace ram::sim
