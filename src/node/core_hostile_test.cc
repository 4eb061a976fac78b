// What peers say that is not so moves nobody, and nobody stops for it.
#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <vector>

#include "consensus/entry_log.h"
#include "node/test_hamlet.h"

namespace ram::node {
namespace {

const NodeId kStranger{999};

TEST(CoreHostile, AJoinerAsksElsewhereIfAStateHasNoPlaceInTheLog) {
  const std::vector<std::function<void(StateOrigin&)>> lies = {
      [](StateOrigin& origin) { origin.index = LogIndex(); },
      [](StateOrigin& origin) { origin.term = Term(); },
      [](StateOrigin& origin) { origin.configuration_index = origin.index.next(); },
      [](StateOrigin& origin) { origin.configuration.servers.clear(); },
  };
  for (const auto& lie : lies) {
    Hamlet hamlet(3);
    ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
    ASSERT_TRUE(hamlet.write_and_wait(0, "k", "v"));
    size_t lies_told = 0;
    hamlet.passes = [&](size_t, size_t, PeerMessage& message) {
      if (auto* piece = std::get_if<StatePiece>(&message);
          piece != nullptr && piece->number == 0 && lies_told < 3) {
        ++lies_told;
        lie(piece->origin);
      }
      return true;
    };
    const size_t joiner = hamlet.move_in({Hamlet::address(0), Hamlet::address(1)});
    ASSERT_TRUE(hamlet.until([&] { return lies_told == 3 && hamlet.all_ok(); }));
    EXPECT_EQ(hamlet.value(joiner, "k"), "v");
  }
}

TEST(CoreHostile, AStrangersTransferHoldsNobodyUp) {
  Hamlet hamlet(3);
  ASSERT_TRUE(hamlet.until([&] { return hamlet.all_ok(); }));
  const size_t leader = hamlet.leader();
  for (int i = 0; i < 20; ++i) {
    for (uint64_t receiver = 100; receiver < 110; ++receiver) {
      hamlet.tell(leader, kStranger,
                  TransferReport{.transfer = Nonce(receiver),
                                 .receiver = NodeId(receiver),
                                 .index = hamlet.replica(leader).last(),
                                 .done = 0,
                                 .room = 0});
    }
    const auto ended = hamlet.write(leader, "k", "v");
    hamlet.run(10ms);
    ASSERT_TRUE(ended->has_value());
  }
}

}  // namespace
}  // namespace ram::node
