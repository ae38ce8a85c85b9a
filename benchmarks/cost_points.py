"""What `cost_model.py` computes, measured: one tensor for n readers on each of m nodes, today's way and ours.

Everything runs on this machine: nodes of Ray are raylets with a store each, those of Dask have addresses of
their own on loopback. All numbers are bytes. The peak of memory counts copies that are freed again.
"""

from __future__ import annotations

import gc
import importlib
import multiprocessing
import os
import platform
import re
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch

import numpy_bridge as bridge

MIB = 1 << 20
LAYOUTS = ((1, 1), (4, 1), (2, 2))
"""Readers on each node, and nodes."""


@dataclass(frozen=True)
class Point:
    """What was measured for one way. Bytes."""

    library: str
    ours: bool
    readers: int  # on each node
    nodes: int
    size: int
    peak: int  # of the sender's and each reader's own memory, added, with what they share
    sent: int  # through pipes and sockets
    kept: int  # of memory, once all readers have the object


def measured(size: int) -> dict[str, Any]:
    """Measure all of them."""
    spawn = multiprocessing.get_context("spawn")
    points: list[Point] = []
    for way in (queue_points, ray_points, dask_points):
        for readers, nodes in LAYOUTS:
            with ProcessPoolExecutor(1, spawn) as process:  # what is registered stays registered
                points += process.submit(way, size, readers, nodes).result()
    names = ("torch", "ray", "distributed")
    versions = [f"{name} {importlib.import_module(name).__version__}" for name in names]
    versions.append(f"Python {platform.python_version()}")
    return {
        "versions": ", ".join(versions),
        "load": os.getloadavg()[0],
        "points": [asdict(point) for point in points],
    }


def numbers(file: str, *fields: str) -> list[int]:
    """Return fields of a file in /proc whose lines are ``name: number kB``."""
    text = Path(file).read_text()
    return [int(re.findall(rf"^{field}:\s+(\d+)", text, re.MULTILINE)[0]) * 1024 for field in fields]


def own_memory() -> tuple[int, int]:
    """Return the peak of this process's own memory since the last call, and what it has now.

    Pages that it shares with others do not count, unless it has let go of them since the peak.
    """
    gc.collect()
    peak, now, shared = numbers("/proc/self/status", "VmHWM", "VmRSS", "RssShmem")
    Path("/proc/self/clear_refs").write_text("5")  # the peak is now what is resident
    return peak - shared, now - shared


class Meter:
    """Counts from its making on, over this process, the readers and the machine."""

    def __init__(self, readers: Callable[[], list[tuple[int, int]]]) -> None:
        self._readers = readers
        self._of_processes()  # starts new peaks
        self._start = self._of_processes()
        self._shared = self._shared_now()
        self._sent = sent_by_loopback(), written_by_this_process()

    def point(self, library: str, ours: bool, readers: int, nodes: int, size: int) -> Point:
        """Return what has been counted."""
        sockets, pipes = sent_by_loopback() - self._sent[0], written_by_this_process() - self._sent[1]
        sent = pipes if library == "Queue" else sockets
        (_, before), (peak, now) = self._start, self._of_processes()
        shared = self._shared_now() - self._shared
        return Point(library, ours, readers, nodes, size, peak - before + shared, sent, now - before + shared)

    def _of_processes(self) -> tuple[int, int]:
        peaks, now = zip(own_memory(), *self._readers(), strict=True)
        return sum(peaks), sum(now)

    def _shared_now(self) -> int:
        return numbers("/proc/meminfo", "Shmem")[0]


def sent_by_loopback() -> int:
    """Return the bytes that all processes have sent to addresses of this machine."""
    return int(Path("/sys/class/net/lo/statistics/tx_bytes").read_text())


def written_by_this_process() -> int:
    """Return the bytes that it has written to files and pipes."""
    return int(re.findall(r"wchar: (\d+)", Path("/proc/self/io").read_text())[0])


