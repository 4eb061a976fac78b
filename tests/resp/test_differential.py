"""The same commands to redis-server and to ram: the replies must be the same bytes.

Commands where ram differs on purpose are not asked here; test_transcripts.py has those.
"""

import os
import random
import unittest

import support
from support import Raw

# A failure names the seed; RAM_SEED replays it.
SEED = int(os.environ.get("RAM_SEED", "1"))


class Differential(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        directory = cls.enterClassContext(support.scratch())
        cls.redis = support.RedisServer(directory)
        cls.addClassCleanup(cls.redis.stop)
        nodes = cls.enterClassContext(support.nodes.Nodes())
        (cls.node,) = nodes.cluster(1)

    def setUp(self):
        self.theirs = self.enterContext(Raw(self.redis.port))
        self.ours = self.enterContext(Raw(self.node.client_port))
        self.same("FLUSHALL")

    def same(self, *words):
        self.assertEqual(self.ours.ask(*words), self.theirs.ask(*words), words)

    def test_edges(self):
        long = "x" * 200
        for line in (
                "PING", "PING a", "PING a b", "ECHO a", "ECHO", "GET a", "SET a 1", "GET a",
                "SET a 2 NX", "SET b 2 XX", "SET a 3 GET", "SET c 3 GET", "SET a 4 XX GET",
                "SET d 4 XX GET", "SET a 5 NX GET", "SET e 5 NX GET", "SET a 1 NX XX", "SET a 1 q",
                "SETNX a 1", "SETNX f 1", "GETSET a 9", "GETSET g 9", "GETDEL a", "GETDEL a",
                "MSET a 1 b", "MSET a 1 b 2", "MGET a nothing b", "MSETNX a 1 z 2",
                "MSETNX y 1 z 2",
                "MSETNX y 1 z", "STRLEN a", "STRLEN nothing", "APPEND a xyz", "APPEND new xyz",
                "INCR n", "INCR n", "DECR n", "INCRBY n 10", "DECRBY n -10", "INCRBY n 1.0",
                "INCRBY n 99999999999999999999", "INCRBY n 9223372036854775807", "INCR n",
                "SET n 9223372036854775807", "INCR n", "SET n -9223372036854775808", "DECR n",
                "DECRBY n 1", "DECRBY n -9223372036854775808", "SET n 007", "INCR n", "SET n -0",
                "INCR n", "SET n ''", "INCR n", "SET n ' 1'", "INCR n", "SET n +1", "INCR n",
                "SET n 1e3", "INCR n", "DEL a nothing b a", "UNLINK c d", "EXISTS e e nothing",
                "TYPE e", "TYPE nothing", "DBSIZE", "KEYS nothing*", "SCAN x", "SCAN 0 COUNT 0",
                "SCAN 0 COUNT x", "SCAN 0 MATCH", "SCAN 0 FOO 1", "FLUSHDB", "DBSIZE",
                "FLUSHALL ASYNC", "FLUSHALL SYNC", "FLUSHALL x", "GET", "GET a b", "SET a", "MGET",
                "DEL", "INCR", "SELECT", "NOSUCH", "NOSUCH a b c", f"NOSUCH {long} {long}",
                "CLIENT", "CLIENT GETNAME", "CLIENT SETNAME me", "CLIENT GETNAME",
                "CLIENT SETNAME 'a b'", "CLIENT NO-EVICT ON", "CLIENT NO-EVICT x",
                "CLIENT KILL 127.0.0.1:1", "CLIENT KILL ID 99999", "CLIENT KILL ID x",
                "CLIENT KILL FOO", "CLIENT REPLY x", "CLIENT LIST TYPE x", "CLIENT ID a",
                "CONFIG", "CONFIG GET", "CONFIG GET save", "CONFIG GET appendonly",
                "CONFIG GET databases", "CONFIG GET maxmemory-policy", "CONFIG GET nosuch",
                "CONFIG SET notify-keyspace-events ''", "CONFIG SET nosuch 1", "CONFIG SET save",
                "COMMAND COUNT a", "COMMAND INFO nosuch", "COMMAND DOCS nosuch",
                "COMMAND LIST FOO", "AUTH secret", "AUTH default secret", "AUTH bob secret",
                "AUTH a b c", "HELLO 9", "HELLO x", "HELLO 3 FOO", "HELLO 3 AUTH bob x", "ROLE a",
                "TIME a", "WAIT", "WAIT x 1", "WAIT 0 x", "WAIT 0 -1", "WAIT 0 1",
                "READONLY a", "RESET", "CLIENT GETNAME"):
            with self.subTest(line):
                for raw in (self.ours, self.theirs):
                    raw.send(line.encode() + b"\r\n")
                self.assertEqual(self.ours.reply(), self.theirs.reply(), line)

    def test_inline_quotes(self):
        for line in (b'ECHO "a b"', b"ECHO 'a b'", b'ECHO "\\x41\\n\\t\\"\\\\"', b"ECHO 'it\\'s'",
                     b'ECHO ""', b'  ECHO   a  ', b'ECHO "\\xzz\\q"', b'ECHO a"b c"',
                     b'\tECHO\ta'):
            for raw in (self.ours, self.theirs):
                raw.send(line + b"\n")
            self.assertEqual(self.ours.reply(), self.theirs.reply(), line)

    def test_patterns(self):
        names = ["a", "b", "ab", "abc", "a*c", "a[b]c", "A", "user:1", "user:22", "-", "]", "^"]
        self.same("MSET", *[word for name in names for word in (name, "v")])
        for pattern in ("*", "a*", "?", "??", "a?c", "[ab]", "[^ab]", "[a-c]*", "[c-a]*", "a\\*c",
                        "a\\[b\\]c", "user:*", "user:?", "[]]", "[\\]]", "[^]", "[", "a[", "a[b",
                        "[a-", "**b**", "", "[a-]", "\\", "*\\", "[^^]", "[A-]*"):
            ours = sorted(self.ours.ask("KEYS", pattern).split(b"\r\n"))
            theirs = sorted(self.theirs.ask("KEYS", pattern).split(b"\r\n"))
            self.assertEqual(ours, theirs, pattern)

    def test_resp3(self):
        for raw in (self.ours, self.theirs):
            self.assertTrue(raw.ask("HELLO", "3").startswith(b"%"))
        for words in (("GET", "a"), ("MGET", "a", "b"), ("SET", "a", "1", "NX"),
                      ("SET", "a", "1", "NX"), ("CONFIG", "GET", "save"), ("CLIENT", "GETNAME"),
                      ("CONFIG", "GET", "nosuch"), ("COMMAND", "INFO", "nosuch"),
                      ("COMMAND", "DOCS", "nosuch"), ("GETDEL", "nothing"), ("RESET",),
                      ("GET", "nothing")):
            self.same(*words)

    def test_random_commands(self):
        chance = random.Random(SEED)

        def key():
            return f"k{chance.randrange(6)}"

        def value():
            return chance.choice(["", "1", "-1", "x", "10", "01", "9223372036854775807", " 1", "1 ",
                                  b"\x00\xff\r\n", "y" * 100])
        shapes = [
            lambda: ("GET", key()), lambda: ("SET", key(), value()),
            lambda: ("SET", key(), value(), chance.choice(["NX", "XX", "GET", "nx"])),
            lambda: ("SET", key(), value(), chance.choice(["NX", "XX"]), "GET"),
            lambda: ("SETNX", key(), value()), lambda: ("GETSET", key(), value()),
            lambda: ("GETDEL", key()), lambda: ("MGET", key(), key(), key()),
            lambda: ("MSET", key(), value(), key(), value()),
            lambda: ("MSETNX", key(), value(), key(), value()),
            lambda: ("DEL", key(), key()), lambda: ("UNLINK", key()),
            lambda: ("EXISTS", key(), key()), lambda: ("STRLEN", key()),
            lambda: ("APPEND", key(), value()), lambda: ("INCR", key()), lambda: ("DECR", key()),
            lambda: ("INCRBY", key(), chance.choice(["5", "-5", "x", "9223372036854775807"])),
            lambda: ("DECRBY", key(), chance.choice(["5", "-5", "", "9223372036854775807"])),
            lambda: ("TYPE", key()), lambda: ("DBSIZE",),
            lambda: ("SELECT", chance.choice(["0", "1"])),
            lambda: ("FLUSHDB",) if chance.random() < 0.1 else ("PING",),
        ]
        for _ in range(40):
            batch = [chance.choice(shapes)() for _ in range(chance.randrange(1, 120))]
            for raw in (self.ours, self.theirs):
                raw.send(b"".join(support.encode(*words) for words in batch))
            for words in batch:
                self.assertEqual(self.ours.reply(), self.theirs.reply(),
                                 f"{words}, RAM_SEED={SEED}")


if __name__ == "__main__":
    unittest.main(verbosity=2)
