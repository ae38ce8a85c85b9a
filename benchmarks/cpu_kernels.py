"""add_ and copy_ on the CPU beside NumPy and single-threaded torch, in one run, as ratios.

    python benchmarks/cpu_kernels.py [--json FILE]

Every side works on the same arrays, in turn, many times: all see the same machine, equally cold caches, and
memory at the same place, which alone can change the speed by a third. Time is that of the processor, so that
others who use the machine count less. Reported are the best times of all rounds, their ratio, and the median
of the rounds' ratios; then the rows that are slower than 0.95 times NumPy in both.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
import timeit
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import numpy_bridge as bridge

ROUND_SECONDS = 1e-3
ROW_SECONDS = 0.4
LEAST = 0.95  # times as fast as NumPy
SIZES = (1_000, 100_000, 4_000_000)
DTYPES = ("int8", "int32", "int64", "float16", "float32", "float64", "complex64", "complex128")
CASTS = (
    ("float64", "float32"),
    ("float32", "float64"),
    ("float32", "float16"),
    ("int32", "float32"),
    ("uint8", "float32"),
    ("int64", "int32"),
    ("float32", "complex64"),
)

Call = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One operation: what it is, ours, and theirs by name."""

    what: str
    elements: int
    ours: Call
    theirs: dict[str, Call]


@dataclass(frozen=True)
class Row:
    """One comparison: microseconds a call, how many times faster ours is at best, and in the median round."""

    what: str
    elements: int
    beside: str
    ours: float
    theirs: float
    ratio: float
    median: float


