"""What goes wrong before and beside normal work: each a clear line where it belongs, an exit code,
and no effect on anyone else."""

import contextlib
import fcntl
import json
import os
import re
import resource
import signal
import socket
import struct
import threading
import unittest

import nodes
import resp

DONE, FAILED, WRONG_USAGE = 0, 1, 2
FLAGS = ("--failover-after", "2s")


class OneLine(unittest.TestCase):
    def assert_one_line(self, text, *words):
        self.assertEqual(len(text.splitlines()), 1, text)
        for word in words:
            self.assertIn(word, text)


class CommandLine(OneLine):
    def assert_misuse(self, *arguments, words=()):
        code, _, error = nodes.run(*arguments)
        self.assertEqual(code, WRONG_USAGE, error)
        self.assert_one_line(error, *words)

    def test_unknown_flags_and_verbs_are_named(self):
        self.assert_misuse("serve", "--lease", "on", words=("--lease", "--help"))
        self.assert_misuse("serve", "--leases", "yes", words=("--leases", "on", "off"))
        self.assert_misuse("serve", "--reads", "stale", words=("--reads", "quorum"))
        self.assert_misuse("serve", "--clock-drift", "20", words=("--clock-drift", "from 0 to 1"))
        self.assert_misuse("dance", words=("dance",))
        self.assert_misuse("--nope", words=("--nope", "--help"))
        self.assert_misuse("--nope=1", words=("--nope", "--help"))
        self.assert_misuse(words=("--help",))

    def test_values_out_of_range_say_what_is_allowed(self):
        self.assert_misuse("serve", "--request-timeout", "5", words=("--request-timeout", "500ms"))
        self.assert_misuse("serve", "--max-memory", "lots", words=("--max-memory", "4GiB"))
        self.assert_misuse("serve", "--max-memory", "10", words=("10 bytes", "1MiB"))
        self.assert_misuse("serve", "--failover-after", "1ms", words=("failover-after", "20ms"))
        self.assert_misuse("serve", "--max-voters", "99", words=("max-voters", "15"))
        self.assert_misuse("serve", "--log-level", "loud", words=("--log-level", "info"))
        self.assert_misuse("serve", "--name", "two words", words=("name",))
        self.assert_misuse("serve", "--join", "127.0.0.1", words=("join", "HOST:PORT"))
        self.assert_misuse("serve", "--join", "127.0.0.1:1,127.0.0.1:1", words=("twice",))

    def test_what_is_given_and_empty_is_no_default(self):
        for flag in ("--name", "--advertise", "--advertise-client", "--expect"):
            self.assert_misuse("serve", flag, "", words=(f"serve: {flag}: ",))
        self.assert_misuse("transfer", "--to", "", words=("transfer: --to: ",))
        self.assert_misuse("evict", "", words=("evict: name: ",))

    def test_more_founders_than_can_be_found_are_refused(self):
        self.assert_misuse("serve", "--expect", "0", words=("--expect", "leave the flag out"))
        self.assert_misuse("serve", "--expect", "3", "--join", "127.0.0.1:1,127.0.0.1:2",
                           words=("--expect", "2 of the 3", "list all"))

    def test_an_address_in_the_place_of_a_name_is_said(self):
        self.assert_misuse("evict", "127.0.0.1:6371", words=("name", "evict NAME 127.0.0.1:6371"))

    def test_every_line_says_whose_fault_it_is(self):
        for flag, value in (("--name", "two words"), ("--listen", "here"), ("--join", "here"),
                            ("--cluster-listen", "0.0.0.0:7379"), ("--advertise", "here:0"),
                            ("--advertise-client", "here"), ("--request-timeout", "0s"),
                            ("--failover-after", "1h"), ("--failover-after", "soon"),
                            ("--expect", "0"), ("--expect", "3"),
                            ("--max-voters", "0"), ("--max-voters", "many"),
                            ("--max-memory", "1kB"), ("--log-level", "loud")):
            code, _, error = nodes.run("serve", flag, value)
            self.assertEqual(code, WRONG_USAGE, error)
            self.assertRegex(error, rf"^ram serve: {flag}: [^;]+; .+\n$")

    def test_clients_and_peers_need_a_port_each(self):
        self.assert_misuse("serve", "--listen", "127.0.0.1:7379",
                           words=("--listen: 127.0.0.1:7379", "--cluster-listen"))

    def test_listening_beyond_loopback_is_refused(self):
        self.assert_misuse("serve", "--cluster-listen", "0.0.0.0:7379", words=("--insecure",))
        self.assert_misuse("serve", "--cluster-listen", "0.0.0.0:7379", "--insecure",
                           words=("--advertise",))
        port = nodes.free_ports(1)[0]
        self.assert_misuse("serve", "--cluster-listen", f"127.0.0.1:{port}", "--listen",
                           "0.0.0.0:6379", words=("--insecure",))

    def test_help_and_version_are_for_strangers(self):
        for arguments in (["--help"], ["serve", "--help"], ["status", "--help"]):
            code, text, error = nodes.run(*arguments)
            self.assertEqual((code, error), (DONE, ""))
            self.assertRegex(text, "(?m)^  ram (serve|status)")  # examples
        self.assertIn("--join", nodes.run("serve", "--help")[1])
        code, text, _ = nodes.run("version")
        self.assertEqual(code, DONE)
        self.assertRegex(text, r"^ram \d+\.\d+\.\d+ ")


