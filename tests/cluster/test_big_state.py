"""Three nodes with more data than the log keeps: one that was cut off for long, or was killed, gets
the whole state, and the network is cut and loses packets while that is on its way."""

import os
import random
import sys
import time
import unittest

import clients
import netns
import nodes
from probes import FirstAnswer, Figures, is_answered, milliseconds

ROUNDS = int(os.environ.get("RAM_BIG_STATE_ROUNDS", "1"))
FLAGS = ("--failover-after", "500ms", "--request-timeout", "5s")
# The log keeps 256 MiB at most.
KEYS, VALUE_BYTES = 30000, 10000
PIPELINE = 100

NETWORK = None
SEED = int(os.environ.get("RAM_SEED", random.randrange(1 << 30)))


class BigState(clients.Checks, unittest.TestCase):
    def setUp(self):
        self.draw = random.Random(SEED)
        self.nodes = self.enterContext(nodes.Nodes())
        self.cluster = self.nodes.cluster_in(NETWORK.places, FLAGS)
        self.fill(self.cluster[0])
        self.load = clients.Load(self.cluster, SEED)
        self.load.start()
        self.addCleanup(NETWORK.heal)

    def fill(self, node):
        """Writes all keys once more."""
        value = self.draw.randbytes(VALUE_BYTES // 2).hex()
        with node.connect() as client:
            for first in range(0, KEYS, PIPELINE):
                client.call_all([("SET", f"big.{number}", value)
                                 for number in range(first, first + PIPELINE)])

    def disturb(self, victim):
        """What may happen to a transfer that is under way; at its end the network is whole."""
        time.sleep(self.draw.uniform(0, 1))
        if self.draw.random() < 0.7:
            NETWORK.isolate(victim.place)
            time.sleep(self.draw.uniform(0.1, 3))
        NETWORK.every_path(lost=self.draw.choice([0, 0.02]))

    def states_at(self, node):
        """How many it received, to join with, and to catch up with as a member."""
        return (node.log().count("received the cluster's state as of log index")
                + node.log().count("caught up with a state as of log index"))

    def wait_whole(self, victim, figures, what):
        since = time.monotonic()
        for node in self.cluster:
            node.wait_ok()
        write = FirstAnswer(victim, ("SET", "whole", "yes"), is_answered, since)
        write.wait("it writes again")
        figures.note(what, milliseconds(since))
        NETWORK.heal()
        self.load.wait_for_more(100)

    def test_a_node_that_needs_the_state_gets_it_whatever_happens_meanwhile(self):
        figures = Figures("big state")
        for number in range(2 * ROUNDS):
            leader = nodes.leader_of(self.cluster)
            others = [node for node in self.cluster if node is not leader]
            victim = others[number % 2]
            states = self.states_at(victim)
            NETWORK.isolate(victim.place)
            self.fill(leader)
            NETWORK.heal()
            self.disturb(victim)
            self.wait_whole(victim, figures, "after_a_cut_ms")
            self.assertGreater(self.states_at(victim), states, "its log reached so far back")

            victim = self.draw.choice(self.cluster)
            states = self.states_at(victim)
            victim.kill()
            self.load.wait_for_more(100)
            victim.start()
            self.disturb(victim)
            self.wait_whole(victim, figures, "after_a_kill_ms")
            self.assertGreater(self.states_at(victim), states, "it is whole without a state")
        self.stop_and_check(self.load, self.cluster, self.nodes.directory, figures)


if __name__ == "__main__":
    print(f"replay: RAM_SEED={SEED}", file=sys.stderr)
    NETWORK = netns.network_or_skip(3, SEED)
    unittest.main()
