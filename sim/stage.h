// The places of a run and the network between them.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "sim/place.h"
#include "sim/sim_transport.h"
#include "sim/swarm.h"
#include "sim/world.h"

namespace ram::sim {

using Places = std::vector<std::unique_ptr<Place>>;

class Stage {
 public:
  // Nobody lives at any place yet. The listeners are those of Place.
  Stage(World& world, const Swarm& swarm, const node::Mistakes& mistakes,
        const Place::Listener& turned, const Place::Listener& dying);

  SimNetwork& network() { return network_; }
  Places& places() { return places_; }

 private:
  static std::vector<std::string> addresses(const Swarm& swarm);
  // Behind the name of all.
  std::vector<std::string> open_doors(const Swarm& swarm);

  Places places_;
  SimNetwork network_;
};

}  // namespace ram::sim
