#!/usr/bin/python3
"""Checks the rules of the house that a compiler does not: a line per finding, with its remedy.

    scripts/tidy.py                all files that git knows or would add
    scripts/tidy.py PATH...        only findings in these files
    scripts/tidy.py --self-test    the checks against small trees with a known fault

Where a rule must give way, say so on the line itself or the one above, with the reason:

    std::this_thread::sleep_for(pause);  // tidy: sleep: backs off, tests nothing

Layers and who may include whom are in LAYERS below; CMake (cmake/ram.cmake) has the same table for
linking.
"""

import argparse
import os
import re
import subprocess
import sys

COLUMNS = 100

# What each layer may include of ours. `status` is the vocabulary: ram/status.h, ram/severity.h and
# ram/version.h; `public` is all of include/ram. `node` is what the simulator runs, `runtime` what
# puts it on real sockets: the sources of ram_layer(NAME runtime ...) in src/node.
LAYERS = {
    "include": {"public"},
    "base": {"base", "status"},
    "store": {"store", "base", "status"},
    "machine": {"machine", "store", "base", "status"},
    "lease": {"lease", "base"},
    "consensus": {"consensus", "base", "status"},
    "net": {"net", "base", "status"},
    "node": {"node", "machine", "store", "lease", "consensus", "base", "public"},
    "runtime": {"runtime", "net", "node", "machine", "store", "lease", "consensus", "base",
                "public"},
    # Transactions are built, and the store is read, on the caller's own thread.
    "api": {"api", "runtime", "node", "machine", "store", "base", "public"},
    "resp": {"resp", "net", "base", "public"},
    "http": {"http", "base", "public"},
    "cli": {"cli", "resp", "http", "base", "public"},
    "sim": {"sim", "node", "machine", "store", "lease", "consensus", "base", "public"},
    "examples": {"public"},
}

# Headers of others: which layers may include them, and whether only their .cc files may.
THIRD_PARTY = [
    (r"(spdlog|fmt)/", {"base"}, False),
    (r"boost/", {"store", "machine"}, False),
    (r"urcu", {"store"}, False),
    (r"xxhash\.h", {"base", "store", "machine", "net"}, True),
    (r"raft(\.h|/)", {"consensus"}, True),
    (r"uv(\.h|/)", {"net"}, True),
    (r"openssl/", {"net"}, True),
    (r"(civetweb|CivetServer|prometheus)", {"http"}, False),
    (r"CLI/", {"cli"}, False),
    (r"toml", {"cli"}, False),
    (r"(gtest|gmock|rapidcheck)", set(), False),  # tests only
    (r"benchmark/", set(), False),  # bench only
]

# What the operating system gives is not for layers that promise to be only arithmetic or state.
SYSTEM = re.compile(r"(sys|linux|netinet|arpa|asm)/"
                    r"|(unistd|fcntl|poll|netdb|pthread|time|ctime|signal)(\.h)?$")
SYSTEM_FREE = {"include", "machine", "lease", "consensus", "node", "sim"}
# The program around the simulated world: it starts processes and measures how long they take.
PROGRAMS = {"sim/runner.cc", "sim/main.cc"}

STANDARD = re.compile(r"[a-z_]+$")

CLOCKS = (r"\b(system|steady|high_resolution|utc|file)_clock\b"
          r"|\b(gettimeofday|clock_gettime|timespec_get|uv_hrtime|uv_now)\s*\("
          r"|(?<![\w.>:])(std::|::)?time\s*\(\s*(nullptr|NULL|0|&)")

CHANCE = (r"\brandom_device\b|(?<![\w.>])(std::)?s?rand\s*\(|\bgetrandom\s*\("
          r"|\bmt19937|\bdefault_random_engine\b")

