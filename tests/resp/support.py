"""What the tests of this directory share: raw sockets, processes beside a node, whole replies."""

import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cluster"))

import nodes  # noqa: E402  (the directory beside this one)

PATIENCE = nodes.PATIENCE


def encode(*words):
    """A command as clients send it."""
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class Raw:
    """A connection whose replies are kept as the bytes they are."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)
        self.input = self.socket.makefile("rb")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.input.close()
        self.socket.close()

    def send(self, data):
        self.socket.sendall(data)

    def ask(self, *words):
        """One command, one reply, as bytes."""
        self.send(encode(*words))
        return self.reply()

    def reply(self):
        line = self.input.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError(f"closed, after {line!r}")
        kind, size = line[:1], line[1:-2]
        if kind in b"$=":
            return line if size == b"-1" else line + self.input.read(int(size) + 2)
        if kind in b"*~>":
            return line + b"".join(self.reply() for _ in range(int(size)))
        if kind == b"%":
            return line + b"".join(self.reply() for _ in range(2 * int(size)))
        return line

    def rest(self):
        """Everything until the server closes."""
        data = b""
        try:
            while piece := self.socket.recv(65536):
                data += piece
        except ConnectionResetError:
            pass
        return data


class RedisServer:
    """Debian's redis-server, without its package: redis-tools has the same program."""

    def __init__(self, directory):
        server = shutil.which("redis-server")
        if server is None:
            server = str(pathlib.Path(directory) / "redis-server")
            os.symlink(shutil.which("redis-check-rdb"), server)
        (self.port,) = nodes.free_ports(1)
        self.process = subprocess.Popen(
            [server, "--port", str(self.port), "--save", "", "--appendonly", "no", "--dir",
             str(directory)], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)

        def answers():
            try:
                with Raw(self.port) as raw:
                    return raw.ask("PING") == b"+PONG\r\n"
            except OSError:
                return False
        nodes.wait_until(answers, "redis-server answers")

    def stop(self):
        self.process.kill()
        self.process.wait()


def run(*command, text=None):
    """A program that ends by itself: what it wrote. Fails if it fails."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=300,
                          check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout


def scratch():
    return tempfile.TemporaryDirectory(prefix="ram-resp-")
