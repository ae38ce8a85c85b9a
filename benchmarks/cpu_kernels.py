"""add_ and copy_ on the CPU beside NumPy and single-threaded torch, in one run, as ratios.

    python benchmarks/cpu_kernels.py [--json FILE]

Every side works on arrays of its own, in turn, many times: all see the same machine and equally cold caches.
Reported are the best times of all rounds, their ratio, and the median of the rounds' ratios, which on a
machine that others use as well says more about them.
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


def additions(dtype: str, elements: int) -> Iterator[Case]:
    """x += y, packed and strided, and x += 1."""
    yield add_case(f"add_ {dtype}", dtype, elements, 1)
    yield add_case(f"add_ {dtype}, every second", dtype, elements, 2)
    a, n, t = packed(dtype, elements), packed(dtype, elements), tensor(dtype, elements)
    yield Case(
        f"add_ {dtype}, a number",
        elements,
        lambda: bridge.add_(a, 1),
        {"numpy": lambda: np.add(n, 1, out=n), "torch": lambda: t.add_(1)},
    )


def add_case(what: str, dtype: str, elements: int, step: int) -> Case:
    """The first operand takes every `step`-th element."""
    a, n, t = packed(dtype, elements, step), packed(dtype, elements, step), tensor(dtype, elements, step)
    b, m, u = packed(dtype, elements), packed(dtype, elements), tensor(dtype, elements)
    return Case(
        what,
        elements,
        lambda: bridge.add_(a, b),
        {"numpy": lambda: np.add(n, m, out=n), "torch": lambda: t.add_(u)},
    )


def copies(dtype: str, elements: int) -> Iterator[Case]:
    """Packed, from every second element, and transposed."""
    side = round(elements**0.5)
    square = (side, side)
    yield copy_case(f"copy_ {dtype}", packed(dtype, elements), packed(dtype, elements))
    yield copy_case(f"copy_ {dtype}, from every second", packed(dtype, elements), packed(dtype, elements, 2))
    yield copy_case(
        f"copy_ {dtype}, transposed",
        packed(dtype, side * side).reshape(square),
        packed(dtype, side * side).reshape(square).T,
    )


def casts(source: str, target: str, elements: int) -> Iterator[Case]:
    """Conversions, packed and from every second element, and of foreign byte order."""
    what = f"copy_ {source} to {target}"
    yield copy_case(what, packed(target, elements), packed(source, elements))
    yield copy_case(f"{what}, from every second", packed(target, elements), packed(source, elements, 2))
    foreign = np.dtype(source).newbyteorder()
    if foreign.itemsize > 1:
        yield copy_case(
            f"{what}, from foreign order", packed(target, elements), packed(source, elements).astype(foreign)
        )


def copy_case(what: str, target: np.ndarray[Any, Any], source: np.ndarray[Any, Any]) -> Case:
    """NumPy has copies of both operands, laid out alike."""
    theirs, read = target.copy(order="K"), like(source)
    return Case(
        what,
        target.size,
        lambda: bridge.copy_(target, source),
        {"numpy": lambda: np.copyto(theirs, read, casting="same_kind")},
    )


def packed(dtype: str, elements: int, step: int = 1) -> np.ndarray[Any, Any]:
    """Ones; every `step`-th element of what is allocated."""
    return np.ones(elements * step, dtype)[::step]


def tensor(dtype: str, elements: int, step: int = 1) -> torch.Tensor:
    """The same of torch's own memory."""
    return torch.ones(elements * step, dtype=getattr(torch, dtype))[::step]


def like(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """New memory with the same strides."""
    span = 1 + sum((n - 1) * s for n, s in zip(array.shape, array.strides, strict=True)) // array.itemsize
    return np.lib.stride_tricks.as_strided(np.ones(span, array.dtype), array.shape, array.strides)


def compare(case: Case) -> list[Row]:
    """Time ours and theirs in turn."""
    timers = [timeit.Timer(call, timer=time.perf_counter) for call in (case.ours, *case.theirs.values())]
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
