#!/usr/bin/env python3
"""Doxygen's view of a header: our // comments become the /// and ///< that Doxygen reads.

Each line stays where it is, so that Doxygen's warnings name the lines of the header itself.
"""
import re
import sys

# Code with a comment behind it; none of the headers has "//" in a string.
k_behind = re.compile(r"^(?P<code>.*\S.*?)(?P<gap>\s+)// (?P<text>.*)$")
k_alone = re.compile(r"^(?P<indent>\s*)//(?: (?P<text>.*))?$")


def plain(text):
    """Text that Doxygen takes as it is: our comments have no commands, links or HTML."""
    return re.sub(r"([@\\<>#%])", r"\\\1", text or "")


def converted(lines):
    column = None  # where the comment behind the line before begins: its next lines stand below it
    for line in lines:
        alone, behind = k_alone.match(line), k_behind.match(line)
        if alone:
            own = len(alone["indent"])
            mark = "///<" if own == column else "///"
            column = own if own == column else None
            # A program in a comment is one step further to the right.
            text = alone["text"] or ""
            code = text.startswith("  ") or not text
            yield f"{alone['indent']}{mark} {'    ' if code else ''}{text if code else plain(text)}"
        elif behind and not line.startswith("#"):
            column = behind.end("gap")
            yield f"{behind['code']}{behind['gap']}///< {plain(behind['text'])}"
        else:
            column = None
            # The head of a file is what the file is documented by.
            yield "/// @file" if line == "#pragma once" else line


def without_std(text):
    """Doxygen does not know the templates that we specialise for the standard library."""
    return re.sub(r"^template <>\nstruct std::[^;]*;", lambda m: "\n" * m[0].count("\n"), text,
                  flags=re.M)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        print("\n".join(converted(without_std(file.read()).split("\n"))), end="")


if __name__ == "__main__":
    main()
