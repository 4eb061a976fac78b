// One client: its requests in order, and its replies in the same order.
//
// Requests are parsed as far as they have come and queued. A read waits for a fence, a write for
// its answer; replies leave from the front of the queue only. So a pipeline of any depth keeps the
// node busy, under three rules:
//
// - A read whose key an earlier write in the queue touches waits with everything behind it; so does
//   a write whose key an earlier read touches (conflicts.h). Then each connection sees its own
//   writes, and no read sees what was asked for later.
// - Commands that concern more than keys (kSolo, and all local ones and calls) begin when the queue
//   is empty, and nothing is parsed until they are done.
// - Nothing is parsed while too much is queued here or on the server, or too many replies are
//   unread.
//
// A read is looked up when its reply is written, in a Moment taken then: after its fence, after the
// writes before it, and before any later command that it conflicts with.
//
// Loop thread only.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/function_ref.h"
#include "resp/command.h"
#include "resp/conflicts.h"
#include "resp/fifo.h"
#include "resp/input.h"
#include "resp/options.h"
#include "resp/parser.h"
#include "resp/reply.h"

namespace ram::resp {

// What a connection needs of its socket.
class Wire {
 public:
  virtual ~Wire() = default;
  // Takes all of `output` and leaves it empty.
  virtual void send(std::string& output) = 0;
  // Sent by us, not taken by the kernel yet.
  virtual size_t unsent_bytes() const = 0;
  // In total, taken by the kernel.
  virtual uint64_t sent_bytes() const = 0;
  virtual void pause() = 0;
  virtual void resume() = 0;
  // Closes once everything is sent; what the client sends meanwhile is thrown away.
  virtual void finish() = 0;
  // Closes at once.
  virtual void close() = 0;
};

// What CLIENT, HELLO, SELECT and RAM.READS say and set.
struct Client {
  uint64_t id = 0;
  std::string address;        // of the client
  std::string local_address;  // that it connected to
  std::string name;
  std::string library_name;
  std::string library_version;
  Instant connected_at{};
  Instant active_at{};
  const Command* last_command = nullptr;

  Version version = Version::k2;
  std::string table = "0";
  Reads reads = Reads::kLocal;
  bool replies_off = false;
  bool skip_next_reply = false;
  bool no_evict = false;
  bool no_touch = false;
};

class Connection {
 public:
  // `wire` and `front` outlive this.
  Connection(Front& front, Wire& wire, Client client);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  // For the wire: memory for what the client sends, and how much of it was filled.
  std::span<char> space() { return input_.space(); }
  void filled(size_t bytes);

  // For the front, when something may have changed: answers, parses and runs as much as may be.
  void pump();
  // For the front, at the end of a turn: hands the replies to the wire.
  void flush();
  // For the front, each second or so: closes a client that does not read, gives memory back.
  void sweep(Instant now);

  Client& client() { return client_; }
  const Client& client() const { return client_; }
  size_t output_bytes() const { return unsent_output() + wire_.unsent_bytes(); }
  size_t input_bytes() const { return input_.size(); }
  // All that is kept of replies until the client reads: also of those that are not written yet.
  size_t unread_bytes() const;
  // It has something to read, and took nothing of it for a while.
  bool reads_nothing(Instant now) const { return now - sent_at_ >= kReadsNothing; }
  size_t queued() const { return queue_.size(); }

  // After the reply at hand, and what comes before it, is sent. QUIT, CLIENT KILL of oneself.
  void close_after_reply() { closing_ = true; }
  // The client sends no more: closes when all that it sent is answered.
  void end();
  // Closes when all that was taken is answered; takes nothing more.
  void stop();
  // At once.
  void kill();
  // For the front: at once, even if it is being finished.
  void evict();
  // Closing or closed: asks for nothing more.
  bool closing() const { return closing_ || gone_; }
  bool gone() const { return gone_; }

  // As after connecting, but for the name of the library: RESET.
  void reset();

 private:
  friend class Front;

