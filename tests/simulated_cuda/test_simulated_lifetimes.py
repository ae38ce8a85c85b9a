"""Memory whose owner is gone after the call, and Views whose stream is: nothing is read too late.

A producer's memory is overwritten when its capsule is released, as if someone else had got it at once.
"""

from __future__ import annotations

import sys
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import FakeTensor
from numpy_bridge import CudaError, add_, copy_, from_pointer
from simulated import OnStream, Simulation, Stream
from support import run_python

POISON = 1000


def temporary(block: np.ndarray) -> FakeTensor:
    """The block in DLPack, without a word of a stream, as JAX has it; lost when the capsule is released."""
    lent = FakeTensor(device=(2, 0), data=block.ctypes.data, shape=block.shape)
    lent.on_delete = lambda: block.fill(POISON)  # type: ignore[method-assign]
    return lent


class Pooled:
    """The owner of a block that is reused as soon as the owner is gone."""

    def __init__(self, block: np.ndarray) -> None:
        self.block = block
        weakref.finalize(self, block.fill, POISON)

    def view(self, device: str) -> bridge.View:
        block = self.block
        return from_pointer(block.ctypes.data, block.shape, block.dtype, device=device, owner=self)


CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda x, y: add_(x, y),
    "add on a stream": lambda x, y: add_(x, y, stream=6),
    "add a view": lambda x, y: add_(x, bridge.view(y)),
    "add a part": lambda x, y: add_(x, bridge.view(y)[:]),
    "copy": lambda x, y: (copy_(x, y), add_(x, 1)),
    "copy strided": lambda x, y: (copy_(bridge.view(x)[::-1], y), add_(x, 1)),
    "write": lambda x, y: (add_(y, x), add_(x, y), add_(x, -1)),
}
"""Each makes threes of ones and twos; `write` uses the memory of y twice."""


@pytest.mark.parametrize("call", CALLS)
def test_memory_of_a_producer_that_names_no_stream(cuda: Simulation, order: list[Stream], call: str) -> None:
    block, source = cuda.block(np.full(6, 100, "f4")), cuda.block(np.full(6, 2, "f4"))
    x = OnStream(block, 5)
    cuda.write((0, 5), block, 1)
    lent = temporary(source)
    CALLS[call](x, lent)
    assert lent.deleted < lent.handed_out
    cuda.run(*order)
    assert (block == 3).all()
    add_(x, 1)  # a later call
    assert lent.deleted == lent.handed_out


def test_work_that_is_not_done_keeps_its_memory_only(cuda: Simulation) -> None:
    """What is done on another stream is released."""
    first, second, x, y = (cuda.block(np.zeros(6)) for _ in range(4))
    add_(OnStream(x, 5), Pooled(first).view("cuda:0"))
    add_(OnStream(y, 6), Pooled(second).view("cuda:0"))
    while cuda.runtime.step((0, 6)):
        cuda.release_finished()
    assert (first == 0).all()
    assert (second == POISON).all()


def test_memory_for_a_copy_that_a_consumer_asked_for(cuda: Simulation) -> None:
    source = cuda.block(np.arange(6, dtype="f4"))
    target = cuda.block(np.zeros(6, "f4"))
    capsule = bridge.view(temporary(source)).__dlpack__(stream=5, copy=True, max_version=(1, 0))
    copied = FakeTensor(answer=capsule)
    copied.__dlpack_device__ = lambda: (2, 0)  # type: ignore[method-assign]
    copy_(OnStream(target, 5), copied)
    cuda.run()
    assert target.tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("number", [None, 1, 5])
def test_pinned_memory_of_a_pool(cuda: Simulation, order: list[Stream], number: int | None) -> None:
    """The host's memory stays until a copy that is not waited for has read or written it."""
    block = cuda.block(np.zeros(6))
    values, there = (cuda.block(np.full(6, value), "cuda_host:0") for value in (7.0, 0.0))
    copy_(OnStream(block, number), Pooled(values).view("cuda_host:0"), non_blocking=True)
    copy_(Pooled(there).view("cuda_host:0"), OnStream(block, number), non_blocking=True)
    assert (values == 7).all()
    cuda.run(*order)
    assert (block == 7).all()
    assert (there == 7).all()
    cuda.release_finished()
    assert (values == POISON).all()
    assert (there == POISON).all()


def test_memory_is_kept_no_longer_than_a_copy_that_is_waited_for(cuda: Simulation) -> None:
    lent = temporary(cuda.block(np.ones(6, "f4")))
    assert bridge.to_numpy(lent, copy=True).tolist() == [1] * 6
    copy_(np.zeros(6, "f4"), lent)
    assert lent.deleted == lent.handed_out > 0


