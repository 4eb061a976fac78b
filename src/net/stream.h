// One TCP connection.
//
// Reading. What arrives is offered to on_data as a view of all that was not consumed yet; it says
// how much it consumed, and what it left is offered again with what comes next, or after resume().
// A stream that leaves nothing unread owns no buffer: it reads into its loop's. One that fills
// memory of its own (a big frame) returns that memory from on_space, and the kernel writes into it.
//
// Writing. What is written is gathered and handed to the kernel in one call at the end of the pass,
// or earlier once there is much of it; what the kernel does not take waits here, without a bound:
// who writes looks at queued_bytes(), and goes on when on_drained says so. SharedBytes are not
// copied unless they are small.
//
// Ending. on_closed is the last callback, with a reason of one line: the connection is gone then,
// and the Stream is only to be destroyed. After close() or the destructor there is no callback at
// all. A Stream may be closed or destroyed at any moment, also from its own callbacks. No callback
// is ever called from within a method of the same stream.
//
// Loop thread only. Destroyed before its Loop.
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/clock.h"
#include "net/address.h"

struct uv_stream_s;

namespace ram::net {

class Loop;

struct StreamEvents {
  // A dialled stream is connected. Optional: what is written earlier is sent then.
  std::function<void()> on_connected;
  // Returns how many of the bytes, from the front, are done with. The view dies with the call.
  std::function<size_t(std::string_view unread)> on_data;
  // Optional. Asked before a read while nothing is unread: memory to read into, or nothing. What
  // was read is told to on_filled instead of on_data. The memory stays valid until then.
  std::function<std::span<char>()> on_space;
  std::function<void(size_t bytes)> on_filled;
  // Optional. The peer sends no more, but may still read: finish() is the polite answer. Without it
  // the stream closes.
  std::function<void()> on_end;
  // Optional. The kernel did not take all at first, and now at most StreamOptions::drained_below
  // bytes are queued.
  std::function<void()> on_drained;
  std::function<void(std::string_view reason)> on_closed;
};

struct StreamOptions {
  // More than this unconsumed closes the stream.
  size_t unread_bytes_max = size_t{64} << 20;
  size_t drained_below = 0;
};

class Stream {
 public:
  // Starts to connect. There is no time limit but the kernel's: destroy the stream to give up.
  // Errors: kUnavailable, no descriptor is free, or there is no way there at all.
  static Result<std::unique_ptr<Stream>> dial(Loop& loop, const Endpoint& to);

  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  // Starts to read, and to call. Once.
  void start(StreamEvents events, StreamOptions options = {});

  // Copies `bytes`. All writes: without effect after finish(), and once the stream is closed.
  void write(std::string_view bytes);
  void write(const char* text) { write(std::string_view(text)); }
  void write(std::string&& bytes);
  void write(SharedBytes bytes);
  void write(std::span<const SharedBytes> pieces);
  // Written, and not taken by the kernel yet.
  size_t queued_bytes() const;

  // No on_data until resume(). What the kernel holds, then the peer's writes, wait.
  void pause();
  // on_data is called with what is unread before the pass ends.
  void resume();
  bool paused() const;
  // From on_data: a hint that unread will grow to `bytes` before more is consumed: one allocation
  // instead of many.
  void expect(size_t bytes);

  // Sends what is queued, then closes; on_closed follows, within `patience`. What the peer sends
  // meanwhile is thrown away.
  void finish(Duration patience = std::chrono::seconds(5));
  // At once: what is queued is lost.
  void close();
  // True from the moment of close(), or when on_closed is called.
  bool closed() const;

  // A peer that does not acknowledge what we sent for so long is taken for dead, and so is one that
  // is silent for that long, or for a few seconds if that is more, while nothing is sent. A peer
  // that does not read (its window is zero) counts as dead too.
  void set_dead_after(Duration time);

  const Endpoint& peer() const;
  // In total, for statistics and to see progress.
  uint64_t bytes_received() const;
  uint64_t bytes_sent() const;  // taken by the kernel

 private:
  friend class Listener;
  struct Inside;

  // Takes the connection that waits at `listener`.
  static Result<std::unique_ptr<Stream>> accept(Loop& loop, uv_stream_s* listener);
  explicit Stream(Inside* inside) : inside_(inside) {}

  Inside* inside_;  // deletes itself when both we and libuv are done with it
};

}  // namespace ram::net
