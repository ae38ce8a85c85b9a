"""copy_ between the host and simulated devices, and between two: values, waiting, the current device."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

import numpy_bridge as bridge
from numpy_bridge import add_, copy_, from_pointer
from simulated import OnStream, Simulation, at
from support import LAYOUTS, base_array, refused

SHAPES = [name for name in LAYOUTS if name not in ("broadcast", "byte-swapped", "odd-strides")]


def pinned(cuda: Simulation, values: np.ndarray) -> tuple[np.ndarray, bridge.View]:
    """Memory of the host that CUDA knows, and a View of it."""
    block = cuda.block(values, "cuda_host:0")
    return block, from_pointer(block.ctypes.data, block.shape, block.dtype, device="cuda_host:0", owner=block)


@pytest.mark.parametrize("layout", SHAPES)
@pytest.mark.parametrize("target", ["float32", "float64", "complex64", ">f4"])
def test_to_a_device_and_back(cuda: Simulation, target: str, layout: str) -> None:
    """Whatever the layouts on both sides, with a conversion or without; back when the call returns."""
    base = base_array("float32")
    block = cuda.block(np.zeros(24, target))
    there = OnStream(LAYOUTS[layout](block), 5)
    values = LAYOUTS[layout](base)
    assert copy_(there, values) is there
    cuda.run()
    expected = np.zeros(24, target)
    LAYOUTS[layout](expected)[...] = values
    np.testing.assert_array_equal(block, expected)
    back = np.zeros(24, "complex128")
    copy_(LAYOUTS[layout](back), there)
    np.testing.assert_array_equal(back, expected)


@pytest.mark.parametrize("layout", SHAPES)
@pytest.mark.parametrize("target", ["float32", "float64", ">f4"])
def test_from_one_device_to_another(cuda: Simulation, target: str, layout: str) -> None:
    base = base_array("float32")
    block, there = cuda.block(base), cuda.block(np.zeros(24, target), "cuda:1")
    copy_(OnStream(LAYOUTS[layout](there), 15), OnStream(LAYOUTS[layout](block), 5))
    cuda.run()
    expected = np.zeros(24, target)
    LAYOUTS[layout](expected)[...] = LAYOUTS[layout](base)
    np.testing.assert_array_equal(there, expected)


@pytest.mark.parametrize("numbers", [(5, 15), (5, 1), (1, 15), (15, 5)])
@pytest.mark.parametrize("order", list(itertools.permutations([(0, 1), (0, 5), (1, 1), (1, 15)])))
@pytest.mark.parametrize("how", ["packed", "strided", "cast"])
def test_devices_are_in_order_with_each_other(
    cuda: Simulation, numbers: tuple[int, int], order: list[tuple[int, int]], how: str
) -> None:
    """The source is ready, and overwritten after it was read; the target is read after it was written."""
    here, there = (1, 0) if numbers[0] > 10 else (0, 1)
    of_x, of_y = (here, numbers[0]), (there, numbers[1])
    x = cuda.block(np.zeros(60), f"cuda:{here}")
    y = cuda.block(np.full(60, 100, "f4" if how == "cast" else "f8"), f"cuda:{there}")
    step = 2 if how == "strided" else 1
    cuda.write(of_x, x, 7)
    cuda.write(of_y, y, 3)
    copy_(OnStream(x[::step], numbers[0]), OnStream(y[::step], numbers[1]))
    seen = cuda.read(of_x, x)
    cuda.write(of_y, y, 100)
    cuda.run(*order)
    assert (seen[::step] == 3).all()
    assert step == 1 or (seen[1::2] == 7).all()


@pytest.mark.parametrize("current", [0, 1])
def test_the_current_device_does_not_matter_and_stays(cuda: Simulation, current: int) -> None:
    cuda.runtime.set_device(current)
    for device in (0, 1):
        for number in (1, 2, at(5)[1] + 10 * device):
            block = cuda.block(np.ones(9), f"cuda:{device}")
            x = OnStream(block, number)
            add_(x, 1)
            add_(x, x)
            copy_(OnStream(block[1:], number), OnStream(block[:-1], number))
            back = np.zeros(9)
            copy_(back, x)
            assert back.tolist() == [4] * 9
            assert bridge.view(x).__dlpack__(copy=True)
            assert cuda.runtime.current_device() == current
    cuda.runtime.set_device(0)


# When the host waits


@pytest.mark.parametrize("number", [1, 5])
@pytest.mark.parametrize("kind", ["pageable", "pinned"])
@pytest.mark.parametrize("step", [1, 2])
def test_values_are_there_when_the_call_returns(cuda: Simulation, number: int, kind: str, step: int) -> None:
    block = cuda.block(np.zeros(8))
    array, there = pinned(cuda, np.zeros(8)) if kind == "pinned" else (np.zeros(8),) * 2
    cuda.write((0, number), block, 5)
    copy_(there if step == 1 else array[::2], OnStream(block[::step], number))
    assert (array[::step] == 5).all()
    assert step == 1 or not array[1::2].any()


@pytest.mark.parametrize("kind", ["pageable", "pinned"])
@pytest.mark.parametrize("step", [1, 2])
def test_values_have_been_read_when_the_call_returns(cuda: Simulation, kind: str, step: int) -> None:
    block = cuda.block(np.zeros(8))
    array, source = pinned(cuda, np.full(8, 3.0)) if kind == "pinned" else (np.full(8, 3.0),) * 2
    copy_(OnStream(block[::step], 5), source if step == 1 else array[::2])
    array[:] = 100
    cuda.run()
    assert (block[::step] == 3).all()


def test_pinned_memory_is_copied_without_waiting(cuda: Simulation) -> None:
    block = cuda.block(np.zeros(8))
    array, source = pinned(cuda, np.full(8, 3.0))
    back, target = pinned(cuda, np.zeros(8))
    cuda.calls()
    copy_(OnStream(block, 5), source, non_blocking=True)
    copy_(target, OnStream(block, 5), non_blocking=True)
    assert "cudaStreamSynchronize" not in cuda.calls()
    assert not block.any()
    array[:] = 4  # the caller was to leave it alone: now this is seen
    cuda.run()
    assert (block == 4).all()
    assert (back == 4).all()


def test_pageable_memory_may_change_at_once(cuda: Simulation) -> None:
    """The call waits, whatever was asked for: CUDA does not promise to have read it before."""
    block, source, back = cuda.block(np.zeros(8)), np.full(8, 3.0), np.zeros(8)
    copy_(OnStream(block, 5), source, non_blocking=True)
    assert "cudaStreamSynchronize" in cuda.calls()
    source[:] = 100
    copy_(back, OnStream(block, 5), non_blocking=True)
    assert "cudaStreamSynchronize" in cuda.calls()
    assert (back == 3).all()


def test_a_staged_copy_waits_though_it_need_not(cuda: Simulation) -> None:
    """Its block of the host ends with the call."""
    block = cuda.block(np.zeros(4))
    array, _ = pinned(cuda, np.arange(8.0))
    copy_(OnStream(block, 5), array[::2], non_blocking=True)
    array[:] = 100
    back, _ = pinned(cuda, np.zeros(8))
    copy_(back[::2], OnStream(block, 5), non_blocking=True)
    assert back[::2].tolist() == [0, 2, 4, 6]


def test_pinned_memory_is_memory_of_the_host(cuda: Simulation) -> None:
    array, shared = pinned(cuda, np.ones(3))
    cuda.calls()
    add_(shared, np.ones(3))
    copy_(np.zeros(3), shared)
    assert bridge.to_numpy(shared).tolist() == array.tolist() == [2, 2, 2]
    assert cuda.calls() == []


def test_managed_memory_is_the_devices(cuda: Simulation) -> None:
    """Which may be working on it: the host waits for the stream, where there is one."""
    block = cuda.block(np.zeros(4), "cuda_managed:0")
    x = from_pointer(block.ctypes.data, 4, "f8", device="cuda_managed:0", owner=block)
    cuda.write((0, 1), block, 1)
    add_(x, 1)
    add_(OnStream(cuda.block(np.ones(4)), 5), x)
    back = np.zeros(4)
    copy_(back, x)
    assert back.tolist() == [2] * 4
    with refused("device", "add_"):
        add_(x, np.ones(4))


def test_ndarrays_of_device_memory(cuda: Simulation) -> None:
    """Never shared, copied where that is asked for; whatever was given to the stream before is in it."""
    block = cuda.block(np.zeros((2, 3)))
    for x in (OnStream(block.T, 5), bridge.view(OnStream(block.T, 5))):
        cuda.write((0, 5), block, 4)
        for mode in (None, True):
            copied = bridge.to_numpy(x, copy=mode)
            assert copied.tolist() == [[4, 4]] * 3
        for share in (bridge.to_numpy, memoryview, lambda x: bridge.to_numpy(x, copy=False)):
            with pytest.raises((bridge.SharingError, BufferError, TypeError)):
                share(x)
    cuda.write((0, 5), block, 9)
    cuda.run()
    assert copied.tolist() == [[4, 4]] * 3
