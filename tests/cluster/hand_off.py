"""The program hand_off against the nodes of a test: writes through one, tells, reads through
another."""

import os
import subprocess
import sys

import nodes

_PATHS = ("reads_local", "reads_waited", "reads_asked", "reads_refused")


class HandOff:
    """Use as a context: at its end no read has missed what its reader had been told."""

    def __init__(self, cluster, *options):
        self._cluster = cluster
        self._before = self._reads()
        addresses = [f"{node.place.client_host}:{node.client_port}" for node in cluster]
        self._process = subprocess.Popen([os.environ["RAM_HAND_OFF"], *options, *addresses],
                                         stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None:
            self._process.kill()
        code, summary = self.end()
        if kind is None:
            print(f"{summary}; {self._paths()}", file=sys.stderr)
            if code != 0:
                raise AssertionError(summary)

    def end(self):
        """Its exit code, and its last line."""
        summary = self._process.communicate(timeout=nodes.PATIENCE)[0].strip()
        return self._process.returncode, summary

    def wait(self):
        """For one that ends by itself: its exit code."""
        return self._process.wait(timeout=nodes.PATIENCE)

    def handed(self):
        try:
            print(file=self._process.stdin, flush=True)
        except BrokenPipeError:
            pass
        answer = self._process.stdout.readline().split()
        if not answer or answer[0] != "handed":
            raise AssertionError(f"hand_off ended: {' '.join(answer)}")
        return int(answer[1])

    def wait_for_more(self, count):
        before = self.handed()
        nodes.wait_until(lambda: self.handed() >= before + count, f"{count} more hand-offs")

    def _reads(self):
        return {node: [int(node.status().get(path, 0)) for path in _PATHS]
                for node in self._cluster}

    def _paths(self):
        """How reads were answered, as nodes tell; one that was started again forgot its past."""
        after = self._reads()
        sums = [0] * len(_PATHS)
        for node, now in after.items():
            before = self._before[node]
            base = before if all(a >= b for a, b in zip(now, before)) else [0] * len(_PATHS)
            sums = [total + a - b for total, a, b in zip(sums, now, base)]
        return ", ".join(f"{path} {total}" for path, total in zip(_PATHS, sums))
