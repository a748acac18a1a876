#!/usr/bin/env python3
"""Doxygen reads every public header without a warning; each type and function says what it does.

The pages are in build/reference/html. Not asked of: members of data, whose names and groups speak;
macros that help a list or another macro; what C++ makes by rule (constructors that copy, move or
take nothing, destructors, operators); and reads whose name is the whole sentence, such as size().
"""
import argparse
import pathlib
import re
import shutil
import subprocess
import sys

from common import Report, k_root, tracked

k_plain = re.compile(r"is_\w+|size|empty|full|clear|name|to_string|operator.*|~.*")
k_undocumented = re.compile(r"warning: Member (?P<member>.*) \((?P<kind>[\w ]+)\) of "
                            r"(?:\w+ )?(?P<scope>\S+) is not documented")


def makes_by_rule(signature, scope):
    """A constructor without parameters, or one that copies or moves."""
    own = scope.split("::")[-1]
    parameters = rf"((const )?{own}\s*&+\s*\w*)?"
    return re.fullmatch(rf"{own}\({parameters}\)( noexcept)?(=default|=delete)?",
                        signature.strip()) is not None


def may_be_silent(line):
    found = k_undocumented.search(line)
    if found is None:
        return False
    name = re.sub(r"\(.*", "", found["member"]).strip()
    silent = ("variable", "typedef", "macro definition")
    return (found["kind"] in silent or k_plain.fullmatch(name) is not None
            or makes_by_rule(found["member"], found["scope"]))


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=k_root)
    root = parser.parse_args().root
    if shutil.which("doxygen") is None:
        print("not ok reference: doxygen is not installed - run scripts/setup.sh test")
        return 1
    output = root / "build/reference"
    shutil.rmtree(output, ignore_errors=True)
    output.mkdir(parents=True)
    run = subprocess.run(["doxygen", "docs/Doxyfile"], cwd=root, capture_output=True, text=True)
    report = Report("reference")
    documented, clean, read = (report.rule("every public type and function is documented"),
                               report.rule("Doxygen has no other warning"),
                               report.rule("every public header has its page"))
    for line in (run.stdout + run.stderr).splitlines():
        line = line.replace(f"{root}/", "")
        if not line.strip() or may_be_silent(line):
            continue
        (documented if line.endswith("is not documented.") else clean).append(line)
    if run.returncode != 0:
        clean.append(f"doxygen ended with exit code {run.returncode}")
    headers = [p for p in tracked(root, "include/tern/*.hh") if len(p.parts) == 3]
    read += [f"{p} has none" for p in headers
             if not (output / "html" / f"{p.stem.replace('_', '__')}_8hh.html").is_file()]
    if not headers:
        read.append("no header in include/tern")
    return report.finish(f" ({len(headers)} headers)")


if __name__ == "__main__":
    sys.exit(main())
