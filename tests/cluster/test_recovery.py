"""A majority is killed: who is left says so, and goes on alone once an operator says that the
others are dead."""

import re
import time
import unittest

import nodes
import resp

FLAGS = ("--failover-after", "1s")
DONE, FAILED = 0, 1


def client_address(node):
    return f"127.0.0.1:{node.client_port}"


def recover(node, *flags):
    """Exit code, and the one line that was printed."""
    code, text, error = nodes.run("recover", client_address(node), *flags)
    lines = (text + error).splitlines()
    assert len(lines) == 1, (text, error)
    return code, lines[0]


class Recovery(unittest.TestCase):
    def write(self, cluster, count):
        """Through all nodes in turn; what has to be there afterwards."""
        written = {}
        for number in range(count):
            key, value = f"key{number}", str(number)
            self.assertEqual(cluster[number % len(cluster)].ask("SET", key, value), b"OK")
            written[key] = value.encode()
        return written

    def wait_complete(self, node):
        """Until the node knows that it has all that was acknowledged by now; the time."""
        now = int(time.time() * 1000)
        nodes.wait_until(lambda: node.status()["complete_until"] >= now,
                         f"{node.name} has all that was acknowledged")
        return now

    def wait_no_quorum(self, survivor, dead, complete):
        """RAM.STATUS, `ram status`, INFO and the log say who is missing, and what is here."""
        names = [node.name for node in dead]

        def is_said_in(line):
            missing = re.search("no answer from ([^;]*)", line)
            return (missing and sorted(missing[1].split(", ")) == sorted(names)
                    and "every write that was acknowledged until " in line)

        def said():
            status = survivor.status()
            return status["state"] == "no-quorum" and is_said_in(status["waiting_for"])
        nodes.wait_until(said, f"{survivor.name} says that {names} are missing")
        self.assertGreaterEqual(survivor.status()["complete_until"], complete)
        nodes.wait_until(lambda: any("no leader for four election timeouts" in line
                                     and is_said_in(line)
                                     for line in survivor.log().splitlines()),
                         f"{survivor.name} logs it")
        code, text, _ = nodes.run("status", client_address(survivor))
        self.assertEqual(code, DONE)
        self.assertRegex(text, "(?m)^state +no-quorum")
        self.assertTrue(any(is_said_in(line) for line in text.splitlines()), text)
        lines = survivor.ask("INFO", "ram").decode().split("\r\n")
        info = dict(line.split(":", 1) for line in lines if ":" in line)
        self.assertEqual(info["ram_state"], "no-quorum")
        self.assertTrue(is_said_in(info["ram_waiting_for"]), info)
        self.assertGreaterEqual(int(info["ram_complete_until"]), complete)

    def assert_shows_stale_reads_alone(self, node, written):
        key, value = next(iter(written.items()))
        with node.connect() as client:
            for words in (("GET", key), ("SET", key, "other")):
                with self.assertRaises(resp.NotApplied) as refused:
                    client.call(*words)
                self.assertIn("CLUSTERDOWN", str(refused.exception))
            client.call("RAM.READS", "stale")
            self.assertEqual(client.call("GET", key), value)

    def assert_whole(self, cluster, written):
        self.assertEqual(len({node.status()["cluster"] for node in cluster}), 1)
        for node in cluster:
            self.assertEqual(len(node.members()), len(cluster))
            self.assertEqual(node.ask("MGET", *written), list(written.values()), node.name)
        digests = nodes.wait_equal_digests(cluster)
        self.assertEqual(len({digest["digest"] for digest in digests}), 1, digests)

    def test_the_last_of_three_goes_on_and_the_others_join_it(self):
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, FLAGS)
            survivor, second, third = cluster
            written = self.write(cluster, 300)
            lost = survivor.status()["cluster"]
            code, line = recover(survivor, "--others-are-dead")
            self.assertEqual(code, FAILED)
            self.assertIn("not in state no-quorum", line)

            complete = self.wait_complete(survivor)
            second.kill()
            third.kill()
            self.wait_no_quorum(survivor, [second, third], complete)
            self.assert_shows_stale_reads_alone(survivor, written)
            code, line = recover(survivor)
            self.assertEqual(code, FAILED)
            self.assertRegex(line, "missing: n2, n3; .* acknowledged until .* --others-are-dead")
            # One that was killed is back: without its memory it helps nobody.
            second.start()
            nodes.wait_until(lambda: "no-quorum" in second.status().get("waiting_for", ""),
                             "it says why it cannot join")
            self.assertEqual(survivor.status()["state"], "no-quorum")
            self.assertEqual(survivor.status()["cluster"], lost)

            code, line = recover(survivor, "--others-are-dead")
            self.assertEqual(code, DONE, line)
            self.assertIn(f"goes on from {lost}", line)
            self.assertIn("without n2, n3", line)
            survivor.wait_ok()
            status = survivor.status()
            self.assertNotEqual(status["cluster"], lost)
            self.assertEqual(status["ancestor"], lost)
            self.assertIn(lost, nodes.run("status", client_address(survivor))[1])
            second.wait_ok()
            third.start().wait_ok()
            client, peer = nodes.free_ports(2)
            fourth = all_nodes.add("n4", client, peer, [survivor.peer], FLAGS).start().wait_ok()
            self.assertEqual(third.ask("SET", "after", "all"), b"OK")
            self.assert_whole([*cluster, fourth], {**written, "after": b"all"})

    def test_of_two_survivors_one_goes_on_and_the_other_joins_it(self):
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(5, FLAGS)
            survivors, dead = cluster[:2], cluster[2:]
            written = self.write(cluster, 300)
            complete = [self.wait_complete(node) for node in survivors]
            for node in dead:
                node.kill()
            for node, since in zip(survivors, complete):
                self.wait_no_quorum(node, dead, since)
                # The other can be reached, and is not among those who are missing.
                code, line = recover(node)
                self.assertEqual(code, FAILED)
                self.assertRegex(line, "missing: n3, n4, n5;|has more of the log")
            # Where one has more of the log, it has to be that one.
            tries = {node: recover(node, "--others-are-dead") for node in survivors[:1]}
            first, other = survivors
            if tries[first][0] != DONE:
                self.assertIn(f"{other.name} has more of the log", tries[first][1])
                first, other = other, first
                self.assertEqual(recover(first, "--others-are-dead")[0], DONE)
            first.wait_ok()
            other.wait_ok()  # by itself
            self.assertIn("discards its state and joins", other.log())
            for node in dead:
                node.start()
            for node in dead:
                node.wait_ok()
            self.assert_whole(cluster, written)


if __name__ == "__main__":
    unittest.main()
