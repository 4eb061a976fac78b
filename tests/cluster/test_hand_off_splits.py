"""Who is told of a write reads it, at any node: with nodes that are cut off, deaf and mute, and on
networks that flap, lose and delay."""

import os
import random
import sys
import time
import unittest

import netns
import nodes
from hand_off import HandOff

# Each of leader and follower is cut off in each way so often.
ROUNDS = int(os.environ.get("RAM_HAND_OFF_ROUNDS", "1"))
# During each cut, and after it.
BETWEEN = int(os.environ.get("RAM_HAND_OFFS_BETWEEN", "20000"))
# On a network that is bad for all they are slow: a hundred of them say that it goes on.
BAD_NETWORK_SECONDS = float(os.environ.get("RAM_BAD_NETWORK_SECONDS", "1"))
FLAGS = ("--failover-after", "500ms")

NETWORK = None
SEED = int(os.environ.get("RAM_SEED", random.randrange(1 << 30)))


class HandOffs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nodes = nodes.Nodes()
        cls.addClassCleanup(cls.nodes.__exit__, None)
        cls.cluster = cls.nodes.cluster_in(NETWORK.places, FLAGS)

    def tearDown(self):
        NETWORK.heal()

    def heal(self, hand_off):
        NETWORK.heal()
        for node in self.cluster:
            node.wait_ok()
        hand_off.wait_for_more(BETWEEN)

    def check_cuts(self, cut):
        with HandOff(self.cluster) as hand_off:
            hand_off.wait_for_more(BETWEEN)
            for round_number in range(2 * ROUNDS):
                leader = nodes.leader_of(self.cluster)
                followers = [node for node in self.cluster if node is not leader]
                victim = leader if round_number % 2 == 0 else followers[round_number // 2 % 2]
                cut(victim.place)
                hand_off.wait_for_more(BETWEEN)
                if round_number % 4 < 2:
                    # Long enough for the others to have a leader, and it to know that it has none.
                    nodes.wait_until(lambda victim=victim: victim.status()["state"] == "no-quorum",
                                     f"{victim.name} knows that it is cut off")
                self.heal(hand_off)

    def check_bad_network(self, **how):
        with HandOff(self.cluster) as hand_off:
            hand_off.wait_for_more(BETWEEN)
            NETWORK.every_path(**how)
            end = time.monotonic() + BAD_NETWORK_SECONDS
            while time.monotonic() < end:
                hand_off.wait_for_more(100)
            self.heal(hand_off)

    def test_cut_off(self):
        self.check_cuts(NETWORK.isolate)

    def test_deaf(self):
        self.check_cuts(NETWORK.deafen)

    def test_mute(self):
        self.check_cuts(NETWORK.mute)

    def test_loss(self):
        self.check_bad_network(lost=0.1)

    def test_delay(self):
        self.check_bad_network(delay="50,40")

    def test_flapping(self):
        self.check_bad_network(flap="6,10000")


if __name__ == "__main__":
    print(f"replay: RAM_SEED={SEED}", file=sys.stderr)
    NETWORK = netns.network_or_skip(3, SEED)
    unittest.main()
