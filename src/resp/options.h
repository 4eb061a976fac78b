// Bounds and facts of a Redis front: ServerOptions has them all, tests shrink them.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>

#include "base/clock.h"
#include "base/limits.h"
#include "ram/options.h"
#include "ram/status.h"
#include "ram/table.h"
#include "resp/parser.h"

namespace ram::resp {

struct FrontOptions {
  Parser::Limits parser;

  // RAM.LEAVE: has this process stop as a signal would, and tells, from any thread and once, how
  // its node left; no later than leave_timeout, which RAM.STATUS shows. Empty: the command is
  // refused.
  std::function<void(Callback<Status> left)> leave;
  Duration leave_timeout{};

  // Connections; one more is answered with an error and closed.
  size_t clients_max = kClientsMax;
  // Of those that are one too many, while they read why; beyond: closed without a word.
  size_t clients_rejected_max = kClientsRejectedMax;
  // Replies that one connection has not read; beyond, its commands wait.
  size_t output_bytes_max = kClientOutputBytesMax;
  // One reply that is gathered before it is sent (KEYS, a large MGET); beyond: an error.
  size_t reply_bytes_max = kClientOutputBytesMax;
  // A connection that has replies to read and reads none for so long is closed.
  Duration unread_max = std::chrono::seconds(60);
  // Replies that all connections together have not read. From a quarter of it on, `turn_bytes_max`
  // stands for `output_bytes_max`; beyond it, connections are closed.
  size_t all_unread_bytes_max = kClientsUnreadBytesMax;

  // Commands of all connections that wait for the node, and the bytes of writes among them. Beyond,
  // requests stay unparsed, then unread; a connection that has nothing waiting may always have one.
  // Well below what the node's mailbox takes, so that deep pipelines meet no TRYAGAIN.
  size_t waiting_commands_max = 65'536;
  size_t writing_bytes_max = kMailboxBytesMax / 2;
  // Of one connection. Bounds what a turn costs the others, too.
  size_t waiting_commands_per_client_max = 16'384;

  // In one turn of the loop, before other connections have theirs.
  size_t commands_per_turn = 1'024;
  size_t keys_per_turn = 4'096;
  size_t turn_bytes_max = kClientTurnBytesMax;  // of replies; the one that reaches it is finished

  // A stalled connection with so much unparsed is not read from.
  size_t unparsed_bytes_max = size_t{256} << 10;

  // How a connection reads until it says otherwise, and what it may not ask less than.
  Reads reads = Reads::kLocal;

  // Shown by RAM.STATUS, INFO and CONFIG GET; 0: not known.
  size_t memory_bytes_max = 0;
  uint16_t port = 0;
};

}  // namespace ram::resp