def test_owners_that_name_a_stream_are_not_kept(cuda: Simulation) -> None:
    """They free in its order."""
    x, y = OnStream(cuda.block(np.ones(3)), 5), OnStream(cuda.block(np.ones(3)), 6)
    gone = weakref.ref(y)
    add_(x, y)
    del y
    assert gone() is None
    assert "cudaEventQuery" not in cuda.calls()


def test_nothing_is_kept_for_a_capture(cuda: Simulation) -> None:
    """Whoever replays the graph keeps its memory, and other captures survive the look at what is done."""
    x, y, captured, kept = (cuda.block(np.zeros(6)) for _ in range(4))
    add_(OnStream(y, 6), Pooled(kept).view("cuda:0"))
    graph = cuda.runtime.begin_capture((0, 5), True)
    add_(OnStream(x, 5), Pooled(captured).view("cuda:0"))
    assert (captured == POISON).all()
    add_(OnStream(y, 6), 1)
    assert (kept == 0).all()
    assert "cudaEventQuery" in cuda.calls()
    assert cuda.runtime.end_capture(graph)


def test_the_code_of_an_owner_may_call_back(cuda: Simulation) -> None:
    x = OnStream(cuda.block(np.zeros(6, "f4")), 5)
    lent = temporary(cuda.block(np.ones(6, "f4")))
    lent.on_delete = lambda: add_(x, temporary(cuda.block(np.ones(6, "f4"))))  # type: ignore[method-assign]
    add_(x, lent)
    cuda.run()
    add_(x, 1)
    cuda.run()
    assert x.array.tolist() == [3] * 6


def test_the_end_of_a_process() -> None:
    """What is done is released; what is not is left, without waiting for it."""
    code = """
import sys
from pathlib import Path
sys.path.insert(0, sys.argv[2])
import simulated
simulated.without_torch()
cuda = simulated.install(Path(sys.argv[1]))
import numpy as np, numpy_bridge as bridge
from fakes import FakeTensor
def lent(name):
    block = cuda.block(np.ones(6, "f4"))
    made = FakeTensor(device=(2, 0), data=block.ctypes.data)
    made.on_delete = lambda: print(name)
    return made
x = cuda.block(np.zeros(6, "f4"))
bridge.add_(simulated.OnStream(x, 5), lent("done"))
cuda.run()
bridge.copy_(simulated.OnStream(x, 6), lent("left"))
print("end")
"""
    folder = Path(str(sys.modules["numpy_bridge._cuda"].__file__)).parent
    lines = run_python(code, str(folder), str(Path(__file__).parent)).splitlines()
    assert lines == ["done", "end"]


# Views whose stream is gone


def test_a_view_follows_its_owner_to_another_stream(cuda: Simulation, order: list[Stream]) -> None:
    """As when CuPy's stream ends with its block, and is destroyed."""
    block = cuda.block(np.full(6, 100.0))
    x = OnStream(block, 5)
    shared = bridge.view(x)
    parts = (shared[:3], bridge.view(shared)[3:])
    cuda.runtime.destroy((0, 5))
    x.stream = 6
    cuda.write((0, 6), block, 1)
    for part in parts:
        add_(part, 2)
    seen = cuda.read((0, 6), block)
    assert shared.__cuda_array_interface__["stream"] == 6
    assert shared.__dlpack__(stream=1)
    cuda.run(*order)
    assert (seen == 3).all()


def test_a_view_from_before_a_capture_works_in_it(cuda: Simulation) -> None:
    x = OnStream(cuda.block(np.zeros(6)), 1)
    shared = bridge.view(x)
    x.stream = 5
    graph = cuda.runtime.begin_capture((0, 5), True)
    add_(shared, 1)
    assert cuda.runtime.end_capture(graph)
    cuda.run()
    assert x.array.tolist() == [0] * 6
    cuda.runtime.replay(graph, (0, 5))
    cuda.run()
    assert x.array.tolist() == [1] * 6


def test_a_stream_that_is_gone_is_named_in_the_error(cuda: Simulation) -> None:
    x = OnStream(cuda.block(np.zeros(6)), 5)
    cuda.runtime.destroy((0, 5))
    for call in (lambda: add_(x, 1), lambda: bridge.view(x).__dlpack__(stream=1)):
        with pytest.raises(CudaError) as caught:
            call()
        assert caught.value.name == "cudaErrorInvalidResourceHandle"
        assert "destroyed" in caught.value.hint


def test_an_owner_that_no_longer_answers_leaves_the_stream_of_before(cuda: Simulation) -> None:
    x = OnStream(cuda.block(np.zeros(6)), 5)
    shared = bridge.view(x)
    x.stream = 0  # which nobody may answer
    assert shared.__cuda_array_interface__["stream"] == 5
