#!/usr/bin/env python3
"""The table of all goals of speed and size, docs/goals.md: goal, figure, the peer's figure of the
same run, command. The programs that measure keep their rows by keep(); this one puts them together.
"""
import datetime
import json
import pathlib
from typing import NamedTuple

k_root = pathlib.Path(__file__).resolve().parent.parent
k_page = k_root / "docs" / "goals.md"
k_kept = k_root / "build" / "bench" / "goals"
k_begin, k_end = "<!-- bench/goals.py: begin -->", "<!-- bench/goals.py: end -->"


class Row(NamedTuple):
    goal: str
    what: str
    unit: str  # one that ends with "/s": more is better
    figure: float
    target: float
    peer: str  # "": none
    peer_figure: float
    command: str
    more: bool = False  # more is better, whatever the unit


def keep(name, rows):
    """What the program `name` has measured, until it measures again."""
    k_kept.mkdir(parents=True, exist_ok=True)
    kept = {"date": str(datetime.date.today()), "rows": [row._asdict() for row in rows]}
    (k_kept / f"{name}.json").write_text(json.dumps(kept, indent=1))


def number(value):
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def times(row, other):
    """Above 1: better than the other."""
    more = row.more or row.unit.endswith("/s")
    return row.figure / other if more else other / row.figure


def line(row, date):
    of_goal = times(row, row.target)
    cells = [row.goal, row.what, f"{number(row.figure)} {row.unit}",
             f"{number(row.target)} {row.unit}",
             f"{of_goal:.2f}" if of_goal < 1 else f"**{of_goal:.2f}**"]
    cells += ([f"{row.peer}: {number(row.peer_figure)} {row.unit}",
               f"{times(row, row.peer_figure):.2f}"] if row.peer else ["", ""])
    return "| " + " | ".join([*cells, f"`{row.command}`", date]) + " |"


def place(row):
    return row.goal[0] != "S", int(row.goal[1:])


def main():
    rows = []
    for path in sorted(k_kept.glob("*.json")):
        kept = json.loads(path.read_text())
        rows += [(Row(**row), kept["date"]) for row in kept["rows"]]
    rows.sort(key=lambda item: place(item[0]))
    titles = ("", "what", "tern", "goal", "times goal", "peer, same run", "times peer", "command",
              "measured")
    text = "\n".join([f"| {' | '.join(titles)} |", "|" + "---|" * len(titles),
                      *(line(*row) for row in rows)])
    print(text)
    head, rest = k_page.read_text().split(k_begin)
    k_page.write_text(f"{head}{k_begin}\n{text}\n{k_end}{rest.split(k_end)[1]}")


if __name__ == "__main__":
    main()
