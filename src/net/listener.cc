#include "net/listener.h"

#include <uv.h>

#include <string>
#include <utility>

#include "base/check.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/text.h"

namespace ram::net {
namespace {

// Connections that wait to be accepted: a pass takes all, so this covers one long pass.
constexpr int kBacklog = 1024;

Status cannot_listen(const Endpoint& at, std::string_view option, int error) {
  const std::string where = std::string(option) + ": " + at.text();
  switch (error) {
    case UV_EADDRINUSE:
      return Status::unavailable(where + " is in use by another process; name a free port");
    case UV_EADDRNOTAVAIL:
      return Status::unavailable(where +
                                 " is no address of this machine; name one that it has, or 0.0.0.0 "
                                 "for all");
    case UV_EACCES:
    case UV_EPERM:
      return Status::unavailable(where +
                                 " needs more rights than this process has; name a port from 1024 "
                                 "on");
    default:
      return Status::unavailable(where + ": cannot listen there: " + reason_of(error) +
                                 "; name another address");
  }
}

}  // namespace

struct Listener::Socket {
  uv_tcp_t tcp;
  Listener* owner;
};

Listener::Listener(Loop& loop, Log& log, OnAccept on_accept)
    : loop_(loop), log_(log), on_accept_(std::make_shared<const OnAccept>(std::move(on_accept))) {}

Result<std::unique_ptr<Listener>> Listener::open(Loop& loop, Log& log, const Address& address,
                                                 std::string_view option, OnAccept on_accept) {
  const Result<std::vector<Endpoint>> resolved = resolve_now(address);
  if (!resolved.ok()) {
    return Status::unavailable(std::string(option) + ": " + resolved.status().message() +
                               "; name an address of this machine");
  }
  std::unique_ptr<Listener> listener(new Listener(loop, log, std::move(on_accept)));
  Status missing;
  for (Endpoint endpoint : *resolved) {
    if (!listener->endpoints_.empty()) endpoint = endpoint.with_port(listener->port());
    const int error = listener->listen_at(endpoint);
    if (error == 0) continue;
    const Status status = cannot_listen(endpoint, option, error);
    // A name may have an IPv6 address where IPv6 is off: the others serve.
    if (error != UV_EADDRNOTAVAIL && error != UV_EAFNOSUPPORT) return status;
    missing = status;
  }
  if (listener->endpoints_.empty()) return missing;
  return listener;
}

int Listener::listen_at(const Endpoint& endpoint) {
  auto* socket = new Socket{.owner = this};
  const int init_error = uv_tcp_init_ex(loop_.uv(), &socket->tcp, endpoint.raw().sa_family);
  if (init_error != 0) {
    delete socket;
    return init_error;
  }
  socket->tcp.data = socket;
  sockets_.push_back(socket);  // closed with the others, whatever comes

  int error = uv_tcp_bind(&socket->tcp, &endpoint.raw(), 0);
  if (error == 0) {
    error = uv_listen(reinterpret_cast<uv_stream_t*>(&socket->tcp), kBacklog,
                      [](uv_stream_t* listening, int status) {
                        Listener* const owner = static_cast<Socket*>(listening->data)->owner;
                        if (owner != nullptr) owner->accept(listening, status);
                      });
  }
  if (error != 0) return error;

  sockaddr_storage name{};
  int size = sizeof name;
  RAM_CHECK(uv_tcp_getsockname(&socket->tcp, reinterpret_cast<sockaddr*>(&name), &size) == 0);
  endpoints_.emplace_back(reinterpret_cast<const sockaddr&>(name));
  return 0;
}

Listener::~Listener() {
  for (Socket* socket : sockets_) {
    socket->owner = nullptr;
    uv_close(reinterpret_cast<uv_handle_t*>(&socket->tcp),
             [](uv_handle_t* closed) { delete static_cast<Socket*>(closed->data); });
  }
}

void Listener::accept(uv_stream_s* socket, int error) {
  if (error != 0) return complain("cannot accept a connection: " + reason_of(error));
  Result<std::unique_ptr<Stream>> stream = Stream::accept(loop_, socket);
  if (!stream.ok()) return complain(stream.status().message());
  const std::shared_ptr<const OnAccept> on_accept = on_accept_;
  (*on_accept)(std::move(*stream));
}

void Listener::complain(std::string_view what) {
  const Instant now = loop_.now();
  if (now < quiet_until_) return;
  quiet_until_ = now + std::chrono::seconds(1);
  log_.warning(endpoints_.front().text() + ": " + std::string(what));
}

}  // namespace ram::net