class Addresses(OneLine):
    def test_a_port_in_use_is_named_and_its_owner_unharmed(self):
        with nodes.Nodes() as all_nodes:
            node, = all_nodes.cluster(1)
            client, peer = nodes.free_ports(2)
            code, _, error = nodes.run("serve", "--listen", f"127.0.0.1:{client}",
                                       "--cluster-listen", node.peer)
            self.assertEqual(code, FAILED)
            self.assert_one_line(error, node.peer, "in use", "--cluster-listen")
            code, _, error = nodes.run("serve", "--listen", f"127.0.0.1:{node.client_port}",
                                       "--cluster-listen", f"127.0.0.1:{peer}")
            self.assertEqual(code, FAILED)
            self.assert_one_line(error, str(node.client_port), "in use", "--listen")
            self.assertTrue(node.is_ok())

    def test_a_client_port_in_use_is_found_before_anyone_is_joined(self):
        with nodes.Nodes() as all_nodes:
            node, = all_nodes.cluster(1)
            peer = nodes.free_ports(1)[0]
            code, _, _ = nodes.run("serve", "--listen", f"127.0.0.1:{node.client_port}",
                                   "--cluster-listen", f"127.0.0.1:{peer}", "--join", node.peer)
            self.assertEqual(code, FAILED)
            self.assertEqual(len(node.members()), 1)

    def test_an_address_that_cannot_be_resolved_is_named(self):
        code, _, error = nodes.run("serve", "--cluster-listen", "no-such-host.invalid:7379",
                                   "--insecure")
        self.assertEqual(code, FAILED)
        self.assert_one_line(error, "no-such-host.invalid")

    def test_an_address_that_another_node_advertises_is_named(self):
        with nodes.Nodes() as all_nodes:
            owner, asked, _ = all_nodes.cluster(3, FLAGS)
            client, peer = nodes.free_ports(2)
            twin = all_nodes.add("twin", client, peer, [asked.peer],
                                 (*FLAGS, "--advertise", owner.peer)).start()
            nodes.wait_until(lambda: f"another node advertises {owner.peer}"
                             in twin.status().get("waiting_for", ""), "the twin says so")
            self.assertEqual(twin.status()["state"], "joining")
            # It is in nobody's way, and who comes back to its own address is not taken for one.
            client, peer = nodes.free_ports(2)
            late = all_nodes.add("late", client, peer, [asked.peer], FLAGS).start().wait_ok()
            for node in (owner, late):
                node.kill()
                node.start().wait_ok()
                self.assertNotIn("another node advertises", node.log())
            self.assertEqual(len(asked.members()), 4)

    def test_a_join_list_that_names_nobody_is_waited_for_aloud(self):
        nobody = f"127.0.0.1:{nodes.free_ports(1)[0]}"
        with nodes.Nodes() as all_nodes:
            client, peer = nodes.free_ports(2)
            node = all_nodes.add("n1", client, peer, [nobody]).start()
            status = nodes.wait_until(node.status, "it answers")
            self.assertEqual(status["state"], "joining")
            nodes.wait_until(lambda: nobody in node.status()["waiting_for"], "it says for whom")
            with self.assertRaises(resp.NotApplied) as refused:
                node.ask("SET", "a", "1")
            self.assertIn("LOADING", str(refused.exception))
            self.assertEqual(node.kill(signal.SIGTERM), 0)


