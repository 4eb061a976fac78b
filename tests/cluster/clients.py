"""Mixed clients at every node of a test, and what is asked of what they saw."""

import os
import subprocess
import sys

import history
import nodes

CLIENTS_PER_NODE = 2
# What the clients get done between two faults.
OPERATIONS_BETWEEN = 600


class Load:
    def __init__(self, cluster, seed, name=""):
        self.history = history.History(name)
        self.recorders = [
            history.Recorder(number, node, self.history, seed + number)
            for number, node in enumerate(cluster * CLIENTS_PER_NODE, start=1)]

    def start(self):
        for recorder in self.recorders:
            recorder.start()

    def wait_for_more(self, operations=OPERATIONS_BETWEEN):
        """Waits until clients of nodes that run got `operations` more done together."""
        before = self.history.acknowledged

        def enough():
            self.check()
            return self.history.acknowledged >= before + operations
        nodes.wait_until(enough, f"{operations} more operations are acknowledged")

    def check(self):
        for recorder in self.recorders:
            if recorder.failure is not None:
                raise recorder.failure

    def stop(self):
        for recorder in self.recorders:
            recorder.stop()
        for recorder in self.recorders:
            recorder.join(timeout=nodes.PATIENCE)
            if recorder.is_alive():
                raise AssertionError("a client hangs: its command was never answered")
        self.check()

    def summary(self):
        return (f"{self.history.acknowledged} acknowledged, {self.history.unknown} unknown, "
                f"{self.history.refused} refused")


def check_history(path):
    return subprocess.run([os.environ["RAM_CHECK_HISTORY"], str(path)], capture_output=True,
                          text=True, timeout=300, check=False)


class Checks:
    """For test cases, after their load was stopped."""

    def stop_and_check(self, load, cluster, directory, figures):
        """The end of a test whose nodes are all to be well: stops the load, holds what its clients
        saw and what the nodes have against each other, and prints what was measured."""
        load.stop()
        self.check_copies_equal(cluster)
        self.check_nothing_lost(cluster, load)
        self.check_history(load, directory)
        print(load.summary(), file=sys.stderr)
        figures.print()

    def check_history(self, load, directory):
        path = directory / "history.txt"
        load.history.write(path)
        done = check_history(path)
        print(done.stdout.splitlines()[-1] if done.stdout else "", file=sys.stderr)
        if done.returncode != 0:
            kept = os.path.join(os.environ.get("RAM_BUILD_DIR", "."), "bad-history.txt")
            load.history.write(kept)
            self.fail(f"{done.stdout}{done.stderr}(the history is kept in {kept})")
        self.assertEqual(load.history.torn, [], "a read of two keys saw half of a write")

    def check_nothing_lost(self, cluster, load):
        wanted = {}
        for recorder in load.recorders:
            wanted.update(recorder.acknowledged_keys)
        keys = sorted(wanted)
        self.assertTrue(keys)
        for node in cluster:
            values = []
            for start in range(0, len(keys), 500):
                values += node.ask("MGET", *keys[start:start + 500])
            lost = [key for key, value in zip(keys, values)
                    if value is None or int(value) != wanted[key]]
            self.assertEqual(lost, [], f"acknowledged writes are missing at {node.name}")

    def check_copies_equal(self, cluster):
        for node in cluster:
            node.wait_ok()
        digests = nodes.wait_equal_digests(cluster)
        self.assertEqual(len({digest["digest"] for digest in digests}), 1, digests)
