"""Clients that record what they did and when, for the checker (check_history.cc).

One line per operation that had, or may have had, an effect or an answer:
    key kind begun ended argument answer
kind is get, put, add, cas; ended is `?` when the outcome is unknown; `-` stands for what does not
apply; an answer of `nil` is no value; the argument of a cas is OLD:NEW, and its answer 1 if it was
done. Times are nanoseconds of one clock.
"""

import random
import threading
import time

import resp


class History:
    def __init__(self, name=""):
        self.name = name  # begins every key: histories of one cluster share none
        self._lock = threading.Lock()
        self._lines = []
        self.acknowledged = 0
        self.unknown = 0
        self.refused = 0
        self.torn = []  # reads of pairs that saw half of a write

    @property
    def operations(self):
        return self.acknowledged + self.unknown

    def note(self, lines, known):
        with self._lock:
            self._lines += lines
            if known:
                self.acknowledged += 1
            else:
                self.unknown += 1

    def note_refused(self):
        with self._lock:
            self.refused += 1

    def write(self, path):
        with open(path, "w", encoding="ascii") as file:
            file.write("\n".join(self._lines) + "\n")


def _line(key, kind, begun, ended, argument="-", answer="-"):
    return f"{key} {kind} {begun} {ended} {argument} {answer}"


def _answer(value):
    return "nil" if value is None else int(value)


class Recorder(threading.Thread):
    """One client of one node, at work until stop(). Operations of all recorders share few keys."""

    # Keys are left behind after so many operations: the search for an order is per key.
    OPERATIONS_PER_GENERATION = 1500

    def __init__(self, number, node, history, seed):
        super().__init__(daemon=True)
        self._number = number
        self._node = node
        self._history = history
        self._random = random.Random(seed)
        self._stopping = threading.Event()
        self._done = 0
        self._written = 0
        self.acknowledged_keys = {}  # keys of our own, written once each
        self.failure = None

    def stop(self):
        self._stopping.set()

    @property
    def done(self):
        return self._done

    def run(self):
        client = None
        try:
            while not self._stopping.is_set():
                try:
                    client = client or self._node.connect()
                    self._step(client)
                    self._done += 1
                except resp.NotApplied:
                    self._history.note_refused()
                    client = self._drop(client)
                    time.sleep(0.01)
                except resp.Unknown:
                    client = self._drop(client)
                    time.sleep(0.01)
        except Exception as error:  # told by the test, in its own thread
            self.failure = error
        finally:
            self._drop(client)

    @staticmethod
    def _drop(client):
        if client is not None:
            client.close()

    def _value(self):
        # Never written twice: what a read sees names its write.
        self._written += 1
        return self._number * 10_000_000 + self._written

    def _key(self, prefix, count):
        generation = self._history.operations // self.OPERATIONS_PER_GENERATION
        return f"{self._history.name}{prefix}{generation}.{self._random.randrange(count)}"

    def _step(self, client):
        choice = self._random.random()
        if choice < 0.35:
            self._read(client, self._key("r", 4))
        elif choice < 0.48:
            self._write(client, self._key("r", 4))
        elif choice < 0.55:
            self._compare_and_set(client, self._key("r", 4))
        elif choice < 0.70:
            self._add(client, self._key("c", 2))
        elif choice < 0.75:
            self._read(client, self._key("c", 2))
        elif choice < 0.85:
            self._write_pair(client, self._key("p", 2))
        elif choice < 0.95:
            self._read_pair(client, self._key("p", 2))
        else:
            self._write_own(client)

    def _call(self, client, lines_of, *words):
        """Calls, and notes lines_of(begun, ended, reply)."""
        begun = time.monotonic_ns()
        try:
            reply = client.call(*words)
        except resp.Unknown:
            self._history.note(lines_of(begun, "?", None), known=False)
            raise
        self._history.note(lines_of(begun, time.monotonic_ns(), reply), known=True)
        return reply

    def _read(self, client, key):
        self._call(client, lambda begun, ended, reply: [] if ended == "?" else
                   [_line(key, "get", begun, ended, answer=_answer(reply))], "GET", key)

    def _write(self, client, key):
        value = self._value()
        self._call(client, lambda begun, ended, _: [_line(key, "put", begun, ended, value)],
                   "SET", key, value)

    def _add(self, client, key):
        self._call(client, lambda begun, ended, reply:
                   [_line(key, "add", begun, ended, 1, "-" if ended == "?" else reply)],
                   "INCR", key)

    def _compare_and_set(self, client, key):
        """No value is written twice, so that a revision stands for a value."""
        def of_read(begun, ended, reply):
            if ended == "?":
                return []
            return [_line(key, "get", begun, ended,
                          answer=_answer(reply and resp.as_map(reply)["value"]))]
        reply = self._call(client, of_read, "RAM.GETREV", key)
        found = resp.as_map(reply) if reply else {"value": "nil", "revision": 0}
        value = self._value()
        self._call(client, lambda begun, ended, reply:
                   [_line(key, "cas", begun, ended, f"{found['value']}:{value}",
                          "-" if ended == "?" else int(reply is not None))],
                   "RAM.CAS", key, found["revision"], value)

    def _write_pair(self, client, key):
        value = self._value()
        self._call(client, lambda begun, ended, _:
                   [_line(f"{key}{half}", "put", begun, ended, value) for half in "ab"],
                   "MSET", f"{key}a", value, f"{key}b", value)

    def _read_pair(self, client, key):
        reply = self._call(client, lambda begun, ended, reply: [] if ended == "?" else
                           [_line(f"{key}{half}", "get", begun, ended, answer=_answer(value))
                            for half, value in zip("ab", reply)],
                           "MGET", f"{key}a", f"{key}b")
        if reply[0] != reply[1]:
            self._history.torn.append((key, reply))

    def _write_own(self, client):
        value = self._value()
        key = f"{self._history.name}own.{value}"
        reply = client.call("SET", key, value)
        if reply != b"OK":
            raise AssertionError(f"SET answered {reply!r}")
        self.acknowledged_keys[key] = value