class Life(OneLine):
    def test_status_says_when_nobody_listens(self):
        address = f"127.0.0.1:{nodes.free_ports(1)[0]}"
        code, _, error = nodes.run("status", address)
        self.assertEqual(code, FAILED)
        self.assert_one_line(error, "nobody listens", address)

    def test_a_node_says_who_it_is_shows_its_status_and_ends_at_once(self):
        with nodes.Nodes() as all_nodes:
            node, = all_nodes.cluster(1, ("--max-memory", "512MiB"))
            self.assertIn(f"node n1 (process {node.process.pid})", node.log())
            self.assertIn(f"127.0.0.1:{node.client_port}", node.log())
            self.assertEqual(node.ask("SET", "color", "green"), b"OK")
            code, text, _ = nodes.run("status", f"127.0.0.1:{node.client_port}")
            self.assertEqual(code, DONE)
            self.assertIn("ok, leader", text)
            self.assertIn("MEMBER", text)
            self.assertRegex(text, r"(?m)^memory +\S+ \w+ of data, of 512\.0 MiB \(--max-memory\)$")
            code, text, _ = nodes.run("status", f"127.0.0.1:{node.client_port}", "--json")
            self.assertEqual(code, DONE)
            report = json.loads(text)
            self.assertEqual(report["status"]["state"], "ok")
            self.assertEqual(report["status"]["memory_bytes_max"], 512 << 20)
            self.assertEqual(report["members"][0]["name"], "n1")
            self.assertEqual(node.kill(signal.SIGTERM), 0)
            node.start().wait_ok()
            self.assertEqual(node.kill(signal.SIGINT), 0)

    def test_status_of_one_node_shows_all_members(self):
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, FLAGS)
            for node in cluster:
                _, text, _ = nodes.run("status", f"127.0.0.1:{node.client_port}")
                for other in cluster:
                    self.assertIn(other.peer, text)
                    self.assertIn(f"127.0.0.1:{other.client_port}", text)


