"""Who is told of a write reads it, at any node: with nodes that are stopped and killed meanwhile.

test_splits.py has the same on a bad network."""

import os
import unittest

import nodes
from hand_off import HandOff

# Without a fault.
HAND_OFFS = int(os.environ.get("RAM_HAND_OFFS", "400000"))
# Each node is stopped, and the leader and a follower are killed, so often.
ROUNDS = int(os.environ.get("RAM_HAND_OFF_ROUNDS", "1"))
# After each fault, and after it is over.
BETWEEN = int(os.environ.get("RAM_HAND_OFFS_BETWEEN", "20000"))
FLAGS = ("--failover-after", "500ms")


class HandOffs(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nodes = nodes.Nodes()
        cls.addClassCleanup(cls.nodes.__exit__, None)
        cls.cluster = cls.nodes.cluster(3, FLAGS)

    def setUp(self):
        for node in self.cluster:
            node.wait_ok()

    def test_without_a_fault(self):
        with HandOff(self.cluster) as hand_off:
            nodes.wait_until(lambda: hand_off.handed() >= HAND_OFFS, f"{HAND_OFFS} hand-offs",
                             patience=nodes.PATIENCE + HAND_OFFS / 10000)

    def test_stale_reads_miss(self):
        """Were hand_off blind, the others would prove nothing."""
        leader = nodes.leader_of(self.cluster)
        follower = next(node for node in self.cluster if node is not leader)
        hand_off = HandOff([leader, follower], "--reads", "stale")
        self.assertEqual(hand_off.wait(), 1)
        self.assertIn("FAILED", hand_off.end()[1])

    def test_nodes_stopped_for_longer_than_their_lease(self):
        with HandOff(self.cluster) as hand_off:
            hand_off.wait_for_more(BETWEEN)
            for _ in range(ROUNDS):
                for victim in self.cluster:
                    others = [node for node in self.cluster if node is not victim]
                    victim.pause()
                    # Writes at the others go on when its lease is over, and someone leads.
                    hand_off.wait_for_more(BETWEEN)
                    nodes.leader_of(others)
                    victim.resume()
                    hand_off.wait_for_more(BETWEEN)

    def test_nodes_killed(self):
        with HandOff(self.cluster) as hand_off:
            hand_off.wait_for_more(BETWEEN)
            for round_number in range(ROUNDS):
                self.kill_and_restart(nodes.leader_of(self.cluster), hand_off)
                leader = nodes.leader_of(self.cluster)
                followers = [node for node in self.cluster if node is not leader]
                self.kill_and_restart(followers[round_number % 2], hand_off)

    def kill_and_restart(self, victim, hand_off):
        victim.kill()
        hand_off.wait_for_more(BETWEEN)
        victim.start().wait_ok()
        hand_off.wait_for_more(BETWEEN)


if __name__ == "__main__":
    unittest.main()
