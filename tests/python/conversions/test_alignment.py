"""Elements that are not aligned to their size: NumPy reads them, torch crashes on some, DLPack too."""

from __future__ import annotations

import numpy as np
import pytest

import numpy_bridge as bridge
from support import NUMBERS, assert_aliases, assert_independent, needs_torch, refused, torch

WIDE = [name for name in NUMBERS if np.dtype(name).itemsize > 1]


def misaligned(name: str, by: int) -> np.ndarray:
    """Four elements that begin `by` bytes after a multiple of 64."""
    dtype = np.dtype(name)
    block = np.zeros(4 * dtype.itemsize + 128, np.uint8)
    start = -block.ctypes.data % 64 + by
    array = np.ndarray((4,), dtype, block.data, start)
    array[...] = [1, 2, 4, 8]
    return array


@pytest.mark.parametrize("name", WIDE)
def test_numpy_takes_it(name: str) -> None:
    array = misaligned(name, 1)
    shared = bridge.view(array)
    assert_aliases(array, np.asarray(shared))
    assert not bridge.to_numpy(shared).flags.aligned
    assert_aliases(array, np.asarray(memoryview(shared)))


@needs_torch
@pytest.mark.parametrize("name", WIDE)
def test_torch_does_not(name: str) -> None:
    """torch 2.13 on x86-64 ends with SIGSEGV in complex128 + 1 at 8 bytes after a multiple of 16."""
    itemsize = np.dtype(name).itemsize
    for by in {1, itemsize // 2}:
        array = misaligned(name, by)
        with refused("alignment", "torch", hint="copy=True"):
            bridge.to_torch(array)
        for copy in (None, True):
            assert_independent(array, bridge.to_torch(array, copy=copy))
    aligned = misaligned(name, itemsize)
    assert_aliases(aligned, bridge.to_torch(aligned))


@needs_torch
def test_what_torch_gets_it_can_use() -> None:
    tensor = bridge.to_torch(misaligned("complex128", 8), copy=None)
    assert (tensor + 1).tolist() == [2, 3, 5, 9]
    assert torch.pow(tensor, 2).tolist() == [1, 4, 16, 64]


@pytest.mark.parametrize("max_version", [None, (1, 3)])
def test_dlpack_does_not(max_version: tuple[int, int] | None) -> None:
    shared = bridge.view(misaligned("float64", 4))
    with refused("alignment", "DLPack", hint="copy=True"):
        shared.__dlpack__(max_version=max_version)
    assert shared.__dlpack__(max_version=max_version, copy=True) is not None


def test_empty_memory_is_aligned() -> None:
    assert bridge.view(misaligned("float64", 4)[:0]).__dlpack__() is not None
