"""Runs of one sender and one receiver over one way, and the rounds of a whole grid."""
import queue
import sys
import threading
import time

from grid import k_uncounted
from path import End, Failure, Path, k_address

# Who sends and who receives: the kernel with itself is what tern is compared with.
k_pairs = {"kernel to kernel": ("kernel", "kernel"), "tern sends": ("tern", "kernel"),
           "tern receives": ("kernel", "tern")}
# The wire spins before each packet, so it takes a core from 100 Mbit/s on.
k_at_once = {10: 4, 100: 1, 1000: 1}
k_retries = 3


def transfer(path, cell, sender, receiver, algorithm, seed, seconds=None, sample=False,
             meanwhile=None):
    """One run: the goodput in Mbit/s between a quarter and the end, and what explains it."""
    seconds = seconds or cell.seconds()
    path.wire(*cell.wire(seed))
    to = End(path, receiver, 1, "receive", "--seconds", seconds)
    to.ready()
    words = ["--congestion", algorithm] if algorithm else []
    source = End(path, sender, 0, "send", "--to", f"{k_address[receiver, 1]}:5001", *words)
    if meanwhile:
        meanwhile()
    got = to.figures(seconds + 30)
    sent = source.ask().figures(5)
    data, acks = path.report()
    path.clear()
    samples = sent.pop("samples")
    return {"mbit_per_s": goodput(got["bins"], k_uncounted * seconds, seconds),
            "sender": sent, "receiver_waited": got["waited"],
            "wire": {key: data[key] for key in ("seen", "lost", "reordered", "queue_dropped",
                                                "late_p99_us", "longest_absence_us")},
            "valid": kept_up(cell, data, acks, sent["waited"] + got["waited"]),
            **({"samples": samples, "bins": got["bins"], "began": got["began"]} if sample else {})}


def goodput(bins, begin, end):
    """Mbit/s of payload at the application between two times; bins are 10 ms."""
    return sum(bins[round(begin * 100):round(end * 100)]) * 8 / (end - begin) / 1e6


def kept_up(cell, data, acks, waited):
    """False: others had the machine, and the figure is theirs. The wire kept its times to 0.2 ms or
    a hundredth of the round trip, it was never away for long, it lost nothing itself, and for each
    packet the ends waited for a core for less than a quarter of that."""
    late, away = max(200, cell.rtt * 10), max(1000, cell.rtt * 50)
    for way in (data, acks):
        unseen = way["read_late"] if way["longest_absence_us"] > away else 0
        if way["late_p99_us"] > late or unseen > way["seen"] / 100:
            return False
        if way["overrun"] + way["no_memory"] + way["refused"] or way["untaken"] > way["seen"] / 100:
            return False
    return waited * 1e6 < data["seen"] * late / 4


def again_until_valid(path, once):
    """Again when the machine was not ours, or an end failed; what failed last is kept too."""
    for _ in range(1 + k_retries):
        try:
            result = once()
        except Failure as failure:
            path.clear()
            result = {"valid": False, "failure": str(failure)}
        if result["valid"]:
            break
    return result


class Grid:
    """Measures cells; each result is handed to `keep` as it comes."""

    def __init__(self, cells, algorithms, runs, keep):
        self.algorithms, self.runs, self.keep = algorithms, runs, keep
        self.lock, self.cells = threading.Lock(), cells
        self.done, self.all, self.began = 0, len(cells) * len(algorithms), time.monotonic()

    def run(self):
        for rate in sorted(k_at_once):
            work = queue.SimpleQueue()
            for cell in self.cells:
                for algorithm in self.algorithms if cell.rate == rate else ():
                    work.put((cell, algorithm))
            workers = [threading.Thread(target=self.worker, args=(work,), daemon=True)
                       for _ in range(k_at_once[rate])]
            for thread in workers:
                thread.start()
            for thread in workers:
                thread.join()

    def worker(self, work):
        with Path() as path:
            while True:
                try:
                    cell, algorithm = work.get_nowait()
                except queue.Empty:
                    return
                self.cell(path, cell, algorithm)

    def cell(self, path, cell, algorithm):
        """The three pairs by turns, so that a disturbance meets all of them."""
        for number in range(self.runs):
            for pair in k_pairs:
                self.pair(path, cell, algorithm, pair, number)
        with self.lock:
            self.done += 1
            print(f"{self.done} of {self.all}, {time.monotonic() - self.began:.0f} s: "
                  f"{cell}, {algorithm}", file=sys.stderr)

    def pair(self, path, cell, algorithm, pair, number):
        result = again_until_valid(
            path, lambda: transfer(path, cell, *k_pairs[pair], algorithm, 1 + number))
        with self.lock:
            self.keep({"cell": cell._asdict(), "algorithm": algorithm, "pair": pair,
                       "run": number, **result})
