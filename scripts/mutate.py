#!/usr/bin/env python3
"""Breaks core/ on purpose, one small change at a time, and says which changes no test notices.

A mutant is one operator, offset, guard or constant of src/core, changed in a copy of the tree
(build/mutate/tree), built without sanitizers and run against the tests of its part, the most
likely one first, up to the first that fails. Which ones are drawn depends on --seed alone, and each
file has its turn; the planted ones of scripts/mutants.toml come first. A survivor is there with its
reason, or it is a failure: write the test that kills it. By hand, for it takes its time:

    scripts/mutate.py                     70 mutants
    scripts/mutate.py --only recovery     those of files whose path has that in it
    scripts/mutate.py --list              names them without building anything
"""
import argparse
import collections
import dataclasses
import hashlib
import pathlib
import re
import subprocess
import sys
import time
import tomllib

from common import k_root, without_comments

# (what it is called, what is replaced, by what); clang-format puts blanks around what is binary.
k_operators = (
    ("comparison", r" < ", " <= "), ("comparison", r" <= ", " < "),
    ("comparison", r" > ", " >= "), ("comparison", r" >= ", " > "),
    ("equality", r" == ", " != "), ("equality", r" != ", " == "),
    ("condition", r" && ", " || "), ("condition", r" \|\| ", " && "),
    ("offset", r" \+ 1(?![\w.'])", " + 0"), ("offset", r" - 1(?![\w.'])", " - 0"),
    ("sign", r" \+= ", " -= "), ("sign", r" -= ", " += "),
    ("bound", r"std::min\(", "std::max("), ("bound", r"std::max\(", "std::min("),
    ("factor", r" \* 2(?![\w.'])", " * 3"), ("factor", r" / 2(?![\w.'])", " / 3"),
    ("answer", r"return true;", "return false;"), ("answer", r"return false;", "return true;"),
    ("guard", r"^(\s*)if \((.*)\) (return\b[^;]*;)$", r"\1if (false && (\2)) \3"),
)
# Lines whose change says nothing of the stack: what a compiler or an assertion sees.
k_spared = re.compile(r"\b(check|static_assert|template|operator|#include|using)\b")
# The first part of a path under src/core that fits decides; the tests that are likeliest to notice
# come first, and the others of the list after them.
k_script = ["script_rfc9293_test", "script_companions_test", "script_recovery_test",
            "script_attacks_test", "script_ecn_test", "script_kernel_test"]
k_tests = (
    ("base/", ["base_test", "script_rfc9293_test"]),
    ("offload/", ["offload_test", "link_test"]),
    ("packet/", ["offload_test", "link_test", "script_rfc9293_test", "script_companions_test"]),
    ("wire/packet_line", ["wire_test", "lab_script_test"]),
    ("wire/", ["wire_test", "inet_test", "script_rfc9293_test"]),
    ("event/", ["lab_trace_test"]),
    ("inet/", ["inet_test", "udp_test", "script_rfc9293_test", "scale_test"]),
    ("udp/", ["udp_test"]),
    ("stack/", ["stack_test", "script_rfc9293_test", "inet_test", "scale_test"]),
    ("tcp/receiver/", ["tcp_parts_test", "script_rfc9293_test", "script_recovery_test"]),
    ("tcp/ecn/", ["tcp_parts_test", "script_ecn_test", "congestion_test", "sim_test"]),
    ("tcp/congestion/", ["congestion_test", "script_companions_test", "sim_test"]),
    ("tcp/recovery/", ["script_recovery_test", "script_companions_test", "script_attacks_test",
                       "script_rfc9293_test", "sim_test"]),
    ("tcp/handshake/", ["script_companions_test", "script_rfc9293_test", "scale_test"]),
    ("tcp/", [*k_script, "twin_test", "lab_trace_test", "budget_test", "scale_test"]),
)
k_hang = 120  # seconds, and ten times what a test needs without a mutant: then it loops


@dataclasses.dataclass(frozen=True)
class Mutant:
    file: str  # under src/core
    line: int
    kind: str
    before: str  # the line as it is, without indentation
    after: str

    def title(self):
        return f"{self.file}:{self.line} {self.kind}: {self.before}  ->  {self.after}"


def mutants_of(root, path):
    """All that the operators make of one file."""
    text = (root / path).read_text()
    lines, code = text.split("\n"), without_comments(text).split("\n")
    name = path.relative_to("src/core").as_posix()
    for number, (line, bare) in enumerate(zip(lines, code), 1):
        if k_spared.search(bare):
            continue
        for kind, pattern, by in k_operators:
            for match in re.finditer(pattern, bare):
                changed = line[:match.start()] + match.expand(by) + line[match.end():]
                if kind == "guard":  # the comment behind it, if any, goes
                    changed = match.expand(by)
                yield Mutant(name, number, kind, line.strip(), changed.strip())


def drawn(root, count, seed, only):
    """`count` mutants: the files in turn, and of a file what its hash says comes first."""
    queues = []
    for path in sorted((root / "src/core").rglob("*.cc")):
        path = path.relative_to(root)
        found = [m for m in mutants_of(root, path) if only in m.file]
        key = lambda m: hashlib.sha256(f"{seed} {m.file} {m.before} {m.after}".encode()).digest()
        if found:
            queues.append(collections.deque(sorted(found, key=key)))
    queues.sort(key=lambda q: hashlib.sha256(f"{seed} {q[0].file}".encode()).digest())
    chosen = []
    while queues and len(chosen) < count:
        queue = queues.pop(0)
        chosen.append(queue.popleft())
        if queue:
            queues.append(queue)
    return chosen


