"""What a conversion costs beside the call that it replaces, in one run, as ratios.

    python benchmarks/conversions.py [--json FILE]

Every row times the two calls in turn, many times, and reports the median ratio: both see the same
machine at the same moment. Nanoseconds are the best of all rounds, of the processor's time.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import resource
import statistics
import subprocess
import sys
import time
import timeit
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import numpy_bridge as bridge

ROUNDS = 25
CALLS = 20_000
FRESH = 20_000  # tensors a round that nobody has converted before
GIB = 2**30


@dataclass(frozen=True)
class Row:
    """One comparison: nanoseconds a call, how many times faster ours is, and the ratio aimed at."""

    what: str
    ours: float
    theirs: float
    ratio: float
    target: float | None


def compare(what: str, ours: str, theirs: str, names: dict[str, object], target: float | None) -> Row:
    """Time two expressions in turn."""
    timers = [timeit.Timer(code, timer=time.thread_time, globals=names) for code in (ours, theirs)]
    rounds = [[timer.timeit(CALLS) / CALLS * 1e9 for timer in timers] for _ in range(ROUNDS)]
    return _row(what, rounds, target)


def compare_first_time() -> Row:
    """Time conversions of tensors whose storage is not pinned yet."""
    rounds = []
    for _ in range(ROUNDS):
        pair = []
        for convert in (bridge.to_numpy, torch.Tensor.numpy):
            tensors = iter([torch.ones(5, 2) for _ in range(FRESH)])
            timer = timeit.Timer(
                "convert(next(tensors))",
                timer=time.thread_time,
                globals={"convert": convert, "tensors": tensors},
            )
            pair.append(timer.timeit(FRESH) / FRESH * 1e9)
        rounds.append(pair)
    return _row("to_numpy(t), first time  |  t.numpy()", rounds, 1 / 1.15)


def _row(what: str, rounds: list[list[float]], target: float | None) -> Row:
    ratio = statistics.median(theirs / ours for ours, theirs in rounds)
    return Row(what, min(r[0] for r in rounds), min(r[1] for r in rounds), ratio, target)


def rows() -> list[Row]:
    """All comparisons."""
    tensor = torch.ones(5, 2)
    bridge.to_numpy(tensor)
    names: dict[str, object] = {
        "np": np,
        "torch": torch,
        "bridge": bridge,
        "a": np.ones((5, 2), np.float32),
        "t": tensor,
        "big": np.empty(GIB // 4, np.float32),
    }
    pairs: list[tuple[str, str, float | None]] = [
        ("to_torch(a)", "torch.from_numpy(a)", 1.4),
        ("to_torch(a)", "torch.from_dlpack(a)", None),
        ("to_numpy(t)", "t.numpy()", 2.3),
        ("to_numpy(t)", "np.from_dlpack(t)", 3.0),
        ("shares_memory(t, a)", "np.shares_memory(t.numpy(), a)", 4.0),
    ]
    measured = [
        compare(f"{ours}  |  {theirs}", f"bridge.{ours}", theirs, names, target)
        for ours, theirs, target in pairs
    ]
    names |= {"to_torch": bridge.to_torch, "from_numpy": torch.from_numpy}
    bound = compare("to_torch(a)  |  from_numpy(a), no look-ups", "to_torch(a)", "from_numpy(a)", names, 1.1)
    size = compare("1 GiB to_torch  |  40 bytes", "bridge.to_torch(big)", "bridge.to_torch(a)", names, None)
    return [*measured, bound, compare_first_time(), size]


def resident_growth() -> int:
    """Bytes of resident memory that converting 1 GiB both ways adds."""

    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024

    array = np.zeros(GIB, np.uint8)  # never touched, so not resident
    gc.collect()
    before = peak()
    tensor = bridge.to_torch(array)
    back = bridge.to_numpy(tensor)
    back[0] = 1
    assert array[0] == 1
    return peak() - before


def import_milliseconds() -> float:
    """What `import numpy_bridge` costs in a process that has NumPy: the best of ten."""
    code = (
        "import numpy, time; start = time.perf_counter(); import numpy_bridge; "
        "print((time.perf_counter() - start) * 1e3)"
    )
    runs = [subprocess.run([sys.executable, "-c", code], capture_output=True, check=True) for _ in range(10)]
    return min(float(run.stdout) for run in runs)


def main() -> None:
    """Print the table, and write it as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    arguments = parser.parse_args()

    table = Table("ours | theirs", title="Time of one call, (5, 2) float32")
    for heading in ("ours, ns", "theirs, ns", "times faster", "aim"):
        table.add_column(heading, justify="right")
    measured = rows()
    for row in measured:
        aim = "" if row.target is None else f"{row.target:.2f}"
        table.add_row(row.what, f"{row.ours:.0f}", f"{row.theirs:.0f}", f"{row.ratio:.2f}", aim)
    console = Console()
    console.print(table)
    growth = resident_growth()
    console.print(f"resident memory added by converting 1 GiB both ways: {growth / 2**20:.1f} MiB")
    milliseconds = import_milliseconds()
    console.print(f"import numpy_bridge, after numpy: {milliseconds:.1f} ms")
    versions = f"numpy {np.__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    console.print(f"{versions}, {platform.machine()}")
    if arguments.json:
        document = {
            "versions": versions,
            "resident_growth_bytes": growth,
            "import_milliseconds": milliseconds,
            "rows": [asdict(row) for row in measured],
        }
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
