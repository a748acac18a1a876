"""The cells of goals L1: what a way between two hosts can be like."""
import itertools
from typing import NamedTuple

k_values = {"rate": (10, 100, 1000), "rtt": (2, 20, 100), "loss": (0, 0.1, 1, 5),
            "reorder": ("none", "1%", "10%"), "queue": (0.25, 1, 4)}
# Long enough that slow start and what it overshot by are over in the first quarter, which does not
# count, and that a hundred round trips are left; short enough for hundreds of cells.
k_seconds = {2: 2, 20: 4, 100: 10}
k_uncounted = 0.25


class Cell(NamedTuple):
    rate: int  # Mbit/s, both ways
    rtt: int  # ms, half of it each way
    loss: float  # per cent of the data segments; acknowledgements are not lost
    reorder: str  # 1% of them late by 1 ms, or 10% by half a round trip
    queue: float  # times rate and round trip; then the tail is dropped

    def __str__(self):
        late = {"none": "in order", "1%": "1 % late by 1 ms", "10%": "10 % late by RTT/2"}
        return (f"{self.rate} Mbit/s, {self.rtt} ms, loss {self.loss:g} %, {late[self.reorder]}, "
                f"queue {self.queue:g} BDP")

    def seconds(self):
        return k_seconds[self.rtt]

    def wire(self, seed):
        """The words of `tern wire`; data go from a to b."""
        words = ["--rate", f"{self.rate}mbit", "--delay", f"{self.rtt / 2:g}ms",
                 "--queue", f"{self.queue:g}bdp", "--seed", str(seed)]
        faults = [f"loss={self.loss:g}%"] if self.loss else []
        if self.reorder != "none":
            by = 1 if self.reorder == "1%" else self.rtt / 2
            faults.append(f"reorder={self.reorder},reorder-by={by:g}ms")
        return words + (["--a-to-b", ",".join(faults)] if faults else [])


def full():
    return [Cell(*values) for values in itertools.product(*k_values.values())]


def quick():
    """Every value of every dimension at least once; mostly slow ways, which go side by side."""
    return [Cell(10, 20, 1, "none", 1), Cell(10, 100, 5, "none", 4), Cell(10, 2, 0.1, "1%", 4),
            Cell(10, 20, 1, "10%", 1), Cell(100, 20, 0.1, "none", 0.25),
            Cell(1000, 2, 0, "none", 1)]


def chosen(text):
    """The cells of a filter as "rate=10,100 rtt=20 loss=0,1 reorder=none queue=1"."""
    wanted = dict(k_values)
    for item in text.split():
        name, _, values = item.partition("=")
        if name not in k_values:
            raise ValueError(f"{name}: one of {', '.join(k_values)}")
        allowed = {str(v): v for v in k_values[name]}
        unknown = [v for v in values.split(",") if v not in allowed]
        if unknown:
            raise ValueError(f"{name}={unknown[0]}: one of {', '.join(allowed)}")
        wanted[name] = tuple(allowed[v] for v in values.split(","))
    return [cell for cell in full()
            if all(getattr(cell, name) in values for name, values in wanted.items())]
