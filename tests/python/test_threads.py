"""Threads that convert, export and drop the same objects and different ones, and leave nothing behind.

For a second here, for a minute in `nox -s soak`.
"""

from __future__ import annotations

import concurrent.futures
import ctypes
import gc
import random
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import FakeBuffer, FakeTensor, capsule_name, read_capsule, rename_capsule
from producers import Legacy, Versioned
from support import SOAK, needs_torch, run_python, torch

SECONDS = 60 if SOAK else 1
THREADS = 8


def consumed(x: Any) -> Any:
    return np.from_dlpack(bridge.view(x))


# Ways to share the elements 0 to 7 of x, to read them and to hand them on
WAYS: dict[str, Callable[[Any], Any]] = {
    "view": bridge.view,
    "to_numpy": bridge.to_numpy,
    "memoryview": lambda x: memoryview(bridge.view(x)),
    "asarray": lambda x: np.asarray(bridge.view(x)),
    "from_dlpack": consumed,
    "unconsumed": lambda x: (bridge.view(x).__dlpack__(max_version=(1, 0)), bridge.view(x))[1],
    "unversioned": lambda x: (bridge.view(x).__dlpack__(), bridge.view(x))[1],
    "view-of-view": lambda x: bridge.view(bridge.view(x)),
    "shares_memory": lambda x: bridge.view(x) if bridge.shares_memory(x, bridge.view(x)) else None,
    "struct": lambda x: (bridge.view(x).__array_struct__, bridge.view(x))[1],
    "fake": lambda x: after_a_fake(x),
    "refused": lambda x: after_a_refusal(x),
}
if torch is not None:
    WAYS["to_torch"] = bridge.to_torch
    WAYS["torch.from_dlpack"] = lambda x: torch.from_dlpack(bridge.view(x))
    WAYS["to_torch-to_numpy"] = lambda x: bridge.to_numpy(bridge.to_torch(x))


def after_a_fake(x: Any) -> Any:
    fake = FakeTensor()
    assert bridge.to_numpy(fake)[5] == 5
    assert fake.deleted == 1
    return bridge.view(x)


def after_a_refusal(x: Any) -> Any:
    with pytest.raises(bridge.SharingError):
        bridge.view(FakeTensor(ndim=65))
    return bridge.view(x)


def blocks() -> list[Any]:
    made: list[Any] = [np.arange(8.0), np.arange(8.0), bytearray(range(8)), memoryview(bytearray(range(8)))]
    made += [bridge.view(np.arange(8)), Legacy(np.arange(8.0)), Versioned(np.arange(8.0))]
    return [*made, torch.arange(8.0)] if torch is not None else made


def test_the_same_objects_and_different_ones() -> None:
    """Every thread walks through all pairs of ways and objects, and passes what it made to the others."""
    common, pool_of_aliases, lock = blocks(), [], threading.Lock()
    before = [sys.getrefcount(block) for block in common]
    end = time.monotonic() + SECONDS

    def work(seed: int) -> int:
        chance, own, done = random.Random(seed), blocks(), 0
        while time.monotonic() < end:
            for _ in range(50):
                block = chance.choice(common if chance.random() < 0.5 else own)
                alias = chance.choice(list(WAYS.values()))(block)
                assert np.asarray(alias)[3] == 3
                with lock:  # so that many a block is let go of by another thread
                    pool_of_aliases.append(alias)
                    if len(pool_of_aliases) > 64:
                        alias = pool_of_aliases.pop(chance.randrange(64))
                del alias
                done += 1
        return done

    switch = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
            done = [future.result() for future in [pool.submit(work, seed) for seed in range(THREADS)]]
    finally:
        sys.setswitchinterval(switch)
    assert min(done) > 0
    pool_of_aliases.clear()
    gc.collect()
    assert [sys.getrefcount(block) for block in common] == before
    common[2].extend(b"not locked")


# Without the GIL


@pytest.mark.parametrize("version", [None, (1, 0)], ids=["unversioned", "versioned"])
def test_a_deleter_runs_on_a_thread_that_python_does_not_know(version: Any) -> None:
    """Started by C, and so without the GIL."""
    owner = bytearray(8)
    shared = bridge.view(owner)
    before = sys.getrefcount(shared)
    capsule = shared.__dlpack__(max_version=version)
    managed = read_capsule(capsule)
    used = b"used_" + capsule_name(capsule)
    rename_capsule(capsule, used)
    assert sys.getrefcount(shared) == before + 1
    c = ctypes.CDLL(None)
    thread = ctypes.c_ulong()
    start = ctypes.c_void_p(managed.deleter)
    assert c.pthread_create(ctypes.byref(thread), None, start, ctypes.byref(managed)) == 0
    assert c.pthread_join(thread, None) == 0
    assert sys.getrefcount(shared) == before
    del shared
    owner.extend(b"x")


@pytest.mark.parametrize("make", [lambda: FakeTensor(), lambda: FakeBuffer(), lambda: bytearray(24)])
def test_a_deleter_called_by_c_lets_go_of_a_producer(make: Callable[[], Any]) -> None:
    """A CDLL function runs without the GIL; what it releases runs Python code."""
    producer = make()
    for version in (None, (1, 0)):
        before = sys.getrefcount(producer)
        capsule = bridge.view(producer).__dlpack__(max_version=version)
        managed = read_capsule(capsule)
        rename_capsule(capsule, b"used_" + capsule_name(capsule))
        assert sys.getrefcount(producer) > before
        ctypes.CFUNCTYPE(None, ctypes.c_void_p)(managed.deleter)(ctypes.addressof(managed))
        assert sys.getrefcount(producer) == before
    if isinstance(producer, FakeTensor):
        assert (producer.handed_out, producer.deleted) == (2, 2)
    elif isinstance(producer, FakeBuffer):
        assert (producer.exports, producer.releases) == (2, 2)
    else:
        producer.extend(b"x")


# The first use


@needs_torch
def test_first_use_of_torch_from_many_threads() -> None:
    run_python(
        """
import threading, numpy as np, numpy_bridge as bridge
results = []
def work():
    array = np.zeros(2)
    bridge.to_torch(array)[0] = 5
    results.append(array[0])
threads = [threading.Thread(target=work) for _ in range(8)]
[t.start() for t in threads], [t.join() for t in threads]
assert results == [5.0] * 8, results
"""
    )
