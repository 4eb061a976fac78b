// What a command is: its row in the command table, and the four ways a command may run.
//
// - A *local* command needs nothing but this connection and this server: PING, CLIENT.
// - A *read* looks keys up in a Moment, after a fence that many reads share: GET.
// - A *write* becomes a Batch; its reply is made from the BatchResult: SET.
// - A *call* asks the node for something by callback: RAM.STATUS.
//
// Reads and writes of one connection overlap where they do not touch the same keys; everything else
// runs when all commands before it have been answered (connection.h).
//
// Handlers are functions without state. They run on the server's loop thread.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "ram/batch.h"
#include "ram/moment.h"
#include "ram/node.h"
#include "resp/reply.h"

namespace ram::resp {

class Connection;
class Front;
class Finish;

// The words of one request, the command's name first. Views of the connection's input.
using Words = std::span<const std::string_view>;

struct LocalCall {
  Front& front;
  Connection& connection;
  Words words;
};
using LocalHandler = void (*)(LocalCall& call, Reply& reply);

// What a read that takes several turns has done so far; its Moment stays the same.
struct Progress {
  uint64_t position = 0;
  uint64_t count = 0;
  // What follows the reply that is written at last. Each turn's part is a piece of its own, and
  // leaves as it is: the last turn must not pay for all of them.
  std::vector<std::string> pieces;
  size_t bytes = 0;  // of them

  std::string& begin_piece() { return pieces.emplace_back(); }
  void end_piece() { bytes += pieces.back().size(); }
  void drop_pieces() {
    pieces.clear();
    bytes = 0;
  }
};

struct ReadCall {
  const Moment& moment;
  std::string_view table;
  Words words;
  Progress& progress;
  size_t reply_bytes_max;
  size_t keys_per_turn;  // more only in the next turn
  size_t turn_bytes_max;
  bool own_moment;  // `progress` is its own as well: it may go on in later turns
};
// Returns true when the reply is written. False: nothing was written; call again, in a later turn,
// with a Moment of its own that stays the same from then on.
using ReadHandler = bool (*)(ReadCall& call, Reply& reply);

// A write that was committed, on its way to a reply.
struct WriteAnswer {
  const BatchResult& result;
  const Node& node;
  std::string_view table;
  Words words;  // empty unless the write was exclusive
};
// Returns false, with nothing written, to have the command run again from its words: only for
// exclusive writes.
using AnswerWriter = bool (*)(const WriteAnswer& answer, Reply& reply);

struct WriteCall {
  std::string_view table;
  Words words;
  Batch& batch;  // to be filled
  AnswerWriter answer = nullptr;
  // Nothing else of this connection may be under way beside it.
  bool exclusive = false;
};
// Returns false if it wrote an error instead of filling the batch.
using WriteHandler = bool (*)(WriteCall& call, Reply& error);

struct NodeCall {
  Front& front;
  const Connection& connection;
  Node& node;
  std::string_view table;
  Words words;
  ReadOptions read_options;  // as the connection reads
};
// Returns false if it wrote an error and will not call `finish`; else `finish` is called exactly
// once, from any thread.
using NodeHandler = bool (*)(NodeCall& call, Finish finish, Reply& error);

// A container's words after the first name its subcommand; alone it may have a handler or none.
using Handler = std::variant<std::monostate, LocalHandler, ReadHandler, WriteHandler, NodeHandler>;

// Of a command, as COMMAND shows them.
enum Flag : uint32_t {
  kReadonly = 1U << 0U,
  kWrite = 1U << 1U,
  kFast = 1U << 2U,
  kAdmin = 1U << 3U,
  kDenyOom = 1U << 4U,
  kNoAuth = 1U << 5U,
  kLoading = 1U << 6U,
  kStale = 1U << 7U,
  // Ours: runs alone on its connection.
  kSolo = 1U << 8U,
  // Ours: has subcommands.
  kContainer = 1U << 9U,
};

enum class Group : uint8_t { kConnection, kString, kGeneric, kServer, kRam, kCluster };

// Which words are keys, as Redis counts: first 0: none; last -1: to the end.
struct KeyWords {
  int first = 0;
  int last = 0;
  int step = 0;
};

// A row of the table.
struct Command {
  std::string_view name;    // lower case; of a subcommand "container|subcommand"
  std::string_view syntax;  // what follows the name, for people
  int arity = 0;            // words with the name; negative: at least that many
  uint32_t flags = 0;
  KeyWords keys;
  Group group = Group::kServer;
  std::string_view since;  // the version of ram
  std::string_view complexity;
  std::string_view summary;
  std::string_view reply;  // its shape, for people
  Handler handler;

  bool has(Flag flag) const { return (flags & flag) != 0; }
  bool is_container() const { return has(kContainer); }
  bool is_subcommand() const { return name.find('|') != std::string_view::npos; }
};

}  // namespace ram::resp
