// What is behind a ram::Node: its Runtime, and what its calls need beside it.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "base/clock.h"
#include "node/runtime.h"
#include "ram/node.h"

namespace ram {

struct Node::Inside {
  std::unique_ptr<node::Runtime> runtime;
  Duration request_timeout{};

  // When a call that begins now must have ended.
  Instant deadline(std::optional<std::chrono::nanoseconds> timeout) const {
    return runtime->after(timeout.value_or(request_timeout));
  }

  // Not OK: a blocking call would wait for its own thread.
  Status may_block() const;
  // Blocks. Requires: may_block().
  Result<BatchResult> commit(Batch batch, Instant deadline);
  void commit(Batch batch, Instant deadline, Callback<Result<BatchResult>> callback);
};

}  // namespace ram
