#!/usr/bin/env python3
"""The table of docs/scale.md: bench/scale and its peers in one run.

    bench/scale_report.py [--build build/bench] [--quick] [--no-write]

The kernel is measured by its slabs around as many as 20,000 connections over loopback, in a
namespace of its own (as root); lwIP and gVisor by the resident memory of their `requests` benchmark
with few connections and with many.
"""
import argparse
import contextlib
import json
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import time

k_root = pathlib.Path(__file__).resolve().parent.parent
k_page = k_root / "docs" / "scale.md"
k_begin, k_end = "<!-- made by bench/scale_report.py -->\n", "<!-- end -->\n"


def slab_bytes():
    """What the kernel's slabs hold now: pages of all of them."""
    total = 0
    for line in open("/proc/slabinfo"):
        words = line.split()
        if ":" in words and not line.startswith("#"):
            total += int(words[14]) * int(words[5]) * 4096  # slabs x pages in each
    return total


def kernel_sockets(pairs):
    """In a namespace of its own: bytes of slab for each end of a connection over loopback."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    pairs = min(pairs, most // 2 - 50)
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    listener.listen(1024)
    before, ends = slab_bytes(), []
    for _ in range(pairs):
        client = socket.create_connection(listener.getsockname())
        ends += [client, listener.accept()[0]]
    return (slab_bytes() - before) / len(ends)


def kernel(pairs):
    command = ["unshare", "-n", sys.executable, __file__, "--kernel", str(pairs)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True)
    return float(done.stdout) if done.returncode == 0 else None


def resident(program, connections):
    """The most memory that a peer's process has had, and the connections that it reached."""
    command = [program, "requests", "--connections", str(connections), "--seconds", "1", "--json"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    most = 0
    while process.poll() is None:
        with contextlib.suppress(OSError):
            status = pathlib.Path(f"/proc/{process.pid}/status").read_text()
            most = max([most] + [int(kb) for kb in re.findall(r"VmHWM:\s+(\d+) kB", status)])
        time.sleep(0.02)
    return most * 1024, json.loads(process.stdout.read().splitlines()[-1])["connections"]


def peer(program, few=1000, many=20_000):
    if not program.exists():
        return None
    (small, fewer), (large, more) = resident(program, few), resident(program, many)
    return (large - small) / (more - fewer) / 2


def show(value, unit="B"):
    return "not here" if value is None else f"{value:,.0f} {unit}"


def table(tern, peers):
    lines = ["| for each end | tern | kernel | lwIP | gVisor |", "|---|---|---|---|---|"]
    lines.append(f"| idle connection, M1 | {tern['bytes_each']:.0f} B counted, "
                 f"{tern['resident_each']:.0f} B resident | {show(peers['kernel'])} of slab | "
                 f"{show(peers['lwip'])} resident | {show(peers['gvisor'])} resident |")
    rows = [
        ("connections, both ends in one process", f"{tern['connections']:,}"),
        ("of which answered", f"{tern['answered']:,}"),
        ("peak of the process, M3", f"{tern['peak_gib']:.2f} GiB"),
        ("TIME-WAIT, M2, table included", f"{tern['time_wait_bytes']:.1f} B"),
        ("embryo, M2, table included", f"{tern['embryo_bytes']:.1f} B"),
        ("opened a second, both ends", f"{tern['opened_per_s']:,.0f}"),
        ("longest step while opening", f"{tern['open_longest_ms']:.2f} ms"),
        ("a segment, 64 connections by turns", f"{tern['hot_ns']:.0f} ns"),
        ("a segment, random connections",
         f"{tern['random_ns']:.0f} ns, {tern['random_ns'] / tern['hot_ns']:.1f}x"),
        ("opened and closed a second while TIME-WAITs pile up",
         f"{tern['time_waits_per_s']:,.0f}"),
        ("the same with all of them standing", f"{tern['standing_per_s']:,.0f}"),
        ("all TIME-WAITs end",
         f"{tern['end_s']:.2f} s, the longest advance() {tern['end_longest_ms']:.2f} ms"),
    ]
    lines += ["", "| tern | |", "|---|---|"] + [f"| {name} | {value} |" for name, value in rows]
    load = os.getloadavg()[0]
    lines += ["", f"Times are the processor's; the load of the machine was {load:.1f}.", ""]
    return "\n".join(lines)


def write(text):
    page = k_page.read_text()
    head, rest = page.split(k_begin)
    k_page.write_text(head + k_begin + text + k_end + rest.split(k_end)[1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build", type=pathlib.Path, default=k_root / "build" / "bench")
    parser.add_argument("--quick", action="store_true", help="a million connections")
    parser.add_argument("--no-write", action="store_true")
    parser.add_argument("--kernel", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.kernel:
        print(kernel_sockets(options.kernel))
        return
    programs = options.build / "bin"
    peers = {"kernel": kernel(20_000), "lwip": peer(programs / "lwip_peer"),
             "gvisor": peer(programs / "gvisor_peer")}
    command = [programs / "scale", "--json", "--all"] + (["--quick"] if options.quick else [])
    tern = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout)
    text = table(tern, peers)
    print(text)
    if not options.no_write:
        write(text)


if __name__ == "__main__":
    main()
