"""What it costs to give readers a tensor through Ray and Dask, beside their own way in one run.

    python benchmarks/clusters.py [--mib 256] [--readers 8] [--json FILE]

Both start a cluster on this machine. The ways take turns, and medians are reported. The memory of a reader
is what it gets for itself: pages of an object store, or of a shared block, belong to all readers.
"""

from __future__ import annotations

import argparse
import gc
import importlib
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

import torch
from rich.console import Console

import numpy_bridge as bridge
from processes import MIB, Row, print_rows, status

ROUNDS = 5
EIGHT_BYTES = torch.zeros(8, dtype=torch.uint8)
"""What Dask's own scatter takes for these is what no way through Dask can do without."""
Cost = tuple[float, int]
"""Milliseconds, and bytes of memory."""


def main() -> None:
    """Print the tables, and write them as JSON on request."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--mib", type=int, default=256, help="size of the tensor")
    parser.add_argument("--readers", type=int, default=8, help="number of Dask workers")
    parser.add_argument("--json", type=Path, help="write the rows to this file as well")
    arguments = parser.parse_args()
    size = arguments.mib * MIB
    console = Console()
    console.width = max(console.width, 110)
    tables: dict[str, list[Row]] = {}
    for library, rows_of in (("Ray", ray_rows), ("Dask", dask_rows)):
        title = f"{library}, {arguments.mib} MiB"
        tables[title] = rows_of(size, arguments.readers)
        print_rows(title, tables[title], console)
    if arguments.json:
        names = ("torch", "ray", "distributed")
        versions = ", ".join(f"{name} {importlib.import_module(name).__version__}" for name in names)
        document = {
            "versions": versions,
            "tables": {t: [asdict(r) for r in rows] for t, rows in tables.items()},
        }
        arguments.json.write_text(json.dumps(document, indent=2) + "\n")


def tensors(size: int) -> dict[str, torch.Tensor]:
    """The objects that are sent."""
    x = torch.arange(size // 4, dtype=torch.float32).view(-1, 1024)
    return {"float32": x, "bfloat16": x.view(torch.bfloat16)}


def row(what: str, beside: str, ours: list[Cost], theirs: list[Cost], reach: str) -> Row:
    """Compare medians; `theirs` is empty where it fails."""
    milliseconds, memory = (statistics.median(part) for part in zip(*ours, strict=True))
    if not theirs:
        return Row(what, beside, milliseconds, None, int(memory), None, None, reach)
    their_ms, their_memory = (statistics.median(part) for part in zip(*theirs, strict=True))
    ratio = their_ms / milliseconds
    return Row(what, beside, milliseconds, their_ms, int(memory), int(their_memory), ratio, reach)


def own_memory() -> int:
    """Return the bytes that this process has for itself."""
    gc.collect()
    return status("RssAnon")


def timed(call: Callable[[], Any]) -> tuple[float, Any]:
    """Return the milliseconds of a call, and its result."""
    start = time.perf_counter()
    result = call()
    return (time.perf_counter() - start) * 1e3, result


@contextmanager
def registered_with_ray(registered: bool) -> Iterator[None]:
    """Send by our way, or by Ray's own."""
    bridge.ray.register()
    maps = importlib.import_module("ray.cloudpickle").CloudPickler.dispatch_table.maps
    ours = maps.pop()
    if registered:
        maps.append(ours)
    try:
        yield
    finally:
        if not registered:
            maps.append(ours)


