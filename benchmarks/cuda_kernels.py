"""add_ and copy_ on a CUDA device beside torch's own and beside a plain copy, in one run, as ratios.

    python benchmarks/cuda_kernels.py [--mib 1024] [--rounds 50] [--folder benchmarks/results]

Every round times a plain copy of memory, our call and torch's, one after the other, by events of the device.
The copy's bandwidth gives the floor: the least time in which the bytes that a call reads and writes can be
moved. What is launched on little memory is timed on the host instead: from Python to the queue. Before
anything is timed, both calls must have given the same result.

Writes FOLDER/<gpu>-<date>.json. Exit status: 0, or 2 where there is no device to measure.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import re
import statistics
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from rich.console import Console
from rich.table import Table

import numpy_bridge as bridge
from numpy_bridge.info import describe_cuda

LAUNCHES = 200  # in a row, so that reading the clock costs nothing; fewer than a device's queue holds
WARM_UP = 3  # rounds that do not count


@dataclass(frozen=True)
class Case:
    """`call` ("add_" or "copy_") of `x` and `y`, ours and torch's, and how many bytes that reads and writes.

    `of_floor` is the part of the memory's speed aimed at, `times_torch` how many times faster than torch.
    """

    what: str
    call: str
    x: Any
    y: Any
    moved_bytes: int
    of_floor: float | None = None
    times_torch: float | None = 1.0

    def ours(self) -> object:
        """Call ours."""
        return getattr(bridge, self.call)(self.x, self.y)

    def theirs(self) -> object:
        """Call torch's."""
        return getattr(self.x, self.call)(self.y)


@dataclass(frozen=True)
class Row:
    """What a case took: medians in microseconds, and medians of the ratios of each round."""

    what: str
    moved_bytes: int
    ours: float
    theirs: float
    floor: float | None
    of_floor: float | None
    times_torch: float
    quartiles: tuple[float, float]
    of_floor_aim: float | None
    times_torch_aim: float | None

    @classmethod
    def of(cls, case: Case, rounds: Sequence[tuple[float, float, float | None]]) -> Row:
        """From rounds of three times: ours, theirs, and the floor or None."""
        ours, theirs, floors = zip(*rounds, strict=True)
        known = [(floor, our) for our, _, floor in rounds if floor is not None]
        low, ratio, high = statistics.quantiles([their / our for our, their, _ in rounds], n=4)
        return cls(
            what=case.what,
            moved_bytes=case.moved_bytes,
            ours=statistics.median(ours),
            theirs=statistics.median(theirs),
            floor=statistics.median(floors) if known else None,
            of_floor=statistics.median(floor / our for floor, our in known) if known else None,
            times_torch=ratio,
            quartiles=(low, high),
            of_floor_aim=case.of_floor,
            times_torch_aim=case.times_torch,
        )

    @property
    def missed(self) -> list[str]:
        """The aims that were not reached, in words."""
        found = []
        if self.of_floor is not None and self.of_floor < (self.of_floor_aim or 0):
            found.append(f"{self.what}: {self.of_floor:.0%} of the floor, aim {self.of_floor_aim:.0%}")
        if self.times_torch < (self.times_torch_aim or 0):
            found.append(f"{self.what}: {self.times_torch:.2f} times torch, aim {self.times_torch_aim:.2f}")
        return found


def large_cases(a: Any, b: Any) -> list[Case]:
    """Calls on two blocks of bytes that no cache holds."""
    size = a.numel()
    x, y = a.view(torch.float32), b.view(torch.float32)
    half, more = a.view(torch.bfloat16), b.view(torch.bfloat16)
    wide, narrow = b.view(torch.float64), x[: size // 8]
    side = int(len(x) ** 0.5) // 64 * 64
    square, other = (block[: side * side].view(side, side) for block in (x, y))
    # Of every second element whole sectors are moved.
    return [
        Case("add_(x, 1)", "add_", x, 1, 2 * size, 0.95),
        Case("add_(x, y)", "add_", x, y, 3 * size, 0.95),
        Case("add_(x, y), bfloat16", "add_", half, more, 3 * size, 0.95),
        Case("add_(x[1::2], y[::2])", "add_", x[1::2], y[::2], 3 * size),
        Case("add_(x[1:], y[:-1])", "add_", x[1:], y[:-1], 3 * size),
        Case("add_(rows, row)", "add_", x.view(-1, 1024), y[:1024], 2 * size),
        Case("copy_(x, y)", "copy_", x, y, 2 * size, 0.95),
        Case("copy_(x[1::2], y[::2])", "copy_", x[1::2], y[::2], 3 * size),
        Case("copy_(float32, float64)", "copy_", narrow, wide, 3 * size // 2, 0.92),
        Case("copy_(x, y.T)", "copy_", square, other.T, 8 * side * side, 0.80),
        Case("copy_(x, y.permute(2, 1, 0))", "copy_", *_permuted(x, y), 2 * size),
    ]


def _permuted(x: Any, y: Any) -> tuple[Any, Any]:
    return x.view(64, -1, 256), y.view(256, -1, 64).permute(2, 1, 0)


def small_case() -> Case:
    """A call that does next to nothing."""
    return Case("add_(x, 1), 1 KiB, to the queue", "add_", torch.ones(256, device="cuda"), 1, 2048)


def require_same_results(case: Case) -> None:
    """Raise unless both calls do the same to what holds ones."""
    case.x.fill_(1)
    case.ours()
    ours = case.x.clone()
    case.x.fill_(1)
    case.theirs()
    if not torch.equal(ours, case.x):
        raise AssertionError(f"{case.what}: our result is not torch's")


def measure_large(case: Case, a: Any, b: Any, rounds: int) -> Row:
    """Time a plain copy between two blocks of bytes, ours and torch's in turn."""
    times = []
    for _ in range(rounds + WARM_UP):
        floor = _device_time(lambda: a.copy_(b)) * case.moved_bytes / (2 * a.numel())
        times.append((_device_time(case.ours), _device_time(case.theirs), floor))
    return Row.of(case, times[WARM_UP:])


def _device_time(call: Callable[[], object]) -> float:
    """Microseconds between two events around a call, all three of them queued before the first is reached."""
    begin, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))  # type: ignore[no-untyped-call]
    torch.cuda._sleep(200_000)  # type: ignore[no-untyped-call]
    begin.record()
    call()
    end.record()
    end.synchronize()
    return float(begin.elapsed_time(end)) * 1e3


