"""A name that stands for several nodes, as that of a Kubernetes headless service does: an entry of
/etc/hosts, which is this test's own, in a mount namespace of its own; and a name server that never
answers."""

import ctypes
import os
import pathlib
import signal
import socket
import sys
import tempfile
import time
import unittest

import nodes

NAME = "all.ram.test"
FLAGS = ("--failover-after", "1s")
SILENT = "127.0.0.77"  # of the name server
RESOLVER_PATIENCE = 30  # the most that there is
HOSTS = None  # set at the start
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNS = 0x00020000
_MS_BIND, _MS_REC, _MS_PRIVATE = 4096, 16384, 1 << 18


class Unavailable(Exception):
    """/etc/hosts cannot be replaced here; says why."""


class Hosts:
    """What stands in /etc/hosts for this process and those that it starts from now on."""

    def __init__(self):
        if _LIBC.unshare(_CLONE_NEWNS) != 0:
            raise Unavailable(f"a mount namespace cannot be made: "
                              f"{os.strerror(ctypes.get_errno())}")
        self._before = pathlib.Path("/etc/hosts").read_text(encoding="utf-8")
        self._directory = tempfile.TemporaryDirectory(prefix="ram-test-")
        self._path = pathlib.Path(self._directory.name) / "hosts"
        self._path.write_text(self._before, encoding="utf-8")
        self._mount(b"none", b"/", _MS_REC | _MS_PRIVATE)  # the host's mounts stay as they are
        self._mount(os.fsencode(self._path), b"/etc/hosts", _MS_BIND)
        resolv = pathlib.Path(self._directory.name) / "resolv.conf"
        resolv.write_text(f"nameserver {SILENT}\n"
                          f"options timeout:{RESOLVER_PATIENCE} attempts:1\n", encoding="utf-8")
        self._mount(os.fsencode(resolv), b"/etc/resolv.conf", _MS_BIND)

    def _mount(self, source, target, flags):
        if _LIBC.mount(source, target, None, flags, None) != 0:
            raise Unavailable(f"{os.fsdecode(target)} cannot be replaced in a mount namespace: "
                              f"{os.strerror(ctypes.get_errno())}")

    def say(self, hosts):
        """NAME stands for these from now on."""
        self._path.write_text(self._before + "".join(f"{host} {NAME}\n" for host in hosts),
                              encoding="utf-8")


class Host:
    """Where one node runs: a loopback address of its own."""

    def __init__(self, address):
        self.client_host = self.peer_host = address

    def enter(self):
        pass


class Names(unittest.TestCase):
    def setUp(self):
        self.client_port, self.peer_port = nodes.free_ports(2)
        self.nodes = nodes.Nodes()

    def node(self, number, *flags):
        return self.nodes.add(f"n{number}", self.client_port, self.peer_port,
                              [f"{NAME}:{self.peer_port}"], (*FLAGS, *flags),
                              Host(f"127.0.0.{10 + number}"))

    def wait_says(self, node, *words):
        """In RAM.STATUS, in `ram status` and in its log."""
        def says():
            line = node.status().get("waiting_for", "")
            return all(word in line for word in words)
        nodes.wait_until(says, f"{node.name} says {words}")
        code, text, _ = nodes.run("status", f"{node.place.client_host}:{node.client_port}")
        self.assertEqual(code, 0)

        def logged():
            return any("waiting: " in line and all(word in line for word in words)
                       for line in node.log().splitlines())
        nodes.wait_until(logged, f"{node.name} logs {words}")
        for word in words:
            self.assertIn(word, " ".join(text.split()))

    def assert_one_cluster(self, members):
        self.assertEqual(len({node.status()["cluster"] for node in members}), 1)
        names = sorted(node.name for node in members)
        for node in members:
            self.assertEqual(sorted(member["name"] for member in node.members()), names)

    def test_as_many_as_expected_found_one_cluster_and_come_back_to_it(self):
        with self.nodes:
            cluster = [self.node(number, "--expect", "3") for number in (1, 2, 3)]
            first, second, third = cluster
            nobody = "127.0.0.99"
            # At first the name service knows the first alone, and then one that is gone.
            HOSTS.say([first.place.peer_host])
            first.start()
            second.start()
            self.wait_says(first, "1 of the 3 nodes of --expect are here")
            HOSTS.say([nobody, first.place.peer_host, second.place.peer_host])
            self.wait_says(first, "2 of the 3 nodes of --expect are here", nobody)
            third.start()
            HOSTS.say([nobody] + [node.place.peer_host for node in cluster])
            for node in cluster:
                node.wait_ok()
            self.assert_one_cluster(cluster)
            self.assertEqual(first.ask("SET", "color", "green"), b"OK")

            cluster_id = first.status()["cluster"]
            third.kill()
            third.start().wait_ok()
            self.assertEqual(second.kill(signal.SIGTERM), 0)
            second.start().wait_ok()
            for node in cluster:
                self.assertEqual(node.status()["cluster"], cluster_id)
                self.assertEqual(node.ask("GET", "color"), b"green")
            self.assert_one_cluster(cluster)

            # To each of them the name may stand for itself first.
            HOSTS.say([node.place.peer_host for node in cluster])
            for _ in range(3):
                first.kill()
                first.start().wait_ok()
            self.assert_one_cluster(cluster)

            # One that the name does not stand for, and that expects nobody, joins through it.
            fourth = self.node(4).start().wait_ok()
            self.assertEqual(fourth.ask("GET", "color"), b"green")
            self.assert_one_cluster([*cluster, fourth])
            for node in (*cluster, fourth):
                self.assertLess(node.log().count("replaced by a new connection"), 50, node.name)

    def test_without_expect_nothing_is_founded_and_it_is_said_what_to_type(self):
        with self.nodes:
            cluster = [self.node(number) for number in (1, 2, 3)]
            HOSTS.say([node.place.peer_host for node in cluster])
            for node in cluster:
                node.start()
            for node in cluster:
                self.wait_says(node, f"{NAME}:{self.peer_port} stands for 3 addresses",
                               "--expect N")
                self.assertEqual(node.status()["state"], "joining")
                self.assertEqual(node.status()["cluster"], "")

    def test_founders_that_expect_different_numbers_say_so(self):
        with self.nodes:
            two = self.node(1, "--expect", "2")
            three = self.node(2, "--expect", "3")
            HOSTS.say([two.place.peer_host, three.place.peer_host])
            two.start()
            three.start()
            self.wait_says(two, "this node has --expect 2", "--expect 3", three.peer)
            self.wait_says(three, "this node has --expect 3", "--expect 2", two.peer)

    def test_who_ends_does_not_wait_for_a_name_server(self):
        with self.nodes, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind((SILENT, 53))
            silent.settimeout(RESOLVER_PATIENCE)
            node = self.nodes.add("n1", self.client_port, self.peer_port,
                                  [f"unknown.ram.test:{self.peer_port}"], FLAGS).start()
            silent.recv(512)
            since = time.monotonic()
            self.assertEqual(node.kill(signal.SIGTERM), 0)
            self.assertLess(time.monotonic() - since, RESOLVER_PATIENCE / 2)


if __name__ == "__main__":
    try:
        HOSTS = Hosts()
    except Unavailable as why:
        print(f"SKIPPED: {why}")
        sys.exit(0)
    unittest.main()