class Status(OneLine):
    """What a follower cannot know, its leader says."""

    @staticmethod
    def rows(text):
        return {line.split()[0]: line for line in text.split("\n\n")[-1].splitlines()}

    def test_a_follower_shows_the_silence_of_another(self):
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, FLAGS)
            leader = nodes.leader_of(cluster)
            asked, dead = (node for node in cluster if node is not leader)
            dead.kill()

            def silent():
                code, text, _ = nodes.run("status", f"127.0.0.1:{asked.client_port}")
                self.assertEqual(code, DONE)
                self.assertIn(f"as the leader {leader.name} knows them", text)
                return "silent" in self.rows(text)[dead.name]
            nodes.wait_until(silent, "the follower's status says who is silent")
            code, text, _ = nodes.run("status", f"127.0.0.1:{asked.client_port}", "--json")
            self.assertEqual(json.loads(text)["members_from"], leader.name)

    def test_a_stopped_node_is_named_as_the_one_that_delays_writes(self):
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, FLAGS)
            leader = nodes.leader_of(cluster)
            stopped, other = (node for node in cluster if node is not leader)

            def delays():
                return {member["name"]: member["delayed_ms"] for member in leader.members()}

            def seen_while_a_write_waits():
                nodes.wait_until(lambda: stopped.status()["lease"] == 1, "it holds a lease")
                write = threading.Thread(target=leader.ask, args=("SET", "color", "green"))
                stopped.pause()
                try:
                    write.start()
                    while write.is_alive():
                        if leader.status()["delayed_by"] == stopped.name:
                            return True
                    return False
                finally:
                    write.join()
                    stopped.resume()
            before = delays()
            nodes.wait_until(seen_while_a_write_waits, "the leader says for whom a write waits")
            longer = {name: ms - before[name] for name, ms in delays().items()}
            self.assertEqual(max(longer, key=longer.get), stopped.name, longer)
            self.assertEqual(longer[leader.name], 0)
            self.assertEqual(leader.status()["delayed_by"], "")
            code, text, _ = nodes.run("status", f"127.0.0.1:{other.client_port}", "--json")
            self.assertEqual(code, DONE)
            shown = {member["name"]: member for member in json.loads(text)["members"]}
            self.assertGreaterEqual(shown[stopped.name]["delayed_ms"], longer[stopped.name])

    def test_a_node_without_a_lease_says_why(self):
        with nodes.Nodes() as all_nodes:
            one, = all_nodes.cluster(1, ("--leases", "off"))
            self.assertEqual(one.status()["lease_reason"], "off")
            _, text, _ = nodes.run("status", f"127.0.0.1:{one.client_port}")
            self.assertIn("as leases are off", text)
            cluster = all_nodes.cluster(3, FLAGS)
            leader = nodes.leader_of(cluster)
            killed, stopped = (node for node in cluster if node is not leader)
            nodes.wait_until(lambda: leader.status()["lease"] == 1, "the leader holds a lease")
            self.assertEqual(leader.status()["lease_reason"], "")
            stopped.pause()
            try:
                def reason():
                    return next(member["lease_reason"] for member in leader.members()
                                if member["name"] == stopped.name)
                nodes.wait_until(lambda: reason() == "silent", "the leader says why")
            finally:
                stopped.resume()
            nodes.wait_until(lambda: reason() == "", "it holds a lease again")
            self.assertIn("this node did not run for", stopped.log())
            self.assertNotIn("misbehaves", stopped.log())
            killed.kill()
            leader.kill()
            nodes.wait_until(lambda: stopped.status().get("lease_reason") == "no-leader",
                             "the last one says why")

    def test_a_leader_that_cannot_be_asked_is_said(self):
        nowhere = f"127.0.0.1:{nodes.free_ports(1)[0]}"
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, (*FLAGS, "--advertise-client", nowhere))
            leader = nodes.leader_of(cluster)
            asked = next(node for node in cluster if node is not leader)
            code, text, error = nodes.run("status", f"127.0.0.1:{asked.client_port}")
            self.assertEqual((code, error), (DONE, ""))
            self.assertIn(f"as {asked.name} knows them", text)
            self.assertIn(f"the leader {leader.name} could not be asked", text)
            self.assertEqual(len(self.rows(text)), 4)
            code, text, _ = nodes.run("status", f"127.0.0.1:{asked.client_port}", "--json")
            report = json.loads(text)
            self.assertEqual(report["members_from"], asked.name)
            self.assertIn(nowhere, report["trouble"])


class BlockedLog(OneLine):
    """Standard error in a pipe that nobody reads: a pager, a supervisor that hangs, Ctrl-S."""

    QUEUE_BYTES = 64 << 10  # kLogQueueBytesMax

    def start_blocked(self, node):
        """Starts `node`, whose log nobody reads; returns what reads it."""
        reader, writer = os.pipe()
        fcntl.fcntl(writer, fcntl.F_SETPIPE_SZ, 1)
        os.set_blocking(writer, False)
        while True:
            try:
                os.write(writer, b"\n")
            except BlockingIOError:
                break
        os.set_blocking(writer, True)
        node.start(error=writer)
        os.close(writer)
        return open(reader, "rb")

    def test_it_holds_up_neither_the_node_nor_its_end(self):
        with nodes.Nodes() as all_nodes:
            client, peer = nodes.free_ports(2)
            node = all_nodes.add("n1", client, peer)
            with self.start_blocked(node):
                node.wait_ok()
                self.assertEqual(node.ask("SET", "color", "green"), b"OK")
                self.assertEqual(node.kill(signal.SIGTERM), 0)

    def test_a_node_that_cannot_start_ends_all_the_same(self):
        with nodes.Nodes() as all_nodes:
            node, = all_nodes.cluster(1)
            twin = all_nodes.add("n2", node.client_port, nodes.free_ports(1)[0])
            with self.start_blocked(twin):
                self.assertEqual(twin.process.wait(nodes.PATIENCE), FAILED)

    def test_what_was_lost_is_counted_once_it_is_read(self):
        with nodes.Nodes() as all_nodes:
            ports = nodes.free_ports(6)
            join = [f"127.0.0.1:{port}" for port in ports[3:]]
            unread, read, third = (all_nodes.add(f"n{i}", ports[i], ports[3 + i], join, FLAGS)
                                   for i in range(3))
            with self.start_blocked(unread) as log:
                for node in (read, third):
                    node.start()
                for node in (unread, read, third):
                    node.wait_ok()
                # Each time both have as much to say.
                while read.log_path.stat().st_size < 1.25 * self.QUEUE_BYTES:
                    for node in (unread, read):
                        third.ask("RAM.TRANSFER", node.name)
                lost = next(line for line in log if b"log lines lost" in line)
                self.assertRegex(lost, rb"not read from: [1-9]\d*\n$")
                self.assertEqual(unread.kill(signal.SIGTERM), 0)
                rest = log.read()
                self.assertIn(b"stopping signal=SIGTERM", rest)
                self.assertIn(b"left the cluster", rest)
                self.assertNotIn(b"log lines lost", rest)


