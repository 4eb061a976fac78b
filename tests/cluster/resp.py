"""A tiny client of the Redis protocol (RESP2): one connection, one command at a time.

Tells apart what a recorder of histories must know: whether a command that failed may have taken
effect.
"""

import socket


class NotApplied(Exception):
    """Refused, or never sent."""


class Unknown(Exception):
    """Sent, and no answer came, or the answer was that nobody knows."""


class CommandError(Exception):
    """An error reply that is neither: the command was wrong."""


class Client:
    def __init__(self, port, timeout=30.0, host="127.0.0.1"):
        try:
            self._socket = socket.create_connection((host, port), timeout=timeout)
        except OSError as error:
            raise NotApplied(f"connect: {error}") from error
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._input = self._socket.makefile("rb")

    def close(self):
        self._input.close()
        self._socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def call(self, *words):
        """The reply: bytes, int, None or a list. Raises one of the exceptions above."""
        self.send(*words)
        return self.reply()

    def send(self, *words):
        """Half of a call: what takes the command need not run just now."""
        self._send(_encoded(words))

    def call_all(self, commands):
        """The replies of commands that are sent together, up to the first that raises."""
        self._send(b"".join(_encoded(words) for words in commands))
        return [self.reply() for _ in commands]

    def _send(self, data):
        try:
            self._socket.sendall(data)
        except OSError as error:
            raise Unknown(f"connection: {error!r}") from error

    def reply(self):
        """The other half."""
        try:
            return self._reply()
        except (OSError, EOFError) as error:
            raise Unknown(f"connection: {error!r}") from error

    def map(self, *words):
        """The reply of one of RAM's commands that answer with a map."""
        return as_map(self.call(*words))

    def _line(self):
        line = self._input.readline()
        if not line.endswith(b"\r\n"):
            raise EOFError("closed")
        return line[:-2]

    def _reply(self):
        line = self._line()
        kind, rest = line[:1], line[1:]
        if kind == b"+":
            return rest
        if kind == b":":
            return int(rest)
        if kind == b"$":
            size = int(rest)
            if size < 0:
                return None
            body = self._input.read(size + 2)
            if len(body) != size + 2:
                raise EOFError("closed")
            return body[:-2]
        if kind == b"*":
            count = int(rest)
            return None if count < 0 else [self._reply() for _ in range(count)]
        if kind == b"-":
            raise _error(rest.decode())
        raise CommandError(f"no RESP: {line!r}")


def _encoded(words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        word = word if isinstance(word, bytes) else str(word).encode()
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


def _error(text):
    word = text.split(" ", 1)[0]
    if word == "INDOUBT":
        return Unknown(text)
    if word in ("CLUSTERDOWN", "LOADING", "TRYAGAIN", "OOM"):
        return NotApplied(text)
    return CommandError(text)


def as_map(flat):
    decoded = [item.decode() if isinstance(item, bytes) else item for item in flat]
    return dict(zip(decoded[::2], decoded[1::2]))
