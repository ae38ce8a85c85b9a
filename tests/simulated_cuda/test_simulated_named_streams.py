"""`stream=`: the named stream waits for what came before, and whoever uses the memory waits for it."""

from __future__ import annotations

import itertools
import weakref
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import add_, copy_, from_pointer
from simulated import OnStream, Simulation, Stream
from support import refused


class CoreStream:
    """A stream as cuda.core has it."""

    def __init__(self, handle: int) -> None:
        self.handle = handle

    def __cuda_stream__(self) -> tuple[int, int]:
        return 0, self.handle


NAMES: list[Any] = [6, CoreStream(6)]
ORDERS = list(itertools.permutations([(0, 1), (0, 5), (0, 6)]))


@pytest.mark.parametrize("numbers", [(5, 5), (5, 1), (None, 5), (5, None), (6, 5), (None, None)])
@pytest.mark.parametrize("call", ["add_", "copy_"])
@pytest.mark.parametrize("order", ORDERS)
def test_an_operation_on_a_stream_of_the_callers(
    cuda: Simulation, order: list[Stream], numbers: tuple[Any, Any], call: str
) -> None:
    """All streams of operands are waited for, and wait."""
    operands = []
    for number, value in zip(numbers, (1, 2), strict=True):
        block = cuda.block(np.full(6, 100.0 if number is not None else value, float))
        if number is not None:
            cuda.write((0, number), block, value)
        operands.append(OnStream(block, number))
    x, y = operands
    (add_ if call == "add_" else copy_)(x, y, stream=6)
    seen = cuda.read((0, numbers[0] or 1), x.array)
    on_named = cuda.read((0, 6), x.array)
    cuda.write((0, numbers[1] or 1), y.array, 100)
    cuda.run(*order)
    expected = 3 if call == "add_" else 2
    assert (seen == expected).all()
    assert (on_named == expected).all()


@pytest.mark.parametrize("name", NAMES, ids=["number", "object"])
def test_numbers_and_objects(cuda: Simulation, name: Any) -> None:
    block = cuda.block(np.zeros(6))
    assert bridge.view(OnStream(block, 5), stream=name).__cuda_array_interface__["stream"] == 6
    shared = from_pointer(block.ctypes.data, 6, "f8", device="cuda:0", stream=name)
    assert shared.__cuda_array_interface__["stream"] == 6
    assert add_(shared, 1, stream=name) is shared
    cuda.run((0, 5))
    assert block.tolist() == [1] * 6


@pytest.mark.parametrize("order", ORDERS)
def test_a_view_on_a_stream_waits_for_the_memorys_own(cuda: Simulation, order: list[Stream]) -> None:
    block = cuda.block(np.full(6, 100.0))
    cuda.write((0, 5), block, 1)
    shared = bridge.view(OnStream(block, 5), stream=6)
    add_(shared, 1)
    add_(shared[:3], 1)
    seen = cuda.read((0, 6), block)
    cuda.run(*order)
    assert seen.tolist() == [3, 3, 3, 2, 2, 2]


def test_a_view_keeps_the_stream_that_it_was_given(cuda: Simulation) -> None:
    stream = CoreStream(6)
    alive = weakref.ref(stream)
    part = bridge.view(OnStream(cuda.block(np.zeros(6)), 5), stream=stream)[1:]
    del stream
    assert alive() is not None
    add_(part, 1)
    cuda.run()
    cuda.release_finished()
    del part
    assert alive() is None


def test_transfers_on_a_stream(cuda: Simulation) -> None:
    """On the device's side, whichever that is; between devices on that of the target."""
    block, far = cuda.block(np.full(6, 100.0)), cuda.block(np.zeros(6), "cuda:1")
    cuda.write((0, 5), block, 1)
    back = np.zeros(6)
    copy_(back, OnStream(block, 5), stream=6)
    assert back.tolist() == [1] * 6
    copy_(OnStream(far, 15), OnStream(block, 5), stream=16)
    seen = cuda.read((1, 15), far)
    copy_(OnStream(block, 5), np.full(6, 4.0), stream=6)
    cuda.run()
    assert (seen == 1).all()
    assert (block == 4).all()


def test_in_a_capture(cuda: Simulation) -> None:
    x, y = cuda.block(np.ones(6)), cuda.block(np.ones(6))
    graph = cuda.runtime.begin_capture((0, 5), True)
    add_(OnStream(x, None), OnStream(y, None), stream=5)
    add_(OnStream(x, 5), 1, stream=5)
    with refused("stream", "CUDA"):
        add_(OnStream(x, 6), 1, stream=5)
    assert cuda.runtime.end_capture(graph)
    cuda.runtime.replay(graph, (0, 5))
    cuda.run()
    assert x.tolist() == [3] * 6


def test_a_stream_for_memory_of_the_host(cuda: Simulation) -> None:
    pinned = cuda.block(np.zeros(6), "cuda_host:0")
    where = {"device": "cuda_host:0", "owner": pinned}
    for function, call in (
        ("add_", lambda: add_(np.zeros(6), 1, stream=5)),
        ("copy_", lambda: copy_(np.zeros(6), np.zeros(6), stream=5)),
        ("view", lambda: bridge.view(np.zeros(6), stream=5)),
        ("pointer", lambda: from_pointer(pinned.ctypes.data, 6, "f8", **where, stream=5)),
    ):
        with refused("stream", function, hint="leave the keyword stream out"):
            call()
