"""Three nodes, mixed clients at each, and a network that is cut, flaps, loses and delays: does the
side with a majority go on, does the other refuse, does all heal, and was every answer right?

Prints how long each took, a line of JSON for each fault.
"""

import os
import random
import sys
import threading
import time
import unittest

import clients
import netns
import nodes
import probes
from probes import FirstAnswer, Figures, is_answered, is_refused, milliseconds, outcome

# How often each node's links are cut in each way.
ROUNDS = int(os.environ.get("RAM_SPLIT_ROUNDS", "1"))
# Nodes killed on a bad network.
KILLS = int(os.environ.get("RAM_SPLIT_KILLS", "2"))
# Operations under loss, delay and flapping links.
OPERATIONS = int(os.environ.get("RAM_SPLIT_OPERATIONS", "200"))
FLAP_SECONDS = float(os.environ.get("RAM_FLAP_SECONDS", "3"))
# The longest that a flapping link is up or down; the shortest is 6 ms.
FLAP_LONGEST_MS = int(os.environ.get("RAM_FLAP_LONGEST_MS", "1000"))

REQUEST_TIMEOUT = 2.0
FLAGS = ("--failover-after", "500ms", "--request-timeout", "2s")
# "At once": not a time-out.
AT_ONCE = REQUEST_TIMEOUT / 2

NETWORK = None
SEED = int(os.environ.get("RAM_SEED", random.randrange(1 << 30)))


