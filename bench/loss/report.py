"""From the records of many runs to the page docs/loss.md and its heat map docs/loss.svg."""
import collections
import datetime
import itertools
import os
import statistics

from grid import Cell, k_values
from measure import k_pairs
from path import k_root

k_page, k_map = k_root / "docs/loss.md", k_root / "docs/loss.svg"
k_begin, k_end = "<!-- bench/loss/run.py: begin -->", "<!-- bench/loss/run.py: end -->"
k_goal = 0.95
k_rows_most = 40  # of a table; beyond it the heat map and the worst ones tell


class Ratio:
    """What tern reached in a cell, over what the kernel with itself did."""

    def __init__(self, own, kernel):
        self.own, self.kernel = own, kernel
        self.value, self.short = None, False
        if own and kernel:
            self.value = statistics.median(own) / max(statistics.median(kernel), 1e-6)
            # Every run of the one was below what every run of the other allows: more than noise.
            self.short = max(own) < k_goal * min(kernel)

    def __str__(self):
        if self.value is None:
            return "busy"
        return f"{self.value:.2f}" + (" **short**" if self.short else "")


def ratios(records):
    """{(cell, algorithm): {pair: Ratio}} of what was measured while the machine kept up."""
    runs = collections.defaultdict(lambda: collections.defaultdict(list))
    for r in records:
        if "cell" in r and "figure" not in r:
            got = runs[Cell(**r["cell"]), r["algorithm"]][r["pair"]]
            if r["valid"]:
                got.append(r["mbit_per_s"])
    kernel, *own = k_pairs
    return {key: {pair: Ratio(pairs[pair], pairs[kernel]) for pair in own}
            for key, pairs in sorted(runs.items())}


def summary(all_ratios):
    lines = ["| algorithm | | cells | at least 0.95 | short beyond noise | median | lowest |",
             "|---|---|---|---|---|---|---|"]
    for algorithm, pair in itertools.product(dict.fromkeys(a for _, a in all_ratios),
                                             list(k_pairs)[1:]):
        row = [p[pair] for (_, a), p in all_ratios.items() if a == algorithm]
        values = [r.value for r in row if r.value is not None]
        if values:
            lines.append(f"| {algorithm} | {pair} | {len(values)} | "
                         f"{sum(v >= k_goal for v in values)} | {sum(r.short for r in row)} | "
                         f"{statistics.median(values):.2f} | {min(values):.2f} |")
    missed = sum(r.value is None for p in all_ratios.values() for r in p.values())
    if missed:
        lines += ["", f"Not told, because the machine did not keep up: {missed} ratios."]
    return lines


def cells_table(all_ratios):
    """All cells if they are few, else the ones with the lowest ratios."""
    def lowest(item):
        return min((r.value for r in item[1].values() if r.value is not None), default=9)

    shown = list(all_ratios.items())
    if len(shown) > k_rows_most:
        shown = sorted(shown, key=lowest)[:k_rows_most]
    lines = ["| cell | algorithm | kernel to kernel | tern sends | tern receives |",
             "|---|---|---|---|---|"]
    for (cell, algorithm), pairs in shown:
        sends, receives = pairs.values()
        base = f"{statistics.median(sends.kernel):.2f} Mbit/s" if sends.kernel else "-"
        lines.append(f"| {cell} | {algorithm} | {base} | {sends} | {receives} |")
    return lines


def spread(values, digits=2):
    middle = statistics.median(values)
    return f"{middle:.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def figure_rows(records, name, by, key, digits=2):
    """A table: one row for each value of `by`, one column for each pair."""
    chosen = [r for r in records if r.get("figure") == name]
    pairs = list(dict.fromkeys(r["pair"] for r in chosen))
    lines = ["| | " + " | ".join(pairs) + " |", "|---" * (len(pairs) + 1) + "|"]
    for row in dict.fromkeys(by(r) for r in chosen):
        cells = []
        for pair in pairs:
            values = [r[key] for r in chosen
                      if by(r) == row and r["pair"] == pair and r["valid"]]
            told = [v for v in values if v is not None]
            never = f", never in {len(values) - len(told)}" if len(told) < len(values) else ""
            cells.append((spread(told, digits) if told else "-") + never)
        lines.append(f"| {row} | " + " | ".join(cells) + " |")
    return lines if chosen else []


def section(title, lines):
    return ["", f"### {title}", "", *lines] if lines else []


