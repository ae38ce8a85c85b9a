"""Producers like CuPy, with both protocols: asked for the stream first, they have nothing to put in order."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from fakes import FakeTensor
from numpy_bridge import add_, copy_
from simulated import OnStream, Simulation, Stream


class OnCurrentStream(OnStream):
    """An array of six float32. As CuPy's, its `__dlpack__` lets the consumer's stream wait for its own.

    `asked` are the streams of consumers.
    """

    def __init__(self, cuda: Simulation, array: np.ndarray, stream: int) -> None:
        super().__init__(array, stream)
        self.cuda, self.asked = cuda, list[Any]()
        self.fake = FakeTensor(device=(2, 0), data=array.ctypes.data)

    def __dlpack_device__(self) -> tuple[int, int]:
        return (2, 0)

    def _lend(self, stream: int | None) -> Any:
        self.asked.append(stream)
        consumer = 1 if stream is None else stream
        if consumer not in (-1, self.stream):
            self.cuda.runtime.fork_capture((0, self.stream), (0, consumer))
        return self.fake.__dlpack__()

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None, copy: Any = None) -> Any:
        return self._lend(stream)


class Old(OnCurrentStream):
    """As CuPy 13, whose `__dlpack__` knows no other keyword."""

    def __dlpack__(self, stream: Any = None) -> Any:  # type: ignore[override]
        return self._lend(stream)


class Oldest(OnCurrentStream):
    """Without keywords: the legacy default stream waits, and is waited for."""

    def __dlpack__(self) -> Any:  # type: ignore[override]
        return self._lend(None)


KINDS = [OnCurrentStream, Old]


@pytest.mark.parametrize("kind", KINDS)
def test_the_stream_of_the_array_interface_is_passed(cuda: Simulation, kind: type[OnCurrentStream]) -> None:
    x = kind(cuda, cuda.block(np.zeros(6, "f4")), 5)
    cuda.calls()
    shared = bridge.view(x)
    assert cuda.calls() == []
    assert set(x.asked) == {5}
    assert shared.__cuda_array_interface__["stream"] == 5


@pytest.mark.parametrize("kind", [*KINDS, Oldest])
def test_in_order_with_everything(cuda: Simulation, order: list[Stream], kind: type[OnCurrentStream]) -> None:
    x, y = cuda.block(np.full(6, 100, "f4")), cuda.block(np.full(6, 100, "f4"))
    cuda.write((0, 5), x, 1)
    cuda.write((0, 6), y, 2)
    add_(kind(cuda, x, 5), kind(cuda, y, 6))
    cuda.write((0, 6), y, 100)
    seen = cuda.read((0, 5), x)
    cuda.run(*order)
    assert (seen == 3).all()


@pytest.mark.parametrize("kind", KINDS)
def test_in_a_capture(cuda: Simulation, kind: type[OnCurrentStream]) -> None:
    x, y = (kind(cuda, cuda.block(np.full(6, value, "f4")), 5) for value in (1, 2))
    before = bridge.view(x)
    graph = cuda.runtime.begin_capture((0, 5), True)
    add_(x, y)
    copy_(y, x)
    add_(before, y)
    assert cuda.runtime.end_capture(graph)
    cuda.runtime.replay(graph, (0, 5))
    cuda.run()
    assert (x.array[0], y.array[0]) == (6, 3)


def test_the_legacy_stream_breaks_a_capture_that_it_joins(cuda: Simulation) -> None:
    """The tests' own test: what a consumer without a stream does to CuPy's captures."""
    x = OnCurrentStream(cuda, cuda.block(np.zeros(6, "f4")), 5)
    graph = cuda.runtime.begin_capture((0, 5), True)
    x.__dlpack__()
    assert not cuda.runtime.end_capture(graph)
    assert cuda.runtime.last_error() == 906  # cudaErrorStreamCaptureImplicit


def test_a_producer_without_an_array_interface_is_told_the_legacy_stream(cuda: Simulation) -> None:
    """None would mean the same, but JAX then waits on the host."""
    asked = []

    class Capsules(FakeTensor):
        def __dlpack__(self, **keywords: Any) -> object:
            asked.append(keywords["stream"])
            return super().__dlpack__()

    block = cuda.block(np.zeros(6, "f4"))
    add_(Capsules(device=(2, 0), data=block.ctypes.data), 1)
    assert asked == [1]