def main() -> None:
    """Print the table, and write it as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    parser.add_argument("--only", default="", help="run the cases whose name contains this")
    arguments = parser.parse_args()

    torch.set_num_threads(1)
    console = Console()
    rows: list[Row] = []
    for case in cases():
        if arguments.only in case.what:
            rows += compare(case)
            console.print(f"{case.what}, {case.elements}", end="\r")
    console.print(table_of(rows))
    for row in rows:
        if row.beside == "numpy" and max(row.ratio, row.median) < LEAST:
            console.print(
                f"slower than NumPy: {row.what}, {row.elements}: {row.ratio:.2f}, median {row.median:.2f}"
            )
    versions = f"numpy {np.__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    console.print(f"{versions}, {platform.machine()}")
    if arguments.json:
        document = {"versions": versions, "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


def cases() -> Iterator[Case]:
    """Everything that is compared."""
    for elements in SIZES:
        for dtype in DTYPES:
            yield from additions(dtype, elements)
            yield from copies(dtype, elements)
        for source, target in CASTS:
            yield from casts(source, target, elements)
    yield from orders()


def orders() -> Iterator[Case]:
    """Operands of different order, of short rows, and that overlap."""
    for dtype in ("float32", "float64"):
        for columns in (2, 3, 8, 16, 100):
            rows = 2_000_000 // columns
            c, f = np.ones((rows, columns), dtype), np.ones((columns, rows), dtype).T
            shape = f"{dtype} ({rows}, {columns})"
            for what, x, y in (("C and F order", c, f), ("F and C order", f, c)):
                yield numpy_case(f"add_ {shape}, {what}", x, y, add=True)
                yield numpy_case(f"copy_ {shape}, {what}", x, y)
            yield numpy_case(f"add_ {shape}, and a row", c, c[0].copy(), add=True)
            yield numpy_case(f"add_ {shape}, and a column", c, c[:, :1].copy(), add=True)
        for side in (300, 3000):
            yield from overlaps(f"{dtype} ({side}, {side})", np.zeros((side, side), dtype))


def overlaps(shape: str, m: np.ndarray[Any, Any]) -> Iterator[Case]:
    """The source is a view of the target."""
    for what, x, y in (
        ("its own transpose", m, m.T),
        ("its own rows reversed", m, m[::-1]),
        ("shifted by a row", m[1:], m[:-1]),
    ):
        yield numpy_case(f"add_ {shape}, {what}", x, y, add=True)
        yield numpy_case(f"copy_ {shape}, {what}", x, y)


def numpy_case(what: str, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any], add: bool = False) -> Case:
    """`x` += `y`, or `x` = `y`, beside NumPy."""
    if add:
        return Case(what, x.size, lambda: bridge.add_(x, y), {"numpy": lambda: np.add(x, y, out=x)})
    return Case(
        what,
        x.size,
        lambda: bridge.copy_(x, y),
        {"numpy": lambda: np.copyto(x, y, casting="same_kind")},
    )


def additions(dtype: str, elements: int) -> Iterator[Case]:
    """x += y, packed and strided, and x += 1."""
    yield add_case(f"add_ {dtype}", packed(dtype, elements), packed(dtype, elements))
    yield add_case(f"add_ {dtype}, every second", packed(dtype, elements, 2), packed(dtype, elements))
    yield add_case(f"add_ {dtype}, of every second", packed(dtype, elements), packed(dtype, elements, 2))
    yield number_case(f"add_ {dtype}, a number", packed(dtype, elements))
    yield number_case(f"add_ {dtype}, every second, a number", packed(dtype, elements, 2))


def add_case(what: str, x: np.ndarray[Any, Any], y: np.ndarray[Any, Any]) -> Case:
    """`x` += `y`."""
    t, u = torch.from_numpy(x), torch.from_numpy(y)
    return Case(
        what,
        x.size,
        lambda: bridge.add_(x, y),
        {"numpy": lambda: np.add(x, y, out=x), "torch": lambda: t.add_(u)},
    )


def number_case(what: str, x: np.ndarray[Any, Any]) -> Case:
    """`x` += 1."""
    t = torch.from_numpy(x)
    return Case(
        what,
        x.size,
        lambda: bridge.add_(x, 1),
        {"numpy": lambda: np.add(x, 1, out=x), "torch": lambda: t.add_(1)},
    )


def copies(dtype: str, elements: int) -> Iterator[Case]:
    """Packed, from every second element, and transposed."""
    side = round(elements**0.5)
    square = (side, side)
    yield numpy_case(f"copy_ {dtype}", packed(dtype, elements), packed(dtype, elements))
    yield numpy_case(f"copy_ {dtype}, from every second", packed(dtype, elements), packed(dtype, elements, 2))
    yield numpy_case(
        f"copy_ {dtype}, transposed",
        packed(dtype, side * side).reshape(square),
        packed(dtype, side * side).reshape(square).T,
    )


def casts(source: str, target: str, elements: int) -> Iterator[Case]:
    """Conversions, packed and from every second element, and of foreign byte order."""
    what = f"copy_ {source} to {target}"
    yield numpy_case(what, packed(target, elements), packed(source, elements))
    yield numpy_case(f"{what}, from every second", packed(target, elements), packed(source, elements, 2))
    foreign = np.dtype(source).newbyteorder()
    if foreign.itemsize > 1:
        yield numpy_case(
            f"{what}, from foreign order", packed(target, elements), packed(source, elements).astype(foreign)
        )


def packed(dtype: str, elements: int, step: int = 1) -> np.ndarray[Any, Any]:
    """Ones; every `step`-th element of what is allocated."""
    return np.ones(elements * step, dtype)[::step]


def compare(case: Case) -> list[Row]:
    """Time ours and theirs in turn."""
    timers = [timeit.Timer(call, timer=time.thread_time) for call in (case.ours, *case.theirs.values())]
    counts = [max(1, round(ROUND_SECONDS / (timer.timeit(3) / 3))) for timer in timers]
    once = sum(timer.timeit(count) for timer, count in zip(timers, counts, strict=True))
    rounds = max(10, min(300, round(ROW_SECONDS / once)))
    costs = [
        [timer.timeit(count) / count * 1e6 for timer, count in zip(timers, counts, strict=True)]
        for _ in range(rounds)
    ]
    best = [min(side) for side in zip(*costs, strict=True)]
    return [
        Row(
            case.what,
            case.elements,
            name,
            best[0],
            best[i],
            best[i] / best[0],
            statistics.median(cost[i] / cost[0] for cost in costs),
        )
        for i, name in enumerate(case.theirs, start=1)
    ]


def table_of(rows: list[Row]) -> Table:
    """One line a comparison."""
    table = Table("operation", "beside", title="On one core of the CPU")
    for heading in ("elements", "ours, us", "theirs, us", "times faster", "median"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.what,
            row.beside,
            str(row.elements),
            f"{row.ours:.2f}",
            f"{row.theirs:.2f}",
            f"{row.ratio:.2f}",
            f"{row.median:.2f}",
        )
    return table


if __name__ == "__main__":
    main()
