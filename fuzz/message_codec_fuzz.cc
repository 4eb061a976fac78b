// What a peer may send once it is through the handshake: bytes to a message, a message to a
// replica.
//
// What decodes is written back byte for byte, in one piece or in several. It is then given to a
// follower and to a leader, which must stay consistent with themselves whatever it says.

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/check.h"
#include "consensus/configuration_codec.h"
#include "consensus/message_codec.h"
#include "consensus/ports.h"
#include "consensus/replica.h"

namespace {

using namespace ram;
using namespace ram::consensus;

class Nobody final : public Transport, public StateMachine {
 public:
  void send(NodeId, Message) override {}
  void on_log_changed(LogIndex) override {}
  void on_committed(LogIndex) override {}
  void on_install(const SnapshotToken&, NodeId) override {}
};

void give(const Message& message, Role others) {
  Nobody nobody;
  Instant now(std::chrono::seconds(1));
  Replica replica(NodeId(1), {}, /*seed=*/1, nobody, nobody);
  replica.found(now, {{{NodeId(1), "", Role::kVoter}, {NodeId(2), "", others}}});
  replica.submit(now, SharedBytes(std::string("record")));
  for (int i = 0; i < 2; ++i) {
    replica.receive(now, NodeId(2), message);
    replica.flush(now);
    replica.check_invariants();
    now += std::chrono::seconds(2);
    replica.on_time(now);
    replica.check_invariants();
  }
  replica.installed(now);
  replica.check_invariants();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view input(reinterpret_cast<const char*>(data), size);
  if (const std::optional<Configuration> configuration = decode_configuration(input)) {
    RAM_CHECK(encode(*configuration).view() == input);
  }
  const std::optional<Message> message = decode(SharedBytes(std::string(input)));
  if (!message) return 0;

  std::string whole;
  encode(*message, whole);
  RAM_CHECK(whole == input);
  std::vector<SharedBytes> pieces;
  encode(*message, pieces);
  std::string joined;
  for (const SharedBytes& piece : pieces) joined += piece.view();
  RAM_CHECK(joined == input);

  give(*message, Role::kVoter);    // a follower, then a candidate
  give(*message, Role::kStandby);  // a leader
  return 0;
}
