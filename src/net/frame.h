// How bytes travel between nodes: frames on a TCP connection. docs/formats/frame.md has worked
// bytes.
//
//   connection = preamble frame*            in each direction
//   preamble   = "RAMP" version:u8 0:u8 0:u8 0:u8          kWireVersion (ram/version.h)
//   frame      = head body
//   head       = length:u32                 of the body, at most kFrameBytesMax
//                version:u8                 kFrameVersion: of the frame, not of what is in it
//                kind:u8                    1 hello, 2 answer, 3 message
//                0:u16
//                checksum:u32               the low half of XXH3-64 of the body, seeded with the
//                                           eight bytes before it, as one number
//
// Numbers are little-endian. The preamble keeps its shape for ever, so that nodes of any two
// versions can tell each other their own. The checksum is for mistakes, of ours and of the network;
// it keeps no enemy out.
//
// Each body gets a block of its own, of its size: a log entry that points into it holds back
// nothing but what arrived in the same message. (Blocks shared by many frames would save an
// allocation, and let a record of 100 bytes keep all heartbeats around it.) Large bodies are read
// by the kernel into their block; that is allocated when the length is known, and costs memory only
// as it fills.
//
// Not thread-safe.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/bytes.h"
#include "base/limits.h"
#include "ram/status.h"

namespace ram::net {

inline constexpr uint8_t kFrameVersion = 1;
inline constexpr size_t kPreambleBytes = 8;
inline constexpr size_t kFrameHeadBytes = 12;

enum class FrameKind : uint8_t { kHello = 1, kAnswer = 2, kMessage = 3 };

struct Frame {
  FrameKind kind;
  SharedBytes body;
};

// What each side sends first.
std::string_view preamble();

// Reads a preamble from the front of `bytes`, of which there may be too few yet. Returns true, and
// removes it, if it is there and of our version; false while it may still become one.
// Errors: kInvalid, one line that goes on from "it": "it speaks wire version 2, this node speaks
// 1".
Result<bool> take_preamble(std::string_view& bytes);

// True if take_preamble failed on the version alone: who sent `bytes` is a node, and reads
// preambles.
bool is_preamble_of_any_version(std::string_view bytes);

// The head of a frame with the body that `pieces` make, one after the other: written before them,
// it makes a frame without a copy. Requires: the sum of their sizes is at most kFrameBytesMax.
std::array<char, kFrameHeadBytes> frame_head(FrameKind kind, std::span<const SharedBytes> pieces);

// A whole frame, copied: for small ones.
std::string frame_bytes(FrameKind kind, std::string_view body);

// Finds the frames in a stream of bytes that come in any portions. Total: whatever the bytes are,
// it reads inside of them and allocates at most one body at a time.
class FrameReader {
 public:
  // A longer body is an error.
  explicit FrameReader(size_t body_bytes_max) : body_bytes_max_(body_bytes_max) {}
  void set_body_bytes_max(size_t bytes) { body_bytes_max_ = bytes; }

  // The next frame at the front of `unread`, from which it removes what it used. None: more bytes
  // are wanted (what is left of `unread` is to be offered again, with them), or status() is an
  // error.
  std::optional<Frame> next(std::string_view& unread);

  // While a large body is under way, and all bytes offered so far are used up: where to put those
  // that come next. Empty: offer them to next().
  std::span<char> space();
  // The first `bytes` of space() are filled. If that was the end of a body, next() returns it.
  void filled(size_t bytes);

  // The first error, for ever: kInvalid, one line that goes on from "it".
  const Status& status() const { return status_; }
  // Of a body that was begun.
  size_t bytes_held() const { return block_ != nullptr ? size_ - missing_ : 0; }

 private:
  struct Head;
  bool check(const Head& head);
  std::optional<Frame> body_done(FrameKind kind, uint32_t checksum, uint64_t seed,
                                 SharedBytes body);

  size_t body_bytes_max_;
  Status status_;

  // A body under way: its block, which is allocated once, and what its head said.
  std::shared_ptr<char[]> block_;
  size_t size_ = 0;
  size_t missing_ = 0;
  FrameKind kind_ = FrameKind::kMessage;
  uint32_t checksum_ = 0;
  uint64_t seed_ = 0;
};

}  // namespace ram::net
