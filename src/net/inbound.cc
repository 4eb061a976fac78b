#include "net/inbound.h"

#include <algorithm>
#include <array>
#include <optional>

#include "base/check.h"
#include "base/limits.h"
#include "net/frame.h"
#include "net/loop.h"
#include "net/text.h"

namespace ram::net {
namespace {

// How long a refused peer may take to read why.
constexpr Duration kRefusalPatience = std::chrono::seconds(1);
// For who is no node: clients find this port by mistake. An error of the Redis protocol, and a line
// for people in any other.
constexpr std::string_view kNotForClients =
    "-ERR nodes of a ram cluster talk to each other on this port (--cluster-listen); clients "
    "connect to the one of --listen\r\n";
// Lines of log about misbehaviour: so many a second.
constexpr int kComplaintsMax = 10;

}  // namespace

struct Inbound::Connection {
  Connection(Loop& loop, std::unique_ptr<Stream> its_stream)
      : stream(std::move(its_stream)), patience(loop) {
    info.from = stream->peer();
  }

  std::unique_ptr<Stream> stream;
  Timer patience;  // until its hello has come
  FrameReader reader{kHelloBytesMax};
  bool preamble_seen = false;
  bool known = false;    // its hello was accepted: it stands in peers_
  bool refused = false;  // it is being told so
  bool ours = false;     // this node dialled itself, as it does everyone it is to found with
  bool gone = false;     // neither it nor, perhaps, its Inbound is to be touched
  PeerInfo info;
};

Inbound::Inbound(Loop& loop, Log& log, InboundOptions options, InboundEvents events)
    : loop_(loop),
      log_(log),
      options_(options),
      events_(std::make_shared<const InboundEvents>(std::move(events))) {}

Inbound::~Inbound() {
  for (const Handle& connection : strangers_) connection->gone = true;
  for (const auto& [key, connection] : peers_) connection->gone = true;
}

Status Inbound::listen(const Address& address, std::string_view option) {
  RAM_CHECK(listener_ == nullptr);
  Result<std::unique_ptr<Listener>> listener =
      Listener::open(loop_, log_, address, option,
                     [this](std::unique_ptr<Stream> stream) { add(std::move(stream)); });
  if (!listener.ok()) return listener.status();
  listener_ = std::move(*listener);
  return {};
}

void Inbound::add(std::unique_ptr<Stream> stream) {
  if (strangers_.size() >= kUnnamedConnectionsMax) {
    const Handle oldest = strangers_.front();
    close(*oldest, "too many connections wait to say who they are");
  }
  strangers_.push_back(std::make_shared<Connection>(loop_, std::move(stream)));
  Connection& connection = *strangers_.back();
  if (options_.dead_after > Duration::zero())
    connection.stream->set_dead_after(options_.dead_after);

  // Each callback may close the connection, or destroy us: it keeps what it uses.
  const std::weak_ptr<Connection> weak = strangers_.back();
  StreamEvents events;
  events.on_data = [this, weak](std::string_view unread) {
    const Handle self = weak.lock();
    return read(*self, unread);
  };
  events.on_space = [weak] { return weak.lock()->reader.space(); };
  events.on_filled = [this, weak](size_t bytes) {
    const Handle self = weak.lock();
    self->reader.filled(bytes);
    read(*self, {});
  };
  events.on_closed = [this, weak](std::string_view reason) {
    const Handle self = weak.lock();
    close(*self, reason);
  };
  connection.stream->start(std::move(events));
  connection.patience.start(options_.hello_timeout, [this, weak] {
    const Handle self = weak.lock();
    close(*self, "it did not say who it is in time");
  });
}

// ---- reading ----

size_t Inbound::read(Connection& connection, std::string_view unread) {
  const size_t offered = unread.size();
  if (!connection.preamble_seen) {
    const Result<bool> taken = take_preamble(unread);
    if (!taken.ok()) {
      if (is_preamble_of_any_version(unread)) {
        refuse(connection, taken.status().message());  // it reads our preamble, and knows why
      } else {
        end(connection, taken.status().message(), kNotForClients);
      }
      return offered;
    }
    if (!*taken) return 0;
    connection.preamble_seen = true;
  }
  while (!connection.gone && !connection.refused && !connection.stream->paused()) {
    std::optional<Frame> frame = connection.reader.next(unread);
    if (!frame) break;
    if (!take(connection, std::move(*frame))) return offered;
  }
  if (connection.gone || connection.refused) return offered;
  if (const Status status = connection.reader.status(); !status.ok()) {
    close(connection, status.message());
    return offered;
  }
  return offered - unread.size();
}

// False: nothing more is to be read.
bool Inbound::take(Connection& connection, Frame frame) {
  if (connection.known) {
    if (frame.kind != FrameKind::kMessage) {
      close(connection, "it sent a second hello");
      return false;
    }
    const auto events = events_;
    events->on_frame(connection.info, std::move(frame.body));
    return !connection.gone;
  }
  if (frame.kind != FrameKind::kHello) {
    refuse(connection, "it did not say who it is");
    return false;
  }
  const Result<Hello> hello = decode_hello(frame.body.view());
  if (!hello.ok()) {
    refuse(connection, hello.status().message());
    return false;
  }
  greet(connection, *hello);
  return !connection.gone && !connection.refused;
}

void Inbound::greet(Connection& connection, const Hello& hello) {
  PeerInfo& info = connection.info;
  info.source = hello.source;
  info.lane = hello.lane;
  info.address = hello.address;
  info.name = hello.name;
  const auto events = events_;
  const Status admitted = events->admit ? events->admit(info) : Status();
  if (connection.gone) return;
  if (!admitted.ok()) return refuse(connection, admitted.message());

  const Key key{info.source, info.lane};
  const auto old = peers_.find(key);
  if (old == peers_.end() && peers_.size() >= options_.links_max) {
    return refuse(connection,
                  "this node has " + std::to_string(peers_.size()) + " links, the most it takes");
  }
  if (old != peers_.end()) {
    const Handle replaced = old->second;
    close(*replaced, "replaced by a new connection");
    if (connection.gone) return;
  }
  const auto place = std::find_if(strangers_.begin(), strangers_.end(), [&](const Handle& handle) {
    return handle.get() == &connection;
  });
  RAM_CHECK(place != strangers_.end());
  peers_[key] = std::move(*place);
  strangers_.erase(place);
  connection.known = true;
  connection.ours = info.source == options_.self;
  connection.patience.cancel();
  connection.reader.set_body_bytes_max(kFrameBytesMax);
  connection.stream->write(preamble());
  connection.stream->write(
      frame_bytes(FrameKind::kAnswer, encode(HelloAnswer{.source = options_.self})));
  if (paused_.contains(key)) connection.stream->pause();
  if (events->on_up) events->on_up(info);
}

// ---- closing ----

void Inbound::refuse(Connection& connection, const std::string& reason) {
  std::string last_word(preamble());
  last_word += frame_bytes(FrameKind::kAnswer, encode(HelloAnswer{.reason = reason}));
  end(connection, "refused: " + reason, last_word);
}

void Inbound::end(Connection& connection, std::string_view why, std::string_view last_word) {
  complain(connection, why);
  connection.refused = true;
  connection.stream->write(last_word);
  connection.stream->finish(kRefusalPatience);  // on_closed follows
  connection.patience.cancel();
}

void Inbound::close(Connection& connection, std::string_view reason) {
  if (connection.gone) return;
  const std::string told(reason);  // may belong to what goes now
  if (connection.ours) {
    log_.debug("this node's link to itself (" + std::string(lane_name(connection.info.lane)) +
               ") is closed: " + told);
  } else if (connection.known) {
    log_.info("peer " + quoted(connection.info.name) + " at " + connection.info.address + " (" +
              std::string(lane_name(connection.info.lane)) + ") is gone: " + told);
  } else if (!connection.refused) {
    complain(connection, told);
  }
  connection.gone = true;
  connection.stream->close();
  connection.patience.cancel();
  remove(connection);
  const auto events = events_;
  if (connection.known && events->on_down) events->on_down(connection.info, told);
}

// The caller holds on to it.
void Inbound::remove(Connection& connection) {
  if (connection.known) {
    peers_.erase({connection.info.source, connection.info.lane});
  } else {
    std::erase_if(strangers_, [&](const Handle& handle) { return handle.get() == &connection; });
  }
}

void Inbound::complain(const Connection& connection, std::string_view what) {
  const Instant now = loop_.now();
  if (now >= gate_.refill_at) {
    gate_.refill_at = now + std::chrono::seconds(1);
    gate_.left = kComplaintsMax;
  }
  if (gate_.left == 0) {
    ++gate_.dropped;
    return;
  }
  --gate_.left;
  std::string line = "connection from " + connection.info.from.text() + " closed: ";
  line += what;
  if (gate_.dropped > 0) {
    line += " (and " + std::to_string(gate_.dropped) + " others before it, not shown)";
    gate_.dropped = 0;
  }
  log_.warning(line);
}

// ---- control ----

void Inbound::pause(NodeId source, Lane lane) {
  paused_.insert({source, lane});
  const auto peer = peers_.find({source, lane});
  if (peer != peers_.end()) peer->second->stream->pause();
}

void Inbound::resume(NodeId source, Lane lane) {
  paused_.erase({source, lane});
  const auto peer = peers_.find({source, lane});
  if (peer != peers_.end()) peer->second->stream->resume();
}

void Inbound::cut(NodeId source, std::string_view reason) {
  std::array<Handle, kLanes.size()> found;
  for (size_t i = 0; i < found.size(); ++i) {
    const auto peer = peers_.find({source, kLanes[i]});
    if (peer != peers_.end()) found[i] = peer->second;
  }
  // An on_down may destroy us: then the others are gone as well.
  for (const Handle& connection : found) {
    if (connection != nullptr) close(*connection, reason);
  }
}

}  // namespace ram::net
