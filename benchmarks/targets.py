"""What `to` costs beside each library's own call for the same array, in one run, as ratios.

    python benchmarks/targets.py [--json FILE]

Libraries that are not installed are left out. "without checks" is what `to` calls, on a View and without any
check: what it cannot be faster than.
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

import numpy_bridge as bridge
from numpy_bridge.targets.table import find
from side_by_side import Row, compare_calls

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

Call = Callable[[Any], object]


@dataclass(frozen=True)
class Comparison:
    """A target, an expression for its class or name, and the library's own call on an array `x`."""

    library: str
    like: str
    theirs: str
    axes: int = 2


COMPARISONS = (
    Comparison("jax", "'jax'", "jax.dlpack.from_dlpack(x)"),
    Comparison("tensorflow", "'tensorflow'", "tensorflow.experimental.dlpack.from_dlpack(x.__dlpack__())"),
    Comparison("cupy", "'cupy'", "cupy.from_dlpack(x)"),
    Comparison("pyarrow", "pyarrow.Tensor", "pyarrow.Tensor.from_dlpack(x)"),
    Comparison("pyarrow", "'arrow'", "pyarrow.array(x)", axes=1),
    Comparison("pyarrow", "'arrow'", "pyarrow.FixedShapeTensorArray.from_numpy_ndarray(x)"),
    Comparison("pandas", "'pandas'", "pandas.Series(x, copy=False)", axes=1),
    Comparison("polars", "'polars'", "polars.Series(x)", axes=1),
)


def measured(comparison: Comparison) -> list[Row]:
    """Compare ours with the library's own call, and with that call on a View; empty without the library."""
    try:
        names = {comparison.library: importlib.import_module(comparison.library), "bridge": bridge}
        if comparison.library == "jax":
            importlib.import_module("jax.dlpack")
        row = find(eval(comparison.like, names))
    except ImportError:
        return []
    memory = bridge.empty((5, 2)[: comparison.axes], "float32", like=eval(comparison.like, names))
    device = memory.device != "cpu"
    array = names[comparison.library].from_dlpack(memory) if device else bridge.to_numpy(memory)
    what = f"bridge.to(x, {comparison.like})"
    ours: Call = eval(f"lambda x, like={comparison.like}: bridge.to(x, like, allow_mutable=True)", names)
    theirs: Call = eval(f"lambda x: {comparison.theirs}", names)
    share: Call = row.share  # type: ignore[union-attr]
    view = bridge.view(array)
    return compare_calls(
        what,
        [array],
        ours,
        {comparison.theirs: (theirs, None), "without checks": (lambda _: share(view), None)},
    )


def main() -> None:
    """Print the table, and write it as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    arguments = parser.parse_args()
    rows = [row for comparison in COMPARISONS for row in measured(comparison)]
    table = Table("ours", "beside", title="Time of one call, aligned float32, (5, 2) or (5,)")
    for heading in ("ours, ns", "theirs, ns", "times faster", "quartiles"):
        table.add_column(heading, justify="right")
    for row in rows:
        costs = (f"{row.our_cost:.0f}", f"{row.their_cost:.0f}", f"{row.ratio:.2f}")
        table.add_row(row.what, row.theirs, *costs, f"{row.low:.2f} to {row.high:.2f}")
    console = Console()
    console.print(table)
    libraries = ("numpy", *dict.fromkeys(comparison.library for comparison in COMPARISONS))
    found = {name: version(name) for name in libraries}
    versions = ", ".join(f"{name} {number}" for name, number in found.items() if number)
    console.print(f"{versions}, Python {platform.python_version()}, {platform.machine()}")
    if arguments.json:
        document = {"versions": versions, "rows": [asdict(row) for row in rows]}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


def version(library: str) -> str:
    """The version of a library that is installed; empty otherwise."""
    try:
        return str(importlib.import_module(library).__version__)
    except ImportError:
        return ""


if __name__ == "__main__":
    main()
