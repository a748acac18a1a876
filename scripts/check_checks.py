#!/usr/bin/env python3
"""docs/checks.md lists every check() of src/, and nothing else.

A check() that fails ends the process, in release builds too. So each has a row in a table of that
file, "| `FILE` | `CONDITION` | why nothing from outside can fail it |", in which FILE begins behind
src/ and CONDITION is what stands between the parentheses.
"""
import argparse
import collections
import pathlib
import re
import sys

from common import Report, k_root, tracked, without_comments

# Members and functions of other names, and tests' own ways to say so, are none of ours.
k_call = re.compile(r"(?<![\w.>:])check\(")
k_defined = "src/core/base/assert.hh"
k_row = re.compile(r"^\| `([^`]+)` \| `([^`]+)` \| (.*) \|$", re.M)
k_least_reason = 30


def argument(text, start):
    """What stands between the parenthesis that opens before `start` and its partner."""
    depth = 1
    for at in range(start, len(text)):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        if depth == 0:
            return " ".join(text[start:at].split())
    return ""


def calls(root):
    """How often each (file, condition) stands in src/."""
    found = collections.Counter()
    for path in tracked(root, "*.hh", "*.cc"):
        if path.parts[0] != "src" or path.as_posix() == k_defined:
            continue
        text = without_comments((root / path).read_text(), keep_strings=True)
        for match in k_call.finditer(text):
            line = text[text.rfind("\n", 0, match.start()) + 1:match.start()]
            if re.search(r"\b(void|bool)\s+$", line):
                continue  # a function of this name
            found["/".join(path.parts[1:]), argument(text, match.end())] += 1
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=k_root)
    root = parser.parse_args().root
    report = Report("checks")
    listed, reasons = report.rule("docs/checks.md lists every check()"), report.rule(
        "every check() has a reason why input cannot fail it")
    found, rows = calls(root), collections.Counter()
    document = root / "docs/checks.md"
    text = document.read_text() if document.is_file() else ""
    for file, condition, reason in k_row.findall(text):
        rows[file, condition] += 1
        if len(reason.strip()) < k_least_reason:
            reasons.append(f"{file}: {condition}: no reason")
    if not found:
        listed.append("no check() in src/")
    listed += [f"{file}: check({condition}) has no row" for file, condition in found - rows]
    listed += [f"{file}: {condition}: there is no such check()" for file, condition in rows - found]
    return report.finish(f" ({found.total()} of them)")


if __name__ == "__main__":
    sys.exit(main())
