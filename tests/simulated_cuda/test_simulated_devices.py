"""Devices: no context on one that holds none of the memory, the current device, peer access, the GIL."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from numpy_bridge import add_, copy_, from_pointer, view
from simulated import OnStream, Simulation, Stream
from support import refused

CALLS: dict[str, Callable[[np.ndarray, int | None], Any]] = {
    "number": lambda x, s: add_(OnStream(x, s), 1),
    "array": lambda x, s: add_(OnStream(x[:4], s), OnStream(x[4:], None)),
    "two streams": lambda x, s: add_(OnStream(x[:4], s), OnStream(x[4:], 16)),
    "overlapping": lambda x, s: add_(OnStream(x[1:], s), OnStream(x[:-1], s)),
    "copy": lambda x, s: copy_(OnStream(x[:4], s), OnStream(x[4:], s)),
    "to the host": lambda x, s: copy_(np.zeros(8), OnStream(x, s)),
    "from the host": lambda x, s: copy_(OnStream(x[::2], s), np.zeros(8)[::2]),
    "without waiting": lambda x, s: copy_(OnStream(x, s), np.zeros(8), non_blocking=True),
    "consumer": lambda x, s: view(OnStream(x, s)).__dlpack__(stream=16),
    "copy for a consumer": lambda x, s: view(OnStream(x, s)).__dlpack__(stream=16, copy=True),
    "address": lambda x, s: from_pointer(x.ctypes.data, 8, "f8", device="cuda:1", owner=x),
}


@pytest.mark.parametrize("stream", [None, 1, 2, 15])
@pytest.mark.parametrize("call", CALLS)
def test_no_context_is_made_on_another_device(cuda: Simulation, call: str, stream: int | None) -> None:
    """It would take half a gigabyte of device 0, which this process does not use."""
    block = cuda.block(np.zeros(8), "cuda:1")
    for _ in range(2):
        CALLS[call](block, stream)
        gc.collect()
        assert cuda.runtime.contexts() <= {1}
        assert cuda.runtime.current_device() == 0, "other libraries' memory goes where it went"


@pytest.mark.parametrize("call", CALLS)
def test_the_context_of_the_caller_stays(cuda: Simulation, call: str) -> None:
    cuda.runtime.set_device(0)
    CALLS[call](cuda.block(np.zeros(8), "cuda:1"), 15)
    gc.collect()
    assert cuda.runtime.contexts() >= {0}
    assert cuda.runtime.current_device() == 0


def test_a_copy_is_released_where_it_is(cuda: Simulation) -> None:
    """By whatever thread, whose current device may be another one, or none."""
    capsule = view(OnStream(cuda.block(np.zeros(8), "cuda:1"), 15)).__dlpack__(copy=True)
    assert cuda.runtime.unreleased() == 1
    del capsule
    assert cuda.runtime.unreleased() == 0
    assert cuda.runtime.contexts() == {1}


@pytest.mark.parametrize("order", list(itertools.permutations([(0, 1), (1, 1), (1, 15)])))
@pytest.mark.parametrize("reads_managed", [True, False])
def test_managed_memory_of_one_device_and_memory_of_another(
    cuda: Simulation, order: list[Stream], reads_managed: bool
) -> None:
    """The work is done where the other memory is, in order with the streams of both."""
    block, far = cuda.block(np.full(8, 100.0), "cuda_managed:0"), cuda.block(np.full(8, 100.0), "cuda:1")
    managed = from_pointer(block.ctypes.data, 8, "f8", device="cuda_managed:0", owner=block)
    cuda.write((0, 1), block, 2)
    cuda.write((1, 15), far, 1)
    if reads_managed:
        add_(OnStream(far, 15), managed)
        seen = cuda.read((1, 15), far)
        cuda.write((0, 1), block, 100)
    else:
        add_(managed, OnStream(far, 15))
        seen = cuda.read((0, 1), block)
        cuda.write((1, 15), far, 100)
    cuda.run(*order)
    assert (seen == 3).all()


@pytest.mark.parametrize("order", list(itertools.permutations([(0, 1), (1, 15), (1, 16)])))
def test_a_named_stream_is_one_of_the_device_that_works(cuda: Simulation, order: list[Stream]) -> None:
    block, far = cuda.block(np.full(8, 100.0), "cuda_managed:0"), cuda.block(np.full(8, 100.0), "cuda:1")
    managed = from_pointer(block.ctypes.data, 8, "f8", device="cuda_managed:0", owner=block)
    cuda.write((0, 1), block, 2)
    cuda.write((1, 15), far, 1)
    add_(managed, OnStream(far, 15), stream=16)
    seen = cuda.read((1, 16), block)
    cuda.write((1, 15), far, 100)
    cuda.run(*order)
    assert (seen == 3).all()


def test_memory_of_two_devices_is_not_added(cuda: Simulation) -> None:
    x, y = cuda.block(np.ones(8)), cuda.block(np.ones(8), "cuda:1")
    for first, second in ((OnStream(x, 5), OnStream(y, 15)), (OnStream(y, 15), OnStream(x, 5))):
        with refused("device", "add_", hint="copy y first"):
            add_(first, second)
