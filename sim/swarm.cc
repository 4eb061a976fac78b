#include "sim/swarm.h"

#include <sstream>

#include "sim/describe_frame.h"

namespace ram::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using std::chrono::seconds;

namespace {

Duration draw(Random& random, Duration low, Duration high) {
  return Duration(static_cast<int64_t>(
      random.between(static_cast<uint64_t>(low.count()), static_cast<uint64_t>(high.count()))));
}

double draw_share(Random& random, double most) {
  return most * static_cast<double>(random.below(1'000)) / 1'000;
}

// Small enough that every edge is met within a second.
node::CoreLimits small_limits(Random& random) {
  node::CoreLimits limits;
  if (random.one_in(2)) limits.mailbox_calls = random.between(4, 64);
  if (random.one_in(3)) limits.mailbox_bytes = random.between(2'000, 20'000);
  if (random.one_in(2)) limits.record_bytes = random.between(100, 4'000);
  if (random.one_in(2)) limits.records_in_flight = random.between(1, 8);
  if (random.one_in(3)) limits.bytes_in_flight = random.between(1'000, 20'000);
  if (random.one_in(2)) limits.transactions_in_flight = random.between(1, 64);
  if (!random.one_in(3)) limits.log_entries = random.between(10, 200);
  if (random.one_in(3)) limits.log_bytes = random.between(8'000, 100'000);
  if (!random.one_in(3)) limits.state_piece_bytes = random.between(500, 8'000);
  if (random.one_in(2)) limits.message_entries = random.between(1, 16);
  return limits;
}

std::optional<lease::Times> draw_lease_times(Random random, const machine::Parameters& cluster) {
  if (random.one_in(3)) return std::nullopt;
  lease::Times times =
      lease::times_of(cluster.leases, cluster.failover_after, cluster.clock_drift_permille);
  times.lease = random.one_in(2) ? draw(random, cluster.failover_after, 2 * cluster.failover_after)
                                 : draw(random, cluster.failover_after, 6 * cluster.failover_after);
  // Who lagged gets its lease back soon, often.
  if (!random.one_in(3)) {
    times.backoff_min = draw(random, times.heartbeat, times.election);
    times.backoff_max = 2 * times.backoff_min;
  }
  return times;
}

}  // namespace

Swarm draw_swarm(const World& world, size_t nodes, Duration length) {
  Random random = world.stream("swarm");
  Swarm swarm;
  const uint64_t dice = random.below(20);
  swarm.founders = dice == 0 ? 1 : dice < 12 ? 3 : 5;
  if (nodes != 0) swarm.founders = nodes;
  if (swarm.founders == 1) {
    swarm.joiners = random.between(0, 2);
  } else if (random.one_in(4)) {
    swarm.joiners = random.between(1, 2);
  }
  swarm.length = length;

  swarm.partitions = !random.one_in(3);
  swarm.one_way_cuts = random.one_in(2);
  swarm.flaky = random.one_in(2);
  swarm.crashes = !random.one_in(3);
  // One that founds alone and is gone comes back as a joiner, of nobody.
  swarm.founding_crashes = random.one_in(4) && swarm.founders > 1;
  swarm.pauses = random.one_in(2);
  swarm.drift = random.one_in(2);
  swarm.wall_jumps = random.one_in(4);
  swarm.strict_crashes = !random.one_in(4);
  swarm.fault_every = draw(random, milliseconds(150), seconds(3));
  swarm.outage_max =
      random.one_in(3) ? milliseconds(1) : draw(random, milliseconds(50), seconds(4));

  swarm.ordered = random.one_in(2);
  swarm.calm.delay_min = draw(random, microseconds(20), microseconds(500));
  swarm.calm.delay_max = swarm.calm.delay_min + draw(random, microseconds(50), milliseconds(4));
  if (random.one_in(4)) swarm.calm.delay_max += milliseconds(20);
  // Nothing, a little, or much; shuffling all frames makes more of them than any work does.
  swarm.calm.overtaken = random.one_in(3) ? 0 : draw_share(random, random.one_in(2) ? 0.02 : 0.3);
  swarm.rough = swarm.calm;
  swarm.rough.delay_max += random.one_in(2) ? milliseconds(30) : milliseconds(0);
  swarm.rough.late = random.one_in(2) ? 0 : draw_share(random, 0.05);
  swarm.rough.late_max = draw(random, milliseconds(10), seconds(2));
  swarm.rough.loss = random.one_in(3) ? 0 : draw_share(random, 0.2);
  swarm.rough.repeat = random.one_in(3) ? 0 : draw_share(random, 0.2);
  if (random.one_in(3)) {
    swarm.calm.replay = draw_share(random, 0.5);
    swarm.calm.replay_kind = random.below(kFrameKinds);
    swarm.calm.replay_max = draw(random, milliseconds(100), seconds(5));
    swarm.rough.replay = swarm.calm.replay;
    swarm.rough.replay_kind = swarm.calm.replay_kind;
    swarm.rough.replay_max = swarm.calm.replay_max;
  }
  if (random.one_in(4)) {
    swarm.calm.bytes_per_ms = random.between(500, 20'000);
    swarm.rough.bytes_per_ms = swarm.calm.bytes_per_ms;
  }

  if (random.one_in(3))
    swarm.parameters.failover_after = draw(random, milliseconds(200), seconds(1));
  if (random.one_in(4)) swarm.parameters.voters_max = 3;
  swarm.parameters.leases = !random.one_in(8);
  if (random.one_in(3)) swarm.parameters.clock_drift_permille = random.one_in(2) ? 10 : 500;
  swarm.request_timeout =
      random.one_in(2) ? seconds(5) : draw(random, milliseconds(500), seconds(5));
  // Nodes of one cluster may have limits of their own.
  const bool small = random.one_in(2), each = random.one_in(2);
  swarm.limits.resize(swarm.places());
  if (small) swarm.limits.assign(swarm.places(), small_limits(random));
  for (size_t i = 0; each && i < swarm.places(); ++i) {
    swarm.limits[i] = random.one_in(2) ? small_limits(random) : node::CoreLimits();
  }
  // A stream of its own: what older seeds draw stays as it was.
  Random window = world.stream("window");
  for (node::CoreLimits& limits : swarm.limits) {
    if (window.one_in(2)) limits.replication_bytes = window.between(2'000, 20'000);
  }
  Random transfers = world.stream("transfers");
  for (node::CoreLimits& limits : swarm.limits) {
    if (transfers.one_in(2)) limits.transfer_log_entries = transfers.between(16, 400);
    if (transfers.one_in(2)) limits.transfer_log_bytes = transfers.between(8'000, 100'000);
    if (transfers.one_in(2)) limits.kept_bytes = transfers.between(100, 20'000);
  }
  swarm.pass_max = random.one_in(2) ? Duration(0) : draw(random, microseconds(10), milliseconds(2));
  swarm.timer_late = draw(random, microseconds(1), milliseconds(2));

  swarm.clients = random.between(1, 4);
  swarm.think_max = draw(random, milliseconds(50), milliseconds(500));
  swarm.read_step_max =
      random.one_in(2) ? milliseconds(1) : draw(random, Duration(0), milliseconds(100));
  swarm.value_bytes = random.one_in(3) ? random.below(400) : 0;
  swarm.bursts = random.one_in(3);
  Random mutes = world.stream("mutes");
  swarm.mutes = mutes.one_in(3);
  Random ambushes = world.stream("ambushes");
  // Ambushes would mend what mutes cut.
  swarm.ambushes = !ambushes.one_in(3) && !swarm.mutes;
  if (swarm.ambushes) {
    // Undisturbed, and with clocks that differ by all that is allowed for.
    swarm.fault_every *= 3;
    if (ambushes.one_in(2)) {
      swarm.drift = true;
      swarm.parameters.clock_drift_permille = ambushes.one_in(2) ? 500 : 200;
    }
    if (swarm.joiners == 0 && ambushes.one_in(2)) ++swarm.joiners;
    if (ambushes.one_in(2)) swarm.parameters.voters_max = 3;
    swarm.limits.resize(swarm.places());
    swarm.read_step_in = ambushes.between(1, 8);
    if (ambushes.one_in(3)) {
      for (node::CoreLimits& limits : swarm.limits) limits.log_entries = ambushes.between(5, 30);
    }
    if (ambushes.one_in(3)) {
      for (node::CoreLimits& limits : swarm.limits) {
        limits.message_entries = ambushes.between(1, 3);
      }
    }
  }
  Random operations = world.stream("operations");
  swarm.operations = operations.one_in(2);
  // Who is given up for its silence is not known here, when it is asked who may crash.
  if (operations.one_in(3) && !swarm.crashes)
    swarm.evict_after = draw(operations, seconds(2), seconds(10));
  Random names = world.stream("names");
  swarm.named = names.one_in(6) && swarm.founders > 1;
  if (swarm.named && names.one_in(2)) swarm.doors_twice = names.between(1, swarm.founders);
  if (swarm.named && names.one_in(2)) swarm.doors_dead = names.between(1, 2);
  swarm.lease_times = draw_lease_times(world.stream("leases"), swarm.parameters);
  swarm.losses = world.stream("losses").one_in(6) && swarm.places() > 1;
  // Who says that the others are dead has waited for four elections: longer than leases last.
  if (swarm.losses && swarm.lease_times) {
    swarm.lease_times->lease =
        std::min(swarm.lease_times->lease, 2 * swarm.parameters.failover_after);
  }
  for (size_t i = 0; swarm.mutes && i < swarm.places(); ++i) {
    swarm.limits[i].log_bytes = node::CoreLimits().log_bytes;
    swarm.limits[i].log_entries =
        mutes.one_in(2) ? node::CoreLimits().log_entries : mutes.between(10, 20);
  }
  // The engine takes each rejection for news and sends all that follows again. Without order a long
  // tail in small messages, of which many are overtaken and rejected, would multiply without end.
  if (swarm.bursts && !swarm.ordered) {
    for (node::CoreLimits& limits : swarm.limits) {
      limits.message_entries = node::CoreLimits().message_entries;
    }
  }
  return swarm;
}

std::string describe(const Swarm& swarm) {
  const auto ms = [](Duration duration) {
    return std::to_string(static_cast<double>(duration.count() / 1'000) / 1'000) + " ms";
  };
  std::ostringstream text;
  text << swarm.founders << " founders, ";
  if (swarm.named) {
    text << "by a name with " << swarm.doors_twice << " addresses twice and " << swarm.doors_dead
         << " dead, ";
  }
  text << swarm.joiners << " joiners, " << (swarm.ordered ? "ordered" : "loose") << " network of "
       << ms(swarm.calm.delay_min) << " to " << ms(swarm.calm.delay_max) << ", overtaken "
       << swarm.calm.overtaken << ", rough: late " << swarm.rough.late << " loss "
       << swarm.rough.loss << " repeat " << swarm.rough.repeat << "; faults every "
       << ms(swarm.fault_every) << ":" << (swarm.partitions ? " partitions" : "")
       << (swarm.one_way_cuts ? " one-way" : "") << (swarm.mutes ? " mutes" : "")
       << (swarm.flaky ? " flaky" : "") << (swarm.crashes ? " crashes" : "")
       << (swarm.founding_crashes ? " founding-crashes" : "") << (swarm.pauses ? " pauses" : "")
       << (swarm.drift ? " drift" : "") << (swarm.wall_jumps ? " wall-jumps" : "")
       << (swarm.ambushes ? " ambushes" : "") << (swarm.operations ? " operations" : "")
       << (swarm.losses ? " losses" : "") << "; failover " << ms(swarm.parameters.failover_after)
       << ", leases " << (swarm.parameters.leases ? ms(swarm.times().lease) : "off") << " at drift "
       << swarm.parameters.clock_drift_permille << ", voters " << swarm.parameters.voters_max
       << ", passes of " << ms(swarm.pass_max) << ", clients " << swarm.clients << " thinking "
       << ms(swarm.think_max);
  if (swarm.calm.replay > 0 && !swarm.ordered) {
    text << ", replays " << swarm.calm.replay << " of kind " << swarm.calm.replay_kind;
  }
  for (const node::CoreLimits& limits : swarm.limits) {
    text << "\n  mailbox " << limits.mailbox_calls << "/" << limits.mailbox_bytes
         << ", record bytes " << limits.record_bytes << ", in flight " << limits.records_in_flight
         << "/" << limits.bytes_in_flight << "/" << limits.transactions_in_flight << ", log "
         << limits.log_entries << "/" << limits.log_bytes << ", piece " << limits.state_piece_bytes
         << ", message entries " << limits.message_entries << ", window "
         << limits.replication_bytes << ", for transfers " << limits.transfer_log_entries << "/"
         << limits.transfer_log_bytes << ", kept " << limits.kept_bytes;
  }
  return text.str();
}

}  // namespace ram::sim
