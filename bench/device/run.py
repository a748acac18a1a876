#!/usr/bin/env python3
"""Runs bench/device and bench/shards with their peers by turns, and writes the tables of
docs/host-speed.md. Every ratio is between medians of one run."""
import argparse
import datetime
import functools
import json
import os
import pathlib
import statistics
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
import goals  # noqa: E402, of the folder above

k_root = pathlib.Path(__file__).resolve().parents[2]
k_binaries = k_root / "build" / "bench" / "bin"
k_user_net = k_root / "bench" / "device" / "user_net.py"
k_page = k_root / "docs" / "host-speed.md"
k_begin, k_end = "<!-- bench/device/run.py: begin -->", "<!-- bench/device/run.py: end -->"

# Question -> who is asked, each with the flags of its program.
k_streams = {
    "S4: to the kernel, MTU 1,500, virtio header": {
        "tern": "send tern", "tern, slices": "send tern --slices",
        "bare calls": "send raw", "kernel over veth": "send kernel",
        "slirp4netns": "send slirp4netns"},
    "S5: from the kernel": {
        "tern": "receive tern", "tern, slices": "receive tern --slices",
        "bare calls": "receive raw", "kernel over veth": "receive kernel",
        "slirp4netns": "receive slirp4netns"},
    "S6: to the kernel, frames of 1,514 bytes": {
        "tern": "send tern --plain", "bare calls": "send raw --plain",
        "bare calls, 64 by io_uring": "send raw --plain --ring 64",
        "kernel over veth": "send kernel --plain"},
    "S6: from the kernel, frames of 1,514 bytes": {
        "tern": "receive tern --plain", "bare calls": "receive raw --plain",
        "bare calls, 64 by io_uring": "receive raw --plain --ring 64",
        "kernel over veth": "receive kernel --plain"},
}
k_xdp = {
    "to the kernel": {
        "tern": "send tern --plain --xdp", "bare rings": "send raw --plain --xdp",
        "tern at a TAP": "send tern --plain", "kernel over veth": "send kernel --plain"},
    "from the kernel": {
        "tern": "receive tern --plain --xdp", "bare rings": "receive raw --plain --xdp",
        "tern at a TAP": "receive tern --plain", "kernel over veth": "receive kernel --plain"},
}
k_trips = {
    "tern, spinning": "round-trip tern --spin", "tern, adaptive": "round-trip tern --adaptive",
    "tern, sleeping": "round-trip tern", "kernel over veth": "round-trip kernel",
    "kernel over veth, asking again": "round-trip kernel --spin",
    "tern over AF_XDP, spinning": "round-trip tern --plain --xdp --spin",
    "tern over AF_XDP, sleeping": "round-trip tern --plain --xdp",
}


def ask(program, words, seconds):
    path = k_user_net if "slirp4netns" in words else k_binaries / program
    command = [str(path), *words.split(), "--seconds", str(seconds), "--json"]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, timeout=60 + 4 * seconds)
    if done.returncode != 0:
        sys.exit(f"bench/device/run.py: exit code {done.returncode} from {' '.join(command)}")
    return json.loads(done.stdout)


def apart(seconds):
    """Two programs of one shard each, on a processor each: what sharing nothing comes to here."""
    words = [str(k_binaries / "shards"), "--shards", "1", "--seconds", str(seconds), "--json"]
    two = [subprocess.Popen(["taskset", "-c", str(n), *words], stdout=subprocess.PIPE, text=True)
           for n in (0, 1)]
    results = [json.loads(program.communicate(timeout=60 + 4 * seconds)[0]) for program in two]
    return {key: sum(result[key] for result in results) for key in results[0]
            if key.endswith("_per_s")}


class Results:
    """Medians of what each command printed."""

    def __init__(self):
        self.of = {}

    def add(self, name, result):
        self.of.setdefault(name, []).append(result)

    def median(self, name, key):
        return statistics.median(result[key] for result in self.of[name])

    def cell(self, name, key, places):
        """Nothing where the program does not tell it."""
        return f"{self.median(name, key):.{places}f}" if key in self.of[name][0] else ""


def measure(rounds, seconds):
    results = Results()
    device = [words for questions in (k_streams, k_xdp) for peers in questions.values()
              for words in peers.values()]
    device = list(dict.fromkeys(device))  # some are in both
    for turn in range(1, rounds + 1):
        print(f"round {turn} of {rounds}", file=sys.stderr)
        for words in device + list(k_trips.values()):
            results.add(words, ask("device", words, seconds))
        for _ in range(3):  # a second core's rate moves more than anything else here
            for n in (1, 2):
                results.add(n, ask("shards", f"--shards {n}", seconds / 2))
            results.add("apart", apart(seconds / 2))
    return results