def measure_small(case: Case, rounds: int) -> Row:
    """Time how long the host takes to queue ours and torch's."""
    times = [(_host_time(case.ours), _host_time(case.theirs), None) for _ in range(rounds + WARM_UP)]
    return Row.of(case, times[WARM_UP:])


def _host_time(call: Callable[[], object]) -> float:
    """Microseconds a call, of many, on a queue that is empty at first."""
    torch.cuda.synchronize()
    start = time.perf_counter_ns()
    for _ in range(LAUNCHES):
        call()
    return (time.perf_counter_ns() - start) / LAUNCHES / 1e3


def table(rows: Iterable[Row]) -> Table:
    """All rows; numbers that miss their aim are marked."""
    shown = Table("ours", title="Microseconds, medians")
    for heading in ("ours", "torch", "floor", "of the floor", "aim", "times faster than torch", "aim"):
        shown.add_column(heading, justify="right")
    for row in rows:
        shown.add_row(
            row.what,
            f"{row.ours:.1f}",
            f"{row.theirs:.1f}",
            "" if row.floor is None else f"{row.floor:.1f}",
            "" if row.of_floor is None else f"{row.of_floor:.0%}",
            "" if row.of_floor_aim is None else f"{row.of_floor_aim:.0%}",
            f"{row.times_torch:.2f} ({row.quartiles[0]:.2f} to {row.quartiles[1]:.2f})",
            "" if row.times_torch_aim is None else f"{row.times_torch_aim:.2f}",
        )
    return shown


def document(
    rows: Sequence[Row], cuda: dict[str, Any], gpu: str, copy_gb_per_second: float
) -> dict[str, Any]:
    """Everything about a run, for `json.dumps`."""
    return {
        "gpu": gpu,
        "copy_gb_per_second": copy_gb_per_second,
        "versions": {
            "numpy_bridge": bridge.__version__,
            "torch": torch.__version__,
            "python": platform.python_version(),
            **{name: cuda[name] for name in ("toolkit", "driver", "runtime")},
        },
        "rows": [asdict(row) for row in rows],
        "missed": [text for row in rows for text in row.missed],
    }


def slug(gpu: str) -> str:
    """`nvidia-h200` for `NVIDIA H200`: for names of files."""
    return re.sub(r"[^a-z0-9]+", "-", gpu.lower()).strip("-")


def why_not(cuda: dict[str, Any], needed_bytes: int) -> str | None:
    """Why nothing can be measured here."""
    if cuda["unavailable"]:
        return f"CUDA is not usable: {cuda['unavailable']}"
    if not torch.cuda.is_available():
        return f"this torch ({torch.__version__}) has no CUDA device to use"
    free = torch.cuda.mem_get_info()[0]
    if free < needed_bytes:
        return (
            f"needs {needed_bytes / 2**30:.1f} GiB of device memory, {free / 2**30:.1f} are free: give --mib"
        )
    return None


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mib", type=int, default=1024, help="how large what is added and copied is")
    parser.add_argument("--rounds", type=int, default=50, help="how often each call is timed, 2 at least")
    parser.add_argument("--folder", type=Path, default=Path(__file__).with_name("results"))
    arguments = parser.parse_args()
    size, cuda = arguments.mib << 20, describe_cuda()
    reason = why_not(cuda, 5 * size)
    if reason:
        print(f"nothing measured: {reason}", file=sys.stderr)
        raise SystemExit(2)

    a, b = (torch.arange(size, dtype=torch.uint8, device="cuda") for _ in range(2))
    b.view(torch.float32).copy_(torch.arange(size // 4, device="cuda") % 251)
    rows = []
    for case in (*large_cases(a, b), small_case()):
        require_same_results(case)
        small = case.moved_bytes < size
        rows.append(
            measure_small(case, arguments.rounds) if small else measure_large(case, a, b, arguments.rounds)
        )

    gpu = torch.cuda.get_device_name()
    speed = statistics.median(row.moved_bytes / row.floor / 1e3 for row in rows if row.floor is not None)
    found = document(rows, cuda, gpu, speed)
    console = Console()
    console.print(table(rows))
    console.print(f"{gpu}: a plain copy reads and writes {speed:.0f} GB/s")
    console.print("\n".join(["missed:", *found["missed"]]) if found["missed"] else "every aim reached")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.folder / f"{slug(gpu)}-{datetime.date.today():%Y-%m-%d}.json"
    path.write_text(json.dumps(found, indent=2) + "\n")
    console.print(f"written to {path}")


if __name__ == "__main__":
    main()