  // Two looks of sweep().
  static constexpr Duration kReadsNothing = std::chrono::seconds(2);

  enum class Kind : uint8_t { kRead, kWrite, kCall };
  // A command on its way to its reply.
  struct Queued {
    const Command* command;
    Kind kind;
    bool exclusive;       // nothing is parsed until it is answered
    uint32_t words;       // how many of words_ are its; 0: not kept
    uint32_t call;        // kWrite, kCall: which, at the front
    uint64_t fence;       // kRead: which to wait for; 0: none
    AnswerWriter answer;  // kWrite
    uint64_t begin;       // the input it still needs begins here
  };
  // A Moment that can be made where it stays.
  struct Taken {
    explicit Taken(const Node& node) : moment(node.moment()) {}
    Moment moment;
    Progress progress;  // of a read that takes several turns
  };

  // Both return whether they got anywhere.
  bool parse();
  bool drain();

  // Whether the request at hand was taken; false: it waits, nothing happened.
  bool dispatch();
  bool dispatch_local(const Command& command, Words words);
  bool dispatch_read(const Command& command, Words words);
  bool dispatch_write(const Command& command, Words words);
  bool dispatch_call(const Command& command, Words words);
  bool refuse(std::string_view error);

  // Whether the reply was written; false: it is not known yet.
  bool answer(Queued& queued, std::optional<Taken>& taken);
  bool answer_read(Queued& read, std::optional<Taken>& taken);
  bool answer_write(Queued& write);
  bool answer_call(Queued& call);

  bool has_room();
  void enqueue(const Queued& queued, Words words);
  void dequeue();
  bool must_wait(const Command& command, Words words);
  Words request();
  Words words_of(const Queued& queued);
  void update_reading();
  size_t unsent_output() const { return pieces_bytes_ + output_.size(); }
  // Puts what a reply of several turns was made of behind it.
  void append_pieces(Progress& progress);
  // Runs `write` on a Reply, and drops what it wrote if the client wants no replies. `write`
  // returns false if it wrote nothing and the reply is still to come.
  bool reply(FunctionRef<bool(Reply&)> write);

  Front& front_;
  Wire& wire_;
  Client client_;

  Input input_;
  Parser parser_;
  uint64_t parsed_ = 0;  // the request that the parser looks at begins here, in the stream
  bool held_ = false;    // the parser has a request that waits
  std::vector<std::string> pieces_;  // of replies; before
  std::string output_;               // what comes next
  size_t pieces_bytes_ = 0;

  Fifo<Queued> queue_;
  Fifo<Span> words_;     // of queued commands that need them, in order; counted from their `begin`
  uint64_t number_ = 0;  // of the last command queued
  uint64_t done_ = 0;    // of the last command answered
  uint64_t last_read_ = 0;
  uint64_t last_write_ = 0;
  bool solo_ = false;  // the one queued runs alone
  // From the first command on; given back while the client is idle.
  std::unique_ptr<Conflicts> conflicts_;
  std::unique_ptr<Taken> slow_;  // of the read at the front, if it may take several turns
  // What may still be done in this turn: commands taken, keys looked up for replies.
  size_t budget_ = 0;
  size_t keys_budget_ = 0;
  size_t bytes_budget_ = 0;  // of replies
  bool stalled_ = false;     // there are requests that may not be taken yet

  bool closing_ = false;  // after what is in output_
  bool ended_ = false;    // after what has come
  bool stopped_ = false;  // after what is queued
  bool gone_ = false;
  bool evicted_ = false;
  bool paused_ = false;
  uint64_t sent_seen_ = 0;  // Wire::sent_bytes at sent_at_
  Instant sent_at_{};

  // The front's: in which of its lists this is.
  bool marked_ = false;
  bool waits_for_room_ = false;
  uint64_t fence_joined_ = 0;
  size_t results_bytes_ = 0;  // of writes that are done and not answered
  size_t weight_ = 0;         // unread_bytes() when last looked at
};

}  // namespace ram::resp
