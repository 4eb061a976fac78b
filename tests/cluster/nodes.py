"""Real `ram` processes, for tests: on loopback, or in places of a network of the test's own
(netns.py). Every process started here ends with the test."""

import ctypes
import os
import pathlib
import signal
import socket
import subprocess
import sys
import tempfile
import time

import resp

BINARY = os.environ.get("RAM_BINARY", "build/release/ram")

# Before a test gives up on a busy machine.
PATIENCE = 90.0


def wait_until(holds, what, patience=PATIENCE):
    """Polls until `holds()` is true; returns its value."""
    end = time.monotonic() + patience
    while True:
        value = holds()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"after {patience:.0f} s still not: {what}")
        time.sleep(0.02)


def free_ports(count):
    sockets = []
    for _ in range(count):
        one = socket.socket()
        one.bind(("127.0.0.1", 0))
        sockets.append(one)
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def _end_with_parent():
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGKILL)


def run(*arguments, timeout=30):
    """A `ram` command that ends by itself: its exit code, standard output and standard error."""
    done = subprocess.run([BINARY, *arguments], capture_output=True, text=True, timeout=timeout,
                          check=False, stdin=subprocess.DEVNULL)
    return done.returncode, done.stdout, done.stderr


class Loopback:
    """Where a node runs: the host's own network."""

    client_host = peer_host = "127.0.0.1"

    def enter(self):
        pass


class Node:
    """One `ram serve`; its output goes to a file, over restarts."""

    def __init__(self, name, client_port, peer_port, join, directory, flags=(), place=Loopback()):
        self.name = name
        self.client_port = client_port
        self.peer_port = peer_port
        self.place = place
        self.log_path = pathlib.Path(directory) / f"{name}-{client_port}.log"
        self._command = [BINARY, "serve", "--name", name,
                         "--listen", f"{place.client_host}:{client_port}",
                         "--cluster-listen", self.peer, *flags]
        if join:
            self._command += ["--join", ",".join(join)]
        self.process = None

    @property
    def peer(self):
        return f"{self.place.peer_host}:{self.peer_port}"

    def start(self, error=None):
        """`error`: a descriptor for its standard error."""
        def prepare():
            _end_with_parent()
            self.place.enter()
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log,
                                            stderr=log if error is None else error,
                                            preexec_fn=prepare)
        return self

    def runs(self):
        return self.process is not None and self.process.poll() is None

    def kill(self, number=signal.SIGKILL):
        """Ends it; returns its exit code."""
        if self.runs():
            self.process.send_signal(number)
        try:
            return self.process.wait(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise

    def pause(self):
        """Returns once none of its threads runs any more; its sockets stay."""
        self.process.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, self.process.pid, os.WSTOPPED)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def log(self):
        return self.log_path.read_text(errors="replace")

    def connect(self):
        return resp.Client(self.client_port, host=self.place.client_host)

    def ask(self, *words):
        with self.connect() as client:
            return client.call(*words)

    def status(self):
        """Empty while it does not answer."""
        try:
            return resp.as_map(self.ask("RAM.STATUS"))
        except (resp.NotApplied, resp.Unknown, resp.CommandError):
            return {}

    def members(self):
        return [resp.as_map(member) for member in self.ask("RAM.MEMBERS")]

    def is_ok(self):
        if not self.runs():
            raise AssertionError(f"{self.name} ended with {self.process.returncode}:\n{self.log()}")
        return self.status().get("state") == "ok"

    def wait_ok(self):
        wait_until(self.is_ok, f"{self.name} is ok")
        return self


class Nodes:
    """The nodes of one test. Use as a context: whatever happens, all processes end."""

    def __init__(self):
        self._directory = tempfile.TemporaryDirectory(prefix="ram-test-")
        self.all = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        for node in self.all:
            if node.runs():
                node.process.kill()
                node.process.wait()
        if kind is not None:
            self.print_logs()
        self._directory.cleanup()

    def print_logs(self):
        for node in self.all:
            if node.log_path.exists():
                print(f"---- {node.log_path.name}\n{node.log()[-20000:]}", file=sys.stderr)

    @property
    def directory(self):
        return pathlib.Path(self._directory.name)

    def add(self, name, client_port, peer_port, join=(), flags=(), place=Loopback()):
        node = Node(name, client_port, peer_port, join, self._directory.name, flags, place)
        self.all.append(node)
        return node

    def cluster(self, size, flags=(), place=Loopback()):
        """Starts nodes n1, n2, ... that found a cluster; returns when all are ok."""
        ports = free_ports(2 * size)
        clients, peers = ports[:size], ports[size:]
        join = [f"127.0.0.1:{port}" for port in peers]
        nodes = [self.add(f"n{i + 1}", clients[i], peers[i], join, flags, place).start()
                 for i in range(size)]
        for node in nodes:
            node.wait_ok()
        return nodes

    def cluster_in(self, places, flags=()):
        """The same, a node in each of `places`, which nobody else uses."""
        client_port, peer_port = 6379, 7379
        join = [f"{place.peer_host}:{peer_port}" for place in places]
        nodes = [self.add(f"n{i}", client_port, peer_port, join, (*flags, "--insecure"), place)
                 for i, place in enumerate(places, start=1)]
        for node in nodes:
            node.start()
        for node in nodes:
            node.wait_ok()
        return nodes


def leader_of(nodes):
    """The node that says it leads, as soon as one does."""
    def find():
        for node in nodes:
            if node.runs() and node.status().get("role") == "leader":
                return node
        return None
    return wait_until(find, "someone leads")


def wait_equal_digests(nodes):
    """Waits until all have applied as much; returns their digests, one map each."""
    def same():
        digests = [resp.as_map(node.ask("RAM.DIGEST")) for node in nodes]
        return digests if len({digest["applied"] for digest in digests}) == 1 else None
    return wait_until(same, "all nodes have applied as much")
