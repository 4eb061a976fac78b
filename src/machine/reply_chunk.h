// Replies of a session in the order of their numbers, in chunks that it shares with frozen states.
//
// A chunk is filled from its first reply to its last, never changed, and freed as a whole. Each
// keeps the next one alive: who holds one has all that follow. So a state is frozen without a look
// at the replies, and a session lets go of any number of them at once.
//
// What nobody holds waits in the limbo, and is freed a chunk at a time.
//
// Loop thread only.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/smart_ptr/intrusive_ptr.hpp>

#include "base/ids.h"
#include "machine/command.h"

namespace ram::machine {

class ReplyLimbo;

struct ReplyChunk {
  static constexpr size_t kReplies = 64;
  // No reply is added to one with answers of so many bytes.
  static constexpr size_t kAnswerBytes = size_t{64} << 10;

  ReplyChunk(ReplyLimbo& where_it_ends, Sequence begin) : limbo(where_it_ends), first(begin) {}

  // Requires: it holds `sequence`.
  const Reply& at(Sequence sequence) const { return replies[sequence - first]; }

  ReplyLimbo& limbo;
  size_t holders = 0;
  const Sequence first;
  size_t size = 0;
  size_t bytes = 0;  // of answers
  std::array<Reply, kReplies> replies;
  boost::intrusive_ptr<ReplyChunk> next;
};

// Chunks that nobody holds, and how much is in those that are held. Outlives all of them.
class ReplyLimbo {
 public:
  ReplyLimbo() = default;
  ReplyLimbo(const ReplyLimbo&) = delete;
  ~ReplyLimbo();

  void add(std::unique_ptr<ReplyChunk> chunk) { chunks_.push_back(std::move(chunk)); }
  size_t size() const { return chunks_.size(); }
  // Answers in all chunks that are not freed yet.
  size_t answer_bytes() const { return answer_bytes_; }
  void on_answer(size_t bytes) { answer_bytes_ += bytes; }
  // Frees so many. True: there are more.
  bool give_back(size_t chunks);

 private:
  std::vector<std::unique_ptr<ReplyChunk>> chunks_;
  size_t answer_bytes_ = 0;
};

inline void intrusive_ptr_add_ref(ReplyChunk* chunk) {
  ++chunk->holders;
}
inline void intrusive_ptr_release(ReplyChunk* chunk) {
  if (--chunk->holders == 0) chunk->limbo.add(std::unique_ptr<ReplyChunk>(chunk));
}

}  // namespace ram::machine
