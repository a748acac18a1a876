#!/usr/bin/env python3
"""What one segment, round trip or connection costs, in counts that repeat: instructions and
misses of the first cache, by callgrind. With --check against bench/budget.toml; with --against DIR
beside the programs of another build, and by the wall clock in turns besides.
"""
import argparse
import json
import os
import pathlib
import re
import statistics
import subprocess
import sys
import tempfile
import tomllib
from typing import NamedTuple

k_root = pathlib.Path(__file__).resolve().parent.parent
k_programs = k_root / "build" / "bench" / "bin"
k_budget = k_root / "bench" / "budget.toml"
# Of every machine alike; the last level is not looked at.
k_caches = ["--cache-sim=yes", "--D1=32768,8,64", "--I1=32768,8,64", "--LL=1048576,16,64"]
# Beyond: worse. Where memory lies, and so what misses, differs a little from build to build.
k_allowed = {"instructions": 1.03, "misses": 1.15}
k_frames_of_megabyte = 1e6 / 1448
# A copy is to count as what it executes: callgrind counts each byte of `rep movsb`.
k_environment = os.environ | {"GLIBC_TUNABLES": "glibc.cpu.x86_rep_movsb_threshold=1073741824"}


class Case(NamedTuple):
    """A program that does {n} units; what it needs to start cancels out between n and 2 n."""
    name: str
    unit: str
    command: str
    n: int
    per_n: float = 1  # units that one n stands for
    wall: str = ""    # what --json calls the figure by the wall clock
    rate: bool = False


k_cases = [
    Case("bulk", "frame of 1,500 bytes, both ends", "bulk --units {n}", 10, k_frames_of_megabyte,
         "ns_per_frame"),
    Case("bulk, one by one", "frame, without header prediction and trains",
         "bulk --no-prediction --units {n}", 10, k_frames_of_megabyte, "ns_per_frame"),
    Case("bulk, super-segments", "1,448 bytes of 65,160", "bulk --link super --units {n}", 50,
         k_frames_of_megabyte, "ns_per_frame"),
    Case("slices", "1,448 bytes of 65,160, nothing copied",
         "bulk --link super --slices --buffer 1048576 --units {n}", 200, k_frames_of_megabyte,
         "ns_per_frame"),
    Case("round trip", "64 bytes and 64 back", "requests --units {n}", 4000, 1,
         "us_per_round_trip"),
    Case("round trips over 3,000", "64 bytes and 64 back, each time over another connection",
         "requests --connections 3000 --opening-seconds 900 --units {n}", 4000, 1,
         "us_per_round_trip"),
    Case("connection", "handshake, a byte each way, close", "connections --units {n}", 1000, 1,
         "connections_per_s", True),
]


def stop(message):
    sys.exit(f"bench/cost.py: {message}")


def counts(programs, command):
    """Instructions and misses of the first data cache of a whole run."""
    words = command.split()
    program = programs / words[0]
    if not program.is_file():
        stop(f"{program} is not there. To build it:\n"
             "    cmake --preset bench && cmake --build --preset bench")
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                               *k_caches, str(program), *words[1:]],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              env=k_environment)
        if done.returncode != 0:
            stop(f"exit code {done.returncode} from: valgrind ... {program.name} {words[1:]}\n"
                 f"{done.stderr}")
        text = out.read_text()
    names = re.search(r"^events: (.*)$", text, re.M).group(1).split()
    totals = dict(zip(names, map(int, re.search(r"^(?:summary|totals): (.*)$", text,
                                                re.M).group(1).split())))
    return totals["Ir"], totals.get("D1mr", 0) + totals.get("D1mw", 0)


def cost(programs, case):
    once = counts(programs, case.command.format(n=case.n))
    twice = counts(programs, case.command.format(n=2 * case.n))
    units = case.n * case.per_n
    return {"instructions": (twice[0] - once[0]) / units, "misses": (twice[1] - once[1]) / units}


def wall(programs, case, seconds):
    words = re.sub(r"--units \{n\}", "", case.command).split()
    words = [str(programs / words[0]), *words[1:], "--seconds", str(seconds), "--json"]
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(done.stdout)[case.wall]


def shown(value):
    return f"{value:,.0f}" if value >= 100 else f"{value:.1f}"


def check(cases):
    """Lines as a stage wants them; true when all are within the budget."""
    budget = tomllib.loads(k_budget.read_text())
    good = True
    for case in cases:
        found = cost(k_programs, case)
        for kind, most in budget[case.name].items():
            what = f"{case.name}: {shown(found[kind])} {kind}, budget {shown(most)}"
            if found[kind] <= most * k_allowed[kind]:
                print(f"ok {what}")
                if found[kind] < most / k_allowed[kind]:
                    print(f"# better than its budget: lower it in bench/{k_budget.name}")
            else:
                good = False
                print(f"not ok {what} - {found[kind] / most - 1:.1%} above it; to see where: "
                      f"valgrind --tool=callgrind {case.command.format(n=case.n)}")
    return good


def beside(other, cases, rounds, seconds):
    """A/B: the other build first. A change of 3 % in instructions is a finding on any machine."""
    print("| | instructions | | | misses | | wall clock, medians by turns |\n" + "|---" * 7 + "|")
    for case in cases:
        a, b = cost(other, case), cost(k_programs, case)
        times = [[], []]
        for turn in range(rounds):
            for k in (0, 1) if turn % 2 == 0 else (1, 0):
                times[k].append(wall((other, k_programs)[k], case, seconds))
        ratio = statistics.median(times[0]) / statistics.median(times[1])
        faster = 1 / ratio if case.rate else ratio
        by = b["instructions"] / a["instructions"] - 1
        mark = " **worse**" if by > 0.03 else " better" if by < -0.03 else ""
        print(f"| {case.name} | {shown(a['instructions'])} | {shown(b['instructions'])} "
              f"| {by:+.1%}{mark} | {shown(a['misses'])} | {shown(b['misses'])} "
              f"| {faster:.2f} times as fast |", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="against bench/budget.toml")
    parser.add_argument("--against", metavar="DIR", type=pathlib.Path,
                        help="programs of another build, say ../before/build/bench/bin")
    parser.add_argument("--rounds", type=int, default=5, help="with --against, by the wall clock")
    parser.add_argument("--seconds", type=float, default=0.5, help="for each of these")
    parser.add_argument("--only", help="one case")
    options = parser.parse_args()
    cases = [c for c in k_cases if options.only in (None, c.name)]
    if not cases:
        stop(f"no case {options.only!r}; there are: {', '.join(c.name for c in k_cases)}")
    if options.check:
        return 0 if check(cases) else 1
    if options.against:
        beside(options.against, cases, options.rounds, options.seconds)
        return 0
    for case in cases:
        found = cost(k_programs, case)
        print(f"{case.name:24} {shown(found['instructions']):>8} instructions "
              f"{shown(found['misses']):>7} misses   a {case.unit}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
