#!/usr/bin/env python3
"""Draws CUBIC's window in virtual time over the formula of RFC 9438, as docs/cubic.svg, with that
of ns-3 beside it, and tells the largest deviation of each from the formula."""
import subprocess
import sys

from path import k_bench, k_root

k_wide, k_high, k_edge = 720, 360, 50


def output_of(program):
    done = subprocess.run([str(k_bench / program)], stdout=subprocess.PIPE, text=True, check=True)
    return [tuple(map(float, line.split())) for line in done.stdout.splitlines()]


def formula(t, w_max):
    """RFC 9438 4.2, figures 1 and 2: segments at t seconds of the epoch."""
    return 0.4 * (t - (w_max * 0.3 / 0.4) ** (1 / 3)) ** 3 + w_max


def ns3_samples():
    """The same of ns-3, whose recovery takes the window down step by step: the epoch begins where
    it is lowest, and W_max is what the formula makes of that."""
    rows = output_of("ns3_cubic")
    rows = rows[max(range(len(rows)), key=lambda n: rows[n][1] if rows[n][0] < 2 else 0):]
    lowest = min(range(len(rows)), key=lambda n: rows[n][1])
    began, w_max = rows[lowest + 1][0], rows[lowest][1] / 0.7
    return [(t - began, w, formula(t - began, w_max)) for t, w in rows[lowest + 1:]]


def apart(rows):
    return max(abs(own - wanted) / wanted for _, own, wanted in rows)


def line(points, style):
    path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
    return f'<polyline points="{path}" fill="none" {style}/>'


def drawing(rows, ns3):
    last, most = rows[-1][0], max(max(row[1:]) for row in rows + ns3)

    def place(t, w):
        return (k_edge + t / last * (k_wide - 2 * k_edge),
                k_high - k_edge - w / most * (k_high - 2 * k_edge))

    title = (f"CUBIC after one loss, 100 ms: tern (blue), at most {apart(rows):.1%} from RFC 9438 "
             f"(red, dashed); ns-3 (green), {apart(ns3):.1%}; {last:.0f} s, {most:.0f} segments")
    return "\n".join([
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{k_wide}" height="{k_high}" '
        'font-family="sans-serif">', '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="{k_edge}" y="25" font-size="12">{title}</text>',
        line([place(t, w) for t, w, _ in rows], 'stroke="#2060c0" stroke-width="2"'),
        line([place(t, w) for t, w, _ in ns3], 'stroke="#208040" stroke-width="2"'),
        *(line([place(t, w) for t, _, w in each], 'stroke="#c02020" stroke-dasharray="6 4"')
          for each in (rows, ns3)),
        line([place(0, most), place(0, 0), place(last, 0)], 'stroke="black"'), "</svg>", ""])


def main():
    rows = output_of("loss_cubic_curve")
    if len(rows) < 100 or not any(t > 10 for t, _, _ in rows):
        return "the flow did not come to its growth"
    ns3, worst = ns3_samples(), apart(rows)
    (k_root / "docs/cubic.svg").write_text(drawing(rows, ns3))
    print(f"tern: {len(rows)} samples, at most {worst:.2%} from the formula; ns-3: {len(ns3)}, "
          f"at most {apart(ns3):.2%}")
    return 0 if worst < 0.05 else f"cwnd and the formula are {worst:.1%} apart"


if __name__ == "__main__":
    sys.exit(main())
