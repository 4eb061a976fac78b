#include "resp/server.h"

#include <algorithm>
#include <mutex>
#include <thread>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/callback_log.h"
#include "base/limits.h"
#include "net/address.h"
#include "net/listener.h"
#include "net/loop.h"
#include "net/stream.h"
#include "net/timer.h"
#include "resp/front.h"
#include "resp/rejection_log.h"

namespace ram::resp {
namespace {

constexpr Duration kSweepEvery = std::chrono::seconds(1);
// Copying less than this is cheaper than handing over a block.
constexpr size_t kCopyBytesMax = size_t{64} << 10;
constexpr Duration kRejectedPatience = std::chrono::seconds(1);
constexpr Duration kStopLook = std::chrono::milliseconds(5);
// A client that vanished without a word is noticed after so long.
constexpr Duration kDeadAfter = std::chrono::minutes(5);

}  // namespace

// Loop thread only, from the start of `thread` to its end; before and after, of who starts and
// stops.
struct Server::Inside {
  class Peer;

  Inside(Node& node, ServerOptions asked)
      : log(Severity::kDebug, std::move(asked.log)),
        listen(std::move(asked.listen)),
        limits(std::move(asked.limits)),
        front_node(node),
        rejections(log, limits.clients_max),
        sweep_timer(loop),
        stop_timer(loop) {}

  void accept(std::unique_ptr<net::Stream> stream);
  void reject(std::unique_ptr<net::Stream> stream);
  // At the end of the pass: not from within a turn.
  void bury(uint64_t client) { graves.push_back(client); }
  void pass();
  void sweep();
  void begin_stop(Duration patience);
  void go_on_stopping();

  CallbackLog log;
  const std::string listen;
  FrontOptions limits;
  Node& front_node;
  RejectionLog rejections;

  net::Loop loop;
  std::unique_ptr<Front> front;
  std::unique_ptr<net::Listener> listener;
  std::string local_address;
  net::Timer sweep_timer;
  net::Timer stop_timer;
  Instant stop_at;

  std::unordered_map<uint64_t, std::unique_ptr<Peer>> peers;
  std::vector<uint64_t> graves;
  std::unordered_map<net::Stream*, std::unique_ptr<net::Stream>> rejected;
  std::vector<net::Stream*> rejected_graves;

  std::thread thread;
  std::once_flag stopped;
};

// A connection and its socket.
class Server::Inside::Peer final : public Wire {
 public:
  Peer(Inside& server, std::unique_ptr<net::Stream> stream, Client client)
      : server_(server),
        id_(client.id),
        stream_(std::move(stream)),
        connection_(*server.front, *this, std::move(client)) {
    stream_->set_dead_after(kDeadAfter);
    stream_->start(
        {.on_data = [](std::string_view unread) { return unread.size(); },
         .on_space = [this] { return connection_.space(); },
         .on_filled = [this](size_t bytes) { connection_.filled(bytes); },
         // Ours is a dialogue: a client that sends no more may still read its replies.
         .on_end = [this] { connection_.end(); },
         .on_drained = [this] { server_.front->mark(connection_); },
         .on_closed =
             [this](std::string_view) {
               connection_.kill();
               server_.bury(id_);
             }},
        // Of what it may leave unread at least: front.h.
        {.drained_below =
             std::min(server.limits.output_bytes_max, server.limits.turn_bytes_max) / 2});
  }

  Connection& connection() { return connection_; }

  void send(std::string& output) override {
    if (output.size() < kCopyBytesMax) {
      stream_->write(std::string_view(output));
    } else {
      stream_->write(std::move(output));
    }
    output.clear();
  }
  size_t unsent_bytes() const override { return stream_->queued_bytes(); }
  uint64_t sent_bytes() const override { return stream_->bytes_sent(); }
  void pause() override { stream_->pause(); }
  void resume() override { stream_->resume(); }
  void finish() override { stream_->finish(); }
  void close() override {
    stream_->close();
    server_.bury(id_);
  }