def stream_rows(results, questions=None, title="|"):
    yield f"{title} | | Gbit/s | CPU-s/GB | of it user | the other end | calls a MB |"
    yield "|---|---|---|---|---|---|---|"
    for question, peers in (questions or k_streams).items():
        for name, words in peers.items():
            cells = [results.cell(words, key, places) for key, places in
                     (("gbit_per_s", 1), ("cpu_s_per_gb", 3), ("user_s_per_gb", 3),
                      ("kernel_cpu_s_per_gb", 3), ("calls_per_mb", 1))]
            yield f"| {question} | {name} | {' | '.join(cells)} |"
            question = ""


def trip_rows(results):
    base = results.median(k_trips["kernel over veth"], "p50_us")
    yield "| S9: round trip of 64 bytes | p50 µs | p99 µs | beside the kernel's | its core |"
    yield "|---|---|---|---|---|"
    for name, words in k_trips.items():
        p50 = results.median(words, "p50_us")
        yield (f"| {name} | {p50:.1f} | {results.median(words, 'p99_us'):.1f} | "
               f"{p50 / base:.2f} | {results.median(words, 'share'):.2f} |")


def shard_rows(results):
    yield "| S11 | 1 shard | 2 shards | ratio | by processor time | two programs | ratio |"
    yield "|---|---|---|---|---|---|---|"
    for what in ("round_trips", "connections"):
        one, two, apart = (results.median(n, f"{what}_per_s") for n in (1, 2, "apart"))
        of_cpu = [results.median(n, f"{what}_per_cpu_s") for n in (1, 2)]
        yield (f"| {what.replace('_', ' ')} a second | {one:,.0f} | {two:,.0f} | {two / one:.2f} | "
               f"{of_cpu[1] / of_cpu[0]:.2f} | {apart:,.0f} | {apart / one:.2f} |")


def rows_of_goals(results):
    """For docs/goals.md."""
    row = functools.partial(goals.Row, command="bench/device/run.py")

    def figures(question, key):
        return {name: results.median(words, key) for name, words in k_streams[question].items()}

    send, receive, plain_out, plain_in = k_streams
    for goal, question, rate, cost in (("S4", send, 40, 0.12), ("S5", receive, 35, 0.15)):
        for key, target in (("gbit_per_s", rate), ("cpu_s_per_gb", cost)):
            of, unit = figures(question, key), "Gbit/s" if target == rate else "CPU-s/GB"
            for name in ("tern", "tern, slices"):
                yield row(goal, question[4:] + name[4:], unit, of[name], target,
                          "kernel over veth", of["kernel over veth"])
    for question in (plain_out, plain_in):
        of = figures(question, "cpu_s_per_gb")
        yield row("S6", question[4:], "CPU-s/GB", of["tern"], 1.4 * of["bare calls"],
                  "kernel over veth", of["kernel over veth"])
    base = results.median(k_trips["kernel over veth"], "p50_us")
    for name in ("tern, sleeping", "tern, adaptive"):
        yield row("S9", f"round trip, {name[6:]}", "µs", results.median(k_trips[name], "p50_us"),
                  1.3 * base, "kernel over veth", base)
    for what in ("round_trips", "connections"):
        one, two, apart = (results.median(n, f"{what}_per_s") for n in (1, 2, "apart"))
        yield row("S11", f"two shards, {what.replace('_', ' ')}", "x", two / one, 1.9,
                  "two programs", apart / one, more=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=2)
    parser.add_argument("--no-write", action="store_true")
    options = parser.parse_args()
    before = os.getloadavg()[0]
    results = measure(options.rounds, options.seconds)
    after = os.getloadavg()[0]
    lines = [f"{datetime.date.today()}, medians of {options.rounds} runs of {options.seconds:g} s "
             f"on {os.cpu_count()} cores; the load was {before:.1f} before and {after:.1f} after, "
             "of which a measurement is up to 2.", ""]
    xdp_rows = functools.partial(stream_rows, questions=k_xdp,
                                 title="| AF_XDP on a veth, frames of 1,514 bytes")
    for rows in (stream_rows, xdp_rows, trip_rows, shard_rows):
        lines += [*rows(results), ""]
    text = "\n".join(lines)
    print(text)
    if options.no_write:
        return
    page = k_page.read_text()
    head, rest = page.split(k_begin)
    k_page.write_text(head + k_begin + "\n" + text + k_end + rest.split(k_end)[1])
    goals.keep("device", rows_of_goals(results))


if __name__ == "__main__":
    main()
