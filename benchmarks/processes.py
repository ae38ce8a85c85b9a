"""What it costs to send arrays and tensors to another process, beside today's call in one run.

    python benchmarks/processes.py [--mib 256] [--json FILE]

Every row makes the two calls in turn and reports medians. Times are of the processor that makes the calls.
Memory is what the peak of the process grows by, so it counts copies that are freed again.
"""

from __future__ import annotations

import argparse
import gc
import json
import pickle
import platform
import re
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from multiprocessing.reduction import ForkingPickler
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import torch
import torch.multiprocessing
from rich.console import Console
from rich.table import Table
from torch.utils.data import DataLoader, default_collate

import numpy_bridge as bridge
from numpy_bridge.processes import collate

MIB = 1 << 20
LARGE_ROUNDS = 5
SMALL_ROUNDS = 40
SMALL_CALLS = 100
SMALL_SIZES = (40, 1024, 4096, 16 * 1024, 64 * 1024)  # bytes

QUEUE_ROUNDS = 5
IMAGE = (224, 224, 3)
BATCH = 64
BATCHES = 150
WORKERS = 4
LOADER_ROUNDS = 3

Call = Callable[[], object]


@dataclass(frozen=True)
class Row:
    """One comparison. Milliseconds and bytes of today's way are None where it fails."""

    what: str
    beside: str
    ours: float
    theirs: float | None
    our_bytes: int | None = None
    their_bytes: int | None = None
    times_faster: float | None = None
    reach: str = ""


def main() -> None:
    """Print the tables, and write them as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mib", type=int, default=256, help="size of the large objects")
    parser.add_argument("--only", nargs="+", metavar="TABLE", help="of large, small, queue and loader")
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    arguments = parser.parse_args()
    measure: dict[str, tuple[str, Callable[[], list[Row]]]] = {
        "large": (
            f"pickle 5, dumps and loads, {arguments.mib} MiB",
            lambda: large_rows(arguments.mib * MIB),
        ),
        "small": ("dumps and loads of a small tensor", small_rows),
        "queue": (
            f"a queue to a spawned process, {arguments.mib} MiB",
            lambda: queue_rows(arguments.mib * MIB),
        ),
        "loader": (f"a batch of DataLoader: {BATCH} images of {IMAGE}, {WORKERS} workers", loader_rows),
    }
    tables = {title: rows() for name, (title, rows) in measure.items() if name in (arguments.only or measure)}
    console = Console()
    console.width = max(console.width, 110)
    for title, rows in tables.items():
        print_rows(title, rows, console)
    versions = f"numpy {np.__version__}, torch {torch.__version__}, Python {platform.python_version()}"
    console.print(f"{versions}, {platform.machine()}")
    if arguments.json:
        document = {
            "versions": versions,
            "tables": {t: [asdict(r) for r in rows] for t, rows in tables.items()},
        }
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


def large_objects(size: int) -> dict[str, Callable[[], Any]]:
    """Objects of `size` bytes; slices are of such an object."""
    floats = size // 4

    def tensor() -> torch.Tensor:
        return torch.arange(floats, dtype=torch.float32).view(-1, 1024)

    return {
        "torch float32": tensor,
        "torch bfloat16": lambda: tensor().view(torch.bfloat16),
        "torch float8": lambda: tensor().view(torch.float8_e4m3fn),
        "torch, requires grad": lambda: tensor().requires_grad_(),
        "torch, transposed": lambda: tensor().T,
        "torch, 4 KiB slice": lambda: tensor()[:1],
        "torch, every second column": lambda: tensor()[:, ::2],
        "NumPy float32": lambda: tensor().numpy(),
        "NumPy bfloat16": lambda: tensor().view(torch.int16).numpy().view(ml_dtypes.bfloat16),
        "NumPy, every second column": lambda: tensor().numpy()[:, ::2],
        "View": lambda: bridge.view(tensor()),
    }


def large_rows(size: int) -> list[Row]:
    """Pickle 5 out of band: Python's way beside ours."""
    return [large_row(what, make()) for what, make in large_objects(size).items()]


