// What a peer may send before and after its hello: preamble, frames, hello and answer.
//
// The input's first byte chooses in which portions the rest arrives. Whatever they are, the frames
// found must be those found in the whole, and must read back as they were written.

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "base/random.h"
#include "net/frame.h"
#include "net/hello.h"

namespace {

using namespace ram;
using namespace ram::net;

constexpr size_t kBodyBytesMax = 40'000;

struct Found {
  std::vector<std::string> frames;  // written anew
  std::string error;
};

void note(Found& found, const Frame& frame) {
  found.frames.push_back(frame_bytes(frame.kind, frame.body.view()));
}

Found read_whole(std::string_view bytes) {
  Found found;
  FrameReader reader(kBodyBytesMax);
  while (std::optional<Frame> frame = reader.next(bytes)) note(found, *frame);
  found.error = reader.status().message();
  return found;
}

Found read_in_portions(std::string_view bytes, uint64_t seed) {
  Found found;
  FrameReader reader(kBodyBytesMax);
  Random random(seed);
  std::string unread;
  while (!bytes.empty() && reader.status().ok()) {
    const std::span<char> space = reader.space();
    size_t portion = std::min<size_t>(1 + random.below(1 + (seed & 63)), bytes.size());
    if (!space.empty() && unread.empty()) {
      portion = std::min(portion, space.size());
      std::copy_n(bytes.data(), portion, space.data());
      reader.filled(portion);
    } else {
      unread.append(bytes.substr(0, portion));
    }
    bytes.remove_prefix(portion);
    // A block of exactly this size, so that the sanitizer sees one byte too far.
    const std::vector<char> exact(unread.begin(), unread.end());
    std::string_view view(exact.data(), exact.size());
    while (std::optional<Frame> frame = reader.next(view)) note(found, *frame);
    unread.erase(0, unread.size() - view.size());
  }
  found.error = reader.status().message();
  return found;
}

// `frame` as it stands, but with a checksum that fits: else no mutation gets past that.
std::string with_checksum(std::string_view bytes) {
  if (bytes.size() < kFrameHeadBytes) return {};
  const auto kind = static_cast<FrameKind>(bytes[5]);
  return frame_bytes(kind, bytes.substr(kFrameHeadBytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size == 0) return 0;
  std::string_view bytes(reinterpret_cast<const char*>(data) + 1, size - 1);

  std::string_view rest = bytes;
  if (const Result<bool> taken = take_preamble(rest); taken.ok() && *taken) {
    RAM_CHECK(rest.size() + kPreambleBytes == bytes.size());
    bytes = rest;
  }
  const std::string repaired = with_checksum(bytes);
  for (const std::string_view input : {bytes, std::string_view(repaired)}) {
    const Found whole = read_whole(input);
    const Found portions = read_in_portions(input, data[0]);
    RAM_CHECK(whole.frames == portions.frames);
    RAM_CHECK(whole.error == portions.error);
    std::string again;
    for (const std::string& frame : whole.frames) again += frame;
    RAM_CHECK(input.starts_with(again));
  }

  if (bytes.size() < kFrameHeadBytes) return 0;
  const std::string_view body = bytes.substr(kFrameHeadBytes);
  if (const Result<Hello> hello = decode_hello(body); hello.ok()) {
    RAM_CHECK(encode(*hello) == body);
  }
  if (const Result<HelloAnswer> answer = decode_answer(body); answer.ok()) {
    RAM_CHECK(encode(*answer) == body);
  }
  return 0;
}
