"""CUDA graphs: calls are captured, and replayed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import pytest

import numpy_bridge as bridge
from gpu_streams import handle, torch
from numpy_bridge import add_, copy_
from support import run_python

CALLS: dict[str, Callable[[Any, Any], Any]] = {
    "number": lambda x, y: add_(x, 2),
    "packed": lambda x, y: add_(x, y),
    "broadcast": lambda x, y: add_(x, y[:, :1]),
    "strided": lambda x, y: add_(x[:, ::2], y[:, ::2]),
    "transposed": lambda x, y: add_(x, y.T),
    "overlapping": lambda x, y: add_(x[1:], x[:-1]),
    "copy": lambda x, y: copy_(x, y),
    "copy strided": lambda x, y: copy_(x[:, ::2], y[:, ::2]),
    "copy transposed": lambda x, y: copy_(x, y.T),
    "copy overlapping": lambda x, y: copy_(x[1:], x[:-1]),
    "cast": lambda x, y: copy_(x, y.half()),
    "view": lambda x, y: add_(bridge.view(x), bridge.view(y)),
}


def operands() -> tuple[Any, Any]:
    x = torch.arange(257.0 * 257, device="cuda").view(257, 257) % 100
    return x, (x * 7) % 50


@pytest.mark.parametrize("call", CALLS)
def test_captured_and_replayed(call: str) -> None:
    """Three replays do what three calls do."""
    x, y = operands()
    expected = x.clone()
    for _ in range(3):
        CALLS[call](expected, y)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        CALLS[call](x, y)
    assert torch.equal(x, operands()[0]), "a capture runs nothing"
    for _ in range(3):
        graph.replay()
    assert torch.equal(x, expected)


def test_a_refusal_leaves_the_capture_as_it_was() -> None:
    x, y = operands()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        add_(x, 1)
        with pytest.raises(bridge.SharingError):
            add_(x, y[:5])
        add_(x, 1)
    graph.replay()
    assert torch.equal(x, operands()[0] + 2)


def test_pageable_memory_is_refused_in_a_capture() -> None:
    """A replay would use an address that may have been freed."""
    x, _ = operands()
    host = torch.zeros(257, 257)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        add_(x, 1)
        for target, source in ((x, host), (host, x)):
            with pytest.raises(bridge.SharingError) as caught:
                copy_(target, source, non_blocking=True)
            assert caught.value.field == "non_blocking"
        add_(x, 1)
    graph.replay()
    assert torch.equal(x, operands()[0] + 2)


def test_the_capture_of_another_thread_goes_on() -> None:
    """It is a global one, which most calls that wait, allocate or release would end."""
    (x, y), host = operands(), torch.zeros(257, 257)
    own = torch.cuda.Stream()
    torch.cuda.synchronize()
    working, captured = threading.Event(), threading.Event()
    failures: list[BaseException] = []

    def work() -> None:
        try:
            with torch.cuda.stream(own):
                while not captured.is_set():
                    copy_(host, y)
                    copy_(y, host.t())
                    bridge.view(y).__dlpack__(stream=handle(own), copy=True)  # allocated, and released
                    add_(y[1:], y[:-1])
                    working.set()
        except BaseException as failure:
            failures.append(failure)
            working.set()

    thread = threading.Thread(target=work)
    thread.start()
    assert working.wait(60)
    graph = torch.cuda.CUDAGraph()
    try:
        with torch.cuda.graph(graph):
            for _ in range(500):
                add_(x, 1)
    finally:
        captured.set()
        thread.join()
    assert failures == []
    graph.replay()
    assert torch.equal(x, operands()[0] + 500)


@pytest.mark.parametrize("loading", ["LAZY", "EAGER"])
@pytest.mark.parametrize("call", ["add_(x, 1)", "add_(x, x[:, :1])", "copy_(x, x.T)", "copy_(x, y)"])
def test_the_first_call_of_a_process_can_be_captured(call: str, loading: str) -> None:
    """When kernels are loaded, one by one or all at once, and whatever is set up once."""
    run_python(
        f"""
import torch
from numpy_bridge import add_, copy_
x = torch.ones(257, 257, device="cuda")
y = torch.ones(257, 257, device="cuda", dtype=torch.float16)
torch.cuda.synchronize()
graph = torch.cuda.CUDAGraph()
with torch.cuda.graph(graph):
    {call}
graph.replay()
assert (x == (2 if "add" in {call!r} else 1)).all()
""",
        CUDA_MODULE_LOADING=loading,
    )
