"""CUDA graphs: calls are recorded and replayed, and what a capture would not survive is refused in time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import add_, copy_, from_pointer
from simulated import OnStream, Simulation
from support import refused

CALLS: dict[str, Callable[[np.ndarray, np.ndarray], Any]] = {
    "number": lambda x, y: add_(on(x), 2),
    "packed": lambda x, y: add_(on(x), on(y)),
    "broadcast": lambda x, y: add_(on(x), on(y[:, :1])),
    "strided": lambda x, y: add_(on(x[:, ::2]), on(y[:, ::2])),
    "overlapping": lambda x, y: add_(on(x[1:]), on(x[:-1])),
    "copy": lambda x, y: copy_(on(x), on(y)),
    "copy transposed": lambda x, y: copy_(on(x), on(y.T)),
    "copy overlapping": lambda x, y: copy_(on(x[1:]), on(x[:-1])),
    "no stream": lambda x, y: add_(on(x), OnStream(y, None)),
    "view": lambda x, y: add_(bridge.view(on(x)), bridge.view(on(y))),
}


def on(array: np.ndarray, stream: int | None = 5) -> OnStream:
    return OnStream(array, stream)


def operands(cuda: Simulation) -> tuple[np.ndarray, np.ndarray]:
    x = np.arange(21.0 * 21).reshape(21, 21)
    return cuda.block(x), cuda.block(x * 7 % 50)


@pytest.mark.parametrize("call", CALLS)
def test_captured_and_replayed(cuda: Simulation, call: str) -> None:
    """A capture runs nothing, and three replays do what three calls do."""
    x, y = operands(cuda)
    for _ in range(3):
        CALLS[call](x, y)
    cuda.run()
    again, y = operands(cuda)
    before = again.copy()
    graph = cuda.runtime.begin_capture((0, 5), True)
    CALLS[call](again, y)
    assert cuda.runtime.end_capture(graph)
    cuda.run()
    np.testing.assert_array_equal(again, before)
    for _ in range(3):
        cuda.runtime.replay(graph, (0, 5))
    cuda.run()
    np.testing.assert_array_equal(again, x)


def test_two_streams_of_one_capture(cuda: Simulation) -> None:
    """Stream 6 is drawn into the capture by its own library."""
    x, y = operands(cuda)
    expected = x + y
    graph = cuda.runtime.begin_capture((0, 5), True)
    cuda.runtime.fork_capture((0, 5), (0, 6))
    add_(on(x, 5), on(y, 6))
    cuda.write((0, 6), y, 100)
    assert cuda.runtime.end_capture(graph)
    cuda.runtime.replay(graph, (0, 5))
    cuda.run()
    np.testing.assert_array_equal(x, expected)
    assert (y == 100).all()


def test_transfers_of_pinned_memory_are_captured(cuda: Simulation) -> None:
    block = cuda.block(np.zeros(4))
    source, there = (cuda.block(np.full(4, 3.0), "cuda_host:0") for _ in range(2))
    pinned = [
        from_pointer(each.ctypes.data, 4, "f8", device="cuda_host:0", owner=each) for each in (source, there)
    ]
    graph = cuda.runtime.begin_capture((0, 5), True)
    copy_(on(block), pinned[0], non_blocking=True)
    add_(on(block), 1)
    copy_(pinned[1], on(block), non_blocking=True)
    assert cuda.runtime.end_capture(graph)
    source[:] = 10
    cuda.runtime.replay(graph, (0, 5))
    cuda.run()
    assert there.tolist() == [11] * 4


def test_refusals_leave_a_capture_as_it_was(cuda: Simulation) -> None:
    """Whatever would wait, allocate what a replay does not, or draw in a stream that is not captured."""
    x, y = cuda.block(np.zeros(8)), cuda.block(np.ones(8))
    other = cuda.block(np.ones(8), "cuda:1")
    shared = bridge.view(on(x))
    host = np.zeros(8)
    streams, waits = ("CUDA", "stream"), ("copy_", "non_blocking")
    allocates = ("DLPack", "copy")
    graph = cuda.runtime.begin_capture((0, 5), True)
    add_(on(x), 1)
    cuda.calls()
    for (protocol, field), call in (
        (streams, lambda: add_(on(x), on(y, 6))),
        (streams, lambda: add_(on(y, 6), on(x))),
        (streams, lambda: add_(on(x), on(y, 1))),
        (streams, lambda: copy_(on(x), on(y, 6))),
        (streams, lambda: copy_(on(x), on(other, 15))),
        (streams, lambda: copy_(on(other, 15), on(x))),
        (streams, lambda: copy_(on(other[:4], 15), on(x[::2]))),
        (streams, lambda: shared.__dlpack__(stream=6)),
        (streams, lambda: shared.__dlpack__()),
        (streams, lambda: shared.__dlpack__(stream=6, copy=True)),
        (waits, lambda: copy_(on(x), host)),
        (waits, lambda: copy_(host, on(x))),
        (waits, lambda: copy_(on(x), host, non_blocking=True)),
        (waits, lambda: copy_(host, on(x), non_blocking=True)),
        (waits, lambda: copy_(on(x[:4]), host[::2], non_blocking=True)),
        (waits, lambda: copy_(host[::2], on(x[:4]), non_blocking=True)),
        (waits, lambda: copy_(on(x), np.ones(8, "f4"), non_blocking=True)),
        (waits, lambda: bridge.to_numpy(on(x), copy=True)),
        (waits, lambda: shared.__dlpack__(stream=5, copy=True, dl_device=(1, 0))),
        (allocates, lambda: shared.__dlpack__(stream=5, copy=True)),
    ):
        with refused(field, protocol):
            call()
    queued = {"launch", "cudaMemcpyAsync", "cudaMallocAsync", "cudaStreamWaitEvent", "cudaStreamSynchronize"}
    assert not queued & set(cuda.calls())
    add_(on(x), 1)
    assert cuda.runtime.end_capture(graph)
    cuda.runtime.replay(graph, (0, 5))
    cuda.run()
    assert x.tolist() == [2] * 8


@pytest.mark.parametrize("is_global", [True, False])
def test_the_captures_of_others_go_on(cuda: Simulation, is_global: bool) -> None:
    """Work on other streams, and memory that is allocated and released meanwhile."""
    x, y = cuda.block(np.zeros(8)), cuda.block(np.ones(8))
    graph = cuda.runtime.begin_capture((0, 5), is_global)
    cuda.write((0, 5), x, 3)
    add_(on(y, 6), 1)
    copied = bridge.view(on(y, 6)).__dlpack__(stream=6, copy=True)
    back = np.zeros(8)
    copy_(back, on(y, 6))
    del copied
    assert cuda.runtime.unreleased() == 0
    assert cuda.runtime.end_capture(graph)
    cuda.runtime.replay(graph, (0, 5))
    cuda.run()
    assert (x.tolist(), back.tolist()) == ([3] * 8, [2] * 8)


def test_a_capture_is_lost_by_what_is_not_refused(cuda: Simulation) -> None:
    """The test's own test: without the mode that copies are made in, this is how the one above would fail."""
    graph = cuda.runtime.begin_capture((0, 5), True)
    assert cuda.runtime.allocate() == 900  # cudaErrorStreamCaptureUnsupported
    assert not cuda.runtime.end_capture(graph)
    assert cuda.runtime.last_error() == 900
