"""How long until a node answers as it should, for tests with faults, and figures of many times."""

import json
import statistics
import sys
import threading
import time

import resp

# An election, or four silent election timeouts of 500 ms, take less than three seconds; a busy
# machine more.
BOUND = 12.0


def milliseconds(since):
    return round(1000 * (time.monotonic() - since), 1)


class FirstAnswer(threading.Thread):
    """Asks `node` until an answer is what is waited for."""

    def __init__(self, node, words, is_found, since, may_be_answered=True):
        super().__init__(daemon=True)
        self._node, self._words, self._is_found, self._since = node, words, is_found, since
        self._may_be_answered = may_be_answered
        self._found = self._wrong = None
        self.start()

    def run(self):
        while self._found is None and time.monotonic() < self._since + BOUND:
            answer = outcome(self._node, *self._words)
            if is_answered(answer) and not self._may_be_answered:
                self._wrong = answer
                return
            if self._is_found(answer):
                self._found = milliseconds(self._since)

    def wait(self, what):
        """Milliseconds from `since` to the answer."""
        self.join()
        if self._wrong is not None:
            raise AssertionError(f"{self._node.name} answered {self._words}: {self._wrong!r}")
        if self._found is None:
            raise AssertionError(f"{self._node.name}: after {BOUND:.0f} s still not: {what}")
        return self._found


def outcome(node, *words):
    """The reply, or the exception: resp.NotApplied or resp.Unknown."""
    try:
        with node.connect() as client:
            return client.call(*words)
    except (resp.NotApplied, resp.Unknown) as error:
        return error


def is_refused(answer):
    return isinstance(answer, resp.NotApplied) and "CLUSTERDOWN" in str(answer)


def is_answered(answer):
    return not isinstance(answer, Exception)


class Figures:
    def __init__(self, fault):
        self._fault = fault
        self._all = {}

    def note(self, what, value):
        self._all.setdefault(what, []).append(value)

    def print(self):
        told = {"fault": self._fault}
        for what, values in self._all.items():
            told[what] = {"n": len(values), "median": round(statistics.median(values), 1),
                          "worst": max(values)}
        print(json.dumps(told), file=sys.stderr)


class Slowest(threading.Thread):
    """Asks `node` again and again until stop(), which returns the longest that an answer took."""

    def __init__(self, node, words):
        super().__init__(daemon=True)
        self._node, self._words = node, words
        self._stopping = threading.Event()
        self._slowest, self._wrong = 0.0, None
        self.start()

    def run(self):
        try:
            with self._node.connect() as client:
                while not self._stopping.is_set():
                    since = time.monotonic()
                    client.call(*self._words)
                    self._slowest = max(self._slowest, milliseconds(since))
        except Exception as error:  # told by stop()
            self._wrong = error

    def stop(self):
        self._stopping.set()
        self.join()
        if self._wrong is not None:
            raise AssertionError(f"{self._node.name}, {self._words}: {self._wrong!r}")
        return self._slowest
