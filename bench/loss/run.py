#!/usr/bin/env python3
"""Measures tern beside the kernel through the same `tern wire`, and writes docs/loss.md."""
import argparse
import json
import pathlib
import signal
import sys

import figures
import grid
import report
from measure import Grid
from path import Path, k_bench, k_root, k_tern

k_results = k_root / "build/bench/loss.jsonl"


def stop(message):
    sys.exit(f"bench/loss/run.py: {message}")


def require_programs():
    missing = [str(p.relative_to(k_root)) for p in
               (k_tern, k_bench / "loss_tern_end", k_bench / "loss_kernel_end") if not p.exists()]
    if missing:
        stop(f"not built: {', '.join(missing)}. To build them:\n"
             "    cmake --build --preset release --target tern\n"
             "    cmake --build --preset bench --target loss_tern_end loss_kernel_end")


def cells_of(options):
    if options.cells is None:
        return grid.full() if options.full else grid.quick()
    try:
        return grid.chosen(options.cells)
    except ValueError as error:
        return stop(f"--cells: {error}")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="six cells with CUBIC and BBR, the "
                        "figures once with CUBIC: less than ten minutes if nothing else runs "
                        "(the default)")
    parser.add_argument("--full", action="store_true", help="all 324 cells: about eleven hours")
    parser.add_argument("--cells", help='as "rate=10,100 rtt=20 loss=0,1 reorder=none queue=1"')
    parser.add_argument("--algorithms", help="default: cubic,reno,bbr")
    parser.add_argument("--runs", type=int, default=3, help="of each pair in a cell, default 3")
    parser.add_argument("--only", help="grid, L2, L3, L4 or L5; several with commas")
    parser.add_argument("--json", type=pathlib.Path, default=k_results,
                        help="keeps every run, a line each; default: build/bench/loss.jsonl")
    parser.add_argument("--more", action="store_true", help="add to that file instead of anew")
    parser.add_argument("--report", action="store_true", help="measure nothing: read that file")
    parser.add_argument("--no-write", action="store_true", help="print the page alone")
    options = parser.parse_args()
    if not options.report:
        require_programs()
        signal.signal(signal.SIGTERM, signal.default_int_handler)
        try:
            measure(options)
        finally:
            Path.leave_all()
    records = [json.loads(line) for line in options.json.read_text().splitlines()]
    page = report.page(records)
    print(page)
    if not options.no_write:
        report.write(page, records)


def measure(options):
    everything = ["grid", *figures.k_all]
    only = options.only.split(",") if options.only else everything
    if unknown := set(only) - set(everything):
        stop(f"--only {unknown.pop()}: one of {', '.join(everything)}")
    quick = not options.full and options.cells is None
    algorithms = (options.algorithms or ("cubic,bbr" if quick else "cubic,reno,bbr")).split(",")
    with options.json.open("a" if options.more else "w") as file:
        def keep(record):
            file.write(json.dumps(record) + "\n")
            file.flush()
        if "grid" in only:
            Grid(cells_of(options), algorithms, options.runs, keep).run()
        for name, figure in figures.k_all.items():
            if name in only:
                once = quick and options.only is None
                figure(algorithms[:1] if once else algorithms, 1 if once else options.runs, keep,
                       once)


if __name__ == "__main__":
    main()
