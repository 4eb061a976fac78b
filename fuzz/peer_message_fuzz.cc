// Any bytes as a peer's frame: decoded or refused, and what was decoded is written back and reads
// the same.

#include <cstddef>
#include <cstdint>
#include <string>

#include "base/check.h"
#include "node/peer_message.h"

namespace {

ram::SharedBytes flat(const ram::node::Pieces& pieces) {
  std::string bytes;
  for (const ram::SharedBytes& piece : pieces) bytes += piece.view();
  return ram::SharedBytes(std::move(bytes));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const ram::SharedBytes bytes(std::string(reinterpret_cast<const char*>(data), size));
  if (const auto frame = ram::node::decode_frame(bytes)) {
    const ram::SharedBytes again = flat(ram::node::encode_frame(frame->heading, frame->message));
    RAM_CHECK(ram::node::decode_frame(again).has_value());
  }
  return 0;
}
