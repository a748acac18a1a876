#!/usr/bin/env python3
"""The tables of docs/scale.md: bench/scale and its peers, bench/keep_alives and bench/flood.

    bench/scale_report.py [--build build/bench] [--quick] [--no-write]

The kernel is measured by its slabs around as many as 20,000 connections over loopback, in a
namespace of its own (as root); lwIP and gVisor by the resident memory of their `requests` benchmark
with few connections and with many. bench/scale runs a second time, for the idle connections alone,
with huge pages for the C library's heap.
"""
import argparse
import contextlib
import functools
import json
import os
import pathlib
import re
import resource
import socket
import subprocess
import sys
import time

import goals

k_root = pathlib.Path(__file__).resolve().parent.parent
k_page = k_root / "docs" / "scale.md"
k_begin, k_end = "<!-- {}: made by bench/scale_report.py -->\n", "<!-- end -->\n"
k_huge = os.environ | {"GLIBC_TUNABLES": "glibc.malloc.hugetlb=1"}
k_floods = {
    "syn": "SYNs from everywhere, answered by cookies above the queue's 1,024",
    "ack": "ACKs of no connection, each a cookie to be checked, or a RST to be sent",
    "rst": "RSTs of no connection",
    "forged rst": "forged RSTs of a transfer, answered ten times a second at most (RFC 5961)",
    "forged byte": "forged bytes of a transfer outside its window",
    "tiny": "bytes one by one on a connection of the enemy's, each read",
    "out of order": "bytes behind holes, each answered by a duplicate ACK",
    "connect and reset": "handshakes, each followed by a RST",
}


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
            # Before exec() it is a copy of this process.
            if pathlib.Path(f"/proc/{process.pid}/exe").resolve() != program.resolve():
                continue
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


def lines_of(command, environment=None):
    """The JSON objects that a program prints."""
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True, env=environment)
    return [json.loads(line) for line in done.stdout.splitlines()]


def ratio(result, hot="hot_ns", random="random_ns"):
    return f"{result[random]:.0f} ns, {result[random] / result[hot]:.1f}x"


def idle_table(tern, huge, peers):
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
        ("a segment, random connections", ratio(tern)),
        ("the two with huge pages", f"{huge['hot_ns']:.0f} ns; {ratio(huge)}"),
        ("opened and closed a second while TIME-WAITs pile up",
         f"{tern['time_waits_per_s']:,.0f}"),
        ("the same with all of them standing", f"{tern['standing_per_s']:,.0f}"),
        ("all TIME-WAITs end",
         f"{tern['end_s']:.2f} s, the longest advance() {tern['end_longest_ms']:.2f} ms"),
        (f"a listener, {tern['listeners']:,} of them",
         f"{tern['listener_bytes']:.0f} B, opened in {tern['listen_ns']:.0f} ns"),
        ("a SYN and its answer, always the same listener", f"{tern['syn_one_ns']:.0f} ns"),
        ("the same, random listeners", ratio(tern, "syn_one_ns", "syn_random_ns")),
    ]
    lines += ["", "| tern | |", "|---|---|"] + [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(lines + ["", loaded()])


def rows_of_goals(tern, huge, peers):
    """For docs/goals.md."""
    row = functools.partial(goals.Row, command="bench/scale_report.py")
    yield row("M1", "idle connection, one end", "B", tern["bytes_each"], 320, "kernel",
              peers["kernel"])
    for what, key in (("TIME-WAIT", "time_wait_bytes"), ("embryo", "embryo_bytes")):
        yield row("M2", what, "B", tern[key], 72, "", 0)
    yield row("M3", f"{tern['answered']:,} idle connections answer", "GiB", tern["peak_gib"], 8,
              "", 0)
    for result, pages in ((tern, "4 KiB"), (huge, "2 MiB")):
        yield row("M3", f"random beside hot, pages of {pages}", "x",
                  result["random_ns"] / result["hot_ns"], 3, "", 0)


def loaded():
    return f"Times are the processor's; the load of the machine was {os.getloadavg()[0]:.1f}.\n"


def flood_table(floods, alive):
    lines = ["| flood | a frame costs | so many a second leave 80 % of a core | kept "
             "| slower one | memory |", "|---|---|---|---|---|---|"]
    for flood in floods:
        if flood["kind"] in k_floods:
            lines.append(f"| {k_floods[flood['kind']]} | {flood['ns_each']} ns | "
                         f"{flood['per_s_at_80']:,} | {flood['kept']:.2f} | "
                         f"{flood['share']:.3f} | {flood['memory_grown']:+,} B |")
    rows = [
        ("connections with keep-alive", f"{alive['connections']:,}"),
        ("each, with its options", f"{alive['bytes_each']:.0f} B"),
        ("a probe of the peer and our answer, 64 connections by turns", f"{alive['hot_ns']} ns"),
        ("the same, random connections", ratio(alive)),
        ("a timer of ours and the probe", f"{alive['own_ns']} ns"),
        ("the peer's answer to it", f"{alive['answer_ns']} ns"),
        ("longest advance()", f"{alive['longest_ms']:.2f} ms"),
        ("memory grown", f"{alive['memory_grown']:+,} B"),
    ]
    lines += ["", "| keep-alives | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in rows]
    return "\n".join(lines + ["", loaded()])


def write(name, text):
    begin = k_begin.format(name)
    head, rest = k_page.read_text().split(begin)
    k_page.write_text(head + begin + text + k_end + rest.split(k_end, 1)[1])


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
    size = ["--json"] + (["--quick"] if options.quick else [])
    idle, others = lines_of([programs / "scale", "--all", *size])
    (huge,) = lines_of([programs / "scale", "--idle", *size], k_huge)
    tables = {"idle": idle_table(idle | others, huge, peers)}
    (alive,) = lines_of([programs / "keep_alives", *size])
    floods = lines_of([programs / "flood", "--json", "--seconds", "1" if options.quick else "3"])
    tables["floods"] = flood_table(floods, alive)
    for name, text in tables.items():
        print(text)
        if not options.no_write:
            write(name, text)
    if not options.no_write and not options.quick:
        goals.keep("scale", rows_of_goals(idle | others, huge, peers))


if __name__ == "__main__":
    main()
