"""What people use with Redis, unchanged, against a real node: redis-cli, redis-py and more."""

import re
import unittest

import redis

import support
from support import run


class Clients(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        nodes = cls.enterClassContext(support.nodes.Nodes())
        (cls.node,) = nodes.cluster(1)
        cls.port = str(cls.node.client_port)

    def cli(self, *words, text=None):
        return run("redis-cli", "-p", self.port, *words, text=text)

    def setUp(self):
        self.cli("FLUSHALL")

    def test_redis_cli(self):
        self.assertEqual(self.cli("SET", "color", "green"), "OK\n")
        self.assertEqual(self.cli("GET", "color"), "green\n")
        self.assertEqual(self.cli("-3", "GET", "nothing"), "\n")
        self.assertEqual(self.cli("--no-raw", "INCR", "n"), "(integer) 1\n")
        self.assertEqual(self.cli(text="SET a 1\nGET a\nSELECT colors\nGET a\n"),
                         "OK\n1\nOK\n\n")
        self.assertEqual(self.cli("-x", "SET", "piped", text="from stdin"), "OK\n")
        self.assertEqual(sorted(self.cli("--scan").split()), ["a", "color", "n", "piped"])
        self.assertEqual(self.cli("--scan", "--pattern", "c*"), "color\n")
        self.assertIn("redis_mode:standalone", self.cli("INFO", "server"))
        self.assertIn("state\nok\n", self.cli("RAM.STATUS"))
        self.assertIn("Biggest string found", self.cli("--bigkeys"))

    def test_redis_cli_pipe(self):
        """Mass insertion: a protocol stream in, a count of replies out."""
        count = 20_000
        stream = b"".join(support.encode("SET", f"k{i}", i) for i in range(count)).decode()
        self.assertIn(f"errors: 0, replies: {count}", self.cli("--pipe", text=stream))
        self.assertEqual(self.cli("DBSIZE"), f"{count}\n")

    def test_redis_benchmark(self):
        for flags in (["-P", "1", "-n", "2000"], ["-P", "16", "-n", "20000"],
                      ["-P", "16", "-n", "20000", "-3", "-r", "1000"]):
            output = run("redis-benchmark", "-p", self.port, "-c", "20", "-q", "-t",
                         "ping,set,get,incr,mset", *flags)
            lines = [line.split("\r")[-1] for line in output.split("\n")]
            rates = [line for line in lines if re.search(r"[\d.]+ requests per second", line)]
            self.assertEqual(len(rates), 6, output)
            self.assertNotIn("rror", output)
            print(" ".join(flags), *rates, sep="\n  ")

    def test_redis_py(self):
        client = redis.Redis(port=int(self.port), decode_responses=True, client_name="tests")
        self.assertTrue(client.ping())
        self.assertTrue(client.set("a", "1"))
        self.assertIsNone(client.set("a", "2", nx=True))
        self.assertEqual(client.set("a", "2", get=True), "1")
        self.assertEqual(client.get("a"), "2")
        self.assertEqual(client.incrby("n", 5), 5)
        self.assertTrue(client.mset({"x": "1", "y": "2"}))
        self.assertEqual(client.mget("x", "nothing", "y"), ["1", None, "2"])
        self.assertEqual(client.exists("x", "y"), 2)
        self.assertEqual(sorted(client.scan_iter(count=2)), ["a", "n", "x", "y"])
        self.assertEqual(sorted(client.keys("[xy]")), ["x", "y"])
        self.assertEqual(client.delete("x", "nothing"), 1)
        self.assertEqual(client.dbsize(), 3)
        self.assertEqual(client.type("a"), "string")
        self.assertEqual(client.config_get("save"), {"save": ""})
        self.assertEqual(client.client_getname(), "tests")
        self.assertEqual(client.client_list()[0]["name"], "tests")
        self.assertEqual(client.wait(0, 100), 0)
        self.assertEqual(client.role()[0], "master")
        info = client.info()
        self.assertEqual((info["role"], info["loading"], info["redis_mode"]),
                         ("master", 0, "standalone"))
        self.assertEqual(info["db0"]["keys"], 3)
        self.assertIn("RAM.STATUS", [name.upper() for name in client.command()])
        self.assertEqual(len(client.time()), 2)

        with client.pipeline(transaction=False) as pipe:
            for i in range(1000):
                pipe.set(f"p{i}", i).get(f"p{i}").incr("n")
            replies = pipe.execute()
        self.assertEqual(replies[0::3], [True] * 1000)
        self.assertEqual(replies[1::3], [str(i) for i in range(1000)])
        self.assertEqual(replies[2::3], list(range(6, 1006)))

        with self.assertRaisesRegex(redis.ResponseError, "no expiry"):
            client.set("a", "1", ex=5)
        with self.assertRaisesRegex(redis.ResponseError, "not an integer"):
            client.set("text", "x")
            client.incr("text")
        self.assertTrue(client.flushall())
        client.close()

    def test_redis_py_selects_a_table_by_name(self):
        connection = redis.connection.Connection(port=int(self.port), db="colors")
        connection.connect()
        connection.send_command("GET", "a")
        self.assertIsNone(connection.read_response())
        connection.disconnect()


if __name__ == "__main__":
    unittest.main(verbosity=2)