# Name, pattern, where it is let be (a folder, the end of a name, or the runtime), remedy.
BANNED = [
    ("clock", CLOCKS,
     ("src/base/", "src/net/", "src/cli/", "bench/", "tests/", "examples/", "runtime", *PROGRAMS),
     "take an Instant from base/clock.h"),
    ("chance", CHANCE,
     ("src/base/", "src/cli/", "bench/", "tests/", "examples/", "fuzz/", "runtime"),
     "take base/random.h"),
    ("sleep", r"\bsleep_(for|until)\b|(?<![\w.>:])(u|nano)?sleep\s*\(",
     ("src/cli/", "examples/", "bench/"), "wait for the event itself, with a deadline"),
    # CLI11 reports wrong usage by throwing.
    ("exception", r"\bthrow\b|\bcatch\s*\(|\btry\s*\{", ("src/cli/main.cc",),
     "failure is a Status or a Result, a bug is RAM_CHECK"),
    ("assert", r"(?<![\w.>:])assert\s*\(|#include <cassert>", (),
     "RAM_CHECK is there in every build"),
    ("detach", r"\.detach\s*\(\s*\)", (), "somebody owns the thread and joins it"),
    ("output", r"\bstd::(cout|cerr|clog)\b|(?<![\w.>:])(std::)?(printf|puts|putchar)\s*\(",
     ("src/cli/", "sim/", "bench/", "tests/", "examples/", "fuzz/", "cmake/", "_test.cc"),
     "give it to base/log.h"),
    ("unbounded", r"\b(strcpy|strcat|sprintf|vsprintf|alloca|strtok)\s*\(", (),
     "use std::string or a span"),
    ("using", r"^\s*using\s+namespace\s+(?!.*literals)",
     ("examples/", "tests/", "fuzz/", "bench/", "_test.cc"), "name what is used"),
]

CXX = (".h", ".cc")
CODE_ROOTS = ("src/", "include/", "sim/", "tests/", "fuzz/", "bench/", "examples/", "cmake/")


class Finding:
    def __init__(self, path, line, what, remedy):
        self.path, self.line, self.what, self.remedy = path, line, what, remedy

    def __str__(self):
        return f"{self.path}:{self.line}: {self.what}; {self.remedy}"


def strip_code(text):
    """The text with comments and what is inside literals blanked; lines stay where they were."""
    pattern = re.compile(
        r'//[^\n]*|/\*.*?\*/|R"(?P<d>[^(\s]*)\(.*?\)(?P=d)"'
        r'|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])+\'', re.S)

    def blank(match):
        token = match.group(0)
        before = text[match.start() - 1:match.start()]
        if token[0] == "'" and re.match(r"[0-9a-fA-F]", before):
            return token  # 10'000
        lines = "\n" * token.count("\n")
        if token[0] == '"' or token[0] == "R":
            return '""' + lines
        return lines if token[0] == "/" else "' '"

    return pattern.sub(blank, text).split("\n")


def layer_of(path, runtime_stems):
    parts = path.split("/")
    if parts[0] == "src" and len(parts) > 2:
        stem = re.sub(r"(_test)?\.(cc|h)$", "", parts[-1])
        if parts[1] == "node" and (stem in runtime_stems or stem.startswith("runtime")):
            return "runtime"
        return parts[1]
    return parts[0]


def is_test(path):
    return (path.endswith("_test.cc") or path.startswith(("tests/", "fuzz/", "bench/"))
            or path.rsplit("/", 1)[-1].startswith(("test_", "fake_")))


def excused(lines, number, rule):
    """True when line `number` (from 1) or a comment above says `tidy: rule:` with a reason."""
    mark = re.compile(r"tidy: " + re.escape(rule) + r": \S")
    if mark.search(lines[number - 1]):
        return True
    above = number - 2
    while above >= 0 and lines[above].lstrip().startswith("//"):
        if mark.search(lines[above]):
            return True
        above -= 1
    return False


