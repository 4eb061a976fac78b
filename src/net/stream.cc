#include "net/stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <uv.h>

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"
#include "net/loop.h"
#include "net/out_queue.h"
#include "net/text.h"
#include "net/unread_buffer.h"

namespace ram::net {
namespace {

// Within a pass: from here on writes are handed over at once, while the peer can take them.
constexpr size_t kGatherBytesMax = size_t{256} << 10;
// One call to the kernel: enough to be efficient, and what waits is given back in such portions.
constexpr size_t kWriteBytesMax = size_t{1} << 20;
constexpr size_t kWritePiecesMax = 64;
// One stream's turn, so that a fast reader does not keep the loop to itself.
constexpr int kWritesInARow = 8;
// Room for one read behind what is unread.
constexpr size_t kReadBytes = size_t{16} << 10;

}  // namespace

struct Stream::Inside {
  explicit Inside(Loop& on)
      : loop(on),
        redeliver(on, Deferred::When::kBeforeOnPass, [this] { offer_unread(); }),
        flush_later(on, Deferred::When::kAfterOnPass, [this] { flush_or_end(); }),
        patience(on) {
    tcp.data = this;
  }

  Loop& loop;
  uv_tcp_t tcp{};
  uv_connect_t connect_request{};
  uv_write_t write_request{};
  uv_shutdown_t shutdown_request{};
  Endpoint peer;
  StreamEvents events;
  StreamOptions options;

  bool started = false;
  bool connecting = false;
  bool paused = false;
  bool finishing = false;      // finish() was called
  bool shutdown_done = false;  // the peer will see our end
  bool end_seen = false;       // the peer sends no more
  bool closed = false;         // no callback any more
  bool owner_gone = false;
  bool handle_closed = false;

  UnreadBuffer unread;
  bool reading_into_space = false;  // the read at hand goes to memory of on_space
  size_t expected = 0;              // by expect(), until on_data has returned: it moves the memory
  Deferred redeliver;
  uint64_t received = 0;

  OutQueue out;
  size_t lent_bytes = 0;  // of `out`, to write_request; 0: it is free
  bool blocked = false;   // on_drained is due
  int write_error = 0;    // told at the end of the pass
  uint64_t sent = 0;
  Deferred flush_later;
  Timer patience;

  uv_stream_t* handle() { return reinterpret_cast<uv_stream_t*>(&tcp); }
  template <class Handle>
  static Inside& of(Handle* handle) {
    return *static_cast<Inside*>(handle->data);
  }

  void connected(int error);
  void read_start();
  void alloc(uv_buf_t* buffer);
  void read(ssize_t size, const uv_buf_t* buffer);
  size_t offer(std::string_view bytes);
  void offer_unread();
  void check_unread();
  void at_end();

  bool writable() const { return !closed && !finishing; }
  size_t queued() const;
  void written();
  void flush();
  void flush_or_end();
  void start_write();
  void write_done(int error);
  void shutdown();

