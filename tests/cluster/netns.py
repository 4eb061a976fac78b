"""A network of namespaces, one for each node, whose paths between nodes can be cut, flap, lose and
delay packets: both ways or one way.

A node's namespace has two devices. By `peers` it reaches the other nodes: packets between them pass
a packet_switch, which does what the test says. By `clients` it is reached by the test, and that
path is never touched: so what a client sees is the node's answer, not a cut of its own.

None of it has a name on the host. The test moves into a namespace of its own first, and namespaces
are held by open files alone: so runs beside each other do not collide, and however a test ends, the
kernel takes everything back when the last process in it is gone.
"""

import ctypes
import fcntl
import os
import struct
import subprocess
import sys

_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_TUNSETIFF = 0x400454CA
_IFF_TUN, _IFF_NO_PI = 0x0001, 0x1000
# Packets that may wait for the switch.
_QUEUE_LENGTH = 5000


class Unavailable(Exception):
    """Namespaces cannot be made here; says why."""


def _leave():
    """Moves this thread, and what it will start, into a namespace that is made now."""
    if _LIBC.unshare(_CLONE_NEWNET) != 0:
        raise Unavailable(f"a network namespace cannot be made: {os.strerror(ctypes.get_errno())}")


def _here():
    return os.open("/proc/thread-self/ns/net", os.O_RDONLY | os.O_CLOEXEC)


def _enter(namespace):
    if _LIBC.setns(namespace, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


def _ip(namespace, *words):
    try:
        done = subprocess.run(["ip", *words], preexec_fn=lambda: _enter(namespace), text=True,
                              stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except FileNotFoundError as error:
        raise Unavailable("there is no `ip`: scripts/install_packages installs it") from error
    if done.returncode != 0:
        raise Unavailable(f"ip {' '.join(words)}: {done.stderr.strip()}")


def _peers_device():
    """The TUN device `peers` of the namespace this thread is in."""
    try:
        device = os.open("/dev/net/tun", os.O_RDWR | os.O_CLOEXEC | os.O_NONBLOCK)
        fcntl.ioctl(device, _TUNSETIFF, struct.pack("16sH22x", b"peers", _IFF_TUN | _IFF_NO_PI))
    except OSError as error:
        raise Unavailable(f"a TUN device cannot be made: {error}") from error
    return device


class Place:
    """Where one node runs: to be given to nodes.Nodes."""

    def __init__(self, number, namespace, device):
        self.number = number
        self.client_host = f"10.2.{number}.2"
        self.peer_host = f"10.1.0.{number}"
        self.namespace = namespace
        self.device = device

    def enter(self):
        _enter(self.namespace)


class Network:
    """`count` places. Made by the main thread, before it starts others; once in a process."""

    def __init__(self, count, seed):
        _leave()
        self._home = _here()
        _ip(self._home, "link", "set", "lo", "up")
        self.places = [self._make_place(number) for number in range(1, count + 1)]
        devices = [place.device for place in self.places]
        self._switch = subprocess.Popen(
            [os.environ["RAM_PACKET_SWITCH"], str(seed), *map(str, devices)], pass_fds=devices,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def _make_place(self, number):
        try:
            _leave()
            place = Place(number, _here(), _peers_device())
        finally:
            _enter(self._home)
        ours, theirs = f"clients{number}", "clients"
        _ip(self._home, "link", "add", ours, "type", "veth", "peer", "name", theirs,
            "netns", f"/proc/{os.getpid()}/fd/{place.namespace}")
        _ip(self._home, "address", "add", f"10.2.{number}.1/24", "dev", ours)
        _ip(self._home, "link", "set", ours, "up")
        _ip(place.namespace, "link", "set", "lo", "up")
        _ip(place.namespace, "address", "add", f"{place.client_host}/24", "dev", theirs)
        _ip(place.namespace, "link", "set", theirs, "up")
        _ip(place.namespace, "address", "add", f"{place.peer_host}/24", "dev", "peers")
        _ip(place.namespace, "link", "set", "peers", "txqueuelen", str(_QUEUE_LENGTH), "up")
        return place

    def close(self):
        self._switch.stdin.close()
        self._switch.wait()
        self._switch.stdout.close()
        for place in self.places:
            os.close(place.device)
            os.close(place.namespace)
        os.close(self._home)

    # ---- what becomes of packets ----

    def _tell(self, command):
        print(command, file=self._switch.stdin, flush=True)
        return self._switch.stdout.readline().strip()

    def path(self, source, target, **how):
        """What becomes of packets from one place to another from now on: packet_switch.cc says how.
        In force when this returns."""
        words = [f"{name}={value}" for name, value in how.items()]
        answer = self._tell(" ".join(["path", str(source.number), str(target.number), *words]))
        if answer != "ok":
            raise AssertionError(f"packet_switch: {answer}")

    def pair(self, one, other, **how):
        self.path(one, other, **how)
        self.path(other, one, **how)

    def others(self, place):
        return [other for other in self.places if other is not place]

    def every_path(self, **how):
        for place in self.places:
            for other in self.others(place):
                self.path(place, other, **how)

    def heal(self):
        self.every_path()

    def isolate(self, place):
        self.deafen(place)
        self.mute(place)

    def deafen(self, place):
        """It hears nobody, and is heard."""
        for other in self.others(place):
            self.path(other, place, lost=1)

    def mute(self, place):
        """Nobody hears it, and it hears them."""
        for other in self.others(place):
            self.path(place, other, lost=1)

    def count(self, source, target):
        """(carried, lost) since the path was set."""
        words = self._tell(f"count {source.number} {target.number}").split()
        return int(words[1]), int(words[3])


def network_or_skip(count, seed):
    """A Network; where there can be none, says so in ctest's word for it, and ends the process."""
    try:
        return Network(count, seed)
    except Unavailable as error:
        print(f"SKIPPED: {error}")
        sys.exit(0)
