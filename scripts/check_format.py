#!/usr/bin/env python3
"""Checks every C++ file with clang-format (the version in scripts/packages.txt); --fix rewrites."""
import argparse
import concurrent.futures
import os
import pathlib
import shutil
import subprocess
import sys

from common import k_root, tracked

k_tool = "clang-format-14"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=k_root)
    parser.add_argument("--fix", action="store_true", help="rewrite the files")
    parser.add_argument("files", nargs="*", help="only these")
    options = parser.parse_args()
    if shutil.which(k_tool) is None:
        print(f"not ok format: {k_tool} is not installed - run scripts/setup.sh test")
        return 1
    # Only C++: a README among the names would be reflowed as code.
    files = ([f for f in options.files if f.endswith((".hh", ".cc", ".h"))] if options.files
             else [str(options.root / f) for f in tracked(options.root, "*.hh", "*.cc", "*.h")])
    mode = ["-i"] if options.fix else ["--dry-run", "-Werror"]

    def run(some):
        return subprocess.run([k_tool, "--style=file", *mode, *some], capture_output=True,
                              text=True, cwd=options.root)

    jobs = os.cpu_count() or 1
    parts = [files[i::jobs * 4] for i in range(jobs * 4) if files[i::jobs * 4]]
    with concurrent.futures.ThreadPoolExecutor(jobs) as pool:
        results = list(pool.map(run, parts))
    bad = sorted({line.split(":")[0] for r in results for line in r.stderr.splitlines()
                  if "-Wclang-format-violations" in line})
    broken = [r.stderr.strip() for r in results if r.returncode != 0 and not bad]
    for name in bad:
        shown = os.path.relpath(name, options.root)
        print(f"not ok format: {shown} - run scripts/check_format.py --fix {shown}")
    for text in broken:
        print(f"not ok format: {k_tool} failed - {text.splitlines()[0] if text else 'no message'}")
    if not files:
        print("not ok format: no C++ file found")
    elif not bad and not broken:
        print(f"ok format: {len(files)} files")
    return 1 if bad or broken or not files else 0


if __name__ == "__main__":
    sys.exit(main())
