"""Five nodes under load, a bad network and processes that are killed, stopped, asked to leave and
started again, all at once and as chance says: after each round all of it heals, and at the end
every answer was right, nothing was lost, and the copies are equal.

At most two nodes are away at a time: a majority of the five keeps running.
"""

import os
import random
import signal
import sys
import time
import unittest

import clients
import netns
import nodes
from probes import Figures, milliseconds

ROUNDS = int(os.environ.get("RAM_CHAOS_ROUNDS", "2"))
FLAGS = ("--failover-after", "500ms", "--request-timeout", "3s", "--leave-timeout", "1s",
         "--evict-after", "3s")
# Founding, joining and replacing two at a time, on a busy machine.
HEALED_WITHIN = 30.0

NETWORK = None
SEED = int(os.environ.get("RAM_SEED", random.randrange(1 << 30)))


class Chaos(clients.Checks, unittest.TestCase):
    def test_whatever_happens_it_heals(self):
        self.draw = random.Random(SEED)
        figures = Figures("chaos")
        with nodes.Nodes() as all_nodes:
            self.addCleanup(NETWORK.heal)
            cluster = all_nodes.cluster_in(NETWORK.places, FLAGS)
            load = clients.Load(cluster, SEED)
            load.start()
            for number in range(ROUNDS):
                victims = self.draw.sample(cluster, self.draw.randrange(0, 3))
                steps = [self.network_step()]
                deeds = {victim: self.draw.choice(["killed", "stopped", "left"])
                         for victim in victims}
                steps += [self.process_step(*deed) for deed in deeds.items()]
                self.draw.shuffle(steps)
                told = ", ".join(what for what, _ in steps)
                print(f"round {number}: {told}", file=sys.stderr)
                for _, step in steps:
                    step()
                    time.sleep(self.draw.uniform(0, 1.5))  # how far apart they are is drawn
                NETWORK.heal()
                since = time.monotonic()
                for deed in deeds.items():
                    self.bring_back(*deed)
                self.wait_whole(cluster)
                figures.note("whole_ms", milliseconds(since))
                load.wait_for_more(200)
            self.stop_and_check(load, cluster, all_nodes.directory, figures)

    def network_step(self):
        def cut_some_paths():
            for place in NETWORK.places:
                for other in NETWORK.others(place):
                    if self.draw.random() < 0.3:
                        NETWORK.path(place, other, lost=1)

        def split():
            few = self.draw.sample(NETWORK.places, 2)
            for place in few:
                for other in NETWORK.others(place):
                    if other not in few:
                        NETWORK.pair(place, other, lost=1)
        return self.draw.choice([
            ("nothing of the network", lambda: None),
            ("some paths are cut", cut_some_paths),
            ("two are split off", split),
            ("packets are lost", lambda: NETWORK.every_path(lost=0.1)),
            ("packets are late", lambda: NETWORK.every_path(delay="50,40")),
            ("links flap", lambda: NETWORK.every_path(flap="6,2000"))])

    @staticmethod
    def process_step(victim, deed):
        number = {"killed": signal.SIGKILL, "stopped": signal.SIGSTOP, "left": signal.SIGTERM}[deed]
        return f"{victim.name} {deed}", lambda: victim.process.send_signal(number)

    @staticmethod
    def bring_back(victim, deed):
        if deed == "stopped":
            victim.resume()
        else:
            victim.process.wait(timeout=nodes.PATIENCE)
            victim.start()

    def wait_whole(self, cluster):
        def whole():
            if not all(node.is_ok() for node in cluster):
                return False
            members = nodes.leader_of(cluster).members()
            return (len(members) == len(cluster)
                    and all(member["role"] == "voter" and member["state"] == "up"
                            for member in members))
        nodes.wait_until(whole, "all are voters and up", patience=HEALED_WITHIN)


if __name__ == "__main__":
    print(f"replay: RAM_SEED={SEED}", file=sys.stderr)
    NETWORK = netns.network_or_skip(5, SEED)
    unittest.main()
