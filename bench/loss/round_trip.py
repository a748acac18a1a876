#!/usr/bin/env python3
"""The kernel beside the table of tests/sim/round_trip_test.cc: a path whose round trip changes
under a connection of requests and responses, and what is sent again for it, exchange by exchange.
Both ends are the kernel, over `tern wire`. Writes its part of docs/loss.md. As root.
"""
import argparse
import concurrent.futures
import contextlib
import itertools
import os
import re
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time
from typing import NamedTuple

from path import Path, check, k_address, k_root, k_tern
from lib_tern import enter_namespace

k_document = k_root / "docs/loss.md"
k_simulated = k_root / "build/debug/bin/sim_test"
k_begin = "<!-- bench/loss/round_trip.py: begin -->\n"
k_end = "<!-- bench/loss/round_trip.py: end -->\n"
k_port, k_request, k_pause = 5001, 100, 0.1
k_before, k_after = 6, 10  # exchanges
k_change_at = 6  # seconds of the wire
k_at_once = 6
k_tries = 3
k_total_retrans_at = 100  # in struct tcp_info


class Row(NamedTuple):
    """As a row of the simulated table; `segments` full ones are a response, 0 means 100 bytes."""
    before: int  # ms
    after: int
    segments: int
    options: bool  # SACK and timestamps

    def bytes(self):
        return self.segments * (1448 if self.options else 1460) or 100

    def text(self):
        options = "SACK, timestamps" if self.options else "no SACK, no timestamps"
        return (f"{self.before} ms, then {self.after} ms; {self.bytes()} bytes every "
                f"{k_pause * 1000:.0f} ms, {options}")


def rows():
    ways = [(10, 20), (10, 200), (10, 500), (40, 800)]
    return [Row(*way, segments, options) for options, segments, way in
            itertools.product((True, False), (0, 8, 70), ways)]


def sysctl(row):
    return {"net.ipv4.tcp_sack": int(row.options), "net.ipv4.tcp_timestamps": int(row.options)}


@contextlib.contextmanager
def inside(path, side):
    """Sockets that this thread opens belong to one side."""
    home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    there = os.open(f"/run/netns/{path.names[side]}", os.O_RDONLY)
    try:
        enter_namespace(there)
        yield
    finally:
        enter_namespace(home)
        os.close(there)
        os.close(home)


def sent_again(sock):
    info = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, k_total_retrans_at + 4)
    return struct.unpack_from("I", info, k_total_retrans_at)[0]


def receive(sock, count):
    while count > 0:
        got = len(sock.recv(count))
        check(got > 0, "the connection ended")
        count -= got


def serve(listener, row, ends):
    server, _ = listener.accept()
    ends.append(server)
    response = b"r" * row.bytes()
    for _ in range(k_before + k_after):
        receive(server, k_request)
        server.sendall(response)


def exchanges(path, row, begun):
    with inside(path, 1):
        listener = socket.create_server((k_address["kernel", 1], k_port))
    ends = []
    server = threading.Thread(target=serve, args=(listener, row, ends), daemon=True)
    server.start()
    with inside(path, 0):
        client = socket.create_connection((k_address["kernel", 1], k_port), timeout=120)
    counts, so_far = [], 0
    for n in range(k_before + k_after):
        if n == k_before:  # nothing is on its way while the path changes
            check(time.monotonic() - begun < k_change_at, "the first exchanges took too long")
            time.sleep(begun + k_change_at + 0.5 - time.monotonic())
            so_far = sum(map(sent_again, (client, *ends)))
        client.sendall(b"q" * k_request)
        receive(client, row.bytes())
        if n >= k_before:
            total = sum(map(sent_again, (client, *ends)))
            counts.append(total - so_far)
            so_far = total
        time.sleep(k_pause)
    server.join(timeout=10)
    for sock in (client, *ends, listener):
        sock.close()
    return counts


def once(path, row):
    """The counts, and the most that a packet was late on the wire, in ms."""
    with tempfile.NamedTemporaryFile("w", suffix=".wire") as script:
        script.write(f"{k_change_at}s delay={row.after / 2:g}ms\n")
        script.flush()
        path.wire("--delay", f"{row.before / 2:g}ms", "--no-offloads", "--script", script.name)
        counts = exchanges(path, row, time.monotonic())
        late = max(way["late_max_us"] for way in path.report()) / 1000
    path.clear()
    return counts, late


def measure(path, row):
    """A run in which the machine was too busy for the wire is no result."""
    for _ in range(k_tries):
        counts, late = once(path, row)
        if late < row.before / 4:
            return counts
        print(f"{row.text()}: a packet was {late:.1f} ms late", file=sys.stderr)
    return None


def simulated():
    """The rows of the test, as TERN_TABLE prints them."""
    done = subprocess.run([k_simulated, "--gtest_filter=RoundTrip.*"], capture_output=True,
                          text=True, check=True, env={**os.environ, "TERN_TABLE": "1"})
    lines = re.findall(r"^(\d+ ms, then .*):((?: \d+)+)$", done.stdout, re.MULTILINE)
    return {text: [int(n) for n in counts.split()] for text, counts in lines}


def cell(counts):
    """Without the zeros at the end."""
    if counts is None:
        return "busy"
    last = max((i for i, n in enumerate(counts) if n), default=-1)
    return " ".join(map(str, counts[:last + 1])) or "0"


def table(measured, tern):
    lines = ["| round trip, response, options | kernel | tern, simulated |", "|---|---|---|"]
    for row, counts in measured.items():
        text = row.text().replace(f" every {k_pause * 1000:.0f} ms", "")
        lines.append(f"| {text} | {cell(counts)} | {cell(tern[row.text()])} |")
    known = {row: counts for row, counts in measured.items() if counts is not None}
    sums = [sum(map(sum, known.values())), sum(sum(tern[row.text()]) for row in known)]
    lines.append(f"| all rows but busy ones | {sums[0]} | {sums[1]} |")
    return "\n".join(lines) + "\n"


def write(text):
    page = k_document.read_text()
    head, rest = page.split(k_begin)
    _, tail = rest.split(k_end)
    k_document.write_text(head + k_begin + text + k_end + tail)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-write", action="store_true", help="print the table alone")
    options = parser.parse_args()
    for program in (k_tern, k_simulated):
        if not program.exists():
            sys.exit(f"bench/loss/round_trip.py: not built: {program.relative_to(k_root)}")
    tern = simulated()
    all_rows = rows()
    try:
        with contextlib.ExitStack() as stack, \
                concurrent.futures.ThreadPoolExecutor(k_at_once) as pool:
            paths = [stack.enter_context(Path(sysctl(row))) for row in all_rows]
            measured = dict(zip(all_rows, pool.map(measure, paths, all_rows)))
    finally:
        Path.leave_all()
    text = table(measured, tern)
    print(text)
    if not options.no_write:
        write(text)


if __name__ == "__main__":
    main()
