// A run that is played by hand: the counterexamples of docs/model that chance meets too seldom.
//
// The nodes, their clocks and their timers are those of any run; who hears whom, which frame is
// kept back and given later, whose loop stands still, is the script's. What nodes claim is checked
// all the time (checkers/claims.h).
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "node/peer_message.h"
#include "node/read_path.h"
#include "sim/checkers/agreement.h"
#include "sim/checkers/claims.h"
#include "sim/stage.h"
#include "sim/swarm.h"
#include "sim/world.h"

namespace ram::sim {

class Script {
 public:
  // `mistake`: empty for none.
  Script(uint64_t seed, const Swarm& swarm, const std::string& mistake);
  Script(const Script&) = delete;
  ~Script();

  // Three founders, a network that takes a millisecond, leases of six times the failover time.
  static Swarm swarm(size_t founders = 3, size_t joiners = 0);

  // ---- time ----

  WorldTime now() const { return world_.now(); }
  void pass(Duration span);
  // False: it did not come to be.
  bool pass_until(const std::function<bool()>& condition, Duration at_most = kLong);

  // ---- who ----

  // The founders become a cluster, and then the others its members; all hold leases.
  bool found() { return found(swarm_.places()); }
  // The same with the first `count` places; nobody lives at the others.
  bool found(size_t count);
  Place& at(size_t number) { return *stage_.places()[number]; }
  Place& leader();
  // The nth of the others.
  Place& other(size_t number, std::vector<const Place*> than);
  // All others.
  std::vector<const Place*> but(const Place& one);
  static bool leads(const Place& place);
  static Term term(const Place& place);
  static bool has_lease(const Place& place);
  bool members_are(const Place& by, const std::vector<const Place*>& members) const;

  // What a reader at `place` must wait for before it looks at `key`.
  node::LocalRead local_read(const Place& place, const std::string& key) const;
  void expect(bool condition, const std::string& otherwise) {
    if (!condition) world_.fail(otherwise);
  }

  // ---- links ----

  void cut(const Place& a, const Place& b);
  void cut_one_way(const Place& from, const Place& to);
  void mend(const Place& a, const Place& b);
  // From and to everyone; or from and to all but some.
  void isolate(const Place& place, const std::vector<const Place*>& spared = {});
  void rejoin(const Place& place);
  // Frames for which `lost` is true do not arrive, from now on; none: all do.
  using Lost = std::function<bool(size_t from, size_t to, const node::Frame& frame)>;
  void lose(Lost lost) { lost_ = std::move(lost); }
  // The next frame for which `wanted` is true is kept back, until it is given.
  void keep(Lost wanted);
  bool kept() const { return kept_.has_value(); }
  void give();

  // ---- calls ----

  // Nothing while it is under way.
  std::shared_ptr<std::optional<Status>> write(Place& place, const std::string& key,
                                               const std::string& value);
  void evict(Place& at, const Place& target);
  // The operator may lie.
  std::shared_ptr<std::optional<Status>> recover(Place& place, bool others_are_dead);
  bool written(Place& place, const std::string& key, const std::string& value);

  const std::string& failure() const { return world_.failure(); }

 private:
  static constexpr Duration kLong = std::chrono::seconds(30);

  struct Kept {
    size_t from, to;
    NodeId source;
    SharedBytes frame;
  };

  bool passes(size_t from, NodeId source, size_t to, const SharedBytes& bytes);

  World world_;
  const Swarm swarm_;
  Stage stage_;
  Agreement agreement_;
  Claims claims_;
  Lost lost_, wanted_;
  std::optional<Kept> kept_;
};

}  // namespace ram::sim