def ray_rows(size: int, _: int) -> list[Row]:
    """`ray.put`, and `ray.get` in a process that keeps the result."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0")
    ray: Any = importlib.import_module("ray")
    options = {"object_store_memory": 3 * size + 64 * MIB, "include_dashboard": False}
    ray.init(num_cpus=2, **options, log_to_driver=False, logging_level="ERROR")
    try:
        return [each for name, x in tensors(size).items() for each in ray_rows_of(ray, name, x)]
    finally:
        ray.shutdown()


def ray_rows_of(ray: Any, name: str, x: torch.Tensor) -> list[Row]:
    """Compare for one tensor, and make sure that no write has reached the store."""
    puts: dict[bool, list[Cost]] = {True: [], False: []}
    gets: dict[bool, list[Cost]] = {True: [], False: []}
    array = x.view(torch.int16).numpy()
    of_array = []
    for _ in range(ROUNDS):
        for registered in (True, False):
            with registered_with_ray(registered):
                before = own_memory()
                milliseconds, ref = timed(lambda: ray.put(x))
                puts[registered].append((milliseconds, max(0, own_memory() - before)))
            before = own_memory()
            milliseconds, y = timed(partial(ray.get, ref))
            gets[registered].append((milliseconds, max(0, own_memory() - before)))
            if registered:
                y.zero_()
                stored = ray.get(ref)
                if not torch.equal(stored.view(torch.uint8), x.view(torch.uint8)):  # as NaN is unequal
                    raise AssertionError("a write has reached the object store")
            del y, ref
            stored = None
        milliseconds, ref = timed(lambda: ray.put(array))
        of_array.append((milliseconds, 0))
        del ref
    ours = "Ray's own"
    return [
        row(f"put, {name}", ours, puts[True], puts[False], ""),
        row(f"put, {name}", "put of a NumPy array", puts[True], of_array, "1.1 times"),
        row(f"get, {name}", ours, gets[True], gets[False], "5 ms, 3 MiB"),
    ]


def dask_rows(size: int, readers: int) -> list[Row]:
    """One tensor for all workers, until each has read it."""
    distributed: Any = importlib.import_module("distributed")
    options = {"n_workers": readers, "threads_per_worker": 1, "dashboard_address": None, "memory_limit": 0}
    rows = []
    with (
        distributed.LocalCluster(**options, host="127.0.0.1") as cluster,
        distributed.Client(cluster, direct_to_workers=True) as client,
    ):
        client.run(memory_of_worker)  # imports
        x = tensors(size)
        theirs = [dask_cost(client, lambda: by_dask(client, x["float32"])) for _ in range(2)]
        bridge.dask.register(client)
        for name, tensor in x.items():
            ours, copies, limits = [], [], []
            for _ in range(ROUNDS):
                ours.append(dask_cost(client, partial(bridge.dask.scatter, client, tensor)))
                copies.append((timed(tensor.clone)[0], 0))
                milliseconds, memory = dask_cost(client, partial(by_dask, client, EIGHT_BYTES))
                limits.append((copies[-1][0] + milliseconds, memory))
            beside = theirs if name == "float32" else []
            what = f"{readers} workers, {name}"
            way = "scatter" if beside else "scatter, which fails"
            rows.append(row(what, way, ours, beside, "100 ms + one copy"))
            rows.append(row(what, "one copy", ours, copies, ""))
            rows.append(row(what, "one copy, and scatter of 8 bytes", ours, limits, ""))
    return rows


def by_dask(client: Any, x: torch.Tensor) -> Any:
    """Dask's own way."""
    return client.scatter(x, broadcast=True, direct=True, hash=False)


def dask_cost(client: Any, send: Callable[[], Any]) -> Cost:
    """Return what it costs until all workers have the values, and the most that a worker needs for them."""
    workers = list(client.nthreads())
    before = client.run(memory_of_worker)
    start = time.perf_counter()
    future = send()
    client.gather([client.submit(first_element, future, workers=[w], pure=False) for w in workers])
    milliseconds = (time.perf_counter() - start) * 1e3
    after = client.run(memory_of_worker)
    del future
    time.sleep(0.5)  # workers let go of it
    return milliseconds, max(0, *(after[w] - before[w] for w in workers))


def memory_of_worker() -> int:
    """Return the bytes that this worker has for itself."""
    gc.collect()
    text = Path("/proc/self/status").read_text()
    return int(text.partition("RssAnon:")[2].split()[0]) * 1024


def first_element(x: Any) -> float:
    """Read it."""
    return float(bridge.to_torch(x, allow_readonly=True).flatten()[0])


if __name__ == "__main__":
    main()
