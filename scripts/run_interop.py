#!/usr/bin/env python3
"""Runs tests/interop: every executable *.sh and *.py that does not start with "lib" or "_".

A test prints lines; others are its log and are kept in build/test-results/interop/NAME.log:
    ok NAME            not ok NAME reason            skip NAME reason
    covers NAME ID ID...     requirements that NAME covers, for docs/requirements.md
It gets TERN_BIN (folder of the command), TERN_LONG, TERN_TMP (a folder of its own) and TERN_NS
(what the names of its namespaces and links begin with: up to 9 of 15 characters), makes and
removes them, and is stopped when it hangs for an hour: it limits its own parts. What it leaves
behind in the host's network is a failure.
"""
import argparse
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time

k_result = re.compile(r"(ok|not ok|skip) (\S+)(?:[ \t]+(?:- )?(.*))?$")


k_own_prefix = f"tn{os.getpid()}"
k_any_prefix = re.compile(r"tn\d+")


def host_network():
    """What a test could leave behind: namespaces and links, but not those of another run."""
    names = set()
    for kind, command, column in (("namespace", ["ip", "netns", "list"], 0),
                                  ("link", ["ip", "-o", "link", "show"], 1)):
        if not shutil.which("ip"):
            continue
        out = subprocess.run(command, capture_output=True, text=True).stdout
        for line in out.splitlines():
            name = line.split()[column].rstrip(":").split("@")[0]
            if name.startswith(k_own_prefix) or not k_any_prefix.match(name):
                names.add(f"{kind} {name}")
    return names


def result_lines(test, output, code):
    """(result lines, covers lines) of one test's output."""
    lines, covers, bad = [], [], False
    for line in output.splitlines():
        match = k_result.match(line)
        if match:
            verdict, name, reason = match.groups()
            bad |= verdict == "not ok"
            lines.append(f"{verdict} {name}" + (f" - {reason}" if reason else ""))
        elif line.startswith("covers "):
            covers.append(line)
    if not lines:
        lines.append(f"not ok {test} - it printed no result; {code}")
    elif code != "exit code 0" and not bad:
        lines.append(f"not ok {test} - {code}")
    return lines, covers


def run(test, options):
    logs = options.out.parent / "interop"
    logs.mkdir(parents=True, exist_ok=True)
    log = logs / f"{test.name}.log"
    with tempfile.TemporaryDirectory(prefix="tern-interop-") as tmp, open(log, "w") as out:
        environment = dict(os.environ, TERN_BIN=str(options.bin.resolve()), TERN_TMP=tmp,
                           TERN_NS=k_own_prefix)
        process = subprocess.Popen([str(test.resolve())], stdout=out, stderr=subprocess.STDOUT,
                                   env=environment, start_new_session=True)
        try:
            code = f"exit code {process.wait(timeout=options.hangs_after)}"
        except subprocess.TimeoutExpired:
            code = f"stopped after {options.hangs_after} s"
            for sign in (signal.SIGTERM, signal.SIGKILL):  # first the chance to tidy up
                try:
                    os.killpg(process.pid, sign)
                    process.wait(timeout=10)
                except (subprocess.TimeoutExpired, ProcessLookupError):
                    continue
    return result_lines(test.name, log.read_text(errors="replace"), code)


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tests", type=pathlib.Path, required=True)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--out", type=pathlib.Path, required=True)
    parser.add_argument("--hangs-after", type=float, default=3600, metavar="SECONDS",
                        help="a test that runs so long is stopped (%(default)s)")
    parser.add_argument("only", nargs="*", help="names of files, to run these alone")
    options = parser.parse_args()
    tests = sorted(p for p in options.tests.glob("*")
                   if p.suffix in (".sh", ".py") and not p.name.startswith(("lib", "_"))
                   and os.access(p, os.X_OK) and (not options.only or p.name in options.only))
    options.out.parent.mkdir(parents=True, exist_ok=True)
    failures = 0
    with open(options.out, "w") as out:
        if not tests:
            print(f"not ok interop - no executable test in {options.tests}")
            failures = 1
        for test in tests:
            before, start = host_network(), time.monotonic()
            lines, covers = run(test, options)
            for left in sorted(host_network() - before):
                lines.append(f"not ok {test.name} - it left behind: {left}")
            out.write(f"# {test.as_posix()}\n" + "\n".join(lines + covers) + "\n")
            print(f"    {test.name}: {time.monotonic() - start:.1f} s")
            print("\n".join(lines), flush=True)
            failures += sum(line.startswith("not ok") for line in lines)
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