 private:
  Inside& server_;
  const uint64_t id_;
  std::unique_ptr<net::Stream> stream_;
  Connection connection_;
};

void Server::Inside::accept(std::unique_ptr<net::Stream> stream) {
  if (peers.size() >= limits.clients_max) return reject(std::move(stream));
  Client client;
  client.id = front->next_client_id();
  client.address = stream->peer().text();
  client.local_address = local_address;
  const uint64_t id = client.id;
  peers.emplace(id, std::make_unique<Peer>(*this, std::move(stream), std::move(client)));
}

void Server::Inside::reject(std::unique_ptr<net::Stream> stream) {
  ++front->stats().connections_rejected;
  rejections.add(loop.now());
  if (rejected.size() >= limits.clients_rejected_max) return;
  net::Stream* const key = stream.get();
  key->start({.on_data = [](std::string_view unread) { return unread.size(); },
              .on_closed = [this, key](std::string_view) { rejected_graves.push_back(key); }});
  key->write("-" + std::string(kTooManyClients) + "\r\n");
  key->finish(kRejectedPatience);
  rejected.emplace(key, std::move(stream));
}

void Server::Inside::pass() {
  front->turn();
  for (const uint64_t id : graves) peers.erase(id);
  graves.clear();
  for (net::Stream* stream : rejected_graves) rejected.erase(stream);
  rejected_graves.clear();
}

void Server::Inside::sweep() {
  front->sweep();
  rejections.sweep(loop.now());
  sweep_timer.restart(kSweepEvery);
}

void Server::Inside::begin_stop(Duration patience) {
  listener.reset();
  for (auto& [id, peer] : peers) peer->connection().stop();
  stop_at = loop.now() + patience;
  stop_timer.start(Duration::zero(), [this] { go_on_stopping(); });
}

// Looks again and again, and not only when something happens: that the kernel took the last reply
// is no event.
void Server::Inside::go_on_stopping() {
  for (auto& [id, peer] : peers) {
    if (peer->connection().gone() && peer->unsent_bytes() == 0) bury(id);
  }
  if (peers.empty() || loop.now() >= stop_at) return loop.stop();
  stop_timer.restart(kStopLook);
}

Status Server::check(const ServerOptions& options) {
  const Result<net::Address> address = net::Address::parse(options.listen);
  if (!address.ok()) return Status::invalid("--listen: " + address.status().message());
  if (!address->is_loopback() && !options.insecure) {
    return Status::invalid(
        "--listen: " + options.listen +
        " is beyond loopback, and clients are not authenticated yet: anyone who can reach it could "
        "read and change everything; listen on 127.0.0.1, or pass --insecure in a network where "
        "everyone is trusted");
  }
  return {};
}

Result<std::unique_ptr<Server>> Server::start(Node& node, ServerOptions options) {
  if (Status status = check(options); !status.ok()) return status;
  const Result<net::Address> address = net::Address::parse(options.listen);
  auto inside = std::make_unique<Inside>(node, std::move(options));
  Inside* const in = inside.get();
  Result<std::unique_ptr<net::Listener>> listener = net::Listener::open(
      in->loop, in->log, *address, "--listen",
      [in](std::unique_ptr<net::Stream> stream) { in->accept(std::move(stream)); });
  if (!listener.ok()) return listener.status();
  in->listener = std::move(*listener);
  in->limits.port = in->listener->port();
  in->local_address = in->listener->endpoints().front().text();
  in->front = std::make_unique<Front>(node, in->loop.clock(), in->log, in->limits,
                                      [in] { in->loop.wake(); });
  in->loop.on_pass([in] { in->pass(); });
  in->sweep_timer.start(kSweepEvery, [in] { in->sweep(); });
  in->log.info("clients at " + in->local_address);
  in->thread = std::thread([in] { in->loop.run(); });
  return std::unique_ptr<Server>(new Server(std::move(inside)));
}

Server::Server(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}

Server::~Server() {
  stop();
}

void Server::stop(Duration patience) {
  std::call_once(inside_->stopped, [&] {
    inside_->loop.post([in = inside_.get(), patience] { in->begin_stop(patience); });
    inside_->thread.join();
    inside_->peers.clear();
    inside_->rejected.clear();
    inside_->front.reset();
  });
}

uint16_t Server::port() const {
  return inside_->limits.port;
}

std::string Server::address() const {
  return inside_->local_address;
}

}  // namespace ram::resp
