"""Objects of every kind that hand out memory, all of eight elements: 0 to 7."""

from __future__ import annotations

import array
import ctypes
import gc
import mmap
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.shared_memory import SharedMemory
from typing import Any

import numpy as np

import numpy_bridge as bridge
from fakes import FakeBuffer


class Legacy:
    """Speaks only the unversioned DLPack of before 1.0, and knows none of its keywords."""

    def __init__(self, memory: Any) -> None:
        self.memory = memory

    def __dlpack__(self) -> object:
        return self.memory.__dlpack__()

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)

    def __getitem__(self, index: Any) -> Any:
        return self.memory[index]

    def __setitem__(self, index: Any, value: Any) -> None:
        self.memory[index] = value


class Versioned(Legacy):
    """Speaks DLPack as the standard has it; read-only memory is flagged."""

    def __dlpack__(self, **keywords: Any) -> object:
        return self.memory.__dlpack__(**keywords)


class Once:
    """Hands out a capsule made elsewhere, whatever the consumer asks for."""

    def __init__(self, capsule: object) -> None:
        self.capsule = capsule

    def __dlpack__(self, **_: Any) -> object:
        return self.capsule

    def __dlpack_device__(self) -> tuple[int, int]:
        return (1, 0)


def named(module: str, name: str, *bases: type) -> type:
    """A class that claims to be of another library."""
    return type(name, bases, {"__module__": module})


class LikeTensorFlow(Legacy):
    """EagerTensor: immutable, an unversioned capsule, `copy` and `dl_device` unknown."""

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None) -> object:
        return self.memory.__dlpack__()


class LikeOnnxRuntime(Legacy):
    """OrtValue: knows `stream` only."""

    def __dlpack__(self, stream: Any = None) -> object:
        return self.memory.__dlpack__()


class LikePaddle(Legacy):
    """Gives None as the index of the CPU."""

    def __dlpack__(self, **keywords: Any) -> object:
        return self.memory.__dlpack__(**keywords)

    def __dlpack_device__(self) -> Any:
        return (1, None)


class LikeArrow(Legacy):
    """pyarrow.Array through a legacy capsule: immutable, which that cannot say; no copy without a version."""

    def __dlpack__(self, *, stream: Any = None, max_version: Any = None, copy: Any = None) -> object:
        if max_version is None and copy is not None:
            raise BufferError("copy is not supported with a legacy capsule")
        return self.memory.__dlpack__()


class WritableBuffer(FakeBuffer):
    """Claims a writable buffer of three float64, as TensorFlow's bfloat16 does of its own."""


class SimpleBytes(FakeBuffer):
    """Refuses to describe its elements, as arrays of ml_dtypes do: answers PyBUF_SIMPLE only."""

    def fill(self, view: Any, flags: int) -> int:
        if flags & ~1:  # PyBUF_WRITABLE
            return -1
        return super().fill(view, flags)


def anonymous_mmap() -> mmap.mmap:
    block = mmap.mmap(-1, 8)
    block[:] = bytes(range(8))
    return block


PRODUCERS: dict[str, Callable[[], Any]] = {
    "bytearray": lambda: bytearray(range(8)),
    "array.array": lambda: array.array("d", range(8)),
    "mmap": anonymous_mmap,
    "ctypes": lambda: (ctypes.c_int32 * 8)(*range(8)),
    "ctypes-long": lambda: (ctypes.c_long * 8)(*range(8)),
    "memoryview": lambda: memoryview(bytearray(range(8))),
    "memoryview-cast": lambda: memoryview(array.array("f", range(8))).cast("B").cast("f"),
    "memoryview-slice": lambda: memoryview(array.array("h", range(0, 16)))[:8],
    "ndarray-subclass": lambda: np.arange(8.0).view(type("Sub", (np.ndarray,), {})),
    "view": lambda: bridge.view(array.array("d", range(8))),
    "dlpack-legacy": lambda: Legacy(np.arange(8.0)),
    "dlpack-versioned": lambda: Versioned(np.arange(8, dtype=np.int16)),
    "onnxruntime": lambda: LikeOnnxRuntime(np.arange(8.0)),
    "paddle": lambda: LikePaddle(np.arange(8.0)),
    "pyarrow-tensor": lambda: named("pyarrow.lib", "Tensor", Versioned)(np.arange(8.0)),
}
READONLY_PRODUCERS: dict[str, Callable[[], Any]] = {
    "bytes": lambda: bytes(range(8)),
    "memoryview": lambda: memoryview(bytes(range(8))),
    "memoryview-toreadonly": lambda: memoryview(bytearray(range(8))).toreadonly(),
    "view": lambda: bridge.view(bytearray(range(8)), readonly=True),
    "view-of-view": lambda: bridge.view(bridge.view(bytearray(range(8)), readonly=True)),
    "dlpack-flag": lambda: Versioned(bridge.view(np.arange(8.0), readonly=True)),
    "dlpack-legacy-with-buffer": lambda: type("Blob", (bytes, Legacy), {"memory": np.arange(8, dtype="u1")})(
        range(8)
    ),
    "dlpack-legacy-jax": lambda: named("jax.numpy", "Array", Legacy)(np.arange(8.0)),
    "jaxlib": lambda: named("jaxlib._jax", "ArrayImpl", Versioned)(np.arange(8.0)),
    "tensorflow": lambda: named("tensorflow.python.framework.ops", "EagerTensor", LikeTensorFlow)(
        np.arange(8.0)
    ),
    "pyarrow-array": lambda: named("pyarrow.lib", "DoubleArray", LikeArrow)(np.arange(8.0)),
}


@contextmanager
def shared_memory(size: int = 8) -> Iterator[SharedMemory]:
    block = SharedMemory(create=True, size=size)
    try:
        yield block
    finally:
        gc.collect()
        block.close()
        block.unlink()
