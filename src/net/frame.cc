#include "net/frame.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "base/codec.h"
#include "net/text.h"
#include "ram/version.h"

namespace ram::net {
namespace {

// A body up to this stays with its connection's unread bytes until it is whole; a longer one is
// copied to its block at once, and its rest is read there if it is no shorter than this.
constexpr size_t kGatherBytesMax = size_t{16} << 10;

constexpr char kPreamble[kPreambleBytes] = {'R', 'A', 'M', 'P', kWireVersion, 0, 0, 0};
constexpr size_t kMagicBytes = 4;

constexpr size_t kSeedBytes = 8;  // of the head: all but the checksum

Status bad(std::string what) {
  return Status::invalid(std::move(what));
}

std::string version_reason(uint8_t theirs) {
  return "it speaks wire version " + std::to_string(theirs) + ", this node speaks " +
         std::to_string(kWireVersion) + "; run the same release on all nodes";
}

uint32_t checksum_of(std::string_view body, uint64_t seed) {
  return static_cast<uint32_t>(XXH3_64bits_withSeed(body.data(), body.size(), seed));
}

// The same for a body in pieces.
uint32_t checksum_of(std::span<const SharedBytes> pieces, uint64_t seed) {
  XXH3_state_t state;
  XXH3_INITSTATE(&state);
  XXH3_64bits_reset_withSeed(&state, seed);
  for (const SharedBytes& piece : pieces) {
    XXH3_64bits_update(&state, piece.view().data(), piece.size());
  }
  return static_cast<uint32_t>(XXH3_64bits_digest(&state));
}

struct HeadBytes {
  std::array<char, kFrameHeadBytes> bytes{};
  uint64_t seed() const {
    uint64_t seed;
    std::memcpy(&seed, bytes.data(), kSeedBytes);
    return seed;
  }
  void set_checksum(uint32_t checksum) {
    std::memcpy(bytes.data() + kSeedBytes, &checksum, sizeof checksum);
  }
};

HeadBytes head_without_checksum(FrameKind kind, size_t body_bytes) {
  RAM_CHECK(body_bytes <= kFrameBytesMax);
  HeadBytes head;
  const auto length = static_cast<uint32_t>(body_bytes);
  std::memcpy(head.bytes.data(), &length, sizeof length);
  head.bytes[4] = static_cast<char>(kFrameVersion);
  head.bytes[5] = static_cast<char>(kind);
  return head;
}

}  // namespace

std::string_view preamble() {
  return {kPreamble, kPreambleBytes};
}

Result<bool> take_preamble(std::string_view& bytes) {
  const std::string_view magic = preamble().substr(0, kMagicBytes);
  const size_t known = std::min(bytes.size(), kMagicBytes);
  if (bytes.substr(0, known) != magic.substr(0, known)) {
    return bad("it sent " + quoted(bytes, 32) + " where a node begins with \"RAMP\"");
  }
  if (bytes.size() > kMagicBytes) {
    const auto version = static_cast<uint8_t>(bytes[kMagicBytes]);
    if (version != kWireVersion) return bad(version_reason(version));
  }
  if (bytes.size() < kPreambleBytes) return false;
  // The last three bytes are for later versions to use, within this one.
  bytes.remove_prefix(kPreambleBytes);
  return true;
}

bool is_preamble_of_any_version(std::string_view bytes) {
  return bytes.starts_with(preamble().substr(0, kMagicBytes));
}

std::array<char, kFrameHeadBytes> frame_head(FrameKind kind, std::span<const SharedBytes> pieces) {
  size_t size = 0;
  for (const SharedBytes& piece : pieces) size += piece.size();
  HeadBytes head = head_without_checksum(kind, size);
  head.set_checksum(pieces.size() == 1 ? checksum_of(pieces[0].view(), head.seed())
                                       : checksum_of(pieces, head.seed()));
  return head.bytes;
}

std::string frame_bytes(FrameKind kind, std::string_view body) {
  HeadBytes head = head_without_checksum(kind, body.size());
  head.set_checksum(checksum_of(body, head.seed()));
  std::string frame(head.bytes.data(), head.bytes.size());
  frame += body;
  return frame;
}

struct FrameReader::Head {
  explicit Head(std::string_view bytes) {
    std::memcpy(&seed, bytes.data(), kSeedBytes);
    Reader reader(bytes.substr(0, kFrameHeadBytes));
    length = reader.u32();
    version = reader.u8();
    kind = reader.u8();
    reserved = reader.u16();
    checksum = reader.u32();
  }
  uint64_t seed;
  uint32_t length;
  uint8_t version;
  uint8_t kind;
  uint16_t reserved;
  uint32_t checksum;
};

bool FrameReader::check(const Head& head) {
  if (head.version != kFrameVersion) {
    status_ = bad("it sent a frame of version " + std::to_string(head.version) +
                  ", this node reads " + std::to_string(kFrameVersion));
  } else if (head.kind < static_cast<uint8_t>(FrameKind::kHello) ||
             head.kind > static_cast<uint8_t>(FrameKind::kMessage) || head.reserved != 0) {
    status_ = bad("it sent a frame of unknown kind " + std::to_string(head.kind));
  } else if (head.length > body_bytes_max_) {
    status_ = bad("it sent a frame of " + std::to_string(head.length) + " bytes, more than the " +
                  std::to_string(body_bytes_max_) + " allowed here");
  }
  return status_.ok();
}

std::optional<Frame> FrameReader::body_done(FrameKind kind, uint32_t checksum, uint64_t seed,
                                            SharedBytes body) {
  if (checksum_of(body.view(), seed) == checksum) return Frame{kind, std::move(body)};
  status_ = bad("it sent a frame of " + std::to_string(body.size()) +
                " bytes whose checksum does not match");
  return std::nullopt;
}

std::optional<Frame> FrameReader::next(std::string_view& unread) {
  if (!status_.ok()) return std::nullopt;
  if (block_ == nullptr) {
    if (unread.size() < kFrameHeadBytes) return std::nullopt;
    const Head head(unread);
    if (!check(head)) return std::nullopt;
    const std::string_view rest = unread.substr(kFrameHeadBytes);
    if (rest.size() < head.length && head.length <= kGatherBytesMax) return std::nullopt;

    block_ = std::make_shared_for_overwrite<char[]>(head.length);
    size_ = missing_ = head.length;
    kind_ = static_cast<FrameKind>(head.kind);
    checksum_ = head.checksum;
    seed_ = head.seed;
    unread = rest;
  }
  const size_t taken = std::min(missing_, unread.size());
  if (taken > 0) std::memcpy(block_.get() + (size_ - missing_), unread.data(), taken);
  missing_ -= taken;
  unread.remove_prefix(taken);
  if (missing_ > 0) return std::nullopt;

  const std::string_view view(block_.get(), size_);
  return body_done(kind_, checksum_, seed_, SharedBytes(std::move(block_), view));
}

std::span<char> FrameReader::space() {
  if (block_ == nullptr || missing_ < kGatherBytesMax || !status_.ok()) return {};
  return {block_.get() + (size_ - missing_), missing_};
}

void FrameReader::filled(size_t bytes) {
  RAM_CHECK(block_ != nullptr);
  RAM_CHECK(bytes <= missing_);
  missing_ -= bytes;
}

}  // namespace ram::net
