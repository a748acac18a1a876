"""L2 to L5 of the goals: figures of single ways rather than of a grid. Each is handed to `keep` as
a record with the key "figure". `short`: one way instead of two."""
import time

from grid import Cell
from measure import k_pairs, again_until_valid, kept_up, transfer
from path import End, Path, check, k_address

k_payload = 1448  # of a full segment with timestamps
k_share = 1448 / 1538  # of a rate that is payload: Ethernet, IP, TCP with timestamps


def senders():
    return {pair: ends for pair, ends in k_pairs.items() if ends[1] == "kernel"}


def duplicates_reported(path):
    """Segments that came twice, as the right kernel told by D-SACK since it was made."""
    words = path.inside(1, "cat", "/proc/thread-self/net/netstat").splitlines()
    names, values = words[0].split(), words[1].split()
    counters = dict(zip(names, values))
    return int(counters["TCPDSACKOldSent"]) + int(counters["TCPDSACKOfoSent"])


def spurious(algorithms, runs, keep, short=False):
    """L2: nothing is lost, some segments are late. What the receiver has twice was sent twice for
    nothing. The second half counts: by then a sender has learnt how late is normal."""
    with Path() as path:
        for reorder in ("10%",) if short else ("1%", "10%"):
            for algorithm in algorithms:
                for run in range(runs):
                    for pair, ends in senders().items():
                        keep({"figure": "L2", "algorithm": algorithm, "pair": pair, "run": run,
                              "reorder": reorder,
                              **again_until_valid(path, lambda: twice_sent(
                                  path, Cell(10, 20, 0, reorder, 4), ends, algorithm, run))})


def twice_sent(path, cell, ends, algorithm, run, seconds=10):
    counts = []

    def look():
        time.sleep(seconds / 2)
        counts.append(duplicates_reported(path))

    result = transfer(path, cell, *ends, algorithm, 1 + run, seconds, sample=True, meanwhile=look)
    counts.append(duplicates_reported(path))
    half = len(result["bins"]) // 2
    segments = sum(result["bins"][half:]) / k_payload
    return {"spurious_percent": 100 * (counts[1] - counts[0]) / segments,
            "valid": result["valid"]}


k_response = 10  # segments: a short answer, an initial window
k_tails = {"last": 1, "last two": 2, "last three": 3, "last and its probe": 1}


class Response:
    """One short answer over a fresh connection, with an exact set of its packets lost."""

    cell = Cell(100, 20, 0, "none", 4)

    def __init__(self, path, ends):
        self.path, (self.sender, self.receiver) = path, ends

    def run(self, lost=()):
        """Seconds from the write to the last byte, and the packets of the left side in order."""
        words = ["--no-offloads", *self.cell.wire(1)]
        if lost:
            words += ["--a-to-b", "drop=" + "+".join(map(str, lost))]
        self.path.wire(*words)
        lines = self.path.watch(0, "wa")
        size = k_response * k_payload
        to = End(self.path, self.receiver, 1, "receive", "--bytes", size, "--seconds", 0)
        to.ready()
        source = End(self.path, self.sender, 0, "send", "--bytes", size, "--to",
                     f"{k_address[self.receiver, 1]}:5001")
        got = to.figures(20)
        packets = lines()
        sent = source.ask().figures(5)
        data, acks = self.path.report()
        self.path.clear()
        check(data["lost"] == len(lost), f"{data['lost']} lost instead of {len(lost)}")
        return got["last"] - sent["began"], packets, kept_up(self.cell, data, acks, 0)


def tail(path, ends, name):
    """The cost of losing the tail: time beyond that of a response without loss, in round trips."""
    response = Response(path, ends)
    whole, packets, kept_0 = response.run()
    first = next(i for i, p in enumerate(packets, 1) if f"length {k_payload}" in p)
    last = first + k_response - 1
    lost = [last - i for i in range(k_tails[name])]
    if name == "last and its probe":
        lost.append(last + 1)
    took, packets, kept = response.run(sorted(lost))
    check(all(f"length {k_payload}" in packets[n - 1] for n in (first, last)),
          "another packet than the tail was lost")
    return {"round_trips": (took - whole) * 1000 / Response.cell.rtt, "valid": kept and kept_0}


def tails(algorithms, runs, keep, short=False):
    """L3."""
    del algorithms, short  # nothing of a congestion control is in it
    with Path() as path:
        for name in k_tails:
            for run in range(runs):
                for pair, ends in senders().items():
                    keep({"figure": "L3", "tail": name, "pair": pair, "run": run,
                          **again_until_valid(path, lambda: tail(path, ends, name))})


def together(path, cell, kinds, algorithm, run, seconds=20):
    """Two flows from the left over one bottleneck to the right kernel; Mbit/s of each and Jain's
    index of the last three quarters."""
    path.wire(*cell.wire(1 + run))
    receivers, sources = [], []
    for port, kind in zip((5001, 5002), kinds):
        receivers.append(End(path, "kernel", 1, "receive", "--port", port, "--seconds", seconds))
        receivers[-1].ready()
    for port, kind in zip((5001, 5002), kinds):
        sources.append(End(path, kind, 0, "send", "--to", f"{k_address['kernel', 1]}:{port}",
                           "--congestion", algorithm))
    got = [r.figures(seconds + 30) for r in receivers]
    sent = [s.ask().figures(5) for s in sources]
    data, acks = path.report()
    path.clear()
    rates = [sum(g["bins"][int(seconds * 25):]) * 8 / (seconds * 0.75) / 1e6 for g in got]
    waited = max(s["waited"] for s in sent)
    return {"mbit_per_s": rates, "jain": sum(rates) ** 2 / (2 * sum(r * r for r in rates)),
            "valid": kept_up(cell, data, acks, waited)}


def fairness(algorithms, runs, keep, short=False):
    """L4."""
    with Path() as path:
        for rate in (10,) if short else (10, 100):
            cell = Cell(rate, 20, 0, "none", 1)
            for algorithm in algorithms:
                for run in range(runs):
                    for kinds in (("kernel", "kernel"), ("tern", "kernel")):
                        keep({"figure": "L4", "cell": cell._asdict(), "algorithm": algorithm,
                              "pair": " beside ".join(kinds), "run": run,
                              **again_until_valid(path, lambda: together(path, cell, kinds,
                                                                         algorithm, run))})


def fat_pipe(algorithms, runs, keep, short=False):
    """L5: how long until a way of 1 Gbit/s and 100 ms is full, and how full it stays."""
    del short
    cell, seconds = Cell(1000, 100, 0, "none", 1), 20
    with Path() as path:
        for algorithm in algorithms:
            for run in range(runs):
                for pair, ends in {**k_pairs, "tern to tern": ("tern", "tern")}.items():
                    keep({"figure": "L5", "algorithm": algorithm, "pair": pair, "run": run,
                          **again_until_valid(path, lambda: filled(path, cell, ends, algorithm, run,
                                                                   seconds))})


def filled(path, cell, ends, algorithm, run, seconds):
    result = transfer(path, cell, *ends, algorithm, 1 + run, seconds, sample=True)
    tenths = [sum(result["bins"][i:i + 10]) * 80 / 1e6 for i in range(0, seconds * 100, 10)]
    full = 0.9 * cell.rate * k_share
    reached = next((i / 10 for i, rate in enumerate(tenths) if rate >= full), None)
    steady = tenths[len(tenths) // 2:]
    return {"seconds_to_full": reached, "mbit_per_s": sum(steady) / len(steady),
            "valid": result["valid"]}


k_all = {"L2": spurious, "L3": tails, "L4": fairness, "L5": fat_pipe}
