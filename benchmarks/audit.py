"""What a watched call costs inside an audit, beside the same call outside, in one run.

    python benchmarks/audit.py [--json FILE]

Every row times the call outside and inside in turn, many times, and reports the medians.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import time
import timeit
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

import numpy_bridge as bridge

ROUNDS = 40
CALLS = 400
BLOCKS = 40
EXPRESSIONS = (
    "torch.from_numpy(a)",
    "torch.tensor(a)",
    "t.numpy()",
    "np.asarray(t)",
    "t.contiguous()",
    "t.to(torch.float64)",
    "torch.tensor([1, 2])",
)


@dataclass(frozen=True)
class Row:
    """One call: nanoseconds outside and inside, and the median of what is added and of the ratios."""

    what: str
    outside: float
    inside: float
    added: float
    ratio: float


def compare(what: str, names: dict[str, object]) -> Row:
    """Time one expression outside and inside, in turn. Processor time: other programs do not count."""
    timer = timeit.Timer(what, globals=names, timer=time.process_time)
    pairs = []
    for _ in range(ROUNDS):
        outside = timer.timeit(CALLS) / CALLS * 1e9
        with bridge.audit():
            pairs.append((outside, timer.timeit(CALLS) / CALLS * 1e9))
    return Row(
        what,
        statistics.median(outside for outside, _ in pairs),
        statistics.median(inside for _, inside in pairs),
        statistics.median(inside - outside for outside, inside in pairs),
        statistics.median(inside / outside for outside, inside in pairs),
    )


def block_milliseconds() -> float:
    """What entering and leaving an audit costs where torch is loaded."""
    costs = []
    for _ in range(BLOCKS):
        start = time.process_time()
        with bridge.audit():
            pass
        costs.append((time.process_time() - start) * 1e3)
    return statistics.median(costs)


def main() -> None:
    """Print the table, and write it as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    arguments = parser.parse_args()
    names: dict[str, object] = {
        "np": np,
        "torch": torch,
        "a": np.ones((5, 2), np.float32),
        "t": torch.ones(5, 2),
    }
    rows = [compare(what, names) for what in EXPRESSIONS]
    block = block_milliseconds()
    table = Table("call", title="One call inside an audit, (5, 2) float32")
    for heading in ("outside, ns", "inside, ns", "added, ns", "times as long"):
        table.add_column(heading, justify="right")
    for row in rows:
        table.add_row(
            row.what, *(f"{n:.0f}" for n in (row.outside, row.inside, row.added)), f"{row.ratio:.1f}"
        )
    console = Console()
    console.print(table)
    versions = f"numpy {np.__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    console.print(f"entering and leaving: {block:.1f} ms; {versions}, {platform.machine()}")
    if arguments.json:
        document = {
            "versions": versions,
            "block_milliseconds": block,
            "rows": [asdict(row) for row in rows],
        }
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


if __name__ == "__main__":
    main()
