#include "machine/reply_chunk.h"

namespace ram::machine {

ReplyLimbo::~ReplyLimbo() {
  while (give_back(ReplyChunk::kReplies)) {
  }
}

bool ReplyLimbo::give_back(size_t chunks) {
  for (; chunks > 0 && !chunks_.empty(); --chunks) {
    const std::unique_ptr<ReplyChunk> chunk = std::move(chunks_.back());
    chunks_.pop_back();
    answer_bytes_ -= chunk->bytes;
    chunk->next.reset();  // which comes here as well, if nobody else holds it
  }
  return !chunks_.empty();
}

}  // namespace ram::machine