def large_row(what: str, x: Any) -> Row:
    """Compare the two ways for one object."""

    def ours() -> object:
        buffers: list[Any] = []
        return bridge.loads(bridge.dumps(x, buffer_callback=buffers.append), buffers)

    def theirs() -> object:
        buffers: list[Any] = []
        return pickle.loads(pickle.dumps(x, protocol=5, buffer_callback=buffers.append), buffers=buffers)

    calls = [ours, theirs]
    reach = "1 ms, 0 MiB" if what in ("torch float32", "torch bfloat16") else ""
    if isinstance(x, bridge.View) or x.dtype == torch.float8_e4m3fn:  # which Python cannot pickle without us
        calls.pop()
    calls[0]()  # imports what it needs
    pairs = [[measured(call) for call in calls] for _ in range(LARGE_ROUNDS)]
    return row_of(what, "pickle", [[cost for cost, _ in pair] for pair in pairs], pairs[0], reach)


def measured(call: Call) -> tuple[float, int]:
    """Return the milliseconds of a call, and the bytes that the peak of memory grows by."""
    gc.collect()
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is resident
    before = status("VmRSS")
    start = time.process_time()
    result = call()
    milliseconds = (time.process_time() - start) * 1e3
    del result
    return milliseconds, max(0, status("VmHWM") - before)