def tensor(size: int) -> torch.Tensor:
    """Return the object that is sent."""
    return torch.arange(size // 4, dtype=torch.float32)


def read(x: Any) -> float:
    """Touch all of it."""
    return float(bridge.to_torch(x, allow_readonly=True).sum())


def answer(connection: Any, queue: Any) -> None:
    """In the other process of a queue: receive objects, keep them, and say how much memory that takes."""
    kept = []
    while (asked := connection.recv()) != "end":
        if asked == "read":
            kept.append(queue.get())
            read(kept[-1])
            connection.send(None)
        else:
            connection.send(own_memory())


def queue_points(size: int, readers: int, nodes: int) -> list[Point]:
    """NumPy arrays and blocks through a queue for each reader; on one node only."""
    if nodes > 1:
        return []
    context = multiprocessing.get_context("spawn")
    team = []
    for _ in range(readers):
        ours, theirs = context.Pipe()
        queue = context.Queue()
        process = context.Process(target=answer, args=(theirs, queue))
        process.start()
        team.append((ours, queue, process))

    def ask(what: str) -> list[tuple[int, int]]:
        for connection, _, _ in team:
            connection.send(what)
        return [connection.recv() for connection, _, _ in team]

    def send(x: Any) -> None:
        for connection, queue, _ in team:
            queue.put(x)
            connection.send("read")
            connection.recv()

    block, array = bridge.shared_empty(size // 4, "float32"), tensor(size).numpy()
    read(block)
    points = []
    for is_ours, x in ((False, array), (True, block)):
        send(block)  # imports; and the queues let go of what they sent before
        meter = Meter(lambda: ask("memory"))
        send(x)
        send(block)
        points.append(meter.point("Queue", is_ours, readers, nodes, size))
    for connection, _, process in team:
        connection.send("end")
        process.join()
    return points


class Reader:
    """An actor that keeps what it is given."""

    def __init__(self) -> None:
        self.kept: list[Any] = []

    def read(self, x: Any) -> None:
        """Receive and keep it."""
        self.kept.append(x)
        read(x)

    def memory(self) -> tuple[int, int]:
        """Return `own_memory`."""
        return own_memory()


def ray_points(size: int, readers: int, nodes: int) -> list[Point]:
    """`ray.put` in this process, and the object as an argument of actors on all nodes."""
    os.environ.update(RAY_USAGE_STATS_ENABLED="0", RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER="0")
    ray: Any = importlib.import_module("ray")
    cluster = importlib.import_module("ray.cluster_utils").Cluster()
    store = {"num_cpus": 1, "object_store_memory": 3 * size + 64 * MIB}
    for node in range(nodes):
        dashboard = {} if node else {"include_dashboard": False}
        cluster.add_node(**store, **dashboard, resources={f"node{node}": 100})
    folder = {"env_vars": {"PYTHONPATH": str(Path(__file__).parent)}}
    ray.init(cluster.address, runtime_env=folder, log_to_driver=False, logging_level="ERROR")
    try:
        actor = ray.remote(num_cpus=0)(Reader)
        team = [actor.options(resources={f"node{i % nodes}": 1}).remote() for i in range(readers * nodes)]
        ray.get([reader.read.remote(torch.zeros(1)) for reader in team])
        x = tensor(size)
        points, stored = [], []
        for is_ours in (False, True):
            if is_ours:
                bridge.ray.register()
                ray.get([reader.read.remote(torch.zeros(1)) for reader in team])
            meter = Meter(lambda: ray.get([reader.memory.remote() for reader in team]))
            stored.append(ray.put(x))
            ray.get([reader.read.remote(stored[-1]) for reader in team])
            points.append(meter.point("Ray", is_ours, readers, nodes, size))
        return points
    finally:
        ray.shutdown()
        cluster.shutdown()


def dask_points(size: int, readers: int, nodes: int) -> list[Point]:
    """One object for all workers, which keep it."""
    from numpy_bridge.processes import dask_frames
    from numpy_bridge.processes.blocks import frozen

    distributed: Any = importlib.import_module("distributed")
    importlib.import_module("dask").config.set({"distributed.scheduler.active-memory-manager.start": False})
    options = {"nthreads": 1, "dashboard": False, "memory_limit": 0}
    workers = {
        i: {"cls": distributed.Nanny, "options": {**options, "host": f"127.0.0.{1 + i % nodes}"}}
        for i in range(readers * nodes)
    }
    scheduler = {
        "cls": distributed.Scheduler,
        "options": {"host": "127.0.0.1", "dashboard": False, "dashboard_address": ":0"},
    }
    with (
        distributed.SpecCluster(workers, scheduler, silence_logs="ERROR") as cluster,
        distributed.Client(cluster, direct_to_workers=True) as client,
    ):
        sent = [client.scatter(torch.zeros(1), broadcast=True, direct=True, hash=False)]
        read_on_all(client, sent[0])
        x = tensor(size)
        points = []
        for is_ours in (False, True):
            if is_ours:
                bridge.dask.register(client)
                read_on_all(client, bridge.dask.scatter(client, torch.zeros(1)))
            meter = Meter(lambda: list(client.run(own_memory).values()))
            if is_ours:  # as bridge.dask.scatter does; kept here, so that its pages count as shared
                block = frozen(x)
                sent.append(dask_frames.scatter(client, block, list(client.nthreads())))
                read(block)
            else:
                sent.append(client.scatter(x, broadcast=True, direct=True, hash=False))
            read_on_all(client, sent[-1])
            points.append(meter.point("Dask", is_ours, readers, nodes, size))
        return points


def read_on_all(client: Any, future: Any) -> None:
    """Read it on each worker."""
    workers = list(client.nthreads())
    client.gather([client.submit(read, future, workers=[each], pure=False) for each in workers])
