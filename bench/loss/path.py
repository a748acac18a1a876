"""The way between two hosts that bench/loss measures: in each of two network namespaces a bridge
with the kernel's address, one TAP of `tern wire` and one TAP whose other end is tern. So the bytes
of the kernel's TCP and of tern's take the same way, as frames and super-segments, and nothing is
forwarded or translated.

    left:  kernel 10.9.0.1 --+                                         +-- kernel 10.9.0.2 :right
                             br0 -- wa ==== tern wire ==== wb -- br0
    left:  tern  10.9.0.11 --+ (t0)                               (t0) +-- tern 10.9.0.12  :right
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

k_root = pathlib.Path(__file__).resolve().parents[2]
sys.path.insert(0, str(k_root / "tests/interop"))
from lib_tern import Failure, Lines, check, end, run  # noqa: E402

k_bench = k_root / "build/bench/bin"
k_tern = k_root / "build/release/bin/tern"
k_address = {("kernel", 0): "10.9.0.1", ("kernel", 1): "10.9.0.2",
             ("tern", 0): "10.9.0.11", ("tern", 1): "10.9.0.12"}
# Everything else is as a fresh namespace has it. IPv6 would only disturb; the metrics of one run
# must not help the next; the kernel's own windows count from one start.
k_sysctl = {"net.ipv6.conf.all.disable_ipv6": 1, "net.ipv4.tcp_no_metrics_save": 1}


def ahead_of_others():
    """A real-time priority, as `tern wire` takes: the kernel's TCP works in interrupts, which no
    other program delays, so tern's must not be delayed by them either. The two ends are equal."""
    os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))


class End:
    """A program of bench/loss on one side, of tern or of the kernel."""

    def __init__(self, path, stack, side, verb, *words):
        command = [str(k_bench / f"loss_{stack}_end"), verb, *map(str, words)]
        if stack == "tern":
            command += ["--link", "tap:t0", "--address", f"{k_address[stack, side]}/24"]
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", path.names[side], *command], stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, preexec_fn=ahead_of_others)
        path.ends.append(self.process)
        self.lines = Lines(self.process.stdout)

    def ready(self):
        """Waits until a receiver listens."""
        check(self.lines.next(5) == "ready", "an end did not come up")

    def ask(self):
        """Wants a sender's figures."""
        self.process.send_signal(signal.SIGTERM)
        return self

    def figures(self, seconds):
        """What it prints when it is over."""
        try:
            out, error = self.process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            end(self.process)
            raise Failure(f"an end was not over in {seconds} s") from None
        text = (self.lines.rest + out).decode()
        check(self.process.returncode == 0 and text, f"an end failed: {error.decode().strip()}")
        return json.loads(text)


class Path:
    """The two namespaces; wire() joins them for one run."""

    count = 0
    living = []

    def __init__(self, sysctl=()):
        Path.count += 1
        Path.living.append(self)
        self.names = [f"ls{os.getpid()}{side}{Path.count}" for side in "lr"]
        self.ends, self.process = [], None
        self.sysctl = {**k_sysctl, **dict(sysctl)}

    def __enter__(self):
        try:
            for side, name in enumerate(self.names):
                self.make(side, name)
            self.know_neighbours()
        except BaseException:
            self.leave()
            raise
        return self

    def make(self, side, name):
        run("ip", "netns", "add", name)
        run("ip", "netns", "exec", name, "sysctl", "-qw",
            *[f"{key}={value}" for key, value in self.sysctl.items()])
        wire = "wa wb".split()[side]
        run("ip", "-n", name, "link", "add", "br0", "type", "bridge", "forward_delay", "0",
            "mcast_snooping", "0")
        for device in (wire, "t0"):
            run("ip", "-n", name, "tuntap", "add", "dev", device, "mode", "tap", "vnet_hdr")
            run("ip", "-n", name, "link", "set", device, "txqueuelen", "10000", "master", "br0",
                "up")
        run("ip", "-n", name, "addr", "add", f"{k_address['kernel', side]}/24", "dev", "br0")
        run("ip", "-n", name, "link", "set", "br0", "up")

    def wire(self, *words):
        ends = [f"tap:w{end}@{name}" for end, name in zip("ab", self.names)]
        self.process = subprocess.Popen([str(k_tern), "wire", *ends, "--json", *words],
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.lines = Lines(self.process.stdout)
        if self.lines.next(10) is None:
            raise Failure(f"tern wire: {self.process.communicate()[1].decode()}")

    def report(self):
        """Ends the wire; what it did to the data and to the acknowledgements."""
        self.process.send_signal(signal.SIGINT)
        out, error = self.process.communicate(timeout=10)
        check(self.process.returncode == 0, f"tern wire: {error.decode()}")
        records = [json.loads(line) for line in (self.lines.rest + out).splitlines()]
        return [r for r in records if r["event"] == "direction"]

    def inside(self, side, *words, **options):
        return run("ip", "netns", "exec", self.names[side], *words, **options)

    def know_neighbours(self):
        """The kernels know each other for good: no ARP between them, so packets can be counted."""
        macs = [json.loads(self.inside(side, "ip", "-j", "link", "show", "br0"))[0]["address"]
                for side in (0, 1)]
        for side in (0, 1):
            self.inside(side, "ip", "neigh", "replace", k_address["kernel", 1 - side], "lladdr",
                        macs[1 - side], "dev", "br0", "nud", "permanent")

    def watch(self, side, device):
        """A function that ends a tcpdump, and gives a line for each packet that went out there."""
        dump = subprocess.Popen(
            ["ip", "netns", "exec", self.names[side], "tcpdump", "-n", "-l", "-i", device, "-Q",
             "out"], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.ends.append(dump)
        complaints = Lines(dump.stderr)
        while "listening on" not in (line := complaints.next(10) or ""):
            check(line, "tcpdump did not start")

        def lines():
            time.sleep(0.1)  # what the kernel still holds for it
            dump.send_signal(signal.SIGINT)
            return dump.communicate(timeout=10)[0].decode().splitlines()

        return lines

    def clear(self):
        """Ends what a failed run left."""
        for process in (*self.ends, self.process):
            if process is not None:
                end(process)
        self.ends, self.process = [], None

    def leave(self):
        if self not in Path.living:
            return
        Path.living.remove(self)
        self.clear()
        for name in self.names:
            run("ip", "netns", "del", name, ok=False)

    @staticmethod
    def leave_all():
        """Of an interrupted run: its threads end with the program, their namespaces do not."""
        for path in list(Path.living):
            path.leave()

    def __exit__(self, *error):
        self.leave()
        return False
