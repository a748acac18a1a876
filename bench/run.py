#!/usr/bin/env python3
"""Runs tern's benchmarks and their peers by turns and writes the table of docs/performance.md.

Every figure is by the wall clock; every ratio is between medians of one run of this script.
"""
import argparse
import datetime
import json
import math
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time
from typing import Callable, NamedTuple

import goals

k_root = pathlib.Path(__file__).resolve().parent.parent
k_binaries = k_root / "build" / "bench" / "bin"
k_page = k_root / "docs" / "performance.md"
k_plot = k_page.with_suffix(".svg")
k_begin, k_end = "<!-- bench/run.py: begin -->", "<!-- bench/run.py: end -->"
k_build = """\
    cmake --preset bench && cmake --build --preset bench --target all lwip_peer gvisor_peer ns3_peer
The peers are Debian packages: scripts/setup.sh bench"""
k_stacks = {"lwIP": "lwip_peer", "gVisor": "gvisor_peer"}
k_simulators = {"ns-3": "ns3_peer"}


class Figure(NamedTuple):
    """One row of the table: a value in what the programs print with --json."""
    what: str
    key: str
    unit: str
    goal: Callable[[], float] | None  # asked after the run, for some goals are figures of it


class Bench:
    """One command for tern, the same for each peer unless it is about tern alone."""

    def __init__(self, goal, command, peers=None, seconds=None):
        self.goal, self.command, self.seconds = goal, command, seconds
        self.programs = {"tern": command.split()[0]}
        self.programs |= k_stacks if peers is None else peers
        self.figures = []
        self.results = {name: [] for name in self.programs}

    def show(self, what, key, unit, goal):
        self.figures.append(Figure(what, key, unit, goal))

    def words(self, name):
        words = self.command.split()
        return words if name == "tern" else [self.programs[name]] + words

    def median(self, name, key):
        return statistics.median(result[key] for result in self.results[name])


def bulk():
    """S1 to S3, each beside the copies and checksums alone."""
    key = "gbit_per_s"
    benches = []
    for goal, link, what, least in (("S1", "frames", "bulk, frames of 1,500 bytes", 80),
                                    ("S2", "checksum", "bulk, checksums left to the link", 110),
                                    ("S3", "super", "bulk, super-segments", 150)):
        b = Bench(goal, "bulk") if goal == "S1" else Bench(goal, f"bulk --link {link}", {})
        bound = Bench(goal, f"limit --link {link}", {})
        b.show(what, key, "Gbit/s", lambda least=least: least)
        if goal == "S1":
            b.show("time per data frame, both ends", "ns_per_frame", "ns", lambda: 145)
        bound.show("the copies and checksums of it alone", key, "Gbit/s", None)
        benches += [b, bound]
    slices = Bench("S3", "bulk --link super --slices --buffer 1048576", {})
    slices.show("the same by Slice, for 65,160 bytes", "ns_per_super_segment", "ns", lambda: 1500)
    return benches + [slices]


def connections(quick):
    key = "connections_per_s"
    single = Bench("S7", "connections")
    single.show("connections, one at a time", key, "/s", lambda: 2e6)
    single.show("the first 1,000 of them", "first_1000_per_s", "/s", lambda: 2e6)
    many = Bench("S7", "connections --concurrent 64", peers={})
    many.show("64 at a time", key, "/s", lambda: 2e6)
    benches = [single, many]
    for n in (1_000_000,) if quick else (1_000_000, 10_000_000):
        standing = Bench("S7", f"connections --concurrent 64 --time-waits {n}", peers={})
        standing.show(f"64 at a time, {n:,} TIME-WAITs standing", key, "/s",
                      lambda: many.median("tern", key))
        benches.append(standing)
    return benches


def requests(quick):
    key = "us_per_round_trip"
    opening = 3 if quick else 30
    one = Bench("S8", "requests --connections 1")
    one.show("round trip of 64 bytes, 1 connection", key, "µs", lambda: 0.4)
    benches = [one]
    for n in (1_000, 100_000) if quick else (1_000, 100_000, 1_000_000):
        b = Bench("S8", f"requests --connections {n} --opening-seconds {opening}",
                  peers=None if n <= 100_000 else {})
        b.show(f"the same over {n:,} connections", key, "µs",
               lambda: 1.5 * one.median("tern", key))
        benches.append(b)
    return benches


