#include "sim/sim_transport.h"

#include <algorithm>

#include "sim/describe_frame.h"

namespace ram::sim {

using std::chrono::microseconds;
using std::chrono::milliseconds;

namespace {

// What a kernel buffers for a peer that does not answer.
constexpr size_t kWaitingMax = 4'096;

Duration random_duration(Random& random, Duration low, Duration high) {
  return Duration(static_cast<int64_t>(
      random.between(static_cast<uint64_t>(low.count()), static_cast<uint64_t>(high.count()))));
}

SharedBytes flatten(node::Pieces pieces) {
  if (pieces.size() == 1) return std::move(pieces.front());
  std::string bytes;
  for (const SharedBytes& piece : pieces) bytes += piece.view();
  return SharedBytes(std::move(bytes));
}

}  // namespace

SimNetwork::SimNetwork(World& world, bool ordered, std::vector<std::string> addresses,
                       Deliver deliver, LinkUp link_up, Lives lives)
    : world_(world),
      random_(world.stream("network")),
      resolver_(world.stream("network names")),
      ordered_(ordered),
      addresses_(std::move(addresses)),
      places_(addresses_.size()),
      deliver_(std::move(deliver)),
      link_up_(std::move(link_up)),
      lives_(std::move(lives)),
      pairs_(places_ * places_) {
  for (size_t i = 0; i < places_; ++i) by_address_[addresses_[i]] = i;
}

void SimNetwork::send(size_t from, NodeId source, const std::string& address, node::Lane lane,
                      node::Pieces pieces) {
  if (const auto named = behind_.find(address); named != behind_.end()) {
    const std::string& one = named->second[resolver_.below(named->second.size())];
    send(from, source, one, lane, std::move(pieces));
    return;
  }
  const auto found = by_address_.find(address);
  if (found == by_address_.end()) return;
  const size_t to = found->second;
  const SharedBytes frame = flatten(std::move(pieces));
  world_.trace().note(from << 8 | to << 2 | static_cast<size_t>(lane));
  world_.trace().note(frame.view());
  if (world_.trace().has_frames()) {
    world_.line(from + 1, " > ", to + 1, " ", describe_frame(frame));
  }
  if (tap_ && !tap_(from, source, to, frame)) return;
  ++counters_.frames;
  counters_.bytes += frame.size();
  if (lane == node::Lane::kBulk) {
    ++counters_.bulk_frames;
    counters_.bulk_bytes += frame.size();
  }
  if (from == to) {
    world_.after(microseconds(20), [=, this] { deliver_(to, {source, addresses_[from]}, frame); });
  } else if (ordered_) {
    send_ordered(from, to, static_cast<size_t>(lane), source, frame);
  } else {
    send_loose(from, to, static_cast<size_t>(lane), source, frame);
  }
}

Duration SimNetwork::delay(size_t bytes) {
  Duration delay = random_duration(random_, weather_.delay_min, weather_.delay_max);
  if (weather_.late > 0 && random_.chance(weather_.late)) {
    delay += random_duration(random_, milliseconds(5), weather_.late_max);
  }
  if (weather_.bytes_per_ms != 0) {
    delay += microseconds(bytes * 1000 / weather_.bytes_per_ms);
  }
  return delay;
}

void SimNetwork::send_loose(size_t from, size_t to, size_t lane, NodeId source,
                            const SharedBytes& frame) {
  if (pair(from, to).cut) {
    ++counters_.cut_off;
    return;
  }
  if (weather_.loss > 0 && random_.chance(weather_.loss)) {
    ++counters_.lost;
    return;
  }
  if (weather_.replay > 0 && frame_kind(frame) == weather_.replay_kind &&
      random_.chance(weather_.replay)) {
    ++counters_.replayed;
    world_.after(random_duration(random_, milliseconds(1), weather_.replay_max), [=, this] {
      deliver_(to, {source, addresses_[from]}, frame);
    });
  }
  size_t copies = 1;
  while (copies < 4 && weather_.repeat > 0 && random_.chance(weather_.repeat)) ++copies;
  counters_.repeated += copies - 1;
  Stream& stream = pair(from, to).streams[lane];
  for (; copies > 0; --copies) {
    WorldTime arrival = world_.now() + delay(frame.size());
    if (!random_.chance(weather_.overtaken)) {
      arrival = std::max(arrival, stream.last_arrival + Duration(1));
      // Who is late by accident holds up nobody.
      if (arrival <= world_.now() + weather_.delay_max) stream.last_arrival = arrival;
    }
    world_.at(arrival, [=, this] { deliver_(to, {source, addresses_[from]}, frame); });
  }
}

void SimNetwork::send_ordered(size_t from, size_t to, size_t lane, NodeId source,
                              const SharedBytes& frame) {
  Pair& between = pair(from, to);
  Stream& stream = between.streams[lane];
  if (stream.down) {
    ++counters_.lost;
    return;
  }
  if (between.cut) {
    ++counters_.cut_off;
    stream.waiting.push_back({source, frame});
    if (stream.waiting.size() > kWaitingMax) break_stream(from, to, lane);
    return;
  }
  // Streams break seldom, and take much with them.
  if (weather_.loss > 0 && random_.chance(weather_.loss / 20)) {
    break_stream(from, to, lane);
    return;
  }
  stream.last_arrival =
      std::max(stream.last_arrival + Duration(1), world_.now() + delay(frame.size()));
  const uint64_t epoch = stream.epoch;
  if (!stream.used) {
    stream.used = true;
    world_.at(stream.last_arrival, [=, this] {
      if (pair(from, to).streams[lane].epoch == epoch) link_up_(from, addresses_[to]);
    });
  }
  world_.at(stream.last_arrival, [=, this] {
    if (pair(from, to).streams[lane].epoch == epoch)
      deliver_(to, {source, addresses_[from]}, frame);
  });
}

void SimNetwork::break_stream(size_t from, size_t to, size_t lane) {
  Stream& stream = pair(from, to).streams[lane];
  ++counters_.broken;
  ++stream.epoch;
  counters_.lost += stream.waiting.size();
  stream.waiting.clear();
  if (!stream.down) dial_later(from, to, lane);
  stream.down = true;
}

void SimNetwork::dial_later(size_t from, size_t to, size_t lane) {
  const uint64_t epoch = pair(from, to).streams[lane].epoch;
  world_.after(random_duration(random_, milliseconds(1), milliseconds(400)), [=, this] {
    Stream& stream = pair(from, to).streams[lane];
    if (!stream.down) return;
    if (pair(from, to).cut || pair(to, from).cut || !lives_(to)) {
      dial_later(from, to, lane);
      return;
    }
    stream.down = false;
    stream.used = true;
    world_.line("link ", from, " -> ", to, " lane ", lane, " is up again (", epoch, ")");
    link_up_(from, addresses_[to]);
  });
}

void SimNetwork::mend(size_t from, size_t to) {
  Pair& between = pair(from, to);
  if (!between.cut) return;
  between.cut = false;
  for (size_t lane = 0; lane < node::kLaneCount; ++lane) {
    Stream& stream = between.streams[lane];
    if (stream.waiting.empty()) continue;
    if (random_.one_in(2)) {
      break_stream(from, to, lane);
      continue;
    }
    std::vector<Waiting> waiting;
    waiting.swap(stream.waiting);
    for (const Waiting& frame : waiting) {
      send_ordered(from, to, lane, frame.source, frame.frame);
    }
  }
}

void SimNetwork::mend_all() {
  for (size_t from = 0; from < places_; ++from) {
    for (size_t to = 0; to < places_; ++to) mend(from, to);
  }
}

void SimNetwork::on_crash(size_t place) {
  if (!ordered_) return;
  for (size_t other = 0; other < places_; ++other) {
    for (size_t lane = 0; lane < node::kLaneCount; ++lane) {
      // Its own streams are dialled by the next one that lives there.
      Stream& own = pair(place, other).streams[lane];
      own.waiting.clear();
      ++own.epoch;
      own.down = false;
      own.used = false;
      if (pair(other, place).streams[lane].used) break_stream(other, place, lane);
    }
  }
}

void SimNetwork::break_streams(size_t from, size_t to) {
  if (!ordered_) return;
  for (size_t lane = 0; lane < node::kLaneCount; ++lane) {
    if (pair(from, to).streams[lane].used) break_stream(from, to, lane);
  }
}

}  // namespace ram::sim
