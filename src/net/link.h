// A link to a peer: dials, says who we are, carries our frames, and dials again when it breaks.
//
// Frames go one way. What the peer has to say comes on a link of its own, which it dials
// (inbound.h): so each direction of each pair has one owner, who alone decides when it is made
// anew. The only bytes that come back here are the answer to our hello.
//
// One link is one ordered stream until it breaks; what was sent and not delivered is lost then, and
// whoever cares sends it again at on_up. Nothing waits for a link that is not there. What is sent
// while it is being made is delivered ahead of what is sent at on_up, if it is made.
//
// A break is noticed when the peer closes, when it does not acknowledge for dead_after (a cut
// network says nothing), or when backlog_bytes_max of frames wait. TCP counts a peer that does not
// read as one that does not acknowledge: where the reader may pause for long (Inbound::pause),
// dead_after is to be longer than that, and so such frames belong on a lane of their own.
//
// Attempts start at most a second apart while a peer is away, with our own time limit: the kernel's
// would outlast a cut by far. A peer that refuses us is asked more rarely. Whatever keeps the link
// from coming up is logged once, until it changes.
//
// Loop thread only. May be destroyed at any moment, also from its callbacks; before its Loop. No
// callback is called from within a method.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/limits.h"
#include "base/log.h"
#include "base/random.h"
#include "net/address.h"
#include "net/frame.h"
#include "net/hello.h"
#include "net/loop.h"
#include "net/resolver.h"
#include "net/stream.h"

namespace ram::net {

struct LinkOptions {
  Address to;
  Hello self;  // with the lane of this link
  // For one IP address: to connect and to answer.
  Duration connect_timeout = std::chrono::seconds(1);
  // Between the starts of two attempts: doubles from the first to the second, with jitter.
  Duration retry_min = std::chrono::milliseconds(50);
  Duration retry_max = std::chrono::seconds(1);
  Duration refused_retry = std::chrono::seconds(10);
  // Zero: only the kernel says, after minutes.
  Duration dead_after = Duration::zero();
  size_t backlog_bytes_max = kLinkBacklogBytesMax;
};

struct LinkEvents {
  // The peer took our hello; `peer` is who it is.
  std::function<void(NodeId peer)> on_up;
  // After on_up, once: a new attempt follows by itself. `reason` is one line.
  std::function<void(std::string_view reason)> on_down;
};

class Link {
 public:
  // Starts the first attempt. `random` and `log` outlive the link.
  Link(Loop& loop, Random& random, Log& log, LinkOptions options, LinkEvents events);
  Link(const Link&) = delete;
  Link& operator=(const Link&) = delete;

  // Sends a frame whose body is `pieces`, which are kept, not copied, until they are sent. False:
  // it is lost already. Requires: at most kFrameBytesMax.
  bool send(std::span<const SharedBytes> pieces);

  // Breaks the link, if there is one, and dials at once. on_down(reason) follows if it was up.
  void redial(std::string_view reason);

  bool up() const { return state_ == State::kUp; }
  // Who answered; none unless up.
  NodeId peer() const { return up() ? peer_ : NodeId(); }
  // While not up: what was in the way last; empty if nothing yet.
  const std::string& trouble() const { return trouble_; }
  size_t queued_bytes() const { return stream_ != nullptr ? stream_->queued_bytes() : 0; }
  const Address& to() const { return options_.to; }

 private:
  enum class State {
    kWaiting,    // for the next attempt, or for a break to be told
    kResolving,  // the name
    kGreeting,   // an address was dialled; our hello waits for its answer
    kUp,
  };

  void attempt();
  void resolved(Result<std::vector<Endpoint>> answer);
  void dial_next();
  void greet();
  size_t read(std::string_view unread);
  void came_up(NodeId peer);
  void cut(std::string reason);
  void broke(std::string reason);
  void attempt_failed(std::string why, bool ask_rarely = false);
  Duration next_delay();
  std::string name() const;

  Loop& loop_;
  Random& random_;
  Log& log_;
  const LinkOptions options_;
  const std::shared_ptr<const LinkEvents> events_;  // shared: outlive a link that they destroy

  State state_ = State::kWaiting;
  Resolver resolver_;
  std::vector<Endpoint> endpoints_;  // those of the last good answer
  size_t endpoint_next_ = 0;         // of endpoints_, in this attempt
  std::unique_ptr<Stream> stream_;   // kGreeting, kUp
  bool greeted_ = false;             // the peer's preamble was read
  FrameReader answer_reader_{kHelloBytesMax};
  NodeId peer_;

  Timer timer_;  // ends a wait, or a step of an attempt that takes too long
  Instant attempt_started_ = Instant::min();
  Instant up_since_ = Instant::min();
  Duration delay_;
  std::string trouble_;
  std::string told_;  // of trouble_, to the log
  std::string break_reason_;
  Deferred break_later_;
};

}  // namespace ram::net
