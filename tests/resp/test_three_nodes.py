"""Three nodes: any of them takes any command, and says plainly when it cannot."""

import signal
import threading
import unittest

import support
from support import Raw, encode, nodes


class ThreeNodes(unittest.TestCase):
    def setUp(self):
        self.nodes = self.enterContext(nodes.Nodes())
        self.all = self.nodes.cluster(3)

    def raw(self, node):
        return self.enterContext(Raw(node.client_port))

    def test_a_write_is_read_everywhere_at_once(self):
        raws = [self.raw(node) for node in self.all]
        for i in range(300):
            self.assertEqual(raws[i % 3].ask("SET", "k", i), b"+OK\r\n")
            for raw in raws:
                self.assertEqual(raw.ask("GET", "k"), b"$%d\r\n%d\r\n" % (len(str(i)), i))

    def test_pipelines_through_all_nodes_count_every_increment(self):
        count = 3_000
        errors = []

        def add(node):
            try:
                with Raw(node.client_port) as raw:
                    writer = threading.Thread(target=raw.send, args=(encode("INCR", "n") * count,))
                    writer.start()
                    last = 0
                    for _ in range(count):
                        reply = raw.reply()
                        number = int(reply[1:-2])
                        if reply[:1] != b":" or number <= last:
                            errors.append((last, reply))
                        last = number
                    writer.join()
            except Exception as error:  # told to the test, which fails
                errors.append(error)
        threads = [threading.Thread(target=add, args=(node,)) for node in self.all]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self.assertEqual(errors, [])
        for node in self.all:
            number = b"%d" % (3 * count)
            self.assertEqual(self.raw(node).ask("GET", "n"),
                             b"$%d\r\n%s\r\n" % (len(number), number))
        nodes.wait_equal_digests(self.all)

    def test_members_and_copies(self):
        for node in self.all:
            members = node.members()
            self.assertEqual(sorted(member["name"] for member in members), ["n1", "n2", "n3"])
            self.assertEqual([member["leader"] for member in members].count(1), 1)
            self.assertEqual({member["role"] for member in members}, {"voter"})
        raw = self.raw(self.all[0])
        self.assertEqual(raw.ask("SET", "a", "1"), b"+OK\r\n")
        self.assertEqual(raw.ask("WAIT", 2, 30_000), b":2\r\n")
        # Never more than there are; the timeout ends it.
        self.assertEqual(raw.ask("WAIT", 5, 100), b":2\r\n")
        roles = sorted(node.status()["role"] for node in self.all)
        self.assertEqual(roles, ["follower", "follower", "leader"])

    def test_without_a_majority(self):
        alive = self.all[0]
        raw = self.raw(alive)
        self.assertEqual(raw.ask("SET", "a", "1"), b"+OK\r\n")
        for node in self.all[1:]:
            node.process.send_signal(signal.SIGSTOP)
        nodes.wait_until(lambda: alive.status().get("state") == "no-quorum",
                         "the last node knows that it is alone")
        for words in (("SET", "a", "2"), ("GET", "a"), ("DBSIZE",), ("KEYS", "*"), ("INCR", "n"),
                      ("SET", "a", "1", "NX", "GET"), ("MGET", "a", "b"), ("SCAN", 0),
                      ("FLUSHALL",)):
            reply = raw.ask(*words)
            self.assertTrue(reply.startswith(b"-CLUSTERDOWN "), (words, reply))
        # What needs no majority goes on.
        self.assertEqual(raw.ask("PING"), b"+PONG\r\n")
        self.assertIn(b"loading:0", raw.ask("INFO"))
        self.assertEqual(raw.ask("RAM.READS", "stale"), b"+OK\r\n")
        self.assertEqual(raw.ask("GET", "a"), b"$1\r\n1\r\n")
        self.assertEqual(raw.ask("DBSIZE"), b":1\r\n")
        self.assertEqual(raw.ask("RAM.READS", "quorum"), b"+OK\r\n")
        # A majority is back: so is everything.
        self.all[1].process.send_signal(signal.SIGCONT)
        alive.wait_ok()
        nodes.wait_until(lambda: raw.ask("GET", "a") == b"$1\r\n1\r\n", "the value is read")
        self.assertEqual(raw.ask("SET", "a", "2"), b"+OK\r\n")

    def test_a_node_that_waits_for_others_says_so(self):
        client, peer, nobody = nodes.free_ports(3)
        lonely = self.nodes.add("lonely", client, peer, [f"127.0.0.1:{nobody}"]).start()

        def answers():
            try:
                with Raw(client) as raw:
                    return raw.ask("PING") == b"+PONG\r\n"
            except OSError:
                return False
        nodes.wait_until(answers, "it answers")
        raw = self.raw(lonely)
        for words in (("SET", "a", "1"), ("GET", "a")):
            reply = raw.ask(*words)
            self.assertTrue(reply.startswith(b"-LOADING "), (words, reply))
        self.assertIn(b"loading:1", raw.ask("INFO"))
        self.assertEqual(lonely.status()["state"], "joining")


if __name__ == "__main__":
    unittest.main(verbosity=2)
