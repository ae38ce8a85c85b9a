"""copy_ between the host and a device, and when the host waits for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from gpu_layouts import LAYOUTS, SHAPES, numbers
from gpu_libraries import Library
from gpu_streams import not_waiting, sleep, torch
from numpy_bridge import copy_


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("target", ["float32", "float64", "complex64"])
def test_to_the_device_and_back(library: Library, target: str, layout: str) -> None:
    """Whatever the layouts on both sides, with a conversion or without."""
    for shape in SHAPES:
        base = numbers("float32", shape)
        values = LAYOUTS[layout](base, shape)
        block = library.put(np.zeros(base.shape, target))
        x = LAYOUTS[layout](block, shape)
        assert copy_(x, values) is x
        expected = np.zeros(base.shape, target)
        LAYOUTS[layout](expected, shape)[...] = values
        np.testing.assert_array_equal(library.get(block), expected)
        back = np.zeros(base.shape, "complex128")
        there = LAYOUTS[layout](back, shape)
        assert copy_(there, x) is there
        np.testing.assert_array_equal(back, expected)


def test_byte_orders(library: Library) -> None:
    values = numbers("float32", SHAPES[1])
    block = library.put(np.zeros_like(values))
    copy_(block, values.astype(">f4"))
    np.testing.assert_array_equal(library.get(block), values)
    back = np.zeros(values.shape, ">f8")
    copy_(back, block)
    np.testing.assert_array_equal(back, values)


# When the host waits, and when it does not

COUNT = 1 << 20


def on_device(value: float) -> Any:
    return torch.full((COUNT,), float(value), device="cuda")


def on_host(value: float, pinned: bool) -> Any:
    return torch.full((COUNT,), float(value), pin_memory=pinned)


@pytest.fixture
def stream() -> Iterator[Any]:
    """The current stream, which is not the default one, and at work for long."""
    torch.cuda.synchronize()
    with torch.cuda.stream(torch.cuda.Stream()):
        sleep()
        yield torch.cuda.current_stream()


@pytest.mark.parametrize("pinned", [False, True])
def test_values_are_there_when_the_call_returns(stream: Any, pinned: bool) -> None:
    x, there = on_device(1), on_host(0, pinned)
    x.fill_(5)
    copy_(there, x)
    assert (there == 5).all()
    sleep()
    x.fill_(6)
    copy_(there[::2], x[::2])
    assert (there[::2] == 6).all()
    assert (there[1::2] == 5).all()


@pytest.mark.parametrize("pinned", [False, True])
@pytest.mark.parametrize("step", [1, 2])
def test_values_have_been_read_when_the_call_returns(stream: Any, pinned: bool, step: int) -> None:
    x, source = on_device(0), on_host(3, pinned)
    copy_(x[::step], source[::step])
    source.fill_(100)
    seen = x.clone()
    stream.synchronize()
    assert (seen[::step] == 3).all()


def test_pageable_memory_may_change_at_once(stream: Any) -> None:
    """The call waits, whatever was asked for: CUDA does not promise to have read it before."""
    x, source, there = on_device(0), on_host(3, pinned=False), on_host(0, pinned=False)
    copy_(x, source, non_blocking=True)
    source.fill_(100)
    copy_(there, x, non_blocking=True)
    assert (there == 3).all()


def test_pinned_memory_is_copied_without_waiting() -> None:
    x, source, there = on_device(0), on_host(3, pinned=True), on_host(0, pinned=True)
    with not_waiting():
        copy_(x, source, non_blocking=True)
        copy_(there, x, non_blocking=True)
    assert (x == 3).all()
    assert (there == 3).all()


def test_transfers_are_captured() -> None:
    x, source, there = on_device(0), on_host(3, pinned=True), on_host(0, pinned=True)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        copy_(x, source, non_blocking=True)
        x += 1
        copy_(there, x, non_blocking=True)
    source.fill_(10)
    graph.replay()
    torch.cuda.synchronize()
    assert (there == 11).all()