def status(field: str) -> int:
    """Return a number of bytes from /proc/self/status."""
    (kib,) = re.findall(rf"{field}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(kib) * 1024


def small_rows() -> list[Row]:
    """Small tensors, in band and out of band, beside the pickler of torch.multiprocessing.

    Its tensors are in shared memory after the first call, so these are its quick ones.
    """
    rows = []
    for size in SMALL_SIZES:
        x = torch.arange(size // 4, dtype=torch.float32)
        shared: Any = x.clone()
        shared.share_memory_()
        text = f"{size} bytes" if size < 1024 else f"{size // 1024} KiB"
        for how, ours in (("in the message", in_band), ("out of band", out_of_band)):
            rounds = []
            for _ in range(SMALL_ROUNDS):
                rounds.append([calls_of(ours, x), calls_of(by_torch, shared)])
            rows.append(row_of(f"{text}, {how}", "torch's ForkingPickler", rounds, (), "3 times"))
    return rows


def in_band(x: Any) -> object:
    """Send `x` in one message."""
    return bridge.loads(bridge.dumps(x))


def out_of_band(x: Any) -> object:
    """Send the memory of `x` beside the message."""
    buffers: list[Any] = []
    return bridge.loads(bridge.dumps(x, buffer_callback=buffers.append), buffers)


def by_torch(x: Any) -> object:
    """Send `x` as torch.multiprocessing does."""
    return pickle.loads(ForkingPickler.dumps(x))


def calls_of(function: Callable[[Any], object], x: Any) -> float:
    """Return the milliseconds of one of many calls. Processor time: other programs do not count."""
    start = time.process_time()
    for _ in range(SMALL_CALLS):
        function(x)
    return (time.process_time() - start) / SMALL_CALLS * 1e3


def answer(questions: Any, answers: Any) -> None:
    """In the other process: receive each object, look at it, and let go of it."""
    while (x := questions.get()) is not None:
        value = float(bridge.to_numpy(x)[0])
        del x
        answers.put(value)


def queue_rows(size: int) -> list[Row]:
    """From `put` until the other process has looked at the object and let go of it."""
    context = torch.multiprocessing.get_context("spawn")
    questions, answers = context.Queue(), context.Queue()
    process = context.Process(target=answer, args=(questions, answers))
    process.start()
    block = bridge.shared_empty(size // 4, "float32")
    array = np.ones(size // 4, np.float32)
    kept = torch.ones(size // 4)

    def sent(make: Call) -> Call:
        def send() -> object:
            questions.put(make())
            return answers.get()

        return send

    def settled(call: Call) -> tuple[float, int]:
        sent(lambda: array[:1])()  # both queues have let go of what they sent before
        return measured(call)

    def copied() -> object:
        return bridge.copy_(bridge.shared_empty(size // 4, "float32"), array)

    def first() -> object:
        return torch.from_numpy(array.copy())  # which torch moves to shared memory, with another copy

    comparisons = [
        ("block", lambda: block, "NumPy array", lambda: array, "5 ms"),
        ("block", lambda: block, "tensor, the first time", first, ""),
        ("block", lambda: block, "tensor, sent before", lambda: kept, ""),
        ("array, copied to a new block", copied, "NumPy array", lambda: array, "one copy"),
    ]
    rows = []
    for what, ours, beside, theirs, reach in comparisons:
        calls = [sent(ours), sent(theirs)]
        for call in calls:
            call()
        pairs = [[settled(call) for call in calls] for _ in range(QUEUE_ROUNDS)]
        rows.append(row_of(what, beside, [[cost for cost, _ in pair] for pair in pairs], pairs[0], reach))
    questions.put(None)
    process.join()
    return rows


class Images(torch.utils.data.Dataset[Any]):
    """Images that are in memory already, and their numbers: what is measured is what comes after them."""

    def __init__(self, tensors: bool) -> None:
        images: Any = np.random.default_rng(0).integers(0, 256, (BATCH, *IMAGE), np.uint8)
        self.images = torch.from_numpy(images) if tensors else images

    def __len__(self) -> int:
        return BATCH * BATCHES

    def __getitem__(self, i: int) -> tuple[Any, int]:
        return self.images[i % BATCH], i


def loader_rows() -> list[Row]:
    """Batches through torch's DataLoader, milliseconds each."""
    rows = []
    for what, tensors in (("ndarrays", False), ("tensors", True)):
        rounds = [
            [batch_time(Images(tensors), collate_fn) for collate_fn in (collate, default_collate)]
            for _ in range(LOADER_ROUNDS)
        ]
        rows.append(row_of(what, "default_collate", rounds, (), "1.5 times"))
    return rows


def batch_time(images: Images, collate_fn: Callable[[Any], Any]) -> float:
    """Return the milliseconds of a batch, once the workers run."""
    loader = DataLoader(images, batch_size=BATCH, num_workers=WORKERS, collate_fn=collate_fn)
    batches = iter(loader)
    next(batches)
    start = time.perf_counter()
    for _ in batches:
        pass
    return (time.perf_counter() - start) / (BATCHES - 1) * 1e3


def row_of(what: str, beside: str, rounds: Any, memory: Any, reach: str) -> Row:
    """Compare what was measured in rounds: ours, and theirs if it works."""
    ours = statistics.median(costs[0] for costs in rounds)
    our_bytes = memory[0][1] if memory else None
    if len(rounds[0]) == 1:
        return Row(what, f"{beside} fails", ours, None, our_bytes, None, None, reach)
    theirs = statistics.median(costs[1] for costs in rounds)
    ratio = statistics.median(costs[1] / costs[0] for costs in rounds)
    return Row(what, beside, ours, theirs, our_bytes, memory[1][1] if memory else None, ratio, reach)


def print_rows(title: str, rows: list[Row], console: Console) -> None:
    """Print one table."""
    table = Table(title=title)
    for heading in ("ours", "beside"):
        table.add_column(heading, no_wrap=True)
    for heading in ("ours, ms", "theirs, ms", "times faster", "ours, MiB", "theirs, MiB", "reach"):
        table.add_column(heading, justify="right")
    for row in rows:
        milliseconds = ["" if cost is None else f"{cost:.3f}" for cost in (row.ours, row.theirs)]
        ratio = "" if row.times_faster is None else f"{row.times_faster:,.1f}"
        mebibytes = [
            "" if size is None else f"{size / MIB:,.0f}" for size in (row.our_bytes, row.their_bytes)
        ]
        table.add_row(row.what, row.beside, *milliseconds, ratio, *mebibytes, row.reach)
    console.print(table)


if __name__ == "__main__":
    main()