def simulator(quick):
    simulated = 2 if quick else 10
    b = Bench("S10", "sim", k_simulators, simulated)
    b.show(f"1 Gbit/s, 10 ms, CUBIC: {simulated} s simulated", "wall_s", "s",
           lambda: b.median("ns-3", "wall_s") / 100)
    b.show("time per data packet", "ns_per_data_packet", "ns",
           lambda: b.median("ns-3", "ns_per_data_packet") / 100)
    return [b]


def stop(message):
    sys.exit(f"bench/run.py: {message}")


def require_binaries(benches):
    names = dict.fromkeys(program for b in benches for program in b.programs.values())
    missing = [name for name in names if not os.access(k_binaries / name, os.X_OK)]
    if missing:
        stop(f"not in {k_binaries.relative_to(k_root)}: {', '.join(missing)}. To build them:\n"
             f"{k_build}")


def processor_time():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def run(words, seconds):
    """What the program printed, and the share of a core that it got."""
    words = [str(k_binaries / words[0])] + words[1:] + ["--seconds", str(seconds), "--json"]
    wall, processor = time.monotonic(), processor_time()
    done = subprocess.run(words, stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        stop(f"exit code {done.returncode} from: {' '.join(words)}")
    share = (processor_time() - processor) / (time.monotonic() - wall)
    return json.loads(done.stdout), share


def measure(benches, rounds, seconds):
    """Fills the results; returns the least share of a core that a program got."""
    least = 1.0
    for turn in range(1, rounds + 1):
        for b in benches:
            for name in b.programs:
                words = b.words(name)
                print(f"round {turn} of {rounds}: {' '.join(words)}", file=sys.stderr)
                result, share = run(words, b.seconds or seconds)
                b.results[name].append(result)
                least = min(least, share)
    return least


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def cell(b, figure, name):
    """The median and its unit, the lowest and highest round, and connections if too few."""
    if name not in b.programs:
        return ""
    values = [result[figure.key] for result in b.results[name]]
    text = f"{number(statistics.median(values))} {figure.unit}"
    if len(values) > 1:
        text += f" ({number(min(values))} to {number(max(values))})"
    too_few = [result["connections"] for result in b.results[name]
               if result.get("connections_asked", 0) > result.get("connections", 0)]
    return text + (f" over only {min(too_few):,}" if too_few else "")


def times_better(figure, own, other):
    """Above 1: better than the other, whatever the unit."""
    return number(own / other if figure.unit.endswith("/s") else other / own)


def row(b, figure, peers):
    own = b.median("tern", figure.key)
    cells = [b.goal, figure.what, *(cell(b, figure, name) for name in ["tern", *peers])]
    for name in peers:
        cells.append(times_better(figure, own, b.median(name, figure.key))
                     if name in b.programs else "")
    goal = figure.goal and figure.goal()
    cells += ["", ""] if goal is None else [f"{number(goal)} {figure.unit}",
                                            times_better(figure, own, goal)]
    return "| " + " | ".join(cells) + " |"


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":")[1].strip()
    return "an unnamed processor"


def table(benches, peers):
    benches = [b for b in benches if (b.goal == "S10") == (peers is k_simulators)]
    if not benches:
        return []
    words = ["", "what", "tern", *peers, *(f"times {name}" for name in peers), "goal", "times goal"]
    return ["", "| " + " | ".join(words) + " |", "|" + "---|" * len(words),
            *(row(b, figure, peers) for b in benches for figure in b.figures)]


def report(benches, how, least):
    built = min((k_binaries / b.programs["tern"]).stat().st_mtime for b in benches)
    lines = [f"{how} on {datetime.date.today()}, programs of {datetime.date.fromtimestamp(built)}, "
             f"{os.cpu_count()} cores of {processor()}. No program got less than {least:.0%} of a "
             "core."]
    return "\n".join(lines + table(benches, k_stacks) + table(benches, k_simulators))


