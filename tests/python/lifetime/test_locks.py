"""What owners may do while their memory is shared: arrays cannot be resized, buffers neither moved nor
closed, and an owner lives as long as its aliases. Afterwards everything works again.
"""

from __future__ import annotations

import gc
import weakref
from array import array as numbers
from collections.abc import Callable
from multiprocessing.shared_memory import SharedMemory
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import numpy_bridge as bridge
from producers import (
    PRODUCERS,
    anonymous_mmap,
    shared_memory,
)
from support import (
    assert_aliases,
    base_array,
    base_tensor,
    needs_numpy_2,
    needs_torch,
)

# Arrays

OF_ARRAYS: dict[str, Any] = {
    "view": bridge.view,
    "view-of-view": lambda x: bridge.view(bridge.view(x)),
    "to_numpy-view": lambda x: bridge.to_numpy(bridge.view(x)),
    "from_dlpack": pytest.param(lambda x: np.from_dlpack(bridge.view(x)), marks=needs_numpy_2),
    "memoryview": lambda x: memoryview(bridge.view(x)),
    "to_torch": pytest.param(bridge.to_torch, marks=needs_torch),
    "to_torch-slice": pytest.param(lambda x: bridge.to_torch(x[1:]), marks=needs_torch),
    "to_torch-reshaped": pytest.param(lambda x: bridge.to_torch(x.reshape(2, -1)), marks=needs_torch),
    "to_torch-view": pytest.param(lambda x: bridge.to_torch(bridge.view(x)), marks=needs_torch),
}


def grow(array: np.ndarray) -> None:
    array.resize(1 << 20, refcheck=False)


@pytest.mark.parametrize("hold", OF_ARRAYS.values(), ids=OF_ARRAYS)
def test_a_shared_array_cannot_be_resized(hold: Any) -> None:
    array = np.full(4096, 7.0)
    alias = hold(array)
    with pytest.raises(ValueError, match="resize"):
        grow(array)
    seen = np.asarray(alias)
    array[-1] = 8
    assert seen.reshape(-1)[-1] == 8
    del alias, seen
    gc.collect()
    grow(array)
    assert array.size == 1 << 20


# Buffers


def extend(block: Any) -> None:
    block.extend(b"x" * 100_000)


def close(block: Any) -> None:
    block.close()


LOCKS: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {
    "bytearray.extend": (lambda: bytearray(range(8)), extend),
    "bytearray.clear": (lambda: bytearray(range(8)), bytearray.clear),
    "bytearray.del": (lambda: bytearray(range(8)), lambda b: b.__delitem__(slice(1, 5))),
    "array.append": (lambda: numbers("d", range(8)), lambda a: a.append(1)),
    "array.frombytes": (lambda: numbers("d", range(8)), lambda a: a.frombytes(bytes(80_000))),
    "mmap.close": (anonymous_mmap, close),
    "mmap.resize": (anonymous_mmap, lambda m: m.resize(1 << 20)),
    "memoryview.release": (lambda: memoryview(bytearray(range(8))), memoryview.release),
}
HOLDERS: dict[str, Any] = {
    "view": bridge.view,
    "to_numpy": bridge.to_numpy,
    "array-slice": lambda x: bridge.to_numpy(x)[2:][::2],
    "from_dlpack": pytest.param(lambda x: np.from_dlpack(bridge.view(x)), marks=needs_numpy_2),
    "memoryview": lambda x: memoryview(bridge.view(x)),
    "to_torch": pytest.param(bridge.to_torch, marks=needs_torch),
    "tensor-slice": pytest.param(lambda x: bridge.to_torch(x)[2:], marks=needs_torch),
}


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
@pytest.mark.parametrize(("make", "move"), LOCKS.values(), ids=LOCKS)
def test_a_shared_buffer_is_locked(make: Callable[[], Any], move: Callable[[Any], Any], hold: Any) -> None:
    block = make()
    alias = hold(block)
    with pytest.raises(BufferError):
        move(block)
    last = np.asarray(alias)[-1:]
    block[int(last[0])] = 9  # the values are their indices
    assert last[0] == 9
    del alias, last
    gc.collect()
    move(block)


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
def test_shared_memory_cannot_be_closed(hold: Any) -> None:
    with shared_memory() as block:
        block.buf[:] = bytes(range(8))
        alias = hold(block.buf)
        with pytest.raises(BufferError):
            block.close()
        other = SharedMemory(block.name)
        last = np.asarray(alias)[-1:]
        other.buf[int(last[0])] = 9
        assert last[0] == 9
        other.close()
        del alias, last
        gc.collect()
        block.close()


@pytest.mark.parametrize("hold", OF_ARRAYS.values(), ids=OF_ARRAYS)
@pytest.mark.parametrize("depth", ["array", "slice"])
def test_arrays_over_a_buffer_lock_it_too(depth: str, hold: Any) -> None:
    """`np.ndarray(buffer=...)`, the idiom of Python's documentation, holds no export of its own."""
    block = bytearray(range(8))
    array = np.ndarray((8,), "u1", buffer=block)
    alias = hold(array if depth == "array" else array[:])
    with pytest.raises(BufferError):
        extend(block)
    last = np.asarray(alias).reshape(-1)[-1:]
    block[7] = 9
    assert last[0] == 9
    del alias, last, array
    gc.collect()
    extend(block)


@pytest.mark.parametrize("hold", OF_ARRAYS.values(), ids=OF_ARRAYS)
def test_arrays_over_shared_memory_and_files_lock_them(hold: Any, tmp_path: Path) -> None:
    with shared_memory() as block:
        alias = hold(np.ndarray((8,), "u1", buffer=block.buf))
        with pytest.raises(BufferError):
            block.close()
        del alias
    file = np.memmap(tmp_path / "block", "u1", "w+", shape=(8,))
    alias = hold(file)
    with pytest.raises(BufferError):
        file._mmap.close()
    file[7] = 9
    assert np.asarray(alias).reshape(-1)[-1] == 9
    del alias
    gc.collect()
    file._mmap.close()


# Owners


@pytest.mark.parametrize("hold", HOLDERS.values(), ids=HOLDERS)
@pytest.mark.parametrize("name", PRODUCERS)
def test_an_alias_keeps_its_owner_alive(name: str, hold: Any) -> None:
    producer = PRODUCERS[name]()
    alias = hold(producer)
    expected = np.asarray(alias).tolist()
    try:
        seen = weakref.ref(producer)
    except TypeError:  # bytearrays and others cannot be watched
        seen = None
    del producer
    gc.collect()
    junk = [PRODUCERS[name]() for _ in range(16)]
    values = np.asarray(alias)
    assert values.tolist() == expected
    values[:] = 50
    assert all(50 not in np.asarray(bridge.view(block)) for block in junk)
    assert seen is None or 50 in np.asarray(bridge.view(seen()))
    del alias, values
    gc.collect()
    assert seen is None or seen() is None


@needs_torch
def test_both_directions_in_a_row() -> None:
    array = base_array()
    seen = weakref.ref(array)
    chain = bridge.to_torch(bridge.view(bridge.to_numpy(bridge.to_torch(array))))
    assert_aliases(array, chain)
    del array
    gc.collect()
    chain[0] = 50
    assert seen()[0] == 50
    del chain
    gc.collect()
    assert seen() is None


@needs_torch
def test_a_tensor_is_let_go() -> None:
    tensor = base_tensor()
    seen = weakref.ref(tensor)
    alias = bridge.view(tensor)
    del tensor
    assert seen() is not None
    del alias
    gc.collect()
    assert seen() is None
