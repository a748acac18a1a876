#!/usr/bin/env python3
"""clang-tidy, with .clang-tidy, over what a configured build compiles of src/ and tools/.

Headers are read with the sources that include them. A result line for each file with a finding, and
one for all others. Some files of a change: scripts/run_lint.py src/core/wire/tcp.cc ...
"""
import argparse
import concurrent.futures
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys

from common import k_root

k_tool = "clang-tidy-19"
k_finding = re.compile(r"^(?P<where>[^\s:]+:\d+):\d+: (?:error|warning): (?P<what>.*)$", re.M)


def compiled(root, build):
    """Files of src/ and tools/, relative to the root, that the build compiles."""
    commands = json.loads((build / "compile_commands.json").read_text())
    files = {pathlib.Path(c["directory"], c["file"]).resolve() for c in commands}
    inside = sorted(f.relative_to(root) for f in files if f.is_relative_to(root))
    return [f for f in inside if f.parts[0] in ("src", "tools")]


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=k_root)
    parser.add_argument("--build", type=pathlib.Path, default=pathlib.Path("build/lint"))
    parser.add_argument("files", nargs="*", help="only these, relative to the root")
    options = parser.parse_args()
    root, build = options.root.resolve(), options.build
    if shutil.which(k_tool) is None:
        print(f"not ok lint: {k_tool} is not installed - run scripts/setup.sh test")
        return 1
    if not (root / build / "compile_commands.json").is_file():
        print(f"not ok lint: {build} is not configured - run cmake --preset lint")
        return 1
    files = compiled(root, root / build)
    if options.files:
        files = [f for f in files if f.as_posix() in options.files]

    def run(file):
        return subprocess.run([k_tool, "--quiet", "-p", str(build), str(file)], cwd=root,
                              capture_output=True, text=True)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = list(pool.map(run, files))
    told, bad = set(), 0
    for file, done in zip(files, results):
        found = [(os.path.relpath(root / m["where"], root), m["what"])
                 for m in k_finding.finditer(done.stdout)]
        # A header's finding comes with every source that includes it, and is told once.
        for where, what in [f for f in found if f not in told]:
            told.add((where, what))
            print(f"not ok lint: {where} - {what}")
        if done.returncode != 0 and not found:
            what = done.stderr.strip().splitlines()
            print(f"not ok lint: {file} - {what[-1] if what else 'clang-tidy failed'}")
        bad += done.returncode != 0 or bool(found)
    if not files:
        print("not ok lint: nothing to read - no such file in the build")
    elif bad < len(files):
        print(f"ok lint: {len(files) - bad} of {len(files)} files")
    return 1 if bad or not files else 0


if __name__ == "__main__":
    sys.exit(main())