class Restart(OneLine):
    def test_a_killed_node_that_is_back_at_once_says_once_what_it_waits_for(self):
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, FLAGS)
            leader = nodes.leader_of(cluster)
            node = next(node for node in cluster if node is not leader)
            node.kill()
            node.start().wait_ok()
            waits = [line for line in node.log().splitlines() if "may not join yet" in line]
            self.assertEqual(len(waits), 1, node.log())
            self.assertIn(f"the former incarnation of {node.name}", waits[0])
            for line in node.log().splitlines():
                self.assertFalse("is gone" in line and f"at {node.peer} " in line, line)

    def test_nodes_that_come_back_at_other_addresses_are_the_members_they_were(self):
        flags = ("--failover-after", "500ms")
        with nodes.Nodes() as all_nodes:
            cluster = all_nodes.cluster(3, flags)
            self.assertEqual(cluster[0].ask("SET", "color", "green"), b"OK")
            for place, old in enumerate(list(cluster)):
                old.kill()
                # Of the addresses that it is given, none is its own, and one is nobody's any more.
                join = [node.peer for node in cluster]
                client, peer = nodes.free_ports(2)
                cluster[place] = all_nodes.add(old.name, client, peer, join, flags)
                cluster[place].start().wait_ok()
            for node in cluster:
                self.assertEqual(node.ask("GET", "color"), b"green")
                members = {member["name"]: member["address"] for member in node.members()}
                self.assertEqual(members, {node.name: node.peer for node in cluster})


class FewDescriptors(nodes.Loopback):
    """A process there may open so many files."""

    def __init__(self, count):
        self.count = count

    def enter(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.count, self.count))


class Crowd(OneLine):
    """More clients than a node can have."""

    DESCRIPTORS = 128

    def come(self, node, crowd):
        """Twice as many as there are descriptors; what those were told that may not stay."""
        told = []
        for _ in range(2 * self.DESCRIPTORS):
            client = node.connect()
            try:
                client.call("PING")
                crowd.callback(client.close)
            except (resp.CommandError, resp.Unknown) as error:
                told.append(str(error))
                client.close()
        return told

    def test_a_peer_finds_room_among_as_many_clients_as_a_node_takes(self):
        with nodes.Nodes() as all_nodes, contextlib.ExitStack() as crowd:
            cluster = all_nodes.cluster(3, FLAGS, FewDescriptors(self.DESCRIPTORS))
            leader = nodes.leader_of(cluster)
            killed, other = (node for node in cluster if node is not leader)
            early = crowd.enter_context(leader.connect())
            killed.kill()
            for node in (leader, other):
                told = self.come(node, crowd)
                self.assertIn("ERR max number of clients reached", set(told))
            killed.start().wait_ok()
            self.assertEqual(early.call("SET", "color", "green"), b"OK")
            self.assertEqual(killed.ask("GET", "color"), b"green")

            code, _, error = nodes.run("status", f"127.0.0.1:{leader.client_port}")
            self.assertEqual(code, FAILED)
            self.assert_one_line(error, "has as many clients as it takes")
            takes = int(early.call("CONFIG", "GET", "maxclients")[1])
            for node in (leader, other):
                self.assertIn(f"it takes {takes} clients", node.log())
                self.assertIn(f"clients_max={takes} refused=1\n", node.log())
                lines = re.findall("refused clients", node.log())
                self.assertLess(len(lines), len(told) / 2)


