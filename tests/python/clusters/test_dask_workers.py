"""Dask workers on this machine: results, one copy for all workers, spilling, arrays of chunks."""

from __future__ import annotations

import gc
import os
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from on_workers import fill, mapped_from, raw

distributed = pytest.importorskip("distributed", reason="the session clusters installs distributed")
torch = pytest.importorskip("torch", reason="the session clusters installs torch")


def look(x: Any) -> tuple[str, str, bytes, str]:
    return type(x).__name__, str(x.dtype), raw(x), mapped_from(x)


def write(x: Any) -> str:
    return fill(x, 7)


def write_private(x: Any) -> bytes:
    bridge.to_torch(bridge.dask.private(x)).fill_(9)
    return raw(x)


def on_all(client: Any, function: Any, *arguments: Any) -> list[Any]:
    workers = list(client.nthreads())
    assert len(workers) == 2
    return client.gather([client.submit(function, *arguments, workers=[w], pure=False) for w in workers])


@pytest.mark.parametrize("name", ["float32", "bfloat16", "float8_e5m2"])
def test_tensors_and_views_there_and_back(name: str, dask_client: Any) -> None:
    x = torch.arange(300_000, dtype=torch.int32).view(getattr(torch, name))
    for source in (x, bridge.view(x)):
        future = dask_client.scatter(source, broadcast=True, hash=False)
        for seen in on_all(dask_client, look, future):
            assert seen[:3] == (type(source).__name__, str(source.dtype), raw(x))
        arrived = dask_client.gather(future)
        assert type(arrived) is type(source)
        assert raw(arrived) == raw(x)


def test_between_workers(dask_client: Any) -> None:
    first, second = dask_client.nthreads()
    made = dask_client.submit(lambda: torch.full((300_000,), 3, dtype=torch.bfloat16), workers=[first])
    assert dask_client.submit(look, made, workers=[second]).result()[1:3] == (
        "torch.bfloat16",
        raw(torch.full((300_000,), 3, dtype=torch.bfloat16)),
    )


def test_tasks_carry_tensors(dask_client: Any) -> None:
    x = torch.arange(50, dtype=torch.float32)
    assert dask_client.submit(look, x, pure=False).result()[2] == raw(x)
    assert dask_client.submit(look, bridge.view(x), pure=False).result()[2] == raw(x)


@pytest.fixture(scope="module")
def source() -> Any:
    return torch.arange(300_000, dtype=torch.int32).view(torch.bfloat16)


@pytest.fixture(scope="module")
def future(dask_client: Any, source: Any) -> Any:
    return bridge.dask.scatter(dask_client, source)


class TestScatter:
    def test_all_workers_have_one_copy(self, dask_client: Any, source: Any, future: Any) -> None:
        seen = on_all(dask_client, look, future)
        assert [each[:3] for each in seen] == [("SharedBlock", "bfloat16", raw(source))] * 2
        files = set(on_all(dask_client, inode, future))
        assert len(files) == 1  # the same file
        assert "memfd:numpy_bridge" in seen[0][3]

    def test_no_worker_can_write_it(self, dask_client: Any, source: Any, future: Any) -> None:
        assert all("read-only" in refusal for refusal in on_all(dask_client, write, future))
        assert on_all(dask_client, mapped_as, future) == ["r--s", "r--s"]

    def test_a_private_copy_of_pages(self, dask_client: Any, source: Any, future: Any) -> None:
        assert on_all(dask_client, write_private, future) == [raw(source)] * 2

    def test_back(self, dask_client: Any, source: Any, future: Any) -> None:
        x = dask_client.gather(future)
        assert type(x) is bridge.SharedBlock
        assert raw(x) == raw(source)

    def test_some_workers(self, dask_client: Any, source: Any) -> None:
        _, second = dask_client.nthreads()
        future = bridge.dask.scatter(dask_client, source, workers=[second])
        assert dask_client.who_has(future)[future.key] == (second,)

    def test_outlives_the_object_and_the_client_side(self, dask_client: Any) -> None:
        future = bridge.dask.scatter(dask_client, np.full(200_000, 5.0))
        assert [set(np.frombuffer(each[2])) for each in on_all(dask_client, look, future)] == [{5.0}] * 2

    def test_nothing_is_left(self, dask_client: Any, source: Any) -> None:
        futures = [bridge.dask.scatter(dask_client, source) for _ in range(5)]
        made = {each for future in futures for each in on_all(dask_client, inode, future)}
        assert len(made) == 5
        assert all(made <= set(held) for held in dask_client.run(blocks).values())
        del futures
        end = time.monotonic() + 100
        while any(made & set(held) for held in dask_client.run(blocks).values()):
            assert time.monotonic() < end
            time.sleep(0.05)


def inode(x: Any) -> tuple[int, int]:
    status = os.fstat(x.owner.mapping.descriptor)
    return status.st_dev, status.st_ino


def mapped_as(x: Any) -> str:
    return mapped_from(x).split()[0]


def blocks() -> list[tuple[int, int]]:
    """The blocks that a worker holds, as `inode` returns them."""
    gc.collect()
    files = [link for link in Path("/proc/self/fd").iterdir() if link.is_symlink()]
    held = [link.stat() for link in files if "memfd:numpy_bridge" in str(link.readlink())]
    return [(status.st_dev, status.st_ino) for status in held]


def test_arrays_of_chunks_by_torch(dask_client: Any) -> None:
    da = pytest.importorskip("dask.array", reason="the session clusters installs dask[array]")
    x = np.arange(24.0).reshape(4, 6)
    array = da.from_array(x, chunks=(2, 6))

    def twice(chunk: Any) -> Any:
        return bridge.to_numpy(bridge.to_torch(chunk, copy=None).mul(2))  # chunks may arrive unaligned

    def negate(chunk: Any) -> Any:
        bridge.to_torch(chunk).neg_()
        return chunk

    assert (array.map_blocks(twice).compute() == x * 2).all()
    in_place = (array + 1).map_blocks(negate, meta=x[:0]).compute(scheduler="synchronous")
    assert (in_place == -(x + 1)).all()


def test_workers_that_join_later_are_registered(dask_client: Any) -> None:
    assert "numpy_bridge" in str(dask_client.run(plugins))


def plugins(dask_worker: Any) -> list[str]:
    return list(dask_worker.plugins)
