#!/usr/bin/env python3
"""Draws CUBIC's window in virtual time over the formula of RFC 9438, as docs/cubic.svg, and tells
the largest deviation between the two."""
import subprocess
import sys

from path import k_bench, k_root

k_wide, k_high, k_edge = 720, 360, 50


def samples():
    done = subprocess.run([str(k_bench / "loss_cubic_curve")], stdout=subprocess.PIPE, text=True,
                          check=True)
    return [tuple(map(float, line.split())) for line in done.stdout.splitlines()]


def line(points, style):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" {style}/>'


def drawing(rows, worst):
    last, most = rows[-1][0], max(max(row[1:]) for row in rows)

    def place(t, w):
        return (k_edge + t / last * (k_wide - 2 * k_edge),
                k_high - k_edge - w / most * (k_high - 2 * k_edge))

    title = (f"CUBIC after one loss, 100 ms: cwnd (blue) and RFC 9438 (red, dashed), at most "
             f"{worst:.1%} apart; {last:.0f} s, up to {most:.0f} segments")
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{k_wide}" height="{k_high}" '
        'font-family="sans-serif">', '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{k_edge}" y="25" font-size="12">{title}</text>',
        line([place(t, w) for t, w, _ in rows], 'stroke="#2060c0" stroke-width="2"'),
        line([place(t, w) for t, _, w in rows], 'stroke="#c02020" stroke-dasharray="6 4"'),
        line([place(0, most), place(0, 0), place(last, 0)], 'stroke="black"'), "</svg>", ""])


def main():
    rows = samples()
    if len(rows) < 100 or not any(t > 10 for t, _, _ in rows):
        return "the flow did not come to its growth"
    worst = max(abs(own - formula) / formula for _, own, formula in rows)
    (k_root / "docs/cubic.svg").write_text(drawing(rows, worst))
    print(f"{len(rows)} samples, at most {worst:.2%} apart")
    return 0 if worst < 0.05 else f"cwnd and the formula are {worst:.1%} apart"


if __name__ == "__main__":
    sys.exit(main())
