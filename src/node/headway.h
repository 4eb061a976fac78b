// Whether something gets on while others wait for it: what does not is given up, so that nobody
// waits for long.
//
// Source and leader measure a transfer in parts of its whole (kParts), which are small: a slow link
// shows in them after a moment, however large the whole is.
//
// Values; one thread.
#pragma once

#include <cstdint>

#include "base/clock.h"

namespace ram::node {

class Headway {
 public:
  static constexpr uint64_t kParts = uint64_t{1} << 20;

  // It has come to `place`, which never goes back; `step` further counts as getting on. Others must
  // wait for it; or there is `ease` again; if neither, whoever waited does still.
  void look(Instant now, uint64_t place, uint64_t step, bool wait, bool ease) {
    if (!waited_for_ && !wait) return;
    if (!waited_for_ || place >= place_ + step) {
      place_ = place;
      since_ = now;
    }
    waited_for_ = wait || !ease;
  }
  // Others have waited for `patience`, and it has not got on.
  bool stuck(Instant now, Duration patience) const {
    return waited_for_ && now - since_ >= patience;
  }

 private:
  bool waited_for_ = false;
  uint64_t place_ = 0;  // at
  Instant since_{};     // this time
};

}  // namespace ram::node
