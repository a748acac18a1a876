#!/usr/bin/env python3
"""Runs every libFuzzer target fuzz_NAME for some seconds, as many at once as there are cores.

Starts from --corpus/NAME (never written); new inputs go to --work/corpus/NAME, findings to
--work/found/. A target that ran no input is a failure.
"""
import argparse
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys


def run(target, options, seconds):
    name = target.name.removeprefix("fuzz_")
    learned = options.work / "corpus" / name
    found = options.work / "found"
    for folder in (learned, found):
        folder.mkdir(parents=True, exist_ok=True)
    log = options.work / "logs" / f"{name}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    command = [str(target.resolve()), str(learned)]
    seeds = options.corpus / name
    if seeds.is_dir():
        command.append(str(seeds))
    command += [f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048",
                "-print_final_stats=1", f"-artifact_prefix={found}/{target.name}-"]
    dictionary = options.corpus / f"{name}.dict"
    if dictionary.is_file():
        command.append(f"-dict={dictionary}")
    with open(log, "wb") as out:
        try:
            code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT,
                                  timeout=seconds + 120).returncode
        except subprocess.TimeoutExpired:
            code = "none: it did not stop"
    text = log.read_text(errors="replace")
    runs = re.search(r"stat::number_of_executed_units:\s*(\d+)", text) or \
        re.search(r"Done (\d+) runs", text)
    count = int(runs.group(1)) if runs else 0
    if code != 0:
        error = re.search(r"(SUMMARY: .*|ERROR: .*|runtime error: .*)", text)
        return f"not ok {target.name} - {error.group(1) if error else f'exit code {code}'}; " \
               f"log {log}, input in {found}/"
    if count == 0:
        return f"not ok {target.name} - it ran no input; log {log}"
    return f"ok {target.name} ({count} inputs in {seconds} s)"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bin", type=pathlib.Path, required=True)
    parser.add_argument("--corpus", type=pathlib.Path, required=True)
    parser.add_argument("--work", type=pathlib.Path, required=True)
    parser.add_argument("--seconds", type=int, default=10, help="for each target")
    parser.add_argument("--at-most", type=int, default=120, help="seconds for all targets together")
    options = parser.parse_args()
    targets = sorted(t for t in options.bin.glob("fuzz_*") if os.access(t, os.X_OK) and t.is_file())
    if not targets:
        print(f"not ok fuzz - no target {options.bin}/fuzz_*")
        return 1
    cores = os.cpu_count() or 1
    seconds = max(1, min(options.seconds, options.at_most * cores // len(targets)))
    failures = 0
    with concurrent.futures.ThreadPoolExecutor(cores) as pool:
        for line in pool.map(lambda t: run(t, options, seconds), targets):
            print(line, flush=True)
            failures += line.startswith("not ok")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
