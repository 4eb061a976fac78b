"""A real node, spoken to byte by byte: what is promised, and what strangers may send."""

import random
import socket
import threading
import unittest

import support
from support import Raw, encode


class Transcripts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.nodes = cls.enterClassContext(support.nodes.Nodes())
        (cls.node,) = cls.nodes.cluster(1)

    def setUp(self):
        self.raw = Raw(self.node.client_port)
        self.addCleanup(self.raw.__exit__)
        self.assertEqual(self.raw.ask("FLUSHALL"), b"+OK\r\n")

    def talk(self, *pairs):
        for line, expected in pairs:
            self.raw.send(line.encode() + b"\r\n")
            reply = self.raw.reply()
            if expected is None:
                self.assertTrue(reply.startswith(b"-ERR "), reply)
            else:
                self.assertEqual(reply, expected, line)

    def test_values_of_any_bytes(self):
        value = bytes(range(256)) * 3
        self.assertEqual(self.raw.ask("SET", b"\x00\r\n", value), b"+OK\r\n")
        self.assertEqual(self.raw.ask("GET", b"\x00\r\n"), b"$768\r\n" + value + b"\r\n")

    def test_conditions_and_counters(self):
        self.talk(("SET a 1 XX", b"$-1\r\n"), ("SET a 1 NX", b"+OK\r\n"),
                  ("SET a 2 NX GET", b"$1\r\n1\r\n"), ("SET b 2 NX GET", b"$-1\r\n"),
                  ("SET a 3 XX GET", b"$1\r\n1\r\n"), ("INCRBY a 39", b":42\r\n"),
                  ("SET n 9223372036854775807", b"+OK\r\n"),
                  ("INCR n", b"-ERR increment or decrement would overflow\r\n"),
                  ("SET n x", b"+OK\r\n"),
                  ("INCR n", b"-ERR value is not an integer or out of range\r\n"),
                  ("GET n", b"$1\r\nx\r\n"), ("MSETNX x 1 a 2", b":0\r\n"),
                  ("EXISTS x a a", b":2\r\n"), ("DEL a b nothing", b":2\r\n"))

    def test_tables_are_apart(self):
        self.talk(("SET a 1", b"+OK\r\n"), ("SELECT colors", b"+OK\r\n"), ("GET a", b"$-1\r\n"),
                  ("SET a 2", b"+OK\r\n"), ("SET b 3", b"+OK\r\n"), ("DBSIZE", b":2\r\n"),
                  ("FLUSHDB", b"+OK\r\n"), ("DBSIZE", b":0\r\n"), ("SELECT 0", b"+OK\r\n"),
                  ("GET a", b"$1\r\n1\r\n"))

    def test_revisions(self):
        first = int(self.raw.ask("RAM.CAS", "k", 0, "one")[1:-2])
        self.assertGreater(first, 0)
        self.assertEqual(self.raw.ask("RAM.CAS", "k", 0, "two"), b"$-1\r\n")
        second = int(self.raw.ask("RAM.CAS", "k", first, "two")[1:-2])
        self.assertGreater(second, first)
        self.assertEqual(self.raw.ask("RAM.CAS", "k", first, "three"), b"$-1\r\n")
        self.assertEqual(self.raw.ask("RAM.GETREV", "k"),
                         b"*4\r\n$5\r\nvalue\r\n$3\r\ntwo\r\n$8\r\nrevision\r\n:%d\r\n" % second)

    def test_a_deep_pipeline_of_everything_is_answered_in_order(self):
        count = 20_000
        chance = random.Random(1)
        model, expected, sent = {}, [], []
        for i in range(count):
            key = f"k{chance.randrange(20)}"
            what = chance.randrange(4)
            if what == 0:
                sent.append(encode("SET", key, i))
                model[key] = str(i)
                expected.append(b"+OK\r\n")
            elif what == 1:
                sent.append(encode("APPEND", key, "x"))
                model[key] = (model.get(key, "") + "x")
                expected.append(b":%d\r\n" % len(model[key]))
            else:
                sent.append(encode("GET", key))
                value = model.get(key)
                expected.append(b"$-1\r\n" if value is None else
                                b"$%d\r\n%s\r\n" % (len(value), value.encode()))
        writer = threading.Thread(target=self.raw.send, args=(b"".join(sent),))
        writer.start()
        for i in range(count):
            self.assertEqual(self.raw.reply(), expected[i], i)
        writer.join()

    def test_scan_finds_every_key_that_stays(self):
        count = 5_000
        for begin in range(0, count, 1000):
            pairs = [word for i in range(begin, begin + 1000) for word in (f"key:{i}", "v")]
            self.assertEqual(self.raw.ask("MSET", *pairs), b"+OK\r\n")
        seen, cursor, rounds = set(), b"0", 0
        with Raw(self.node.client_port) as other:
            while True:
                reply = self.raw.ask("SCAN", cursor, "COUNT", 100)
                words = reply.split(b"\r\n")
                cursor = words[2]
                seen.update(words[5::2])
                rounds += 1
                # The table grows and shrinks meanwhile.
                other.ask("MSET", *[w for i in range(100) for w in (f"new:{rounds}:{i}", "v")])
                other.ask("DEL", *[f"new:{rounds - 1}:{i}" for i in range(50)])
                if cursor == b"0":
                    break
        for i in range(count):
            self.assertIn(b"key:%d" % i, seen)

    def test_keys_is_exact(self):
        names = sorted(b"k%d" % i for i in range(20_000))
        for begin in range(0, len(names), 1000):
            self.raw.ask("MSET", *[w for name in names[begin:begin + 1000] for w in (name, "v")])
        reply = self.raw.ask("KEYS", "k*")
        self.assertEqual(sorted(reply.split(b"\r\n")[2::2]), names)
        self.assertEqual(self.raw.ask("KEYS", "k1999[89]").split(b"\r\n")[0], b"*2")
        found = self.raw.ask("MGET", *names)
        self.assertEqual(found, b"*20000\r\n" + b"$1\r\nv\r\n" * 20_000)
        self.assertEqual(self.raw.ask("EXISTS", *names), b":20000\r\n")

    def test_unknown_and_wrong(self):
        self.talk(("NOSUCH a b",
                   b"-ERR unknown command 'NOSUCH', with args beginning with: 'a' 'b' \r\n"),
                  ("GET", b"-ERR wrong number of arguments for 'get' command\r\n"),
                  ("SET a", b"-ERR wrong number of arguments for 'set' command\r\n"),
                  ("CLIENT NOSUCH", None),
                  ("SUBSCRIBE a", b"-ERR unknown command 'SUBSCRIBE', with args beginning with: "
                   b"'a' (not supported by ram yet: there are no subscriptions)\r\n"),
                  ("TTL a", b"-ERR unknown command 'TTL', with args beginning with: 'a' "
                   b"(not supported by ram yet: no key expires)\r\n"),
                  ("PING", b"+PONG\r\n"))

    def test_expiry_is_refused(self):
        for option in ("EX 5", "PX 5", "EXAT 5", "PXAT 5", "KEEPTTL"):
            self.raw.send(f"SET a 1 {option}\r\n".encode())
            self.assertTrue(self.raw.reply().startswith(b"-ERR this version of ram has no expiry"))
        self.talk(("GET a", b"$-1\r\n"))

    def test_too_long_and_too_large(self):
        self.assertEqual(self.raw.ask("SET", "k" * 65_535, "1"), b"+OK\r\n")
        self.assertEqual(self.raw.ask("SET", "k" * 65_536, "1"),
                         b"-ERR a key is at most 65535 bytes\r\n")
        largest = b"v" * (16 << 20)
        self.assertEqual(self.raw.ask("SET", "large", largest), b"+OK\r\n")
        self.assertEqual(self.raw.ask("APPEND", "large", "x"),
                         b"-ERR string exceeds maximum allowed size (16777216 bytes)\r\n")
        self.assertEqual(self.raw.ask("STRLEN", "large"), b":16777216\r\n")
        # Together too much for one transaction: refused, and the connection goes on.
        reply = self.raw.ask("MSET", "a", largest, "b", largest, "c", b"v")
        self.assertTrue(reply.startswith(b"-ERR "), reply[:100])
        self.assertEqual(self.raw.ask("EXISTS", "a", "b", "c"), b":0\r\n")
        with Raw(self.node.client_port) as other:
            other.send(b"*3\r\n$3\r\nSET\r\n$1\r\na\r\n$16777217\r\n")
            self.assertEqual(
                other.rest(),
                b"-ERR Protocol error: invalid bulk length: at most 16777216 bytes\r\n")

    def test_hostile_bytes_end_their_own_connection_only(self):
        cases = {
            b"*x\r\n": b"invalid multibulk length",
            b"*1048577\r\n": b"invalid multibulk length",
            b"*1\r\n$-1\r\n": b"invalid bulk length",
            b"*1\r\n:1\r\n": b"expected '$', got ':'",
            b"*1\r\n$1\r\nabc": b"a bulk does not end with CRLF",
            b"x" * 70_000: b"too big inline request",
            b"SET \"a\r\n": b"unbalanced quotes in request",
        }
        for data, why in cases.items():
            with Raw(self.node.client_port) as raw:
                raw.send(b"PING\r\n" + data)
                self.assertEqual(raw.rest(), b"+PONG\r\n-ERR Protocol error: " + why + b"\r\n")
        for data in (b"POST / HTTP/1.1\r\nHost: a\r\n\r\n", b"Host: a\r\n",
                     b"GET / HTTP/1.1\r\n\r\n"):
            with Raw(self.node.client_port) as raw:
                raw.send(data)
                self.assertEqual(raw.rest(),
                                 b"-ERR this port speaks the Redis protocol, not HTTP\r\n")
        self.talk(("PING", b"+PONG\r\n"))

    def test_noise_never_hurts(self):
        chance = random.Random(7)
        for _ in range(200):
            with Raw(self.node.client_port) as raw:
                data = bytes(chance.choice(b"*$:\r\n01239GETSETPING \x00\xff\"'")
                             for _ in range(chance.randrange(1, 400)))
                try:
                    raw.send(data)
                    raw.socket.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                raw.rest()
        self.talk(("PING", b"+PONG\r\n"))

    def test_a_client_that_never_reads_hurts_no_one(self):
        self.raw.ask("SET", "a", "v" * (1 << 20))
        deaf = Raw(self.node.client_port)
        deaf.socket.settimeout(1)
        gets = encode("GET", "a") * 1000
        try:
            # Until the server reads no more; the kernel's buffers end too.
            while True:
                deaf.send(gets)
        except TimeoutError:
            pass
        self.talk(("PING", b"+PONG\r\n"), ("GET nothing", b"$-1\r\n"))
        me = self.raw.ask("CLIENT", "LIST").decode()
        waiting = max(int(part[5:]) for part in me.split() if part.startswith("omem="))
        self.assertLess(waiting, 80 << 20)
        # And it gets everything once it reads.
        deaf.socket.settimeout(support.PATIENCE)
        one = b"$1048576\r\n" + b"v" * (1 << 20) + b"\r\n"
        for _ in range(200):
            self.assertEqual(deaf.reply(), one)
        deaf.__exit__()

    def test_half_closed_clients_get_their_replies(self):
        with Raw(self.node.client_port) as raw:
            raw.send(b"SET a 1\r\nGET a\r\nINCR a\r\n")
            raw.socket.shutdown(socket.SHUT_WR)
            self.assertEqual(raw.rest(), b"+OK\r\n$1\r\n1\r\n:2\r\n")

    def test_resp3(self):
        self.assertTrue(self.raw.ask("HELLO", 3).startswith(b"%8\r\n$6\r\nserver\r\n"))
        self.assertEqual(self.raw.ask("GET", "nothing"), b"_\r\n")
        self.assertTrue(self.raw.ask("RAM.STATUS").startswith(b"%"))
        self.assertTrue(self.raw.ask("INFO").startswith(b"="))
        self.assertEqual(self.raw.ask("RESET"), b"+RESET\r\n")
        self.assertEqual(self.raw.ask("GET", "nothing"), b"$-1\r\n")

    def test_wait_counts_other_nodes(self):
        self.talk(("SET a 1", b"+OK\r\n"), ("WAIT 0 100", b":0\r\n"), ("WAIT 1 50", b":0\r\n"))

    def test_kill_and_quit(self):
        with Raw(self.node.client_port) as other:
            number = other.ask("CLIENT", "ID")[1:-2]
            self.assertEqual(self.raw.ask("CLIENT", "KILL", "ID", number), b":1\r\n")
            self.assertEqual(other.rest(), b"")
        self.raw.send(b"QUIT\r\nPING\r\n")
        self.assertEqual(self.raw.rest(), b"+OK\r\n")


if __name__ == "__main__":
    unittest.main(verbosity=2)