def planted(root, entries, only):
    """The mutants that somebody wrote down, which fail when their line is not there any more."""
    found = []
    for entry in entries:
        text = (root / "src/core" / entry["file"]).read_text()
        lines = [line.strip() for line in text.split("\n")]
        if lines.count(entry["before"]) != 1:
            raise SystemExit(f"scripts/mutants.toml: {entry['file']} has not one line "
                             f"\"{entry['before']}\": adapt the planted mutant")
        if only in entry["file"]:
            found.append(Mutant(entry["file"], lines.index(entry["before"]) + 1, "planted",
                                entry["before"], entry["after"]))
    return found


def tests_of(file):
    return next(tests for start, tests in k_tests if file.startswith(start))


class Copy:
    """The tree that is broken, and its build."""

    def __init__(self, root, jobs):
        self.root, self.jobs = root, jobs
        self.usual = {}  # seconds that a test needs without a mutant
        self.tree, self.build = root / "build/mutate/tree", root / "build/mutate/build"
        self.bin = self.build / "bin"

    def prepare(self):
        """As the working tree is now; without -Werror, for a mutant may warn."""
        self.tree.mkdir(parents=True, exist_ok=True)
        for name in ("CMakeLists.txt", "include", "src", "tests", "tools", "examples", "spec",
                     "docs", "bench"):
            for source in (self.root / name, *(self.root / name).rglob("*")):
                target = self.tree / source.relative_to(self.root)
                if source.is_dir():
                    target.mkdir(parents=True, exist_ok=True)
                elif source.is_file():
                    self.copy_file(source, target)
        command = ["cmake", "-G", "Ninja", "-S", self.tree, "-B", self.build,
                   "-DCMAKE_BUILD_TYPE=Debug", "-DCMAKE_CXX_FLAGS_DEBUG=-O1 -g0",
                   "-DTERN_TESTS=ON", "-DTERN_TOOLS=OFF", "-DTERN_PCH=ON"]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)

    @staticmethod
    def copy_file(source, target):
        """Only when it is another, so that nothing is built for it."""
        data = source.read_bytes()
        if source.name == "CMakeLists.txt":
            data = data.replace(b" -Werror", b"")
        if not target.exists() or target.read_bytes() != data:
            target.write_bytes(data)

    def has(self, target):
        done = subprocess.run(["ninja", "-C", self.build, "-t", "query", target],
                              capture_output=True)
        return done.returncode == 0

    def make(self, targets):
        done = subprocess.run(["ninja", "-C", self.build, "-j", str(self.jobs), *targets],
                              capture_output=True, text=True)
        return done.returncode == 0, done.stdout

    def run(self, test):
        """Whether it passes; what hangs does not."""
        command = [self.bin / test, "--gtest_brief=1", "--gtest_fail_fast"]
        try:
            done = subprocess.run(command, cwd=self.build, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.DEVNULL,
                                  timeout=k_hang + 10 * self.usual.get(test, 0))
        except subprocess.TimeoutExpired:
            return False
        return done.returncode == 0

    def verdict(self, mutant, passing):
        """The test that fails, "" for a survivor, or None when it does not compile."""
        path = self.tree / "src/core" / mutant.file
        text = path.read_text()
        lines = text.split("\n")
        old = lines[mutant.line - 1]
        lines[mutant.line - 1] = old[:len(old) - len(old.lstrip())] + mutant.after
        path.write_text("\n".join(lines))
        try:
            for test in tests_of(mutant.file):
                if test not in passing:
                    continue
                good, _ = self.make([test])
                if not good:
                    return None
                if not self.run(test):
                    return test
            return ""
        finally:
            path.write_text(text)


def baseline(copy, files):
    """The tests that exist and pass without any mutant."""
    names = list(dict.fromkeys(t for f in files for t in tests_of(f)))
    names = [n for n in names if copy.has(n)]
    good, output = copy.make(names)
    if not good:
        raise SystemExit(f"the tree does not build:\n{output[-3000:]}")
    passing = []
    for name in names:
        start = time.monotonic()
        if not copy.run(name):
            raise SystemExit(f"{name} fails without any mutant")
        copy.usual[name] = time.monotonic() - start
        print(f"    {name}: {copy.usual[name]:.1f} s", flush=True)
        passing.append(name)
    return set(passing)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=k_root)
    parser.add_argument("--count", type=int, default=70, help="mutants to draw (%(default)s)")
    parser.add_argument("--seed", default="1")
    parser.add_argument("--only", default="", metavar="TEXT", help="part of a path in src/core")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--list", action="store_true")
    options = parser.parse_args()
    root = options.root.resolve()
    with open(root / "scripts/mutants.toml", "rb") as f:
        known = tomllib.load(f)
    reasons = {(e["file"], e["before"], e["after"]): e["reason"]
               for e in known.get("survivor", [])}
    mutants = planted(root, known.get("planted", []), options.only)
    mutants += drawn(root, options.count - len(mutants), options.seed, options.only)
    if options.list:
        print("\n".join(m.title() for m in mutants))
        return 0
    copy = Copy(root, options.jobs)
    copy.prepare()
    passing = baseline(copy, [m.file for m in mutants])
    count = collections.Counter()
    for mutant in mutants:
        test = copy.verdict(mutant, passing)
        reason = reasons.get((mutant.file, mutant.before, mutant.after))
        if test is None:
            word, what = "stillborn", "does not compile"
        elif test:
            word, what = "killed", f"by {test}"
        elif reason:
            word, what = "excused", reason
        else:
            word, what = "SURVIVED", ""
        count[word] += 1
        print(f"{word:9} {mutant.title()}  {what}", flush=True)
    print(", ".join(f"{n} {word}" for word, n in sorted(count.items())))
    return 1 if count["SURVIVED"] else 0


if __name__ == "__main__":
    sys.exit(main())
