#!/usr/bin/env python3
"""Counts the result lines of the stages; the last line is "N passed, N failed[, N skipped]".

Anyone can check it:  cat build/test-results/*.tap | cut -d' ' -f1,2 | sort | uniq -c
"""
import argparse
import pathlib
import sys

k_budget_seconds = 20 * 60


def count(lines):
    """(passed, failed, skipped) of result lines."""
    return (sum(line.startswith("ok ") for line in lines),
            sum(line.startswith("not ok ") for line in lines),
            sum(line.startswith("skip ") for line in lines))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--results", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=0)
    parser.add_argument("stages", nargs="*")
    options = parser.parse_args()

    total = [0, 0, 0]
    bad, left_out = [], []
    print(f"{'stage':14} {'passed':>7} {'failed':>7} {'skipped':>8} {'seconds':>8}")
    for stage in options.stages:
        lines = (options.results / f"{stage}.tap").read_text().splitlines()
        counts = count(lines)
        total = [a + b for a, b in zip(total, counts)]
        bad += [f"{stage}: {line[7:]}" for line in lines if line.startswith("not ok ")]
        left_out += [f"{stage}: {line[5:]}" for line in lines if line.startswith("skip ")]
        seconds = (options.results / f"{stage}.seconds").read_text().strip()
        print(f"{stage:14} {counts[0]:7} {counts[1]:7} {counts[2]:8} {seconds:>8}")
    print(f"{'all':14} {total[0]:7} {total[1]:7} {total[2]:8} {options.seconds:8}")
    if options.seconds > k_budget_seconds:
        print(f"\nwarning: {options.seconds} s is more than the budget of {k_budget_seconds} s")
    for title, lines in (("skipped", left_out), ("failed", bad)):
        if lines:
            print(f"\n{title}:")
            for line in lines[:60]:
                print(f"  {line}")
            if len(lines) > 60:
                print(f"  and {len(lines) - 60} more in {options.results}/*.tap")
    passed, failed, skipped = total
    if passed == 0 and failed == 0:
        print("\nno test ran: that is a failure")
    print(f"\n{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 0 if failed == 0 and passed > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
