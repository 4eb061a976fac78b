// What is behind a ram::Node: its Runtime, and what its calls need beside it.
//
// Thread-safe.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "api/waiter.h"
#include "base/clock.h"
#include "node/read_path.h"
#include "node/runtime.h"
#include "ram/node.h"
#include "store/entry.h"

namespace ram {

struct Node::Inside {
  std::unique_ptr<node::Runtime> runtime;
  Duration request_timeout{};
  Reads reads = Reads::kLocal;  // what no call asks less than

  // When a call that begins now must have ended.
  Instant deadline(std::optional<std::chrono::nanoseconds> timeout) const {
    return runtime->after(timeout.value_or(request_timeout));
  }

  // How a read gets to what it must see.
  struct Passage {
    enum class Kind : uint8_t { kOpen, kWait, kAsk };
    Kind kind = Kind::kAsk;
    LogIndex index;                                                // kWait: for this entry
    node::NodeCore::Trust trust = node::NodeCore::Trust::kLeader;  // kAsk

    bool open() const { return kind == Kind::kOpen; }
  };
  // Has the memory fetched meanwhile that a lookup will need.
  Passage passage(Reads asked, std::string_view table, std::string_view key) const;
  template <class Keys>
  Passage passage(Reads asked, std::string_view table, const Keys& keys) const;
  Passage passage_of_all(Reads asked) const;
  // Blocks until the passage is open. Requires, unless it is: may_block().
  Status pass(const Passage& passage, ReadOptions options) const;
  // `done` is called at once, here, if it is open.
  void pass(const Passage& passage, ReadOptions options, node::NodeCore::FenceDone done) const;

  // Not OK: a blocking call would wait for its own thread.
  Status may_block() const;
  // Blocks until `call` has called the callback that it is given, if that may be.
  template <class T, class Call>
  T wait_for(Call call) const {
    if (Status refused = may_block(); !refused.ok()) return refused;
    Waiter<T> waiter;
    call([&waiter](T ended) { waiter.set(std::move(ended)); });
    return waiter.wait();
  }
  // Blocks. Requires: may_block().
  Result<BatchResult> commit(Batch batch, Instant deadline);
  void commit(Batch batch, Instant deadline, Callback<Result<BatchResult>> callback);

 private:
  // What the call or the node asks for, whatever the lease; nothing: it is the lease's to say.
  std::optional<Passage> chosen(Reads asked) const;
  template <class Touch>
  Passage by_lease(Touch touch) const;
  Passage by_lease(std::string_view table, std::span<const store::Key> keys) const;
};

}  // namespace ram
