// The Redis front of a node: a listener and its connections, on a loop and a thread of their own.
//
//   ram::Result<std::unique_ptr<ram::resp::Server>> server =
//       ram::resp::Server::start(node, {.listen = "127.0.0.1:6379"});
//
// A client of the public interface like any other: what it does, an embedder may do.
//
// Thread-safe. The destructor stops the server.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "ram/node.h"
#include "resp/options.h"

namespace ram::resp {

// What a client is answered that is one too many.
inline constexpr std::string_view kTooManyClients = "ERR max number of clients reached";

struct ServerOptions {
  // HOST:PORT for clients. Port 0 picks a free one.
  std::string listen = "127.0.0.1:6379";
  // Clients are not authenticated yet: an address beyond loopback needs this said aloud.
  bool insecure = false;
  // Bounds; options.h.
  FrontOptions limits;
  // Where log lines go, called from the server's own thread; empty: nowhere.
  std::function<void(Severity, std::string_view)> log;
};

class Server {
 public:
  // What start() would refuse as kInvalid: to be asked before a node is started for it.
  static Status check(const ServerOptions& options);

  // Listens, and serves from then on. `node` outlives the server.
  //
  // Errors: kInvalid, the address cannot be understood, or is not loopback and `insecure` is not
  // said; kUnavailable, the address is taken or not ours.
  static Result<std::unique_ptr<Server>> start(Node& node, ServerOptions options);

  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  // Takes no more connections and no more requests, answers what is under way for at most
  // `patience`, then closes everything. Blocks until that is done. Called again: nothing happens.
  void stop(Duration patience = std::chrono::seconds(1));

  uint16_t port() const;
  // HOST:PORT that clients reach this server at.
  std::string address() const;

 private:
  struct Inside;
  explicit Server(std::unique_ptr<Inside> inside);
  std::unique_ptr<Inside> inside_;
};

}  // namespace ram::resp
