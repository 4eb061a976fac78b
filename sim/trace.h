// What happened in a run: a running hash always, text on request.
//
// Two runs of one seed have equal hashes, or something in them depends on more than the seed. The
// hash covers every event with its time, every frame with its bytes, and every digest.
#pragma once

#include <cstdint>
#include <cstring>
#include <ostream>
#include <sstream>
#include <string_view>

#include "base/random.h"
#include "sim/time.h"

namespace ram::sim {

class Trace {
 public:
  // Lines go to `out`; null: only the hash is kept.
  explicit Trace(std::ostream* out, bool frames = false) : out_(out), frames_(frames) {}

  void note(uint64_t word) { hash_ = mix64(hash_ ^ word); }
  void note(std::string_view bytes) {
    note(bytes.size());
    for (; bytes.size() >= 8; bytes.remove_prefix(8)) {
      uint64_t word;
      std::memcpy(&word, bytes.data(), sizeof(word));
      note(word);
    }
    uint64_t word = 0;
    if (!bytes.empty()) std::memcpy(&word, bytes.data(), bytes.size());
    note(word);
  }

  bool has_text() const { return out_ != nullptr; }
  // Frames, too.
  bool has_frames() const { return out_ != nullptr && frames_; }
  template <class... Parts>
  void line(WorldTime now, const Parts&... parts) {
    if (out_ == nullptr) return;
    const auto microseconds =
        std::chrono::duration_cast<std::chrono::microseconds>(now.time_since_epoch()).count();
    std::ostringstream text;
    text << microseconds / 1'000'000 << '.';
    text.width(6);
    text.fill('0');
    text << microseconds % 1'000'000 << ' ';
    text.width(0);
    (text << ... << parts);
    *out_ << text.str() << '\n';
  }

  uint64_t hash() const { return hash_; }

 private:
  std::ostream* out_;
  bool frames_;
  uint64_t hash_ = 1;
};

}  // namespace ram::sim
