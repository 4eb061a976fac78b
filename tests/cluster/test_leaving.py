"""Nodes that are stopped as operators stop them, one after the other, under load: nobody waits for
a time-out, nobody misses a write, nothing is lost. And what operators may ask of members."""

import os
import random
import signal
import sys
import time
import unittest

import clients
import nodes
from hand_off import HandOff
from probes import Figures, Slowest, milliseconds

# Restarts of all three nodes.
ROUNDS = int(os.environ.get("RAM_RESTART_ROUNDS", "1"))
# Whoever waits for a lease waits for 1.2 s, for an election for 2 s.
FLAGS = ("--failover-after", "2s", "--request-timeout", "20s")
NO_TIMEOUT_MS = 1000
SEED = int(os.environ.get("RAM_SEED", random.randrange(1 << 30)))


def client_address(node):
    return f"127.0.0.1:{node.client_port}"


class Leaving(clients.Checks, unittest.TestCase):
    def test_rolling_restarts_are_seen_by_nobody(self):
        print(f"replay: RAM_SEED={SEED}", file=sys.stderr)
        figures = Figures("rolling restart")
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, FLAGS)
            load = clients.Load(cluster, SEED)
            load.start()
            with HandOff(cluster, "--pairs", "16") as hand_off:
                for number in range(3 * ROUNDS):
                    victim = cluster[number % 3]
                    others = [node for node in cluster if node is not victim]
                    probes = [Slowest(node, ("INCR", "others")) for node in others]
                    load.wait_for_more(200)
                    since = time.monotonic()
                    if number % 2 == 0:
                        self.assertEqual(victim.kill(signal.SIGTERM), 0)
                    else:
                        code, _, error = nodes.run("leave", client_address(victim))
                        self.assertEqual((code, error), (0, ""))
                        self.assertEqual(victim.process.wait(timeout=nodes.PATIENCE), 0)
                    figures.note("left_ms", milliseconds(since))
                    self.assertEqual(len(others[0].members()), 2)
                    load.wait_for_more(200)
                    since = time.monotonic()
                    victim.start().wait_ok()
                    figures.note("back_ms", milliseconds(since))
                    hand_off.wait_for_more(1000)
                    for probe in probes:
                        figures.note("slowest_write_ms", slowest := probe.stop())
                        self.assertLess(slowest, NO_TIMEOUT_MS)
            self.stop_and_check(load, cluster, all_nodes.directory, figures)

    def test_who_cannot_leave_ends_all_the_same_and_says_so(self):
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, (*FLAGS, "--leave-timeout", "300ms"))
            last, *others = cluster
            for node in others:
                node.kill()
            code, text, error = nodes.run("leave", client_address(last))
            self.assertEqual((code, text), (1, ""))
            self.assertRegex(error, "^ram leave: [^\n]*without having left[^\n]*\n$")
            self.assertEqual(last.process.wait(timeout=nodes.PATIENCE), 1)

    def test_all_may_leave_at_once(self):
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(5, (*FLAGS, "--leave-timeout", "60s"))
            for node in cluster:
                node.process.send_signal(signal.SIGTERM)
            # None is left to the end of its time-out.
            for node in cluster:
                self.assertEqual(node.process.wait(timeout=nodes.PATIENCE), 0, node.name)

    def test_who_is_silent_is_evicted_by_itself_and_comes_back(self):
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, ("--evict-after", "2s"))
            leader = nodes.leader_of(cluster)
            silent, other = (node for node in cluster if node is not leader)
            before = silent.status()["id"]
            silent.pause()
            nodes.wait_until(lambda: len(leader.members()) == 2, "it is evicted")
            self.assertEqual(other.ask("SET", "color", "green"), b"OK")
            silent.resume()
            nodes.wait_until(lambda: silent.status().get("id") != before and silent.is_ok(),
                             "it is back, anew")
            self.assertEqual(silent.ask("GET", "color"), b"green")
            self.assertEqual([member["role"] for member in leader.members()].count("standby"), 0)

    def test_who_does_not_answer_is_not_waited_for(self):
        with nodes.Nodes() as all_nodes:
            node, = all_nodes.cluster(1)
            node.pause()
            code, text, error = nodes.run("leave", client_address(node))
            self.assertEqual((code, text), (1, ""))
            self.assertRegex(error, "^ram leave: no answer from [^\n]*may be stopped[^\n]*\n$")
            node.resume()
            self.assertTrue(node.is_ok())
            code, text, _ = nodes.run("leave", client_address(node))
            self.assertEqual((code, text), (0, f"{client_address(node)} has left, and ended\n"))

    def test_who_died_is_evicted_and_comes_back(self):
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, ("--failover-after", "500ms"))
            leader = nodes.leader_of(cluster)
            dead, asked = (node for node in cluster if node is not leader)
            code, _, error = nodes.run("evict", dead.name, client_address(asked))
            self.assertEqual(code, 1)
            self.assertRegex(error, "^ram evict: [^\n]*alive[^\n]*\n$")
            dead.kill()
            nodes.wait_until(lambda: nodes.run("evict", dead.name, client_address(asked))[0] == 0,
                             "it is evicted")
            self.assertNotIn(dead.name, [member["name"] for member in asked.members()])
            dead.start().wait_ok()
            self.assertEqual(len(asked.members()), 3)

    def test_leadership_goes_where_it_is_sent(self):
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, FLAGS)
            for node in cluster:
                probe = Slowest(cluster[0], ("INCR", "others"))
                code, text, _ = nodes.run("transfer", "--to", node.name, client_address(cluster[1]))
                self.assertEqual((code, text), (0, f"{node.name} leads\n"))
                self.assertEqual(node.status()["role"], "leader")
                self.assertLess(probe.stop(), NO_TIMEOUT_MS)


if __name__ == "__main__":
    unittest.main()
