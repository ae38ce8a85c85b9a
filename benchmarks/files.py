"""What it costs to open weights in NumPy and torch, beside the libraries' own ways in one run.

    python benchmarks/files.py [--mib 1024] [--json FILE]

Every row makes the two calls in turn and reports medians. Both sides give all tensors to both libraries.
Times are of the processor that makes the calls, with the files in the cache of the system. Memory is by how
much the resident set of the process is larger while it holds the result.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rich.console import Console

import numpy_bridge as bridge
from processes import MIB, Row, print_rows, status

ROUNDS = 9
SHAPE = (1024, 1024)  # of each tensor
BYTES = 4 << 20  # of each, in float32

Call = Callable[[], object]


def main() -> None:
    """Print the table, and write it as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mib", type=int, default=1024, help="size of the weights")
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        rows = measured_rows(Path(folder), arguments.mib)
    title = f"{arguments.mib} MiB of weights, opened in NumPy and torch"
    console = Console()
    console.width = max(console.width, 120)
    print_rows(title, rows, console)
    versions = f"numpy {np.__version__}, torch {torch.__version__}, safetensors {version('safetensors')}"
    versions = f"{versions}, Python {platform.python_version()}"
    console.print(f"{versions}, {platform.machine()}")
    if arguments.json:
        document = {"versions": versions, "tables": {title: [asdict(row) for row in rows]}}
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


def measured_rows(folder: Path, mib: int) -> list[Row]:
    """Write the files, and compare."""
    safetensors: Any = importlib.import_module("safetensors")
    of_torch, of_numpy = (importlib.import_module(f"safetensors.{name}") for name in ("torch", "numpy"))
    weights, points = folder / "model.safetensors", folder / "points.npy"
    pickled, count = folder / "model.pt", mib * MIB // BYTES
    tensors = {f"layers.{i}.weight": torch.ones(SHAPE) for i in range(count)}
    of_torch.save_file(tensors, weights)
    torch.save(tensors, pickled)
    np.save(points, np.ones(mib * MIB // 4, np.float32))
    del tensors

    def ours() -> object:
        views = dict(bridge.open_safetensors(weights, "c"))
        return both(views, bridge.to_numpy, bridge.to_torch)

    def our_array() -> object:
        return both({"x": bridge.open_npy(points, "c")}, bridge.to_numpy, bridge.to_torch)

    def of_tensors(load: Callable[[], dict[str, torch.Tensor]]) -> Call:
        return lambda: both(load(), torch.Tensor.numpy, lambda tensor: tensor)

    def by_safe_open() -> dict[str, torch.Tensor]:
        with safetensors.safe_open(weights, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (it is no mapping)

    def arrays() -> object:
        return both(of_numpy.load_file(weights), lambda array: array, torch.from_numpy)

    def by_numpy() -> object:
        array: Any = np.load(points, mmap_mode="c")
        return array, torch.from_numpy(array)

    many, aim = f"open_safetensors, {count} tensors", "2 ms, 0 MiB"
    load_file = of_tensors(lambda: of_torch.load_file(weights))
    return [
        row_of(many, "safetensors.torch.load_file", ours, load_file, aim),
        row_of(many, "safetensors.numpy.load_file", ours, arrays, aim),
        row_of(many, "safetensors.safe_open", ours, of_tensors(by_safe_open), aim),
        row_of(many, "torch.load(mmap=True)", ours, of_tensors(lambda: torch.load(pickled, mmap=True)), aim),
        row_of("open_npy, one array", "np.load(mmap_mode='c')", our_array, by_numpy, aim),
    ]


def both(found: dict[str, Any], to_numpy: Callable[[Any], Any], to_torch: Callable[[Any], Any]) -> object:
    """Give each tensor to both libraries."""
    return {name: (to_numpy(x), to_torch(x)) for name, x in found.items()}


def row_of(what: str, beside: str, ours: Call, theirs: Call, reach: str) -> Row:
    """Make both calls in turn."""
    for call in (ours, theirs):
        call()  # imports what it needs
    pairs = [(measured(ours), measured(theirs)) for _ in range(ROUNDS)]
    our_cost, our_bytes = map(statistics.median, zip(*(our for our, _ in pairs), strict=True))
    their_cost, their_bytes = map(statistics.median, zip(*(their for _, their in pairs), strict=True))
    ratio = statistics.median(their[0] / our[0] for our, their in pairs)
    return Row(what, beside, our_cost, their_cost, int(our_bytes), int(their_bytes), ratio, reach)


def measured(call: Call) -> tuple[float, int]:
    """Return the milliseconds of a call, and the bytes in memory that its result holds."""
    gc.collect()
    before = status("VmRSS")
    start = time.process_time()
    result = call()
    milliseconds = (time.process_time() - start) * 1e3
    held = status("VmRSS") - before
    del result
    return milliseconds, max(0, held)


if __name__ == "__main__":
    main()