  void end(std::string_view reason);
  void shut();
  void release();
};

// ---- life ----

Result<std::unique_ptr<Stream>> Stream::dial(Loop& loop, const Endpoint& to) {
  auto* in = new Inside(loop);
  std::unique_ptr<Stream> stream(new Stream(in));
  const auto cannot = [&](int error) {
    return Status::unavailable("cannot connect to " + to.text() + ": " + reason_of(error));
  };
  in->peer = to;
  const int error = uv_tcp_init_ex(loop.uv(), &in->tcp, to.raw().sa_family);
  if (error != 0) {
    in->closed = in->handle_closed = true;  // libuv knows nothing of it
    return cannot(error);
  }
  uv_tcp_nodelay(&in->tcp, 1);
  in->connect_request.data = in;
  const int connect_error = uv_tcp_connect(
      &in->connect_request, &in->tcp, &to.raw(),
      [](uv_connect_t* request, int status) { Inside::of(request).connected(status); });
  if (connect_error != 0) return cannot(connect_error);
  in->connecting = true;
  return stream;
}

Result<std::unique_ptr<Stream>> Stream::accept(Loop& loop, uv_stream_s* listener) {
  auto* in = new Inside(loop);
  std::unique_ptr<Stream> stream(new Stream(in));
  RAM_CHECK(uv_tcp_init(loop.uv(), &in->tcp) == 0);  // takes no descriptor yet
  const int error = uv_accept(listener, in->handle());
  if (error != 0) return Status::unavailable("cannot accept a connection: " + reason_of(error));
  uv_tcp_nodelay(&in->tcp, 1);
  sockaddr_storage peer{};
  int size = sizeof peer;
  const int peer_error = uv_tcp_getpeername(&in->tcp, reinterpret_cast<sockaddr*>(&peer), &size);
  // Gone already.
  if (peer_error != 0) return Status::unavailable("connection lost: " + reason_of(peer_error));
  in->peer = Endpoint(reinterpret_cast<const sockaddr&>(peer));
  return stream;
}

Stream::~Stream() {
  inside_->owner_gone = true;
  if (inside_->closed) {
    inside_->release();
  } else {
    inside_->shut();
  }
}

void Stream::Inside::shut() {
  closed = true;
  redeliver.cancel();
  flush_later.cancel();
  patience.cancel();
  uv_close(reinterpret_cast<uv_handle_t*>(&tcp), [](uv_handle_t* closing) {
    Inside& in = of(closing);
    in.handle_closed = true;
    // Nothing of these runs now, and they may keep others alive.
    in.events = {};
    in.out.clear();
    in.unread.clear();
    in.release();
  });
}

void Stream::Inside::release() {
  if (owner_gone && handle_closed) delete this;
}

void Stream::Inside::end(std::string_view reason) {
  if (closed) return;
  shut();
  if (events.on_closed) events.on_closed(reason);
}

void Stream::close() {
  if (!inside_->closed) inside_->shut();
}

bool Stream::closed() const {
  return inside_->closed;
}

void Stream::start(StreamEvents events, StreamOptions options) {
  Inside& in = *inside_;
  RAM_CHECK(!in.started);
  in.started = true;
  in.events = std::move(events);
  in.options = options;
  if (!in.connecting) in.read_start();
}

void Stream::Inside::connected(int error) {
  if (closed) return;
  RAM_CHECK(started);
  connecting = false;
  if (error != 0) return end(reason_of(error));
  if (events.on_connected) events.on_connected();
  if (closed) return;
  read_start();
  flush_later.ask();
}

// ---- reading ----

void Stream::Inside::read_start() {
  if (closed || connecting || end_seen || (paused && !finishing)) return;
  const int error = uv_read_start(
      handle(), [](uv_handle_t* reader, size_t, uv_buf_t* buffer) { of(reader).alloc(buffer); },
      [](uv_stream_t* reader, ssize_t size, const uv_buf_t* buffer) {
        of(reader).read(size, buffer);
      });
  // Refused only if it is under way already, or the connection is not what it was.
  if (error != 0 && error != UV_EALREADY) {
    write_error = error;
    flush_later.ask();
  }
}

void Stream::Inside::alloc(uv_buf_t* buffer) {
  std::span<char> memory;
  reading_into_space = false;
  if (!finishing && unread.empty() && events.on_space) {
    memory = events.on_space();
    reading_into_space = !memory.empty();
  }
  if (memory.empty()) memory = unread.empty() ? loop.scratch() : unread.room(kReadBytes);
  *buffer =
      uv_buf_init(memory.data(), static_cast<unsigned>(std::min(memory.size(), size_t{1} << 30)));
}

void Stream::Inside::read(ssize_t size, const uv_buf_t* buffer) {
  if (closed || size == 0) return;
  if (size == UV_EOF) return at_end();
  if (size < 0) return end(reason_of(static_cast<int>(size)));
  const auto bytes = static_cast<size_t>(size);
  received += bytes;
  if (finishing) return;
  if (reading_into_space) return events.on_filled(bytes);
  if (unread.empty()) {
    const std::string_view fresh(buffer->base, bytes);
    const size_t consumed = offer(fresh);
    if (!closed) unread.append(fresh.substr(consumed));
  } else {
    unread.added(bytes);
    const size_t consumed = offer(unread.view());
    if (!closed) unread.consume(consumed);
  }
  check_unread();
}

size_t Stream::Inside::offer(std::string_view bytes) {
  redeliver.cancel();
  const size_t consumed = events.on_data(bytes);
  RAM_CHECK(consumed <= bytes.size());
  return consumed;
}

void Stream::Inside::offer_unread() {
  if (paused || finishing || unread.empty()) return;
  const size_t consumed = offer(unread.view());
  if (closed) return;
  unread.consume(consumed);
  check_unread();
}

void Stream::Inside::check_unread() {
  if (closed) return;
  const size_t expected_now = std::exchange(expected, 0);
  if (expected_now > unread.size() && !unread.empty()) unread.expect(expected_now);
  if (unread.size() <= options.unread_bytes_max) return;
  end("it sent more than " + std::to_string(options.unread_bytes_max) +
      " bytes that make no whole request");
}

void Stream::Inside::at_end() {
  end_seen = true;  // libuv has stopped reading
  if (finishing) {
    if (shutdown_done) end("finished");
  } else if (events.on_end) {
    events.on_end();
  } else {
    end(reason_of(UV_EOF));
  }
}

void Stream::pause() {
  Inside& in = *inside_;
  if (in.closed || in.paused) return;
  in.paused = true;
  if (!in.finishing) uv_read_stop(in.handle());
}

void Stream::resume() {
  Inside& in = *inside_;
  if (in.closed || !in.paused) return;
  in.paused = false;
  if (in.started) in.read_start();
  in.redeliver.ask();
}

bool Stream::paused() const {
  return inside_->paused;
}

void Stream::expect(size_t bytes) {
  inside_->expected = std::min(bytes, inside_->options.unread_bytes_max);
}

// ---- writing ----

void Stream::write(std::string_view bytes) {
  if (!inside_->writable()) return;
  inside_->out.append(bytes);
  inside_->written();
}

void Stream::write(std::string&& bytes) {
  if (!inside_->writable()) return;
  inside_->out.append(std::move(bytes));
  inside_->written();
}

void Stream::write(SharedBytes bytes) {
  if (!inside_->writable()) return;
  inside_->out.append(std::move(bytes));
  inside_->written();
}

void Stream::write(std::span<const SharedBytes> pieces) {
  if (!inside_->writable()) return;
  for (const SharedBytes& piece : pieces) inside_->out.append(piece);
  inside_->written();
}

size_t Stream::queued_bytes() const {
  return inside_->queued();
}

size_t Stream::Inside::queued() const {
  if (lent_bytes == 0) return out.bytes();
  return out.bytes() - lent_bytes +
         uv_stream_get_write_queue_size(reinterpret_cast<const uv_stream_t*>(&tcp));
}

void Stream::Inside::written() {
  if (lent_bytes != 0) blocked = true;
  flush_later.ask();
  if (out.bytes() >= kGatherBytesMax) flush();
}

void Stream::Inside::flush() {
  if (closed || connecting || lent_bytes != 0 || write_error != 0) return;
  for (int i = 0; i < kWritesInARow && !out.empty(); ++i) {
    std::array<std::string_view, kWritePiecesMax> views;
    std::array<uv_buf_t, kWritePiecesMax> buffers;
    const size_t count = out.front(views, kWriteBytesMax);
    size_t wanted = 0;
    for (size_t k = 0; k < count; ++k) {
      buffers[k] =
          uv_buf_init(const_cast<char*>(views[k].data()), static_cast<unsigned>(views[k].size()));
      wanted += views[k].size();
    }
    const int taken = uv_try_write(handle(), buffers.data(), static_cast<unsigned>(count));
    if (taken == UV_EAGAIN) break;
    if (taken < 0) {
      write_error = taken;
      flush_later.ask();
      return;
    }
    out.sent(static_cast<size_t>(taken));
    sent += static_cast<size_t>(taken);
    if (static_cast<size_t>(taken) < wanted) break;
  }
  if (!out.empty()) {
    start_write();
  } else if (finishing) {
    shutdown();
  }
}

void Stream::Inside::start_write() {
  std::array<std::string_view, kWritePiecesMax> views;
  std::array<uv_buf_t, kWritePiecesMax> buffers;
  const size_t count = out.lend(views, kWriteBytesMax);
  for (size_t k = 0; k < count; ++k) {
    buffers[k] =
        uv_buf_init(const_cast<char*>(views[k].data()), static_cast<unsigned>(views[k].size()));
    lent_bytes += views[k].size();
  }
  blocked = true;
  write_request.data = this;
  const int error =
      uv_write(&write_request, handle(), buffers.data(), static_cast<unsigned>(count),
               [](uv_write_t* request, int status) { of(request).write_done(status); });
  if (error != 0) {
    lent_bytes = 0;
    write_error = error;
    flush_later.ask();
  }
}

void Stream::Inside::write_done(int error) {
  if (closed) return;
  if (error != 0) return end(reason_of(error));
  out.sent(lent_bytes);
  sent += lent_bytes;
  lent_bytes = 0;
  flush_or_end();
  if (closed || !blocked || queued() > options.drained_below) return;
  blocked = false;
  if (events.on_drained) events.on_drained();
}

void Stream::Inside::flush_or_end() {
  flush();
  if (write_error != 0) end(reason_of(write_error));
}

void Stream::finish(Duration patience_time) {
  Inside& in = *inside_;
  if (in.closed || in.finishing) return;
  RAM_CHECK(in.started);
  in.finishing = true;
  in.redeliver.cancel();
  in.unread.clear();
  in.read_start();
  in.flush_later.ask();
  in.patience.start(patience_time, [&in] { in.end("it did not read all that was sent to it"); });
}

void Stream::Inside::shutdown() {
  if (shutdown_request.data != nullptr) return;
  shutdown_request.data = this;
  const int error =
      uv_shutdown(&shutdown_request, handle(), [](uv_shutdown_t* request, int status) {
        Inside& in = of(request);
        if (in.closed) return;
        in.shutdown_done = true;
        if (status != 0 || in.end_seen) in.end("finished");
      });
  if (error != 0) {
    write_error = error;
    flush_later.ask();
  }
}

// ---- the rest ----

void Stream::set_dead_after(Duration time) {
  Inside& in = *inside_;
  uv_os_fd_t fd = -1;
  if (in.closed || uv_fileno(reinterpret_cast<uv_handle_t*>(&in.tcp), &fd) != 0) return;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(time).count();
  const auto seconds = std::max<int64_t>(1, std::chrono::ceil<std::chrono::seconds>(time).count());
  const auto set = [fd](int level, int option, int64_t value) {
    const int number = static_cast<int>(value);
    // Can only fail on a connection that has failed, which its next use will tell.
    static_cast<void>(setsockopt(fd, level, option, &number, sizeof number));
  };
  set(IPPROTO_TCP, TCP_USER_TIMEOUT, ms);
  set(IPPROTO_TCP, TCP_KEEPIDLE, seconds);
  set(IPPROTO_TCP, TCP_KEEPINTVL, 1);
  set(IPPROTO_TCP, TCP_KEEPCNT, 3);
  set(SOL_SOCKET, SO_KEEPALIVE, 1);
}

const Endpoint& Stream::peer() const {
  return inside_->peer;
}
uint64_t Stream::bytes_received() const {
  return inside_->received;
}
uint64_t Stream::bytes_sent() const {
  return inside_->sent;
}

}  // namespace ram::net