def check_includes(path, text, files, runtime_stems):
    layer = layer_of(path, runtime_stems)
    allowed = LAYERS.get(layer)
    lines = text.split("\n")
    first = None
    for number, line in enumerate(lines, 1):
        match = re.match(r'\s*#\s*include\s*([<"])([^>"]+)[>"]', line)
        if not match or excused(lines, number, "include"):
            continue
        bracket, target = match.groups()
        first = first or target
        if ".." in target.split("/"):
            yield Finding(path, number, f'"{target}" goes up a directory', "write paths from src/")
            continue
        candidates = (f"src/{target}", f"include/{target}", target)
        ours = next((p for p in candidates if p in files), None)
        if ours and bracket == "<" and not path.startswith(("examples/", "tests/package/")):
            yield Finding(path, number, f"<{target}> is ours", f'write "{target}"')
        if ours is None and bracket == '"':
            yield Finding(path, number, f'"{target}" is not in the tree',
                          "write paths from src/, or use <>")
            continue
        if ours:
            if allowed is None:
                continue
            other = layer_of(ours, runtime_stems)
            if other == "include":
                is_vocabulary = ours.endswith(("/status.h", "/severity.h", "/version.h"))
                fine = "public" in allowed or (is_vocabulary and "status" in allowed)
            else:
                fine = other in allowed
            if not fine:
                yield Finding(path, number, f'{layer} must not include "{target}" ({other})',
                              f"{layer} may include {', '.join(sorted(allowed))}")
            continue
        for pattern, layers, sources_only in THIRD_PARTY:
            if not re.match(pattern, target):
                continue
            if allowed is not None and layer not in layers and not (is_test(path) and not layers):
                who = ", ".join(sorted(layers)) or "tests"
                yield Finding(path, number, f"{layer} must not include <{target}>",
                              f"it is for {who}")
            elif allowed is not None and sources_only and path.endswith(".h"):
                yield Finding(path, number, f"<{target}> in a header", "only .cc files include it")
            break
        else:
            if (layer in SYSTEM_FREE and SYSTEM.match(target) and not is_test(path)
                    and path not in PROGRAMS):
                yield Finding(path, number, f"{layer} must not include <{target}>",
                              "it has no system below it but what base hands in")
            elif layer == "include" and not STANDARD.match(target):
                yield Finding(path, number, f"a public header includes <{target}>",
                              "only std and ram/ there")
    own = re.sub(r"\.cc$", ".h", path)
    if path.endswith(".cc") and own in files and first is not None:
        own_name = re.sub(r"^(src|include)/", "", own)
        if first != own_name:
            yield Finding(path, 1, f'"{own_name}" is not its first include',
                          "own header first: it must stand alone")


def check_banned(path, text, runtime_stems):
    if not path.startswith(CODE_ROOTS):
        return
    raw = text.split("\n")
    runtime = layer_of(path, runtime_stems) == "runtime"
    for number, line in enumerate(strip_code(text), 1):
        for name, pattern, let_be, remedy in BANNED:
            if any(path.startswith(p) or path.endswith(p) for p in let_be) or (
                    runtime and "runtime" in let_be):
                continue
            match = re.search(pattern, line)
            if match and not excused(raw, number, name):
                yield Finding(path, number, f"'{match.group(0).strip()}' ({name})", remedy)


def check_text(path, text):
    cxx = path.endswith(CXX)
    for number, line in enumerate(text.split("\n"), 1):
        if len(line) > COLUMNS and "http" not in line:
            yield Finding(path, number, f"{len(line)} columns", f"at most {COLUMNS}")
        if line != line.rstrip():
            yield Finding(path, number, "space at the end of the line", "remove it")
        if cxx and "\t" in line:
            yield Finding(path, number, "a tab", "use spaces")
        if path.endswith("scripts/tidy.py"):
            continue
        if re.search(r"\b(FIXME|XXX|HACK)\b", line):
            yield Finding(path, number, "a FIXME", "mend it, or make it a TODO(#issue)")
        if re.search(r"\bTODO\b(?!\(#\d+\))", line):
            yield Finding(path, number, "a TODO without an issue", "write TODO(#123)")
    if text and not text.endswith("\n"):
        yield Finding(path, text.count("\n") + 1, "no newline at the end", "add one")


