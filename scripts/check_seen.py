#!/usr/bin/env python3
"""Every drop reason and state transition was seen by a test, or spec/unseen.toml says why not.

The tests write, when TERN_SEEN_DIR is set, lines "drop REASON" and "transition FROM CAUSE TO" into
seen-*.txt there. All reasons come from the list TERN_DROP_REASONS, all transitions from the program
tern_dump_transitions ("transition FROM CAUSE TO" a line). A reason that src/ never produces fails.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tomllib

from common import Report, k_root, tracked, without_comments

k_lists = ["src/core/event/drop_reason.hh", "include/tern/drop_reason.hh"]


def drop_reasons(root):
    """(file, names) of the X-macro TERN_DROP_REASONS."""
    for name in k_lists:
        path = root / name
        if not path.is_file():
            continue
        text = without_comments(path.read_text(), keep_strings=True)
        body = re.search(r"#define TERN_DROP_REASONS\b(?:[^\n]*\\\n)*[^\n]*", text)
        if body:
            return name, re.findall(r"\bX\(\s*(\w+)\s*,", body.group(0))
    return None, []


def produced(root, reasons, definition):
    """Drop reasons that code in src/ names."""
    found = set()
    pattern = re.compile(r"\bDropReason::(\w+)")
    for path in tracked(root, "*.hh", "*.cc"):
        if path.parts[0] == "src" and path.as_posix() != definition:
            found |= set(pattern.findall(without_comments((root / path).read_text())))
    return found & set(reasons)


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

    definition, reasons = drop_reasons(root)
    rule = report.rule("every drop reason is produced by src/")
    if not reasons:
        rule.append(f"no list TERN_DROP_REASONS in {' or '.join(k_lists)}")
    made = produced(root, reasons, definition)
    rule += [f"DropReason::{name} is produced nowhere in src/" for name in reasons
             if name not in made]

    seen = load_seen([options.build / "test-results"])
    known = {"drop": [f"drop {name}" for name in reasons], "transition": []}
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

    for kind, plural in (("drop", "every drop reason was seen by a test"),
                         ("transition", "every transition was seen by a test")):
        rule = report.rule(plural)
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
