#!/usr/bin/env python3
"""Checks that the shared libraries export what the public headers declare, and nothing else.

  check_exports.py --build DIR    the libraries somewhere under DIR
"""
import argparse
import pathlib
import re
import subprocess
import sys

from common import Report, k_root

k_components = ["core", "os", "asio", "sim"]
# What a compiler makes of a class beside its members.
k_made = re.compile(r"^(vtable|typeinfo|typeinfo name|VTT|guard variable) for "
                    r"|^(non-virtual|virtual) thunk to |^guard variable for ")
# Weak symbols of other people's templates may be in any library that uses them.
k_weak = set("VWuvw")


def words_of_headers(root):
    """Every word of a public header, but for the types that it marks as local."""
    words, local = set(), set()
    for header in sorted((root / "include/tern").rglob("*.hh")):
        text = header.read_text()
        words |= set(re.findall(r"[A-Za-z_]\w*", text))
        local |= set(re.findall(r"TERN_LOCAL (\w+);", text))
    return words - local


def qualified_name(symbol):
    """The name in a demangled symbol, without result, parameters and template arguments."""
    name = k_made.sub("", symbol)
    name = re.sub(r"\[abi:\w+\]|\(anonymous namespace\)", "", name)
    while True:
        shorter = re.sub(r"<[^<>]*>", "", name)
        if shorter == name:
            break
        name = shorter
    return name.split("(")[0].split(" ")[-1]


def stray(symbol, kind, words):
    """Why the symbol should not be exported; None if it may be."""
    name = qualified_name(symbol)
    if "tern::" not in symbol:
        return None if kind in k_weak else "is no symbol of tern's"
    if not name.startswith("tern::"):
        return None if kind in k_weak else "is in no namespace of tern's"
    unknown = [w for w in re.findall(r"[A-Za-z_]\w*", name) if w not in words]
    return f"names {unknown[0]}, which no public header declares" if unknown else None


def exported(library):
    out = subprocess.run(["nm", "-DC", "--defined-only", "--without-symbol-versions",
                          str(library)], capture_output=True, text=True, check=True).stdout
    for line in out.splitlines():
        _, kind, symbol = line.split(" ", 2)
        if kind != "A":
            yield kind, symbol


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    build = parser.parse_args().build
    report = Report("consumers")
    words = words_of_headers(k_root)
    for component in k_components:
        complaints = report.rule(f"exports of libtern-{component}.so")
        library = next(build.rglob(f"libtern-{component}.so"), None)
        if library is None:
            complaints.append(f"no libtern-{component}.so under {build}")
            continue
        symbols = list(exported(library))
        if not any(s.startswith("tern::") for _, s in symbols):
            complaints.append(f"{library} exports nothing of tern's")
        for kind, symbol in symbols:
            why = stray(symbol, kind, words)
            if why:
                complaints.append(f"{library.name}: {symbol} {why}")
    return report.finish()


if __name__ == "__main__":
    sys.exit(main())
