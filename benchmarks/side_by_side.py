"""Ours beside theirs: measured in turn, compared by the median of ratios."""

from __future__ import annotations

import statistics
import time
import timeit
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

ROUNDS = 300
ROUND_SECONDS = 4e-4

Callee = Callable[..., object]


@dataclass(frozen=True)
class Row:
    """One comparison: what each side takes, the median of theirs / ours, its quartiles, and the aim."""

    what: str
    theirs: str
    unit: str
    our_cost: float
    their_cost: float
    ratio: float
    low: float
    high: float
    aim: float | None

    @classmethod
    def of(
        cls, what: str, theirs: str, unit: str, pairs: Sequence[tuple[float, float]], aim: float | None
    ) -> Row:
        """Compare what was measured in pairs, ours first."""
        low, ratio, high = statistics.quantiles([their / our for our, their in pairs], n=4)
        our_cost, their_cost = (statistics.median(side) for side in zip(*pairs, strict=True))
        return cls(what, theirs, unit, our_cost, their_cost, ratio, low, high, aim)


def timer_of(function: Callee, arguments: Sequence[object]) -> timeit.Timer:
    """Times `function(*arguments)`, in CPU time."""
    names = [f"x{i}" for i in range(len(arguments))]
    setup = f"f, {', '.join(names)} = F, *X"
    return timeit.Timer(f"f({', '.join(names)})", setup, time.process_time, {"F": function, "X": arguments})


def compare_calls(
    what: str, arguments: Sequence[object], ours: Callee, theirs: dict[str, tuple[Callee, float | None]]
) -> list[Row]:
    """Time `ours(*arguments)` and the same call of each of the others in turn."""
    timers = [timer_of(f, arguments) for f in (ours, *(f for f, _ in theirs.values()))]
    return compare_timers(what, timers, [(name, aim) for name, (_, aim) in theirs.items()])


def compare_timers(
    what: str, timers: Sequence[timeit.Timer], theirs: Sequence[tuple[str, float | None]]
) -> list[Row]:
    """Run our timer and those of the others in turn; `theirs` has their names and aims."""
    counts = [max(1, round(ROUND_SECONDS / (timer.timeit(100) / 100))) for timer in timers]
    rounds = [
        [timer.timeit(count) / count * 1e9 for timer, count in zip(timers, counts, strict=True)]
        for _ in range(ROUNDS)
    ]
    return [
        Row.of(what, name, "ns", [(costs[0], costs[i]) for costs in rounds], aim)
        for i, (name, aim) in enumerate(theirs, start=1)
    ]


def print_rows(title: str, rows: Iterable[Row], console: Console) -> None:
    """One table."""
    table = Table("ours", "beside", title=title)
    for heading in ("ours", "theirs", "times better", "quartiles", "aim"):
        table.add_column(heading, justify="right")
    for row in rows:
        aim = "" if row.aim is None else f"{row.aim:.2f}"
        digits = 0 if row.unit in ("ns", "KiB") else 2
        costs = [f"{cost:.{digits}f} {row.unit}" for cost in (row.our_cost, row.their_cost)]
        table.add_row(
            row.what, row.theirs, *costs, f"{row.ratio:.2f}", f"{row.low:.2f} to {row.high:.2f}", aim
        )
    console.print(table)
