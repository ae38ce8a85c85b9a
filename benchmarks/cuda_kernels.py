"""add_ and copy_ on a CUDA device beside torch's own and beside a plain copy, in one run, as ratios.

    python benchmarks/cuda_kernels.py [--mib 1024] [--rounds 50] [--folder benchmarks/results]

Every round times a plain copy of memory, our call and torch's, one after the other, by events of the device.
The copy's bandwidth gives the floor: the least time in which the bytes that a call reads and writes can be
moved. What is launched on little memory is timed on the host instead: from Python to the queue. Before
anything is timed, both calls must have given the same result. `cuda_cases.py` has the calls.

Writes FOLDER/<gpu>-<date>.json. Exit status: 0, 1 if an aim was missed, or 2 where there is no device to
measure.
"""

from __future__ import annotations

import argparse
import datetime
import json
import platform
import re
import shutil
import statistics
import subprocess
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
from cuda_cases import Case, large_cases, middle_cases, require_same_results, small_cases
from numpy_bridge.info import describe_cuda

LAUNCHES = 200  # in a row, so that reading the clock costs nothing; fewer than a device's queue holds
WARM_UP = 3  # rounds that do not count
CARD = (
    "name",
    "uuid",
    "driver_version",
    "clocks.sm",
    "clocks.mem",
    "clocks.max.sm",
    "clocks.max.mem",
    "power.limit",
)


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


def card(nvidia_smi: str = "nvidia-smi") -> dict[str, str]:
    """What `nvidia-smi` says of the device: card, driver, clocks. Empty where it does not run."""
    if shutil.which(nvidia_smi) is None:
        return {}
    command = (nvidia_smi, f"--query-gpu={','.join(CARD)}", "--format=csv,noheader", "--id=0")
    done = subprocess.run(command, capture_output=True, text=True)
    values = [value.strip() for value in done.stdout.partition("\n")[0].split(",")]
    return dict(zip(CARD, values, strict=True)) if len(values) == len(CARD) else {}


def document(
    rows: Sequence[Row], cuda: dict[str, Any], gpu: str, copy_gb_per_second: float
) -> dict[str, Any]:
    """Everything about a run, for `json.dumps`."""
    return {
        "gpu": gpu,
        "card": card(),
        "date": f"{datetime.datetime.now():%Y-%m-%d %H:%M}",
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


def measure(size: int, rounds: int) -> list[Row]:
    """All cases, on two blocks of `size` bytes."""
    a, b = (torch.arange(size, dtype=torch.uint8, device="cuda") for _ in range(2))
    b.view(torch.float32).copy_(torch.arange(size // 4, device="cuda") % 251)
    rows = []
    for case in large_cases(a, b):
        require_same_results(case)
        rows.append(measure_large(case, a, b, rounds))
    for case, small, other in middle_cases(a, b):
        require_same_results(case)
        rows.append(measure_large(case, small, other, rounds))
    for case in small_cases():
        require_same_results(case)
        rows.append(measure_small(case, rounds))
    return rows


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

    rows = measure(size, arguments.rounds)
    gpu = torch.cuda.get_device_name()
    large = [row for row in rows if row.floor is not None and row.moved_bytes > size]
    speed = statistics.median(row.moved_bytes / (row.floor or 1) / 1e3 for row in large)
    found = document(rows, cuda, gpu, speed)
    console = Console()
    console.print(table(rows))
    console.print(f"{gpu}: a plain copy reads and writes {speed:.0f} GB/s")
    console.print("\n".join(["missed:", *found["missed"]]) if found["missed"] else "every aim reached")
    arguments.folder.mkdir(parents=True, exist_ok=True)
    path = arguments.folder / f"{slug(gpu)}-{datetime.date.today():%Y-%m-%d}.json"
    path.write_text(json.dumps(found, indent=2) + "\n")
    console.print(f"written to {path}")
    raise SystemExit(1 if found["missed"] else 0)


if __name__ == "__main__":
    main()
