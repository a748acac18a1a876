#!/usr/bin/env python3
"""docs/decisions/README.md is the list of the decisions, gaps included; --fix writes it.

A page is NNNN-some-words.md and begins with "# NNNN: title". Text that says "decision NNNN", or
names a page, means one that there is.
"""
import argparse
import pathlib
import re
import sys

from common import Report, k_root, tracked

k_folder = "docs/decisions"
k_page = re.compile(r"(\d{4})-[a-z0-9-]+\.md")
k_reference = re.compile(r"\bdecisions? (\d{4})\b|decisions/(\d{4}-[a-z0-9-]+(?:\.md)?)")
k_text = {".md", ".hh", ".cc", ".py", ".sh", ".toml", ".cmake", ".txt"}
k_head = """# Decisions

What somebody could have decided otherwise. Each page gives the context, the decision, the
alternatives and the price. This list is written by `scripts/check_decisions.py --fix`.

"""


def title_of(text):
    found = re.match(r"# (\d{4}): (.+)\n", text)
    return (found[1], found[2][0].upper() + found[2][1:]) if found else (None, None)


def index(titles):
    """The text of the README for {number: (file, title)}."""
    rows = [f"- [{number}]({file}): {title}" for number, (file, title) in sorted(titles.items())]
    gaps = [f"{n:04}" for n in range(1, max(map(int, titles)) + 1) if f"{n:04}" not in titles]
    text = k_head + "\n".join(rows) + "\n"
    if gaps:
        text += f"\nNumbers that were never given: {', '.join(gaps)}.\n"
    return text


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=pathlib.Path, default=k_root)
    parser.add_argument("--fix", action="store_true", help="write the list")
    options = parser.parse_args()
    root, report, titles = options.root, Report("decisions"), {}
    pages, listed, named = (report.rule("each page has its own number, and begins with it"),
                            report.rule(f"{k_folder}/README.md lists them"),
                            report.rule("a decision that is named exists"))
    files = tracked(root)
    for path in files:
        if path.parent.as_posix() != k_folder or path.name == "README.md":
            continue
        name, (number, title) = k_page.fullmatch(path.name), title_of((root / path).read_text())
        if name is None or name[1] != number:
            pages.append(f"{path} does not begin with its number, as # NNNN: title")
        elif number in titles:
            pages.append(f"{path} and {titles[number][0]} have one number")
        else:
            titles[number] = (path.name, title)
    if not titles:
        pages.append(f"no page in {k_folder}")
    else:
        readme = root / k_folder / "README.md"
        if options.fix:
            readme.write_text(index(titles))
        if not readme.is_file() or readme.read_text() != index(titles):
            listed.append("run scripts/check_decisions.py --fix")
    stems = {file.removesuffix(".md") for file, _ in titles.values()}
    for path in files:
        if path.suffix not in k_text or path.parts[:2] == ("scripts", "tests"):
            continue
        for number, line in enumerate((root / path).read_text().splitlines(), 1):
            for found in k_reference.finditer(line):
                there = found[1] in titles if found[1] else found[2].removesuffix(".md") in stems
                if not there:
                    named.append(f"{path}:{number}: {found[0]}")
    return report.finish(f" ({len(titles)} of them)")


if __name__ == "__main__":
    sys.exit(main())