class Peers(OneLine):
    """What strangers may send to a peer port, and nodes that do not fit."""

    @classmethod
    def setUpClass(cls):
        cls.nodes = nodes.Nodes()
        cls.addClassCleanup(cls.nodes.__exit__, None)
        cls.cluster = cls.nodes.cluster(3, FLAGS)

    def setUp(self):
        self.before = [(node.status()["term"], node.status()["leader"]) for node in self.cluster]

    def tearDown(self):
        after = [(node.status()["term"], node.status()["leader"]) for node in self.cluster]
        self.assertEqual(after, self.before, "someone was disturbed")
        first = self.cluster[0].ask("INCR", "works")
        self.assertEqual(self.cluster[1].ask("INCR", "works"), first + 1)

    def send_to_peer_port(self, data):
        """Sends, and returns what came back until the node closed."""
        with socket.create_connection(("127.0.0.1", self.cluster[0].peer_port), timeout=30) as link:
            answer = b""
            try:
                link.sendall(data)
                while chunk := link.recv(4096):
                    answer += chunk
            except ConnectionError:
                pass
            return answer

    def wait_logged(self, node, *words):
        def logged():
            return any(all(word in line for word in words) for line in node.log().splitlines())
        nodes.wait_until(logged, f"{node.name} logs {words}")

    def test_nonsense_is_closed_and_logged_once_or_so(self):
        self.send_to_peer_port(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        self.wait_logged(self.cluster[0], "warn")
        self.send_to_peer_port(b"RAMP" + b"\xff" * 1000)
        self.send_to_peer_port(b"RAMP\x03\0\0\0" + b"\xff" * 1000)
        self.send_to_peer_port(b"RAMP\x03\0\0\0" + struct.pack("<IBBHI", 2**31, 1, 1, 0, 0))

    def test_an_unknown_wire_version_is_named(self):
        answer = self.send_to_peer_port(b"RAMP\x63\0\0\0")
        self.assertEqual(answer[:4], b"RAMP")  # so that the other can name ours
        self.wait_logged(self.cluster[0], "wire version 99")

    def test_a_redis_client_at_the_peer_port_is_told_so(self):
        with resp.Client(self.cluster[0].peer_port) as client:
            with self.assertRaisesRegex(resp.CommandError, "--listen"):
                client.call("PING")
        self.wait_logged(self.cluster[0], "PING", "where a node begins with")

    def test_a_name_in_use_is_refused(self):
        client, peer = nodes.free_ports(2)
        with nodes.Nodes() as others:
            twin = others.add("n2", client, peer, [self.cluster[0].peer], FLAGS).start()
            nodes.wait_until(lambda: "in use" in twin.status().get("waiting_for", ""),
                             "the twin says that its name is in use")
            self.assertEqual(twin.status()["state"], "joining")
        self.assertEqual(len(self.cluster[0].members()), 3)

    def test_a_client_port_in_a_join_list_is_named(self):
        client, peer = nodes.free_ports(2)
        wrong = f"127.0.0.1:{self.cluster[0].client_port}"
        with nodes.Nodes() as others:
            lost = others.add("n4", client, peer, [wrong], FLAGS).start()
            self.wait_logged(lost, wrong, "Redis protocol", "--cluster-listen")
            status = nodes.wait_until(lost.status, "it answers")
            self.assertEqual(status["state"], "joining")

    def test_founders_whose_lists_differ_name_both_lists(self):
        with nodes.Nodes() as others:
            ports = nodes.free_ports(5)
            first, second, third = (f"127.0.0.1:{port}" for port in ports[2:])
            a = others.add("a", ports[0], ports[2], [first, second], FLAGS).start()
            b = others.add("b", ports[1], ports[3], [first, second, third], FLAGS).start()
            for node in (a, b):
                self.wait_logged(node, first + "," + second, third)
                self.assertEqual(node.status()["state"], "joining")


if __name__ == "__main__":
    unittest.main()
