"""ioredis, the Redis client of most Node.js programs, unchanged, against three real nodes.

It is installed below the build directory as package-lock.json says. Where that is not possible
(no Node.js, no npm, no network) the test says SKIPPED and why.
"""

import os
import pathlib
import shutil
import subprocess
import sys
import unittest

import support

SOURCE = pathlib.Path(__file__).resolve().parent / "ioredis"


def skip(why):
    # ctest looks for this word at the beginning of a line.
    print(f"SKIPPED: {why}")
    sys.exit(0)


def install():
    """The node_modules that has what package-lock.json names."""
    home = pathlib.Path(os.environ.get("RAM_BUILD_DIR", "build/release")).resolve() / "ioredis"
    modules = home / "node_modules"
    lock = (SOURCE / "package-lock.json").read_bytes()
    done = home / "installed"  # written last: an interrupted installation is begun again
    if done.exists() and done.read_bytes() == lock:
        return modules
    if shutil.which("npm") is None:
        skip("npm is not installed; scripts/install_packages, as root, installs it")
    home.mkdir(parents=True, exist_ok=True)
    for name in ("package.json", "package-lock.json"):
        shutil.copy(SOURCE / name, home)
    try:
        npm = subprocess.run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"], cwd=home,
                             stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                             stderr=subprocess.STDOUT, text=True, timeout=120, check=False)
    except subprocess.TimeoutExpired:
        skip("npm ci did not end within two minutes; is there a network?")
    if npm.returncode != 0:
        print(npm.stdout)
        if "EINTEGRITY" in npm.stdout:
            sys.exit("what npm fetched is not what package-lock.json says")
        skip("npm ci failed, see above; is there a network?")
    done.write_bytes(lock)
    return modules


class Ioredis(unittest.TestCase):
    modules = None

    def test_against_three_nodes(self):
        nodes = self.enterContext(support.nodes.Nodes())
        ports = [str(node.client_port) for node in nodes.cluster(3)]
        done = subprocess.run(["node", str(SOURCE / "clients.cjs"), *ports],
                              env={**os.environ, "NODE_PATH": str(self.modules)},
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=240, check=False)
        print(done.stdout)
        self.assertEqual(done.returncode, 0)
        self.assertRegex(done.stdout, r"(?m)^\S* ?pass [1-9]")
        self.assertRegex(done.stdout, r"(?m)^\S* ?fail 0$")


if __name__ == "__main__":
    if shutil.which("node") is None:
        skip("Node.js is not installed; scripts/install_packages, as root, installs it")
    Ioredis.modules = install()
    unittest.main(verbosity=2)