class Splits(clients.Checks, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nodes = nodes.Nodes()
        cls.addClassCleanup(cls.nodes.__exit__, None)
        cls.cluster = cls.nodes.cluster_in(NETWORK.places, FLAGS)

    def setUp(self):
        self.assertEqual(self.cluster[0].ask("SET", "before", "here"), b"OK")
        test = self.id().split(".test_")[-1]
        self.load = clients.Load(self.cluster, SEED, name=f"{test}.")
        self.load.start()
        self.load.wait_for_more(300)
        self.draw = random.Random(SEED)
        self.figures = Figures(test.replace("_", " "))

    def tearDown(self):
        NETWORK.heal()

    def run(self, result=None):
        result = result or self.defaultTestResult()
        wrong = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) > wrong:
            self.nodes.print_logs()
        return result

    def finish(self):
        self.stop_and_check(self.load, self.cluster, self.nodes.directory, self.figures)

    def heal(self, cut_off):
        # Cuts last for as long as chance says: they end anywhere between two attempts to dial.
        time.sleep(self.draw.uniform(0, 1))
        NETWORK.heal()
        since = time.monotonic()
        write = FirstAnswer(cut_off, ("SET", "healed", "yes"), is_answered, since)
        nodes.wait_until(lambda: all(node.is_ok() for node in self.cluster), "all are ok",
                         patience=probes.BOUND)
        self.figures.note("all_ok_ms", milliseconds(since))
        self.figures.note("writes_where_cut_ms", write.wait("a write after healing"))

    # ---- one node is cut off ----

    def check_goes_on(self, some, since):
        ways = {"write": ("INCR", "majority"), "read": ("GET", "before")}
        waits = {(way, node): FirstAnswer(node, words, is_answered, since)
                 for way, words in ways.items() for node in some}
        for (way, node), first in waits.items():
            self.figures.note(f"first_{way}_ms", first.wait(f"a {way} is answered"))

    def check_majority_goes_on(self, victim, others, since):
        self.check_goes_on(others, since)
        for node in others:
            node.wait_ok()
            self.assertNotEqual(node.status()["leader"], victim.name)
        self.load.wait_for_more(200)

    def check_minority_refuses(self, victim, since):
        # It may still hold a lease, and read: nobody's write ends before that does.
        waits = {"write": FirstAnswer(victim, ("SET", "minority", "perhaps"), is_refused, since,
                                      may_be_answered=False),
                 "read": FirstAnswer(victim, ("GET", "before"), is_refused, since)}
        for way, first in waits.items():
            self.figures.note(f"{way}_refused_ms", first.wait(f"a {way} is refused"))
        for words in (("SET", "refused", "never"), ("GET", "before"), ("INCR", "refused"),
                      ("MGET", "before", "majority")):
            began = time.monotonic()
            self.assertTrue(is_refused(outcome(victim, *words)), words)
            self.assertLess(time.monotonic() - began, AT_ONCE, words)
        self.assertEqual(victim.status()["state"], "no-quorum")
        with victim.connect() as client:
            self.assertEqual(client.call("RAM.READS", "stale"), b"OK")
            self.assertEqual(client.call("GET", "before"), b"here")

    def check_cut(self, choose, cut):
        """Cuts off the node that choose(leader, followers) names, with cut(place), and heals."""
        for round_number in range(ROUNDS):
            leader = nodes.leader_of(self.cluster)
            followers = [node for node in self.cluster if node is not leader]
            victim = choose(leader, followers[round_number % 2])
            others = [node for node in self.cluster if node is not victim]
            cut(victim.place)
            since = time.monotonic()
            refusals = threading.Thread(target=self.catch, args=(
                self.check_minority_refuses, victim, since))
            self.caught = None
            refusals.start()
            self.check_majority_goes_on(victim, others, since)
            refusals.join()
            if self.caught is not None:
                raise self.caught
            counts = [NETWORK.count(*path) for other in others
                      for path in ((victim.place, other.place), (other.place, victim.place))]
            self.assertTrue(any(lost for _, lost in counts), "nothing was cut")
            self.heal(victim)
            self.assertIsNone(outcome(victim, "GET", "refused"), "a refused write took effect")
            self.load.wait_for_more(100)
        self.finish()

    def catch(self, check, *arguments):
        try:
            check(*arguments)
        except Exception as error:  # told in the test's own thread
            self.caught = error

    def test_leader_cut_off(self):
        self.check_cut(lambda leader, follower: leader, NETWORK.isolate)

    def test_leader_deaf(self):
        self.check_cut(lambda leader, follower: leader, NETWORK.deafen)

    def test_leader_mute(self):
        self.check_cut(lambda leader, follower: leader, NETWORK.mute)

    def test_follower_cut_off(self):
        self.check_cut(lambda leader, follower: follower, NETWORK.isolate)

    def test_follower_deaf(self):
        self.check_cut(lambda leader, follower: follower, NETWORK.deafen)

    def test_follower_mute(self):
        self.check_cut(lambda leader, follower: follower, NETWORK.mute)

    # ---- one link is cut ----

    def test_follower_cut_from_the_leader_alone(self):
        for round_number in range(ROUNDS):
            leader = nodes.leader_of(self.cluster)
            followers = [node for node in self.cluster if node is not leader]
            victim = followers[round_number % 2]
            NETWORK.pair(leader.place, victim.place, lost=1)
            since = time.monotonic()
            self.check_goes_on(self.cluster, since)
            for node in self.cluster:
                node.wait_ok()
            self.assertEqual(nodes.leader_of(self.cluster), leader)
            self.heal(victim)
            for one, other in ((leader, victim), (victim, leader)):
                nodes.wait_until(lambda one=one, other=other: self.is_linked(one, other),
                                 f"{one.name} reaches {other.name} again")
            self.load.wait_for_more(100)
        self.finish()

    @staticmethod
    def is_linked(one, other):
        """By the links themselves: while they are not there, messages go another way."""
        told = [line for line in one.log().splitlines() if f"link to {other.peer} (" in line]
        return [line.endswith(": up") for line in told[-2:]] == [True, True]

    # ---- a network that is bad for all ----

    def check_bad_network(self, **how):
        NETWORK.every_path(**how)
        since = time.monotonic()
        self.load.wait_for_more(OPERATIONS)
        self.figures.note("operations_per_s", round(1000 * OPERATIONS / milliseconds(since)))
        self.heal(self.cluster[0])
        self.load.wait_for_more(100)
        self.finish()

    def test_loss(self):
        self.check_bad_network(lost=0.1)

    def test_delay(self):
        self.check_bad_network(delay="50,40")

    def test_flapping(self):
        """While all links flap nothing is promised. As soon as two nodes of three can talk they are
        a majority, and go on, whatever the links of the third do, even if it leads."""
        before, began = self.load.history.acknowledged, time.monotonic()
        for third in self.draw.sample(self.cluster, 3):
            NETWORK.every_path(flap=f"6,{FLAP_LONGEST_MS}")
            time.sleep(FLAP_SECONDS / 3)  # how long they flap is the fault that is tried
            majority = [node for node in self.cluster if node is not third]
            NETWORK.pair(*(node.place for node in majority))
            self.check_goes_on(majority, time.monotonic())
        self.figures.note("operations_per_s", round(
            (self.load.history.acknowledged - before) / (time.monotonic() - began)))
        for node in self.cluster:
            self.assertTrue(node.runs(), node.name)
        self.heal(self.cluster[0])
        self.load.wait_for_more(100)
        self.finish()

    # ---- and a node is killed meanwhile ----

    def test_killed_on_a_bad_network(self):
        def cut_one_off():
            NETWORK.isolate(self.draw.choice(NETWORK.places))
        faults = [cut_one_off, lambda: NETWORK.every_path(lost=0.1),
                  lambda: NETWORK.every_path(delay="50,40"),
                  lambda: NETWORK.every_path(flap="6,1000")]
        for number in range(KILLS):
            fault = faults[(SEED + number) % len(faults)]
            victim = self.draw.choice(self.cluster)
            before = victim.status()["id"]
            steps = [fault, victim.kill]
            self.draw.shuffle(steps)
            for step in steps:
                step()
                time.sleep(self.draw.uniform(0, 1))  # how far apart they are is drawn
            victim.start()
            self.heal(victim)
            self.assertNotEqual(victim.status()["id"], before)
            members = nodes.leader_of(self.cluster).members()
            self.assertEqual([member["role"] for member in members], ["voter"] * 3)
            self.load.wait_for_more(100)
        self.finish()


if __name__ == "__main__":
    print(f"replay: RAM_SEED={SEED}", file=sys.stderr)
    NETWORK = netns.network_or_skip(3, SEED)
    unittest.main()