def check_header(path, text):
    if not path.endswith(".h"):
        return
    code = [line for line in strip_code(text) if line.strip()]
    if not code or code[0].strip() != "#pragma once":
        yield Finding(path, 1, "#pragma once is not its first line of code", "put it there")
    lines = (line for line in text.split("\n") if line.strip() not in ("", "#pragma once"))
    opening = next(lines, "")
    if not opening.startswith("//"):
        yield Finding(path, 1, "does not open with its purpose",
                      "say in a comment what it is, its thread rule and its source")


def cmake_arguments(text):
    return re.findall(r"[^\s()\"]+", re.sub(r"#[^\n]*", "", text))


def expand(word, items):
    """`${part}_test.cc` in a foreach names a file for each item; any word may be one."""
    variable = re.search(r"\$\{\w+\}", word)
    if not variable:
        return [word]
    return [word[:variable.start()] + item + word[variable.end():] for item in items]


def check_built(files):
    """Sources that no CMakeLists.txt names, headers nobody includes, tests nobody runs."""
    named = set()
    for path, text in files.items():
        if path.rsplit("/", 1)[-1] == "CMakeLists.txt" or path.endswith(".cmake"):
            folder = path.rsplit("/", 1)[0] if "/" in path else ""
            words = cmake_arguments(text)
            items = {word.split(":")[0] for word in words}
            for word in words:
                word = word.replace("${CMAKE_CURRENT_SOURCE_DIR}/", "")
                if word.startswith("${PROJECT_SOURCE_DIR}/"):
                    named.add(word.split("/", 1)[1])
                else:
                    named.update(os.path.normpath(os.path.join(folder, each))
                                 for each in expand(word, items))
    included = set()
    for path, text in files.items():
        if path.endswith(CXX):
            for target in re.findall(r'^\s*#\s*include\s*[<"]([^>"]+)[>"]', text, re.M):
                included.update((f"src/{target}", f"include/{target}", target))
    texts = "\n".join(text for path, text in files.items()
                      if path in ("test", "run") or path.startswith(("scripts/", "tests/package")))
    for path in files:
        name = path.rsplit("/", 1)[-1]
        if not path.startswith(CODE_ROOTS) or path.startswith(("tests/package/", "include/")):
            continue
        if path.endswith(".cc") and path not in named and path not in included:
            what = "test" if name.endswith("_test.cc") else "source"
            yield Finding(path, 1, f"a {what} that is not built",
                          "name it in the CMakeLists.txt of its directory, or remove it")
        elif path.endswith(".h") and path not in included:
            yield Finding(path, 1, "a header that nobody includes", "use it or remove it")
        elif (re.match(r"(test_\w+|\w+_test)\.(py|sh)$", name) and path not in named
              and name not in texts):
            yield Finding(path, 1, "a test that nobody runs",
                          "ram_script_test() in its CMakeLists.txt, or remove it")


def check_version(files):
    cmake = re.search(r"project\(ram VERSION ([\d.]+)", files.get("CMakeLists.txt", ""))
    header = re.search(r'kVersion = "([\d.]+)"', files.get("include/ram/version.h", ""))
    if cmake and header and cmake[1] != header[1]:
        yield Finding("include/ram/version.h", 1, f"says {header[1]}, CMakeLists.txt {cmake[1]}",
                      "make them one")