def rows_of_goals(benches):
    """For docs/goals.md: each figure that has a goal, beside the best of its peers."""
    for b in benches:
        for figure in b.figures:
            if figure.goal is None:
                continue
            others = {name: b.median(name, figure.key) for name in b.programs if name != "tern"}
            best = max if figure.unit.endswith("/s") else min
            peer = best(others, key=others.get) if others else ""
            yield goals.Row(b.goal, figure.what, figure.unit, b.median("tern", figure.key),
                            figure.goal(), peer, others.get(peer, 0),
                            f"bench/run.py --only {b.goal}")


def ratios(benches):
    """(row, peer, how many times better tern is) of all rows that have a peer."""
    for b in benches:
        for figure in b.figures:
            own = b.median("tern", figure.key)
            for name in b.programs:
                if name != "tern":
                    other = b.median(name, figure.key)
                    yield (f"{b.goal} {figure.what}", name,
                           own / other if figure.unit.endswith("/s") else other / own)


def plot(benches):
    """A bar for each ratio, on a logarithmic axis; what lies left of 1 is slower than the peer."""
    bars = list(ratios(benches))
    high = max(1, math.ceil(math.log10(max(times for _, _, times in bars))))
    low = min(0, math.floor(math.log10(min(times for _, _, times in bars))))
    left, wide, tall = 380, 420, 18
    at = lambda times: left + wide * (math.log10(times) - low) / (high - low)
    height = tall * len(bars) + 40
    lines = ['<svg xmlns="http://www.w3.org/2000/svg" '
             f'width="{left + wide + 70}" height="{height}" '
             'font-family="sans-serif" font-size="11">',
             '<rect width="100%" height="100%" fill="white"/>']
    for power in range(low, high + 1):
        x = at(10 ** power)
        lines += [f'<line x1="{x:.1f}" y1="20" x2="{x:.1f}" y2="{height - 15}" stroke="#ccc"/>',
                  f'<text x="{x:.1f}" y="14" text-anchor="middle">{10.0 ** power:g}</text>']
    colours = dict(zip([*k_stacks, *k_simulators], ("#2a7", "#47b", "#a63")))
    for n, (what, name, times) in enumerate(bars):
        y = 24 + tall * n
        x, end = sorted((at(1), at(times)))
        lines += [f'<text x="{left - 8}" y="{y + 11}" text-anchor="end">{what}, {name}</text>',
                  f'<rect x="{x:.1f}" y="{y}" width="{end - x:.1f}" height="{tall - 4}" '
                  f'fill="{colours[name]}"/>',
                  f'<text x="{max(end, at(1)) + 4:.1f}" y="{y + 11}">{number(times)}</text>']
    return "\n".join(lines + ["</svg>", ""])


def page_around():
    """The text before and after the table."""
    text = k_page.read_text() if k_page.is_file() else ""
    if text.count(k_begin) != 1 or text.count(k_end) != 1:
        stop(f"{k_page.relative_to(k_root)} needs one line {k_begin} and one line {k_end}")
    return text.split(k_begin)[0] + k_begin, k_end + text.split(k_end)[1]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true",
                        help="one short round without the longest benchmarks: under a minute")
    parser.add_argument("--rounds", type=int, help="default: 3, with --quick 1")
    parser.add_argument("--only", choices=["S1", "S2", "S3", "S7", "S8", "S10"],
                        help="print the rows of one goal; the page is not written")
    parser.add_argument("--no-write", action="store_true", help="print the table alone")
    options = parser.parse_args()
    rounds = options.rounds if options.rounds is not None else 1 if options.quick else 3
    if rounds < 1:
        parser.error("--rounds is at least 1")
    seconds = 0.7 if options.quick else 3
    quick = options.quick
    benches = [b for b in bulk() + connections(quick) + requests(quick) + simulator(quick)
               if options.only in (None, b.goal)]
    write = not options.no_write and options.only is None

    require_binaries(benches)
    if write:
        page_around()
    least = measure(benches, rounds, seconds)
    kind = "Quick run" if options.quick else "Run"
    times = f"{rounds} round{'s' if rounds > 1 else ''} of {seconds} s for each program"
    text = report(benches, f"{kind}, {times},", least)
    print(text)
    if write:
        before, after = page_around()
        text += f"\n\n![How many times better than each peer]({k_plot.name})"
        k_page.write_text(f"{before}\n{text}\n{after}")
        k_plot.write_text(plot(benches))
        if not options.quick:
            goals.keep("run", rows_of_goals(benches))


if __name__ == "__main__":
    main()
