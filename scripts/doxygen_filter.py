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


def is_sample(line):
    """A line of a program or a table within a comment: it stands two steps further to the right."""
    alone = k_alone.match(line)
    return alone is not None and (alone["text"] or "").startswith("  ")


def converted(lines):
    column = None  # where the comment behind the line before begins: its next lines stand below it
    for before, line, after in zip([""] + lines, lines, lines[1:] + [""]):
        alone, behind = k_alone.match(line), k_behind.match(line)
        if alone and len(alone["indent"]) == column:
            yield f"{alone['indent']}///< {plain(alone['text'])}"
        elif alone:
            column = None
            begin = " @code{.unparsed}" if is_sample(line) and not is_sample(before) else ""
            end = " @endcode" if is_sample(line) and not is_sample(after) else ""
            text = alone["text"][1:] if is_sample(line) else " " + plain(alone["text"])
            yield f"{alone['indent']}///{begin}{text}{end}"
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