def page(records):
    all_ratios = ratios(records)
    lines = [f"Measured on {datetime.date.today()}, {os.cpu_count()} cores, "
             f"kernel {os.uname().release}."]
    if all_ratios:
        lines += section("L1: goodput beside the kernel", summary(all_ratios))
        lines += ["", "![Ratios of medians](loss.svg)", "", *cells_table(all_ratios)]
    lines += section("L2: sent twice for nothing, per cent of segments",
                     figure_rows(records, "L2", lambda r: f"{r['algorithm']}, {r['reorder']} late",
                                 "spurious_percent", 3))
    lines += section("L3: what a lost tail costs, round trips",
                     figure_rows(records, "L3", lambda r: r["tail"], "round_trips", 1))
    lines += section("L4: two flows, Jain's index", figure_rows(
        records, "L4", lambda r: f"{r['algorithm']}, {Cell(**r['cell'])}", "jain", 3))
    lines += section("L5: 1 Gbit/s and 100 ms, seconds until nine tenths are used", figure_rows(
        records, "L5", lambda r: r["algorithm"], "seconds_to_full", 1))
    lines += section("L5: and Mbit/s of payload in the second ten seconds", figure_rows(
        records, "L5", lambda r: r["algorithm"], "mbit_per_s", 0))
    return "\n".join(lines)


# The heat map ----------------------------------------------------------------------------------

k_wide, k_high, k_left, k_top = 34, 15, 190, 60


def colour(ratio):
    """Red below the goal, white at it, green above."""
    if ratio.value is None:
        return "#bbbbbb"
    if ratio.value < k_goal:
        light = round(235 - 180 * min((k_goal - ratio.value) / 0.45, 1))
        return f"rgb(240,{light},{light})"
    light = round(245 - 120 * min((ratio.value - k_goal) / 0.5, 1))
    return f"rgb({light},240,{light})"


def text(x, y, what, anchor="start", size=10):
    return f'<text x="{x}" y="{y}" font-size="{size}" text-anchor="{anchor}">{what}</text>'


def panel(all_ratios, algorithm, pair, left, top, rows, columns):
    """One algorithm in one direction: rate, loss and order down, round trip and queue across."""
    out = [text(left, top - 34, f"{algorithm}, {pair}", size=13)]
    for x, (rtt, queue) in enumerate(columns):
        middle = left + x * k_wide + k_wide / 2
        out += [text(middle, top - 16, f"{rtt} ms", "middle", 9),
                text(middle, top - 5, f"{queue:g}", "middle", 9)]
    for y, (rate, loss, reorder) in enumerate(rows):
        for x, (rtt, queue) in enumerate(columns):
            pairs = all_ratios.get((Cell(rate, rtt, loss, reorder, queue), algorithm))
            if pairs is None:
                continue
            at_x, at_y = left + x * k_wide, top + y * k_high
            value = pairs[pair].value
            out += [f'<rect x="{at_x}" y="{at_y}" width="{k_wide - 1}" height="{k_high - 1}" '
                    f'fill="{colour(pairs[pair])}"/>',
                    text(at_x + k_wide / 2, at_y + 11,
                         "busy" if value is None else f"{value:.2f}", "middle", 9)]
    return out


def heat_map(all_ratios):
    cells = {cell for cell, _ in all_ratios}
    rows = [r for r in itertools.product(*(k_values[k] for k in ("rate", "loss", "reorder")))
            if any((c.rate, c.loss, c.reorder) == r for c in cells)]
    columns = [c for c in itertools.product(k_values["rtt"], k_values["queue"])
               if any((cell.rtt, cell.queue) == c for cell in cells)]
    algorithms = list(dict.fromkeys(a for _, a in all_ratios))
    wide, high = len(columns) * k_wide + 30, len(rows) * k_high + k_top + 20
    out = []
    for n, algorithm in enumerate(algorithms):
        top = n * high + k_top
        for y, (rate, loss, reorder) in enumerate(rows):
            late = "in order" if reorder == "none" else f"{reorder} late"
            out.append(text(4, top + y * k_high + 11, f"{rate} Mbit/s, loss {loss:g} %, {late}"))
        for m, pair in enumerate(list(k_pairs)[1:]):
            out += panel(all_ratios, algorithm, pair, k_left + m * wide, top, rows, columns)
    size = f'width="{max(k_left + 2 * wide, 620)}" height="{len(algorithms) * high + 20}"'
    legend = text(4, 16, "Goodput of tern over the kernel's, medians; red: below 0.95. "
                         "Columns: round trip, and the queue in BDP.", size=11)
    head = [f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif">',
            '<rect width="100%" height="100%" fill="white"/>', legend]
    return "\n".join([*head, *out, "</svg>", ""])


def write(figures, records):
    """Between the marks of docs/loss.md, and the map beside it."""
    page_text = k_page.read_text()
    before, rest = page_text.split(k_begin)
    after = rest.split(k_end)[1]
    k_page.write_text(f"{before}{k_begin}\n{figures}\n{k_end}{after}")
    all_ratios = ratios(records)
    if all_ratios:
        k_map.write_text(heat_map(all_ratios))