def check_tree(files):
    """All findings of a tree, given as text by path."""
    cmake = files.get("src/node/CMakeLists.txt", "")
    runtime = re.search(r"ram_layer\(\s*NAME\s+runtime\b([^)]*)\)", cmake)
    runtime_stems = set()
    if runtime:
        sources = runtime[1].split("DEPENDS")[0]
        runtime_stems = {word[:-3] for word in cmake_arguments(sources) if word.endswith(".cc")}
    for path, text in sorted(files.items()):
        code = path.endswith(CXX)
        yield from check_text(path, text)
        if code and path.startswith(CODE_ROOTS):
            yield from check_includes(path, text, files, runtime_stems)
            yield from check_banned(path, text, runtime_stems)
            yield from check_header(path, text)
    yield from check_built(files)
    yield from check_version(files)


def read_tree(root):
    git = subprocess.run(["git", "-C", root, "ls-files", "-z", "-co", "--exclude-standard"],
                         stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, check=False)
    if git.returncode == 0 and git.stdout:
        names = git.stdout.decode().split("\0")
    else:  # not a checkout: everything but the build
        names = [os.path.relpath(os.path.join(folder, name), root)
                 for folder, _, found in os.walk(root) for name in found]
        names = [name for name in names if not name.startswith(("build/", ".git/"))]
    files = {}
    for name in names:
        path = os.path.join(root, name)
        if not name or not os.path.isfile(path):
            continue
        kind = name.rsplit("/", 1)[-1]
        wanted = kind.endswith(CXX + (".py", ".cmake", ".sh")) or kind == "CMakeLists.txt"
        try:
            with open(path, "rb") as file:
                if not wanted and file.read(2) != b"#!":
                    continue
                file.seek(0)
                files[name] = file.read().decode("utf-8")
        except UnicodeDecodeError:
            continue
    return files


# ---- self test ----

HEADER = "// What it is.\n#pragma once\n"

CASES = [
    # (file, text, part of the finding that is expected, or None)
    ("src/store/a.h", HEADER + '#include "base/b.h"\n', None),
    ("src/store/a.h", HEADER + '#include "node/n.h"\n', "store must not include"),
    ("src/base/b.h", HEADER + '#include "store/a.h"\n', "base must not include"),
    ("src/base/b.h", HEADER + '#include "../x.h"\n', "goes up a directory"),
    ("src/base/b.h", HEADER + '#include "base/none.h"\n', "not in the tree"),
    ("src/net/l.cc", '#include "net/l.h"\n#include <uv.h>\n', None),
    ("src/net/l.h", HEADER + "#include <uv.h>\n", "in a header"),
    ("src/node/n.h", HEADER + "#include <uv.h>\n", "must not include <uv.h>"),
    ("src/node/n.h", HEADER + '#include "net/l.h"\n', "node must not include"),
    ("src/node/runtime.h", HEADER + '#include "net/l.h"\n', None),
    ("src/node/links.cc", '#include "net/l.h"\n', None),  # named in ram_layer(NAME runtime
    ("sim/s.cc", '#include "node/runtime.h"\n', "sim must not include"),
    ("sim/s.cc", '#include "node/n.h"\n', None),
    ("src/machine/m.cc", "#include <unistd.h>\n", "must not include <unistd.h>"),
    ("include/ram/r.h", HEADER + "#include <boost/x.hpp>\n", "must not include <boost/"),
    ("src/store/a_test.cc", "#include <gtest/gtest.h>\n", None),
    ("src/store/test_help.h", HEADER + "#include <gtest/gtest.h>\n", None),
    ("src/machine/m.cc", "Random random(seed);\n", None),
    ("src/store/a.cc", '#include <vector>\n#include "store/a.h"\n', "not its first include"),
    ("src/machine/m.cc", "auto t = std::chrono::steady_clock::now();\n", "(clock)"),
    ("src/machine/m.cc", "// steady_clock is banned\n", None),
    ("src/machine/m.cc", 'auto t = "steady_clock";\n', None),
    ("src/base/b.cc", "auto t = std::chrono::steady_clock::now();\n", None),
    ("src/machine/m.cc", "long t = time(nullptr);\n", "(clock)"),
    ("src/machine/m.cc", "long t = expiry_time(0);\n", None),
    ("src/machine/m.cc", "int r = rand();\n", "(chance)"),
    ("src/store/a_test.cc", "std::this_thread::sleep_for(x);\n", "(sleep)"),
    ("src/store/a_test.cc", "std::this_thread::sleep_for(x);  // tidy: sleep: a reason\n", None),
    ("src/store/a_test.cc", "// tidy: sleep: a reason\nstd::this_thread::sleep_for(x);\n", None),
    ("src/store/a.cc", "throw 1;\n", "(exception)"),
    ("src/store/a.cc", "assert(x);\n", "(assert)"),
    ("src/store/a.cc", "static_assert(true);\n", None),
    ("src/store/a.cc", "int x = 1'000'000; int y = 2'0;\nthrow 1;\n", "(exception)"),
    ("src/store/a.cc", "// TODO: later\n", "TODO without an issue"),
    ("src/store/a.cc", "// TODO(#12): later\n", None),
    ("src/store/a.cc", "// FIXME\n", "FIXME"),
    ("src/store/a.cc", "// " + "x" * 100 + "\n", "columns"),
    ("src/store/a.h", "// What it is.\nint x;\n", "#pragma once"),
    ("src/store/a.h", "#pragma once\nint x;\n", "does not open with its purpose"),
    ("src/store/new.cc", "int x;\n", "a source that is not built"),
    ("src/store/new_test.cc", "int x;\n", "a test that is not built"),
    ("src/store/many_test.cc", "int x;\n", None),
    ("src/store/new.h", HEADER, "nobody includes"),
    ("tests/cluster/test_kill.py", "pass\n", "nobody runs"),
    ("include/ram/version.h", HEADER + 'constexpr auto kVersion = "9.0.0";\n', "make them one"),
]


