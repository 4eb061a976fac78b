"""Every node killed in turn, and every node stopped in turn, many times over under load: then, as
in test_faults.py, was every answer right, was anything lost, are the copies equal?

Prints how long others could not write, and how long the node took to be back, a line of JSON each.
"""

import os
import random
import sys
import time
import unittest

import clients
import nodes
from probes import BOUND, FirstAnswer, Figures, is_answered, milliseconds

# Times that each node is killed, or stopped.
ROUNDS = int(os.environ.get("RAM_SEQUENCE_ROUNDS", "2"))
FLAGS = ("--failover-after", "500ms", "--request-timeout", "20s")
SEED = int(os.environ.get("RAM_SEED", random.randrange(1 << 30)))
WRITE = ("INCR", "others")


class Sequences(clients.Checks, unittest.TestCase):
    def check_in_turn(self, fault, strike, end):
        """strike(node), and end(node) when the others have gone on for a while."""
        print(f"replay: RAM_SEED={SEED}", file=sys.stderr)
        draw = random.Random(SEED)
        figures = Figures(fault)
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, FLAGS)
            load = clients.Load(cluster, SEED)
            load.start()
            for number in range(ROUNDS * len(cluster)):
                load.wait_for_more(draw.randrange(1, 600))
                victim = cluster[number % len(cluster)]
                others = [node for node in cluster if node is not victim]
                role = "leader" if nodes.leader_of(cluster) is victim else "follower"
                strike(victim)
                since = time.monotonic()
                if draw.random() < 0.7:
                    for first in [FirstAnswer(node, WRITE, is_answered, since) for node in others]:
                        figures.note(f"{role}_others_write_ms", first.wait("others write"))
                    load.wait_for_more(draw.randrange(1, 600))
                end(victim)
                since = time.monotonic()
                nodes.wait_until(victim.is_ok, f"{victim.name} is ok", patience=BOUND)
                figures.note(f"{role}_ok_again_ms", milliseconds(since))
                if draw.random() < 0.7:
                    write = FirstAnswer(victim, WRITE, is_answered, since)
                    figures.note(f"{role}_writes_again_ms", write.wait("it writes again"))
            self.stop_and_check(load, cluster, all_nodes.directory, figures)

    def test_killed_in_turn(self):
        self.check_in_turn("killed", lambda node: node.kill(), lambda node: node.start())

    def test_stopped_in_turn(self):
        self.check_in_turn("stopped", lambda node: node.pause(), lambda node: node.resume())


if __name__ == "__main__":
    unittest.main()
