#!/usr/bin/env python3
"""What a stack can tell was told in a test, or spec/unseen.toml says why not: every drop reason,
send reason, hold reason, timer and state transition.

The tests write, when TERN_SEEN_DIR is set, lines "drop REASON", "send REASON", "hold REASON",
"timer TIMER WHAT" and "transition FROM CAUSE TO" into seen-*.txt there. Reasons and timers come
from the lists TERN_DROP_REASONS, TERN_SEND_REASONS, TERN_HOLD_REASONS and TERN_TIMERS, transitions
from the program tern_dump_transitions ("transition FROM CAUSE TO" a line). A reason or timer that
src/ never names fails.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tomllib
from typing import NamedTuple

from common import Report, k_root, tracked, without_comments


class Listed(NamedTuple):
    """A list that a macro holds, and the lines that its names can make."""
    kind: str
    plural: str
    header: str
    macro: str
    enum: str
    endings: tuple = ("",)

    def names(self, root):
        path = root / self.header
        text = without_comments(path.read_text(), keep_strings=True) if path.is_file() else ""
        body = re.search(rf"#define {self.macro}\b(?:[^\n]*\\\n)*[^\n]*", text)
        return re.findall(r"\bX\(\s*(\w+)\s*,", body.group(0)) if body else []

    def lines(self, names):
        return [f"{self.kind} {name}{ending}" for name in names for ending in self.endings]


k_lists = (
    Listed("drop", "drop reason", "include/tern/drop_reason.hh", "TERN_DROP_REASONS",
           "DropReason"),
    Listed("send", "send reason", "include/tern/trace.hh", "TERN_SEND_REASONS", "SendReason"),
    Listed("hold", "hold reason", "include/tern/trace.hh", "TERN_HOLD_REASONS", "HoldReason"),
    Listed("timer", "timer", "include/tern/trace.hh", "TERN_TIMERS", "Timer",
           (" Set", " Cancelled", " Fired")),
)


def produced(root, listed):
    """Names of the list that code in src/ uses; the instruments in src/lab/ only read them."""
    found = set()
    pattern = re.compile(rf"\b{listed.enum}::(\w+)")
    for path in tracked(root, "*.hh", "*.cc"):
        if path.parts[0] == "src" and path.parts[1] != "lab":
            found |= set(pattern.findall(without_comments((root / path).read_text())))
    return found


def transitions(program):
    out = subprocess.run([str(program)], capture_output=True, text=True, check=True).stdout
    return [" ".join(line.split()) for line in out.splitlines() if line.startswith("transition ")]


def load_seen(folders):
    seen = set()
    for folder in folders:
        for path in sorted(folder.glob("seen-*.txt")):
            # A test that dies may leave half a line at the end.
            whole, _, _ = path.read_text(errors="replace").rpartition("\n")
            seen |= {" ".join(line.split()) for line in whole.splitlines() if line.strip()}
    return seen


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=k_root)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/debug"))
    parser.add_argument("--program", type=pathlib.Path,
                        help="prints the transitions (BUILD/bin/tern_dump_transitions)")
    options = parser.parse_args()
    root, report = options.root, Report("seen")
    program = options.program or options.build / "bin/tern_dump_transitions"

    known = {}
    for listed in k_lists:
        names = listed.names(root)
        rule = report.rule(f"every {listed.plural} is produced by src/")
        if not names:
            rule.append(f"no list {listed.macro} in {listed.header}")
        made = produced(root, listed)
        rule += [f"{listed.enum}::{name} is produced nowhere in src/" for name in names
                 if name not in made]
        known[listed.kind] = listed.lines(names)

    seen = load_seen([options.build / "test-results"])
    known["transition"] = []
    rule = report.rule("every transition was seen by a test")
    if not program.is_file():
        rule.append(f"{program} does not exist: it prints the table of transitions")
    else:
        known["transition"] = transitions(program)
        if not known["transition"]:
            rule.append(f"{program} printed no transition")

    excused, allowed = report.rule("spec/unseen.toml has reasons and nothing stale"), set()
    with open(root / "spec/unseen.toml", "rb") as f:
        for entry in tomllib.load(f).get("unseen", []):
            what = " ".join(entry.get("what", "").split())
            allowed.add(what)
            if len(entry.get("reason", "").strip()) < 20:
                excused.append(f"{what}: no reason")
            if what in seen:
                excused.append(f"{what} was seen: remove it")
            kind = what.split(" ")[0]
            if kind not in known or (known[kind] and what not in known[kind]):
                excused.append(f"{what} does not exist")

    for kind, word in [*((x.kind, x.plural) for x in k_lists), ("transition", "transition")]:
        rule = report.rule(f"every {word} was seen by a test")
        if not any(line.startswith(f"{kind} ") for line in seen):
            rule.append(f"no line '{kind} ...' in {options.build}/test-results/seen-*.txt")
        rule += [f"{line} was never seen" for line in known[kind]
                 if line not in seen and line not in allowed]
        if known[kind]:
            rule += [f"'{line}' was seen, but is in no table" for line in sorted(seen)
                     if line.startswith(f"{kind} ") and line not in known[kind]]
            count = sum(line in seen for line in known[kind])
            print(f"    {count} of {len(known[kind])} {kind}s seen")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
