#!/usr/bin/env python3
"""Where the instructions of a frame, a round trip and a connection go, from the top down, both ends
together: a part of docs/performance.md. Counted by callgrind, so they repeat; cache misses are not
in them.
"""
import argparse
import pathlib
import re
import subprocess
import sys
import tempfile
from collections import Counter

from cost import k_cases, k_environment, k_programs, k_root, stop

k_page = k_root / "docs" / "performance.md"
k_begin, k_end = "<!-- bench/profile.py: begin -->", "<!-- bench/profile.py: end -->"
k_shown = ("bulk", "round trip", "connection")
k_least = 0.015  # of all instructions
k_line = re.compile(r"\s*([\d,]+) \(\s*[\d.]+%\)\s+\S+?:(.*)")


def short(name):
    """tern::inet::Inet::send(tern::Packet, ...) [clone .isra.0] [/of/this] -> inet::Inet::send"""
    name = re.sub(r"\(anonymous namespace\)::|tern::|\[.*", "", name)
    while name != (name := re.sub(r"<[^<>]*>", "", name)):
        pass
    words = name.split("(")[0].split()
    return words[-1] if words else ""


def functions(out, inclusive):
    """Instructions of each function of ours; its own are spread over the files it has taken in."""
    words = ["callgrind_annotate", "--threshold=100", *(["--inclusive=yes"] if inclusive else []),
             str(out)]
    text = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout
    text = subprocess.run(["c++filt"], input=text, stdout=subprocess.PIPE, text=True).stdout
    found = Counter()
    for line in text.splitlines():
        if match := k_line.match(line):
            name, value = short(match[2]), int(match[1].replace(",", ""))
            found[name] = max(found[name], value) if inclusive else found[name] + value
    return found


def counted(command):
    program, *words = command.split()
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "out"
        done = subprocess.run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}",
                               str(k_programs / program), *words],
                              stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
                              env=k_environment)
        if done.returncode != 0:
            stop(f"exit code {done.returncode} from: valgrind ... {command}\n{done.stderr}")
        return functions(out, True), functions(out, False)


def difference(case):
    """Of n units, without what the program needs to start."""
    once, twice = (counted(case.command.format(n=n)) for n in (case.n, 2 * case.n))
    within, own = ({name: (twice[k][name] - once[k][name]) / (case.n * case.per_n)
                    for name in twice[k]} for k in (0, 1))
    # Of a function in several clones `within` has the largest alone.
    return {name: max(value, own.get(name, 0)) for name, value in within.items()}, own


def rows(case):
    within, own = difference(case)
    whole = within["main"]
    yield f"| {case.name}: {case.unit} | with all that it calls | share | its own |"
    yield "|---|---|---|---|"
    for name, value in sorted(within.items(), key=lambda item: -item[1]):
        ours = own.get(name, 0)
        if value >= k_least * whole and name and ours > 0 and "main" not in name:
            yield f"| `{name}` | {value:,.0f} | {value / whole:.0%} | {ours:,.0f} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-write", action="store_true", help="print the tables alone")
    options = parser.parse_args()
    text = "\n\n".join("\n".join(rows(c)) for c in k_cases if c.name in k_shown)
    print(text)
    if not options.no_write:
        head, rest = k_page.read_text().split(k_begin)
        k_page.write_text(f"{head}{k_begin}\n{text}\n{k_end}{rest.split(k_end)[1]}")


if __name__ == "__main__":
    sys.exit(main())
