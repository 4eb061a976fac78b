#include "net/link.h"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "base/check.h"
#include "net/text.h"

namespace ram::net {
namespace {

constexpr const char* kClientPort =
    "it speaks the Redis protocol there, to clients; name the address where it listens for its "
    "peers (its --cluster-listen)";

// What a Redis server says to our preamble, if anything: an error.
bool is_redis_reply(std::string_view bytes) {
  return bytes.starts_with("-ERR") || bytes.starts_with("-NOAUTH") || bytes.starts_with("-DENIED");
}

}  // namespace

Link::Link(Loop& loop, Random& random, Log& log, LinkOptions options, LinkEvents events)
    : loop_(loop),
      random_(random),
      log_(log),
      options_(std::move(options)),
      events_(std::make_shared<const LinkEvents>(std::move(events))),
      resolver_(loop),
      timer_(loop),
      delay_(options_.retry_min),
      break_later_(loop, Deferred::When::kAfterOnPass,
                   [this] { broke(std::exchange(break_reason_, {})); }) {
  attempt();
}

std::string Link::name() const {
  return "link to " + options_.to.text() + " (" + std::string(lane_name(options_.self.lane)) + ")";
}

// ---- attempts ----

void Link::attempt() {
  attempt_started_ = loop_.now();
  endpoint_next_ = 0;
  if (std::vector<Endpoint> literal = Endpoint::literal(options_.to); !literal.empty()) {
    endpoints_ = std::move(literal);
    return dial_next();
  }
  state_ = State::kResolving;
  if (!resolver_.asking()) {
    resolver_.ask(options_.to,
                  [this](Result<std::vector<Endpoint>> answer) { resolved(std::move(answer)); });
  }
  // During a cut the answer is slow to come; then the last one has to do.
  timer_.start(options_.connect_timeout, [this] {
    if (!endpoints_.empty()) return dial_next();
    attempt_failed("cannot resolve " + options_.to.host + ": no answer yet");
  });
}

void Link::resolved(Result<std::vector<Endpoint>> answer) {
  const bool in_use = state_ == State::kGreeting && endpoint_next_ < endpoints_.size();
  if (answer.ok() && !in_use) {
    endpoints_ = std::move(*answer);
    endpoint_next_ = state_ == State::kGreeting ? endpoints_.size() : 0;
  }
  if (state_ != State::kResolving) return;  // late: for the next attempt
  if (endpoints_.empty()) return attempt_failed(answer.status().message());
  dial_next();
}

void Link::dial_next() {
  RAM_CHECK(endpoint_next_ < endpoints_.size());
  state_ = State::kGreeting;
  const Endpoint& endpoint = endpoints_[endpoint_next_++];
  Result<std::unique_ptr<Stream>> stream = Stream::dial(loop_, endpoint);
  if (!stream.ok()) return attempt_failed(stream.status().message());
  stream_ = std::move(*stream);
  greet();
  timer_.start(options_.connect_timeout, [this] {
    attempt_failed(greeted_ ? "it does not answer our hello" : "it does not answer");
  });
}

void Link::greet() {
  greeted_ = false;
  answer_reader_ = FrameReader(kHelloBytesMax);
  if (options_.dead_after > Duration::zero()) stream_->set_dead_after(options_.dead_after);
  StreamEvents events;
  events.on_data = [this](std::string_view unread) { return read(unread); };
  events.on_closed = [this](std::string_view reason) {
    if (up()) return broke(std::string(reason));
    attempt_failed(std::string(reason));
  };
  // All that may come is an answer.
  stream_->start(std::move(events), {.unread_bytes_max = 2 * kHelloBytesMax});
  stream_->write(preamble());
  stream_->write(frame_bytes(FrameKind::kHello, encode(options_.self)));
}

void Link::attempt_failed(std::string why, bool ask_rarely) {
  stream_.reset();
  break_later_.cancel();
  trouble_ = std::move(why);
  if (state_ == State::kGreeting && endpoint_next_ < endpoints_.size() && !ask_rarely) {
    return dial_next();
  }
  state_ = State::kWaiting;
  const Instant now = loop_.now();
  const Instant next =
      ask_rarely ? now + options_.refused_retry
                 : std::max(attempt_started_ + next_delay(), now + options_.retry_min / 2);
  timer_.start(next, [this] { attempt(); });
  if (told_ == trouble_) return;
  told_ = trouble_;
  log_.warning(name() + ": " + trouble_ + "; trying again");
}

Duration Link::next_delay() {
  const Duration delay = delay_;
  delay_ = std::min(2 * delay_, options_.retry_max);
  // From half to all: those that lost the same host do not all come back at once.
  const auto half = static_cast<uint64_t>(delay.count()) / 2;
  return Duration(static_cast<int64_t>(half + random_.below(half + 1)));
}

// ---- the answer ----

size_t Link::read(std::string_view unread) {
  const size_t offered = unread.size();
  // What ends the stream, or us, is the last thing done here.
  if (up()) {
    broke("it sends where it should only read");
    return offered;
  }
  if (!greeted_) {
    const Result<bool> taken = take_preamble(unread);
    if (!taken.ok()) {
      attempt_failed(is_redis_reply(unread) ? kClientPort : taken.status().message(),
                     /*ask_rarely=*/true);
      return offered;
    }
    if (!*taken) return 0;
    greeted_ = true;
  }
  const std::optional<Frame> frame = answer_reader_.next(unread);
  const size_t used = offered - unread.size();
  if (!frame) {
    const Status status = answer_reader_.status();
    if (!status.ok()) attempt_failed(status.message(), /*ask_rarely=*/true);
    return used;
  }
  const Result<HelloAnswer> answer = frame->kind == FrameKind::kAnswer
                                         ? decode_answer(frame->body.view())
                                         : Status::invalid("it does not answer our hello");
  if (!answer.ok()) {
    attempt_failed(answer.status().message(), /*ask_rarely=*/true);
  } else if (!answer->source) {
    attempt_failed("refused by it: " + one_line(answer->reason), /*ask_rarely=*/true);
  } else {
    came_up(answer->source);
  }
  return used;
}

void Link::came_up(NodeId peer) {
  state_ = State::kUp;
  timer_.cancel();
  peer_ = peer;
  up_since_ = loop_.now();
  trouble_.clear();
  told_.clear();
  log_.write(peer == options_.self.source ? Severity::kDebug : Severity::kInfo, name() + ": up");
  const auto events = events_;
  if (events->on_up) events->on_up(peer);
}

// ---- while there is a stream ----

bool Link::send(std::span<const SharedBytes> pieces) {
  if (stream_ == nullptr || stream_->closed()) return false;
  size_t bytes = kFrameHeadBytes;
  for (const SharedBytes& piece : pieces) bytes += piece.size();
  if (stream_->queued_bytes() + bytes > options_.backlog_bytes_max) {
    cut("it does not read: more than " + std::to_string(options_.backlog_bytes_max) +
        " bytes wait for it");
    return false;
  }
  const std::array<char, kFrameHeadBytes> head = frame_head(FrameKind::kMessage, pieces);
  stream_->write(std::string_view(head.data(), head.size()));
  stream_->write(pieces);
  return true;
}

void Link::redial(std::string_view reason) {
  delay_ = options_.retry_min;
  attempt_started_ = Instant::min();
  up_since_ = Instant::min();
  cut(std::string(reason));
}

// The rest is done outside of whatever called us.
void Link::cut(std::string reason) {
  if (stream_ != nullptr) stream_->close();
  break_reason_ = std::move(reason);
  break_later_.ask();
}

void Link::broke(std::string reason) {
  const bool was_up = up();
  stream_.reset();
  break_later_.cancel();
  state_ = State::kWaiting;
  trouble_ = std::move(reason);
  const Instant now = loop_.now();
  // One that breaks as soon as it is up is no reason to hurry.
  const Instant last = std::max(attempt_started_, up_since_);
  if (last == Instant::min() || now - last >= options_.retry_max) {
    delay_ = options_.retry_min;
    timer_.start(now, [this] { attempt(); });
  } else {
    timer_.start(std::max(now, last + next_delay()), [this] { attempt(); });
  }
  if (!was_up) return;
  log_.warning(name() + ": down: " + trouble_ + "; trying again");
  const auto events = events_;
  const std::string told = trouble_;
  if (events->on_down) events->on_down(told);
}

}  // namespace ram::net
