"""Three real processes, mixed clients at each, nodes killed and started again; then: was every
answer right, was anything lost, are the copies equal?"""

import os
import random
import sys
import tempfile
import unittest

import clients
import nodes
import resp
from clients import OPERATIONS_BETWEEN, Load

# Each: the leader is killed and comes back, then a follower.
ROUNDS = int(os.environ.get("RAM_FAULT_ROUNDS", "2"))
FLAGS = ("--failover-after", "2s", "--request-timeout", "20s")
# Of one node after the other, whoever leads.
STOPS = int(os.environ.get("RAM_STOPS", "12"))
STOP_FLAGS = ("--failover-after", "500ms", "--request-timeout", "20s")


class TheChecker(unittest.TestCase):
    """Were it blind, the test below would prove nothing."""

    def verdict(self, *lines):
        with tempfile.NamedTemporaryFile("w", suffix=".txt") as file:
            file.write("\n".join(lines) + "\n")
            file.flush()
            return clients.check_history(file.name).returncode

    def test_a_stale_read_is_found(self):
        self.assertEqual(self.verdict("k put 1 2 7 -", "k get 3 4 - 7"), 0)
        self.assertEqual(self.verdict("k put 1 2 7 -", "k get 3 4 - nil"), 1)

    def test_a_write_applied_twice_is_found(self):
        self.assertEqual(self.verdict("k add 1 ? 1 -", "k get 3 4 - 1"), 0)
        self.assertEqual(self.verdict("k add 1 ? 1 -", "k get 3 4 - 2"), 1)

    def test_a_condition_that_did_not_hold_is_found(self):
        self.assertEqual(self.verdict("k cas 1 2 nil:7 1", "k cas 3 4 7:8 1"), 0)
        self.assertEqual(self.verdict("k cas 1 2 nil:7 1", "k cas 3 4 6:8 1"), 1)
        self.assertEqual(self.verdict("k cas 1 2 nil:7 1", "k cas 3 4 7:8 0"), 1)

    def test_a_lost_write_is_found(self):
        self.assertEqual(self.verdict("k add 1 2 1 1", "k add 3 4 1 2"), 0)
        self.assertEqual(self.verdict("k add 1 2 1 1", "k add 3 4 1 1"), 1)


class Faults(clients.Checks, unittest.TestCase):
    def kill_and_restart(self, victim, cluster, load):
        others = [node for node in cluster if node is not victim]
        dead_id = victim.status()["id"]
        victim.kill()
        for node in others:
            node.wait_ok()
        nodes.leader_of(others)
        load.wait_for_more()
        victim.start().wait_ok()
        load.wait_for_more()

        def replaced():
            members = others[0].members()
            return len(members) == len(cluster) and all(
                member["id"] != dead_id and member["state"] == "up" for member in members)
        nodes.wait_until(replaced, "the dead one is replaced by its new incarnation")

    def test_nodes_killed_under_load_lose_nothing(self):
        seed = int(os.environ.get("RAM_SEED", random.randrange(1 << 30)))
        print(f"replay: RAM_SEED={seed}", file=sys.stderr)
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, FLAGS)
            load = Load(cluster, seed)
            load.start()
            load.wait_for_more()
            for _ in range(ROUNDS):
                self.kill_and_restart(nodes.leader_of(cluster), cluster, load)
                leader = nodes.leader_of(cluster)
                followers = [node for node in cluster if node is not leader]
                self.kill_and_restart(followers[seed % 2], cluster, load)
            load.stop()

            self.check_copies_equal(cluster)
            self.check_nothing_lost(cluster, load)
            self.check_history(load, all_nodes.directory)
            print(f"{load.history.acknowledged} acknowledged, {load.history.unknown} unknown, "
                  f"{load.history.refused} refused", file=sys.stderr)

    @staticmethod
    def wait_leased(node):
        nodes.wait_until(lambda: node.status().get("lease") == 1, f"{node.name} holds a lease")

    @staticmethod
    def write_to(node, key, value):
        """Until a write that begins now is acknowledged."""
        def written():
            try:
                return node.ask("SET", key, value) == b"OK"
            except (resp.NotApplied, resp.Unknown):
                return False
        nodes.wait_until(written, f"{node.name} acknowledges a write")

    def stop_beyond_its_lease(self, victim, others, draw, number):
        """Stops `victim` while it holds a lease, until that must be over: a write that began later
        was acknowledged. What it is asked meanwhile it finds waiting, and must see that write."""
        key, value = "while stopped", str(number).encode()
        with victim.connect() as client:
            client.call("GET", key)
            self.wait_leased(victim)
            victim.pause()
            self.write_to(draw.choice(others), key, value)
            client.send("GET", key)
            victim.resume()
            self.assertEqual(client.reply(), value, f"{victim.name} read what was before its stop")

    def test_nodes_stopped_for_longer_than_their_lease_are_never_stale(self):
        seed = int(os.environ.get("RAM_SEED", random.randrange(1 << 30)))
        print(f"replay: RAM_SEED={seed}", file=sys.stderr)
        draw = random.Random(seed)
        read_after_stops = 0
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, STOP_FLAGS)
            load = Load(cluster, seed)
            load.start()
            for number in range(STOPS):
                victim = cluster[number % len(cluster)]
                others = [node for node in cluster if node is not victim]
                load.wait_for_more(draw.randrange(1, OPERATIONS_BETWEEN))
                self.stop_beyond_its_lease(victim, others, draw, number)
                self.wait_leased(victim)
                before = victim.status()["reads_local"]
                nodes.wait_until(lambda: victim.status().get("reads_local", 0) > before,
                                 f"{victim.name} reads under its next lease")
                read_after_stops += victim.status()["reads_local"] - before
            load.stop()
            self.check_nothing_lost(cluster, load)
            self.check_history(load, all_nodes.directory)
            print(f"{load.summary()}, {read_after_stops} read under a lease right after a stop",
                  file=sys.stderr)
            for node in cluster:
                self.assertNotIn("misbehaves", node.log(), "a stop is no fault of a clock")


if __name__ == "__main__":
    unittest.main()