def self_test():
    """The number of cases that do not find what they should."""
    names = {name for name, _, _ in CASES
             if not re.search("new|many", name) and not name.endswith(".py")}
    failures = 0
    for name, text, expected in CASES:
        tree = {n: (HEADER if n.endswith(".h") else "int x;\n") for n in names}
        for n in names:
            folder = n.rsplit("/", 1)[0]
            listed = " ".join(m.rsplit("/", 1)[1] for m in names
                              if m.startswith(folder + "/") and m.endswith(".cc"))
            tree[f"{folder}/CMakeLists.txt"] = f"ram_layer(NAME x SOURCES {listed})\n"
        tree["src/store/CMakeLists.txt"] += "foreach(p IN ITEMS many)\n  x(${p}_test.cc)\n"
        tree["src/node/CMakeLists.txt"] = "ram_layer(NAME runtime SOURCES links.cc DEPENDS net)\n"
        tree["CMakeLists.txt"] = "project(ram VERSION 0.1.0)\n"
        tree[name] = text
        # Every header of the tree is used somewhere.
        tree["tests/all.cc"] = "".join(f'#include "{re.sub("^(src|include)/", "", n)}"\n'
                                       for n in sorted(names) if n.endswith(".h"))
        tree["tests/CMakeLists.txt"] = "add_library(all all.cc)\n"
        found = [str(f) for f in check_tree(tree) if f.path == name]
        good = not found if expected is None else any(expected in f for f in found)
        if not good:
            failures += 1
            print(f"self test: {name}: expected {expected!r}, found {found}:\n{text}")
    print(f"{len(CASES) - failures} of {len(CASES)} self tests passed")
    return failures


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("paths", nargs="*")
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    if args.self_test:
        return 1 if self_test() else 0
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    files = read_tree(root)
    findings = [f for f in check_tree(files) if not args.paths or f.path in args.paths]
    for finding in findings:
        print(finding)
    if findings:
        print("where a rule must give way: scripts/tidy.py --help")
    print(f"{len(files)} files, {len(findings)} findings")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
